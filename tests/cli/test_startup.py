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
print("IMPORTED", *sys.modules)
sys.exit(code)
"""


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
def test_nothing_heavy(kept, words):
    """A command on the local store imports no network, no terminal client and no classifier."""
    ended = subprocess.run(
        [sys.executable, "-c", REPORT, *words],
        env=kept.environment,
        cwd=kept.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    imported = set(ended.stdout.rpartition("IMPORTED ")[2].split())
    assert "genpy_cli" in imported
    assert imported & (HEAVY | MODELS_AND_PLUGINS) == set()
