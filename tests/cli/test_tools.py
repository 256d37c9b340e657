"""`genpy tools`, `genpy ask --allow` and `--app`: tools of one's own from the command line."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from support.command_line import Genpy
from support.running_server import configure
from support.scripted_model import Upstream

from genpy_cli.backend import load_app
from genpy_server import App, tool
from genpy_server.client.http_records import RemoteRecords
from genpy_server.embedded import LocalServer
from genpy_server.errors import ConfigError
from genpy_server.stores.sqlite.store import SqliteStore

TOOLS = '''
from pathlib import Path

from genpy_server import tool

@tool
def note(text: str) -> str:
    """Write a note. It is kept in a file."""
    Path(__file__).with_name("notes.txt").write_text(text)
    return "written"

@tool(reads_only=True)
async def look() -> str:
    """Look around."""
    return "a desk"
'''


@pytest.fixture
def home(empty: Genpy) -> Genpy:
    folder = empty.home / "CONFIG" / "genpy" / "tools"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text(TOOLS)
    return empty


def test_tools_of_ones_own_are_listed(home: Genpy) -> None:
    """Files of the tools folder are listed with what they may do; a broken one is named."""
    (home.home / "CONFIG" / "genpy" / "tools" / "bad.py").write_text("1 / 0")
    listed = home("tools", COLUMNS="120")
    rows = {line.split()[0]: line for line in listed.out.splitlines() if line}
    assert "when allowed" in rows["note"]
    assert "file mine.py" in rows["note"]
    assert "Write a note." in rows["note"]
    assert "reads only" in rows["look"]
    assert "reads only" in rows["get_session_stats"]
    assert "file bad.py: failed: ZeroDivisionError: division by zero" in listed.err
    refused = home("tools", "revoke", "note", code=1)
    assert refused.err.endswith("The tool note has no permission to always run.\n")
    assert "tools revoke NAME" in home("tools", "revoke", code=2).err


async def test_permissions_of_tools_that_are_gone_are_listed(home: Genpy) -> None:
    """What was allowed for good and is not here now is listed, and can be taken back."""
    store = SqliteStore(home.database)
    await store.open()
    await store.approve_tool("local", "gone", "digest")
    await store.close()
    listed = (await home.beside("tools", COLUMNS="120")).out
    assert re.search(r"^gone +always +not here now", listed, re.MULTILINE)
    await home.beside("tools", "revoke", "gone")
    assert "gone" not in (await home.beside("tools")).out


async def test_ask_runs_what_is_allowed_by_name(home: Genpy) -> None:
    """Without --allow a sentence says that nothing was run; with it the tool runs in a process."""
    async with Upstream() as upstream:
        for _ in range(2):
            upstream.call("note", {"text": "milk"})
            upstream.say("All right.")
        environment = {"GENPY_LLM_URL": upstream.url}
        refused = await home.beside("ask", "-n", "Note milk", **environment)
        assert refused.out == "All right.\n"
        assert "note was not run: it acts, and no client here can allow it" in refused.err
        assert "--allow note" in refused.err
        notes = home.home / "CONFIG" / "genpy" / "tools" / "notes.txt"
        assert not notes.exists()
        await home.beside("ask", "-n", "Note milk", "--allow", "note", **environment)
        assert notes.read_text() == "milk"
        assert "written" in upstream.requests[-1]["body"]["messages"][-1]["content"]


async def test_ask_refuses_to_allow_what_is_no_tool(home: Genpy) -> None:
    """--allow with a name that no tool has is wrong usage that lists the tools; nothing is asked."""
    async with Upstream() as upstream:
        refused = await home.beside(
            "ask", "-n", "hi", "--allow", "nosuch", code=2, GENPY_LLM_URL=upstream.url
        )
        assert "Unknown tool: nosuch" in refused.err
        assert "note, look" in refused.err
        assert not [one for one in upstream.requests if one["body"]]  # no question


def test_what_fails_is_said_once(home: Genpy) -> None:
    """A source of tools that fails is named once by `tools`, and once by `ask`."""
    (home.home / "CONFIG" / "genpy" / "config.toml").write_text(
        '[mcp.broken]\ncommand = "no-such-program-of-a-test"\n'
    )
    for words, code in ((("tools",), 0), (("ask", "-n", "hello"), 1)):
        assert home(*words, code=code).err.count("no-such-program-of-a-test") == 1


def test_doctor_names_tools_that_are_not_there(home: Genpy) -> None:
    """A mode that names an unknown tool, and a source of tools that fails, are faults."""
    assert "✓ tools: " in home("doctor").out
    folder = home.home / "CONFIG" / "genpy"
    (folder / "modes").mkdir()
    (folder / "modes" / "notes.md").write_text("---\ntools: [note, nosuch]\n---\nTake notes.")
    (folder / "tools" / "bad.py").write_text("1 / 0")
    shown = home("doctor", code=1).out
    assert "✗ tools: file bad.py: ZeroDivisionError: division by zero; " in shown
    assert "the mode notes names unknown tools: nosuch\n" in shown


OWN = """
from genpy_server import App, load_settings, tool

@tool(reads_only=True)
async def shelf(title: str) -> str:
    "The shelf of a book."
    return "A3"

app = App(tools=[shelf])
other = 3
"""


def test_serve_takes_an_app_of_ones_own(empty: Genpy) -> None:
    """--app names a module and an App in it; anything else is refused with a sentence."""
    (empty.home / "library.py").write_text("1 / 0")
    failed = empty("serve", "--app", "library:app", code=1).err
    assert "library.py" in failed
    assert "The App at library:app failed: ZeroDivisionError: division by zero.\n" in failed


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nothing:app", "No App found at nothing:app: No module named 'nothing'."),
        (":app", "No App found at :app: Empty module name."),
        (
            "shelves.py:app",
            "No App found at shelves.py:app: an App is named as Python imports it, such as shelves:app,",
        ),
        (
            "./shelves.py",
            "No App found at ./shelves.py: an App is named as Python imports it, such",
        ),
        ("shelves:none", "No App found at shelves:none: shelves has no none."),
        ("shelves.app", "No App found at shelves.app: No module named 'shelves.app'"),
        ("shelves:other", "shelves:other is not an App."),
        ("leaves:app", "The App at leaves:app failed: SystemExit: no licence."),
        (
            "needs:app",
            "The App at needs:app failed: ModuleNotFoundError: No module named 'nowhere'",
        ),
        ("wrong:app", "wrong:app: The tool bare needs a docstring"),
    ],
)
def test_what_is_no_app_is_named(tmp_path, monkeypatch, capsys, reference, words) -> None:
    """The sentence tells a wrong name from an error in the module, whose trace is shown."""
    (tmp_path / "shelves.py").write_text(OWN)
    (tmp_path / "leaves.py").write_text("raise SystemExit('no licence')")
    (tmp_path / "needs.py").write_text("import nowhere")
    (tmp_path / "wrong.py").write_text(
        "from genpy_server import App\ndef bare() -> None: pass\napp = App(tools=[bare])"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("shelves", "leaves", "needs", "wrong"):
        sys.modules.pop(name, None)
    with pytest.raises(ConfigError, match=f"^{re.escape(words)}"):
        load_app(reference)
    assert ("Traceback" in capsys.readouterr().err) == ("failed" in words)


def test_an_app_of_ones_own_is_served(empty: Genpy) -> None:
    """`genpy serve --app` listens with the tools of the App, at the port that is given."""
    (empty.home / "library.py").write_text(OWN)
    words = empty.words("serve", "--app", "library:app", "--port", "0")
    with subprocess.Popen(
        words, cwd=empty.home, env=empty.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().rpartition(" ")[2].strip()
        tools = httpx.get(f"{url}/api/tools", trust_env=False).json()["tools"]
        process.terminate()
    assert {tool["name"]: tool["origin"] for tool in tools}["shelf"] == "app"
    assert process.returncode == 0


async def test_an_embedded_server_runs_an_app_of_ones_own(tmp_path: Path) -> None:
    """It does so though another program serves the database, and is not announced to others."""
    settings = configure(tmp_path / "genpy.db")
    first = LocalServer(settings)
    await first.reach(announced=True)

    @tool(reads_only=True)
    async def shelf(title: str) -> str:
        """The shelf of a book."""
        return title

    own = LocalServer(settings, App(tools=[shelf]))
    await own.reach(announced=True)
    assert own.own is not None
    for server, there in ((first, False), (own, True)):
        records = RemoteRecords(server.url, server.token)
        names = {one.name for one in (await records.tools()).tools}
        assert ("shelf" in names) is there
        await records.close()
    await own.stop()
    await first.stop()
