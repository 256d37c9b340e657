"""What small commands import, for that is most of the time they take."""

import subprocess
import sys

import pytest

HEAVY = {"textual", "websockets", "httpx", "supabase", "groq", "aiohttp", "pydantic"}
MODELS_AND_PLUGINS = {"genpy_server.core.understanding", "importlib.metadata"}
ROME = "0b7e1f52-9a41-4f0e-8d55-2f6a3c1d9e01"
REPORT = """
import sys
from genpy_cli.__main__ import run
code = run(sys.argv[1:])
keywords = sys.modules.get("genpy_server.core.understanding.keywords")
if keywords is not None and keywords.tagger.cache_info().currsize:
    print("The tagger of keywords was built.")
print("IMPORTED", *sys.modules)
sys.exit(code)
"""


def report(genpy, *words):
    """What a command printed, with the names that it imported at the end."""
    ended = subprocess.run(
        [sys.executable, "-c", REPORT, *words],
        env=genpy.environment,
        cwd=genpy.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    shown, _, imported = ended.stdout.rpartition("IMPORTED ")
    return shown, set(imported.split())


@pytest.mark.parametrize(
    "words",
    [
        ("--version",),
        ("--help",),
        ("sessions", "list"),
        ("sessions", "list", "--json"),
        ("sessions", "show", ROME),
        ("sessions", "rename", ROME, "Trip to Rome"),
        ("sessions", "export", "--all"),
        ("summary", ROME),
        ("rate", ROME, "4"),
        ("search", "hotel"),
    ],
    ids=" ".join,
)
def test_nothing_heavy(genpy, words):
    """A command on the local store imports no network, terminal client, classifier or other command."""
    _, imported = report(genpy, *words)
    assert "genpy_cli" in imported
    assert imported & (HEAVY | MODELS_AND_PLUGINS) == set()
    assert ("asyncio" in imported) == (words[0] not in {"--version", "--help"})
    commands = {name for name in imported if name.startswith("genpy_cli.commands.")}
    assert len(commands) == 1 or words[0] in {"--version", "--help"}


def test_a_question_builds_only_what_it_needs(genpy):
    """The server of one question has no network, and builds no tagger unless it searches."""
    tagged = "The tagger of keywords was built."
    shown, imported = report(genpy, "ask", "How many messages did I send?")
    assert "1 message" in shown
    assert tagged not in shown
    assert imported & (HEAVY | {"genpy_server.web", "h11", "importlib.metadata"}) == set()
    assert tagged in report(genpy, "ask", "Did I ever mention the station?")[0]
