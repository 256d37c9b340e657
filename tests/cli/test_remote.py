"""The local store and a server are the same to whoever types a command."""

import gc
from contextlib import asynccontextmanager

import pytest
from support.running_server import ServerProcess

from genpy_cli import __main__

ROME = "0b7e1f52-9a41-4f0e-8d55-2f6a3c1d9e01"
PYTHON = "5c2d9a17-3e80-4b6b-a1f4-77d0e2b8c302"
TOKEN = "a-token-of-a-test-0123456789"
SAME = (
    ("sessions", "list"),
    ("sessions", "list", "--json", "--limit", "2"),
    ("sessions", "show", ROME[:8]),
    ("sessions", "show", "last", "--json"),
    ("sessions", "export", ROME),
    ("sessions", "export", "--all"),
    ("search", "hotel", "hostile"),
    ("search", "hotel", "--session", ROME, "--json"),
    ("summary", ROME),
    ("summary", ROME, "--json"),
    ("rate", ROME, "4"),
    ("sessions", "rename", ROME, "Trip to Rome"),
    ("sessions", "show", "nothing"),
)


@asynccontextmanager
async def serving(genpy, **variables):
    """A server process over the database of a command."""
    server = ServerProcess(genpy.database, **variables)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def test_the_same_output(genpy):
    """Every command says the same of a server as of the local store it serves, with the same code."""
    async with serving(genpy) as server:
        for words in SAME:
            local = genpy.run(*words)
            remote = genpy.run(*words, "--server", server.url)
            # An age in minutes may have changed between the two.
            assert remote == local or remote == genpy.run(*words), words
        assert genpy("sessions", "list", "--json", GENPY_SERVER=server.url).json
        genpy("sessions", "delete", PYTHON, "--yes", "--server", server.url)
        assert len(genpy("sessions", "list", "--json").json) == 2


async def test_a_summary_of_a_server(genpy):
    """A server writes a summary again when it is asked to from elsewhere."""
    async with serving(genpy) as server:
        words = ("summary", PYTHON, "--regenerate", "--json", "--server", server.url)
        session = genpy(*words, code=1).json
        assert session["note"]
        assert session == genpy("summary", PYTHON, "--json").json


async def test_a_token_opens_a_server(genpy):
    """The first token of the settings is shown to a server; without one it is exit code 1."""
    async with serving(genpy, GENPY_TOKEN=TOKEN) as server:
        words = ("sessions", "list", "--json", "--server", server.url)
        assert len(genpy(*words, GENPY_TOKEN=TOKEN).json) == 3
        assert "GENPY_TOKEN" in genpy(*words, code=1).err
        assert genpy(*words, GENPY_TOKEN=TOKEN[::-1], code=1).err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [("sessions", "list"), ("search", "x"), ("ask", "x")], ids=" ".join
)
def test_no_server_there(empty, words):
    """Where no server answers the exit code is 3, with one sentence."""
    ran = empty(*words, "--server", "http://127.0.0.1:9", code=3)
    assert "http://127.0.0.1:9" in ran.err
    assert ran.err.count("\n") == 1


def test_no_address(empty):
    """What is not an address of a server is an expected failure."""
    assert (
        "is not the address of a server"
        in empty("sessions", "list", "--server", "gopher://x", code=1).err
    )


async def test_a_user_among_others_is_named(genpy):
    """Where others have conversations, the list and the doctor of a server say whose these are."""
    async with serving(genpy) as server:
        assert "of the user" not in genpy("sessions", "list", "--server", server.url).err
    genpy("ask", "-n", "hello", GENPY_USER="somebody", code=1)
    for user in ("local", "somebody", "nobody"):
        async with serving(genpy, GENPY_USER=user) as server:
            assert f"of the user '{user}'" in genpy("sessions", "list", "--server", server.url).err
            assert f"of the user '{user}'" in genpy("doctor", "--server", server.url).out


def test_a_command_that_runs_for_long_collects_garbage(monkeypatch):
    """Answers of a server are in cycles, of which a long export had a hundred megabytes."""

    def collected():
        return sum(one["collected"] for one in gc.get_stats())

    def run(_):
        before = collected()
        for _ in range(2 * __main__.COLLECT):
            cycle = []
            cycle.append(cycle)
        return collected() - before

    monkeypatch.setattr(__main__, "run", run)
    before = gc.get_threshold()
    try:
        assert __main__.main() > 0
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
