"""A package of others beside GenPy: it brings a tool, a mode, a store and a model by entry points."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.raw_client import Peer
from support.running_server import ServerProcess
from support.scripted_model import Upstream

from genpy_server.wire import Send

EXAMPLES = Path(__file__).parents[2] / "examples"
PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "genpy-library"
version = "1.0"

[project.entry-points."genpy.tools"]
library = "genpy_library:TOOLS"

[project.entry-points."genpy.modes"]
library = "genpy_library:MODES"

[project.entry-points."genpy.stores"]
shelves = "genpy_library.memory_store:open_store"
burnt = "genpy_library:open_burnt"

[project.entry-points."genpy.models"]
parrot = "genpy_library:open_parrot"
"""
MODULE = """\
from pathlib import Path

from genpy_server import ChatRequest, Finish, Settings, TextDelta, tool
from genpy_server.llm.offline import OfflineLlm


@tool(reads_only=True)
async def shelf(title: str) -> str:
    "The shelf of a book in this library."
    return {"Emma": "A3"}.get(title, "not here")


class Parrot(OfflineLlm):
    kind = "parrot"

    def __init__(self, model: str) -> None:
        self.model = model

    async def stream(self, request: ChatRequest):
        yield TextDelta(f"{self.model}: {request.messages[-1].content}")
        yield Finish("stop")


def open_parrot(settings: Settings) -> Parrot:
    return Parrot((settings.model or "parrot/grey").partition("/")[2])


def open_burnt(settings: Settings):
    from genpy_library.memory_store import MemoryStore

    class Burnt(MemoryStore):
        async def list_sessions(self, user_id: str):
            raise OSError("the shelves are burnt")

    return Burnt()


TOOLS = [shelf]
MODES = Path(__file__).with_name("modes")
"""
MODE = """\
---
label: Library
when: A book of the library is looked for.
examples:
  - On which shelf is Emma?
  - Do we have a book about gardens?
  - Which shelf has the novels?
---
You are the librarian.
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder in which the package is installed."""
    project = tmp_path_factory.mktemp("project")
    package = project / "genpy_library"
    (package / "modes").mkdir(parents=True)
    (project / "pyproject.toml").write_text(PROJECT, "utf-8")
    (package / "__init__.py").write_text(MODULE, "utf-8")
    (package / "modes" / "library.md").write_text(MODE, "utf-8")
    shutil.copy(EXAMPLES / "memory_store.py", package)
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--target", str(site)]
    subprocess.run([*pip, *options, str(project)], check=True, capture_output=True)
    return site


async def test_a_conversation_uses_what_a_package_brings(site, tmp_path):
    """One conversation is in the package's store and mode, and calls its tool."""
    async with Upstream() as upstream:
        server = ServerProcess(
            tmp_path / "genpy.db",
            PYTHONPATH=str(site),
            GENPY_STORE="shelves:",
            GENPY_LLM_URL=upstream.url,
            GENPY_LLM_MODEL="m",
        )
        await server.start()
        try:
            async with Peer(server.url, "one") as peer:
                ready = await peer.until("ready")
                upstream.call("shelf", {"title": "Emma"})
                upstream.say("It is on shelf A3.")
                await peer.say(Send("a", "On which shelf is Persuasion?"))
                started = await peer.until("run_started")
                answered = await peer.until("tool_finished")
                await peer.until("run_finished")
        finally:
            await server.stop()
    assert ready["store"] == "memory"
    assert {"name": "library", "label": "Library"}.items() <= ready["modes"][-1].items()
    assert started["intent"] == "library"
    assert "A3" in answered["result"]
    request = upstream.requests[-1]["body"]["messages"]
    assert "You are the librarian." in "".join(row["content"] or "" for row in request)
    assert not (tmp_path / "genpy.db").exists()


def genpy(
    site: Path, home: Path, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A command of GenPy, with the package beside it."""
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG"}}
    own = {"HOME": str(home), "GENPY_DATABASE": str(home / "genpy.db"), "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, "-m", "genpy_cli", *words],
        env={**kept, **own, **variables},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_model_of_a_package_answers(site, tmp_path):
    """`-m parrot/red` asks the model that the package names parrot, and the reply records it."""
    asked = genpy(site, tmp_path, "ask", "-n", "Hello", "-m", "parrot/red")
    assert asked.stdout.startswith("red: "), asked.stderr
    shown = genpy(site, tmp_path, "sessions", "show", "last")
    assert "parrot/red" in shown.stdout


def test_an_unknown_store_names_those_that_are_known(site, tmp_path):
    """GENPY_STORE with a scheme of no package says which there are."""
    refused = genpy(site, tmp_path, "sessions", "list", GENPY_STORE="mongo:x")
    assert refused.returncode == 1
    assert "shelves" in refused.stderr
    known = genpy(site, tmp_path, "sessions", "list", GENPY_STORE="shelves:")
    assert known.stderr == "No conversations here. `genpy chat` begins one.\n"
    wrong = genpy(site, tmp_path, "sessions", "list", GENPY_STORE="shelves")
    assert "SCHEME:ADDRESS" in wrong.stderr


def test_doctor_reads_a_store_of_a_package(site, tmp_path):
    """A store that opens and cannot be read is a fault; one that can has counts of the person's own."""
    well = genpy(site, tmp_path, "doctor", GENPY_STORE="shelves:")
    assert "✓ database: memory at " in well.stdout
    assert ", 0 conversations, 0 messages of 'local'\n" in well.stdout
    burnt = genpy(site, tmp_path, "doctor", GENPY_STORE="burnt:")
    assert "✗ database: " in burnt.stdout
    assert "the shelves are burnt" in burnt.stderr
