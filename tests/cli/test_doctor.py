"""What `genpy doctor` finds, and what it tells to do."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import Genpy
from support.running_server import ServerProcess
from support.scripted_model import Upstream

WITHOUT_RIGHTS = """
import ctypes, os, sys
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    ctypes.CDLL(None).prctl(24, capability)  # PR_CAPBSET_DROP, which only root may and need do
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Runs a command without the right of root to write any file."""
KEY = "gsk_a_secret_of_a_test_0123456789"


def test_all_is_well(kept):
    """With a local store and no model it is well: it counts what is kept, and says how to get a model."""
    shown = kept("doctor").out
    for part in ("3", "5", str(kept.database), "no model", "GROQ_API_KEY"):
        assert part in shown
    assert all(check["ok"] for check in kept("doctor", "--json").json["checks"])


def test_settings_have_sources_and_secrets_do_not_show(empty):
    """Each setting is shown with where it comes from, and a secret is masked everywhere."""
    (empty.home / ".env").write_text("GENPY_GRACE_SECONDS=7\n", encoding="utf-8")
    for words in (("doctor",), ("doctor", "--json")):
        ran = empty.run(*words, GROQ_API_KEY=KEY, GROQ_BASE_URL="http://127.0.0.1:9")
        assert KEY not in ran.out + ran.err
        assert "GROQ_API_KEY" in ran.out
        assert "GENPY_GRACE_SECONDS" in ran.out
        assert ".env" in ran.out
        assert ran.code == 1


def test_a_mode_that_cannot_be_read(empty):
    """A wrong file in modes/ is named; without it the modes are listed."""
    assert "✓ modes: casual_chat, " in empty("doctor").out
    folder = Path(empty("config", "path").out.strip()).parent / "modes"
    folder.mkdir(parents=True)
    (folder / "mine.md").write_text("No head", "utf-8")
    ran = empty("doctor", code=1)
    assert "✗ modes: " in ran.out
    assert "mine.md" in ran.out


async def test_a_model_that_works(tmp_path):
    """A model that answers is shown with its name."""
    async with Upstream() as upstream:
        upstream.say("hello")
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url)
        assert upstream.models[0] in (await genpy.beside("doctor")).out


async def test_a_model_that_refuses_parts_of_a_request(tmp_path):
    """What the model's service refuses is named."""
    async with Upstream() as upstream:
        upstream.fail(400, "unsupported", "'temperature' is not supported; no tools either")
        upstream.say("hello")
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url)
        assert "without temperature, tools" in (await genpy.beside("doctor")).out


async def test_a_model_that_chats_and_is_not_listed(tmp_path):
    """A service without a list of models is told from one that does not chat."""
    async with Upstream() as upstream:
        upstream.say("hello")
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url, GENPY_LLM_MODEL="other")
        shown = (await genpy.beside("doctor")).out
    assert "chat works, its list of models does not" in " ".join(shown.split())


async def test_a_model_that_is_listed_and_does_not_chat(tmp_path):
    """A service that lists a model and cannot chat is exit code 1."""
    async with Upstream() as upstream:
        upstream.fail(500, "", "out of memory")
        ran = await Genpy(tmp_path, GENPY_LLM_URL=upstream.url).beside("doctor", code=1)
    assert "out of memory" in ran.out


def test_a_model_that_is_not_there(empty):
    """A model that cannot be reached is exit code 1, with the next step."""
    ran = empty("doctor", code=1, GENPY_LLM_URL="http://127.0.0.1:9/v1")
    assert "http://127.0.0.1:9" in ran.out


def test_a_database_that_is_none(empty):
    """A database that cannot be read is exit code 1, and the model is looked at all the same."""
    empty.database.write_bytes(b"no database at all" * 100)
    ran = empty("doctor", code=1)
    assert str(empty.database) in ran.out
    assert "no model" in ran.out


@pytest.mark.skipif(sys.platform != "linux", reason="root gives its rights up as Linux does it")
def test_a_database_that_cannot_be_written(genpy):
    """A database that can be read and not written is a fault that doctor finds."""
    genpy.database.chmod(0o400)
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_RIGHTS, *genpy.words("doctor")],
        env=genpy.environment,
        cwd=genpy.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert "✗ database: " in ended.stdout
    assert "cannot be written" in ended.stdout


@pytest.mark.parametrize("name", ["nosuch/model", "nosuch"])
def test_a_model_of_no_provider(empty, name):
    """A configured model that no provider has is a fault, and `ask -m` refuses it."""
    assert f"No provider has the model '{name}'" in empty("doctor", code=1, GENPY_MODEL=name).out
    refused = empty("ask", "-n", "-m", name, "hello", code=1)
    assert f"No provider has the model '{name}'" in refused.err
    assert not empty("sessions", "list", "--json").json


def test_wrong_settings_are_all_shown(empty):
    """Every setting that cannot work is named."""
    ran = empty("doctor", code=1, GENPY_PORT="many", GENPY_RECALL="perhaps")
    assert "GENPY_PORT" in ran.out + ran.err
    assert "GENPY_RECALL" in ran.out + ran.err


def test_a_server_that_is_not_there(empty):
    """A server that cannot be reached is exit code 3, with the next step; settings are shown first."""
    ran = empty("doctor", "--server", "http://127.0.0.1:9", code=3)
    assert "GENPY_DATABASE" in ran.out
    assert "genpy serve" in ran.err


async def test_a_server_elsewhere(genpy):
    """With `--server` it tells how that server, its store and its model are."""
    server = ServerProcess(genpy.database)
    await server.start()
    try:
        shown = (await genpy.beside("doctor", "--server", server.url)).out
        assert server.url in shown
        assert "sqlite" in shown.lower()
        assert "offline" in shown
    finally:
        await server.stop()
