"""Every block of docs/toolkit.md runs."""

import asyncio
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.command_line import Genpy
from support.raw_client import Peer
from support.running_server import serving

from genpy_server import config, modes
from genpy_server.core.modes import parse_mode
from genpy_server.llm import providers
from genpy_server.stores import select
from genpy_server.tools import registry
from genpy_server.wire import Send

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "toolkit.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
PYTHON = {
    text.splitlines()[0].removeprefix("# "): text for kind, text in BLOCKS if kind == "python"
}
(MARKDOWN,) = (text for kind, text in BLOCKS if kind == "markdown")
MCP, POINTS = (text for kind, text in BLOCKS if kind == "toml")
(AGENT,) = (text for kind, text in BLOCKS if kind == "json")
(CONSOLE,) = (text for kind, text in BLOCKS if kind == "console")


def test_no_block_is_left_out():
    """The blocks are those that are run below, and the page, which a browser opens."""
    programs, tests = (
        ["ask.py", "library.py"],
        [f"test_{n}.py" for n in ("memory_store", "shout", "talk")],
    )
    assert sorted(PYTHON) == [*programs, *tests]
    assert len(BLOCKS) == len(PYTHON) + 6


@pytest.fixture
def library(tmp_path):
    """The module of the first block."""
    file = tmp_path / "library.py"
    file.write_text(PYTHON["library.py"], "utf-8")
    spec = importlib.util.spec_from_file_location("library", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_the_library(library, database, upstream, capsys):
    """Its tool is called, its mode is found, its hook sees the reply."""
    upstream.call("shelf", {"title": "Emma"})
    upstream.say("A3.")
    async with (
        serving(database, own=library.app, GENPY_LLM_URL=upstream.url) as server,
        Peer(server.url, "one") as peer,
    ):
        await peer.say(Send("a", "On which shelf is Persuasion?"))
        assert (await peer.until("run_started"))["intent"] == "library"
        assert (await peer.until("tool_finished"))["result"] == "A3"
        await peer.until("run_finished")
    assert "You are the librarian" in str(upstream.requests[-1]["body"]["messages"])
    assert capsys.readouterr().out.startswith("local Usage(")


async def test_the_client(server, upstream, tmp_path):
    """The program prints the reply of a server."""
    upstream.say("In", " Trastevere.")
    (tmp_path / "ask.py").write_text(PYTHON["ask.py"], "utf-8")
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "ask.py"), server.url, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await program.communicate()
    assert out == b"In Trastevere."


def test_the_kit(tmp_path):
    """The tests of a store, a model and a conversation pass, with pytest as it is installed."""
    for name in ("test_memory_store.py", "test_shout.py", "test_talk.py"):
        (tmp_path / name).write_text(PYTHON[name], "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", "utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "17 passed" in ran.stdout


def test_the_plugin_costs_nothing():
    """Pytest, which reads the plugin at every start, imports nothing of the server with it."""
    code = (
        "import sys, genpy_server.testing.plugin as plugin, genpy_server.testing as kit;"
        "print(sorted(m for m in sys.modules if m.startswith('genpy')));"
        "kit.StoreSuite, kit.ModelSuite, kit.ScriptedModel, kit.serving;"
        "print(hasattr(kit, 'nothing'))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    known = ["genpy_server", "genpy_server.testing", "genpy_server.testing.plugin"]
    assert ran.stdout.splitlines() == [str(known), "False"]


def test_the_mode_and_its_commands(tmp_path):
    """The file is a mode, and each command of the page runs with it."""
    mode = parse_mode(MARKDOWN, "recipes")
    assert (mode.label, len(mode.examples), mode.tools) == ("Recipes", 3, ())
    genpy = Genpy(tmp_path)
    folder = Path(genpy("config", "path").out.strip()).parent / "modes"
    folder.mkdir(parents=True)
    (folder / "recipes.md").write_text(MARKDOWN, "utf-8")
    ran = [  # without a model, a question ends with 1
        genpy(*shlex.split(line.removeprefix("$ genpy ")), code=int(" ask " in line))
        for line in CONSOLE.splitlines()
        if line.startswith("$ genpy ")
    ]
    assert len(ran) == 3
    assert "recipes" in ran[1].out


def test_the_mcp_servers(tmp_path):
    """The tables are entries of a config, and what an agent is told starts `genpy mcp`."""
    (tmp_path / config.CONFIG).write_text(MCP, "utf-8")
    files, tickets = config.read(tmp_path).mcp.values()
    assert (files.command, files.seconds, tickets.seconds) == ("npx", 300.0, 60.0)
    (agent,) = json.loads(AGENT)["mcpServers"].values()
    assert agent["command"] == "genpy"
    assert "over MCP" in Genpy(tmp_path)(*agent["args"], "--help").out


def test_the_entry_points():
    """The groups of the page are those that GenPy reads."""
    groups = tomllib.loads(POINTS)["project"]["entry-points"]
    assert set(groups) == {registry.GROUP, modes.GROUP, select.GROUP, providers.GROUP}
