"""A SQLite database on a medium that takes no changes."""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from support.command_line import parsed
from support.raw_client import Peer
from support.running_server import serving
from support.users import Person

from genpy_server.errors import StoreError, StoreForbidden
from genpy_server.stores.base import Store
from genpy_server.stores.sqlite import schema
from genpy_server.stores.sqlite.search import DIVIDED, is_divided
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.wire import Send

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs modes of files and folders")

NOBODY = 65534


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder and its files without permission to write; root, who needs none, is another user."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


async def _everything(store: Store, person: Person) -> list[object]:
    found = await store.search(person.id, "penguin", limit=5)
    return [
        await store.sessions(person.id, limit=5),
        await person.export(),
        await store.metrics(person.id, person.session),
        await store.memory(person.id, person.session),
        [hit.message for hit in found],
        await store.secret(),
        await store.check(),
    ]


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
async def test_what_is_kept_can_be_read(
    folder: Path, journal: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Everything is read as before, a change is refused with a sentence, and no file is made.

    What another program wrote is not in the index, which is said once.
    """
    store = SqliteStore(folder / "genpy.db")
    await store.open()
    person = Person(store)
    await person.say("a penguin?", title="Birds")
    before = await _everything(store, person)
    await store.close()
    with closing(sqlite3.connect(folder / "genpy.db", isolation_level=None)) as connection:
        connection.execute("INSERT INTO search_missing VALUES (-198)")
        connection.execute(f"PRAGMA journal_mode = {journal}")
    files = sorted(folder.iterdir())
    with read_only(folder):
        await store.open()
        for _ in range(3):
            assert await _everything(store, person) == before
            await store.indexed()
        assert [record.message for record in caplog.records] == [
            "index not finished: store_forbidden"
        ]
        with pytest.raises(StoreForbidden, match="read-only"):
            await person.say("and now?")
        with pytest.raises(StoreForbidden, match="read-only"):
            await store.rename(person.id, person.session, "Other")
        await store.close()
    assert sorted(folder.iterdir()) == files


@pytest.mark.parametrize("merging", [False, True])
async def test_an_index_of_many_parts_stays_so(
    folder: Path, caplog: pytest.LogCaptureFixture, *, merging: bool
) -> None:
    """Parts that cannot be merged, or not to the end, find the same and are not worth a word."""
    store = SqliteStore(folder / "genpy.db")
    person, letters = Person(store), "acdefghijklmno"
    pairs = [first + second for first in letters for second in letters]
    await store.open()
    await store.indexed()
    for n in range(DIVIDED):
        await person.say(" ".join(f"{pair}{n * 'b'}{50 * 'x'}" for pair in pairs))
    await store.close()
    with closing(schema.connect(folder / "genpy.db")) as file:
        assert is_divided(file)
        file.execute("UPDATE search_progress SET cut_below = ?", (0 if merging else None,))
    with read_only(folder):
        await store.open()
        await store.indexed()
        found = await store.search(person.id, f"ac{50 * 'x'}", limit=5)
        await store.close()
    assert len(found) == 1
    assert not caplog.records


async def test_a_conversation_is_opened(folder: Path) -> None:
    """A server shows its messages and says for each new one why it is not stored."""
    async with serving(folder / "genpy.db") as server:  # imports what the other user cannot read
        said = await server.app.store.append(
            "local", str(uuid4()), "user", "a penguin?", title="Birds"
        )
    with read_only(folder):
        async with (
            serving(folder / "genpy.db") as server,
            Peer(server.url, said.message.session_id) as peer,
        ):
            assert (await peer.until("message"))["text"] == "a penguin?"
            await peer.until("snapshot_end")
            await peer.say(Send("a", "and now?"))
            error = await peer.until("error")
    assert (error["code"], error["re"]) == ("store_forbidden", "a")
    assert "read-only" in error["message"]


async def test_an_older_file_is_not_upgraded(folder: Path) -> None:
    """A file that must be upgraded before it can be read is refused with the same sentence."""
    path = folder / "genpy.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in schema.migrations()[0]:
            connection.execute(statement)
        connection.execute("PRAGMA user_version = 1")
    store = SqliteStore(path)
    with read_only(folder), pytest.raises(StoreForbidden, match="read-only"):
        await store.open()


async def test_changes_that_were_not_copied_are_not_left_out(folder: Path) -> None:
    """A log of changes that cannot be read beside the file is an error, not an older state."""
    store = SqliteStore(folder / "live.db")
    await store.open()
    await Person(store).say("a penguin?")
    for end in ("", "-wal"):
        (folder / "copy").mkdir(exist_ok=True)
        shutil.copy(folder / f"live.db{end}", folder / "copy" / f"genpy.db{end}")
    await store.close()
    copy = SqliteStore(folder / "copy" / "genpy.db")
    with read_only(folder / "copy"), pytest.raises(StoreError, match=r"genpy\.db"):
        await copy.open()


def test_commands_read_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """List, show, search, summary and export print what they did before; others say why they fail."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GENPY_DATABASE", str(folder / "genpy.db"))
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(folder))

    async def keep() -> None:
        store = SqliteStore(folder / "genpy.db")
        await store.open()
        person = Person(store)
        person.id = "local"
        await person.say("a penguin?", title="Birds")
        await person.complete()
        await store.close()

    asyncio.run(keep())
    commands = [
        ("sessions", "list", "--json"),
        ("sessions", "show", "last"),
        ("search", "penguin"),
        ("summary", "last"),
        ("export", "--all"),
    ]
    parsed("sessions", "rename", "last", "Birds")
    before = [parsed(*words) for words in commands]
    with read_only(folder):
        assert [parsed(*words) for words in commands] == before
        refused = parsed("sessions", "rename", "last", "Other")
    assert [ran.code for ran in before] == [0] * len(commands)
    assert all("Birds" in ran.out or "penguin" in ran.out for ran in (*before[:3], before[4]))
    assert (refused.code, len(refused.err.splitlines())) == (1, 1)
    assert "read-only" in refused.err
