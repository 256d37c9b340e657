"""What small commands cost to start: CPU time, beside a bare Python and a plain Typer application.

    python benchmarks/startup.py

The programs take turns, so that what else the machine does falls on all of them alike; the table
has the least and the median of each, and how often that is the median of bare Python.
"""

import asyncio
import compileall
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from genpy_server.stores.sqlite.store import SqliteStore

ROUNDS = int(os.environ.get("ROUNDS", "15"))
SESSIONS = 200
GENPY = ("-m", "genpy_cli")
TYPER = (
    "import typer\n"
    "app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)\n"
    "@app.command()\n"
    "def greet(name: str = 'you') -> None:\n"
    "    print(name)\n"
    "app()\n"
)
PROGRAMS: dict[str, tuple[str, ...]] = {
    "python -c pass": ("-c", "pass"),
    "a plain Typer application": ("-c", TYPER),
    "genpy --version": (*GENPY, "--version"),
    "genpy --help": (*GENPY, "--help"),
    "genpy sessions list": (*GENPY, "sessions", "list"),
    "genpy sessions list --json": (*GENPY, "sessions", "list", "--json"),
    "genpy sessions show last": (*GENPY, "sessions", "show", "last"),
    "genpy search rome hotel": (*GENPY, "search", "rome", "hotel"),
    "genpy summary last": (*GENPY, "summary", "last"),
    "genpy rate last 5": (*GENPY, "rate", "last", "5"),
    "genpy ask, without a model": (*GENPY, "ask", "How many messages did I send?"),
}


def main() -> None:
    """Measure and print."""
    for package in ("genpy_server", "genpy_tui", "genpy_cli"):  # as pip does where it installs
        compileall.compile_dir(Path(__file__).parent.parent / package, quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "genpy.db"
        asyncio.run(fill(SqliteStore(database)))
        environment = {**os.environ, "GENPY_DATABASE": str(database)}
        for name in ("GENPY_SERVER", "GROQ_API_KEY", "GENPY_LLM_URL", "GENPY_MODEL"):
            environment.pop(name, None)
        environment["GENPY_CONFIG"] = folder
        taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
        for _ in range(ROUNDS):
            for name, words in PROGRAMS.items():
                taken[name].append(cpu([sys.executable, *words], environment, folder))
    show(taken)


async def fill(store: SqliteStore) -> None:
    """Make a database of a person who has talked for a while."""
    await store.open()
    for number in range(SESSIONS):
        session = f"{number:08x}-0000-4000-8000-000000000000"
        for text in (f"Where is hotel {number} in Rome?", f"Near the station, on floor {number}."):
            await store.append("local", session, "user", text, title=f"Conversation {number}")
    await store.close()


def cpu(words: list[str], environment: dict[str, str], folder: str) -> float:
    """Milliseconds of user and system time of one process."""
    before = getrusage(RUSAGE_CHILDREN)
    ended = subprocess.run(words, env=environment, cwd=folder, capture_output=True, check=False)
    after = getrusage(RUSAGE_CHILDREN)
    if ended.returncode != 0:
        raise SystemExit(f"{words} ended with {ended.returncode}:\n{ended.stderr.decode()}")
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000


def show(taken: dict[str, list[float]]) -> None:
    """Print the table."""
    bare = statistics.median(next(iter(taken.values())))
    print(f"{'CPU ms':<30}{'least':>8}{'median':>8}{'x bare':>8}")
    for name, times in taken.items():
        median = statistics.median(times)
        print(f"{name:<30}{min(times):8.0f}{median:8.0f}{median / bare:8.1f}")


if __name__ == "__main__":
    main()
