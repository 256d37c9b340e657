"""GenPy's own store passes the suite that it ships for those of others."""

from uuid import uuid4

import pytest

from examples.memory_store import MemoryStore
from genpy_server.core.models import Memory, MessageMeta, Usage
from genpy_server.errors import BadRequest, ConfigError, StoreError, StoreUnavailable
from genpy_server.stores.base import known_state
from genpy_server.stores.core import completed
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.testing.store_suite import StoreSuite


class TestSqlite(StoreSuite):
    """SQLite."""

    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        """Each test has a database of its own."""
        self.path = tmp_path / "genpy.db"

    def make_store(self):
        """See `StoreSuite`."""
        return SqliteStore(self.path)


def test_what_is_no_store_is_refused():
    """A store without a method of `CoreStore` is refused by the names of what it lacks."""

    class Half(MemoryStore):
        append = property()

    with pytest.raises(ConfigError, match=r"Half is not a store\. Its missing methods: append\."):
        completed(Half())
    with pytest.raises(
        ConfigError, match=r"NoneType is not a store\. Its missing methods: append, close"
    ):
        completed(None)


async def test_what_a_store_of_others_raises_is_a_store_error(caplog):
    """Errors of GenPy pass; any other is named by its type alone, and its trace is logged."""

    class Failing(MemoryStore):
        async def session(self, user_id, session_id):
            raise ValueError("secret")

        async def open(self):
            raise StoreUnavailable("It is down.")

    store = completed(Failing())
    with pytest.raises(StoreError, match="The store memory failed with ValueError") as raised:
        await store.session("ann", "s")
    assert "secret" not in raised.value.message
    assert "secret" in caplog.text
    with pytest.raises(StoreUnavailable, match="down"):
        await store.open()
    assert (await store.check()).where == "Failing"


async def test_defaults_answer_as_a_whole_store_does():
    """A store of sessions and messages alone counts tokens, lists by time, and keeps notes and permissions."""
    store, session = completed(MemoryStore()), str(uuid4())
    await store.open()
    await store.append("ann", session, "user", "Hello", title="Greeting")
    meta = MessageMeta(model="small", usage=Usage(3, 4))
    for _ in range(2):
        await store.append("ann", session, "assistant", "Hi", title="", meta=meta)
    (row,) = await store.usage("ann", since="2020-01-01T00:00:00Z")
    assert (row.model, row.session_id, row.title, row.replies) == ("small", session, "Greeting", 2)
    assert (row.prompt_tokens, row.completion_tokens) == (6, 8)
    assert await store.usage("ann", since="2100-01-01T00:00:00Z") == []
    assert [
        one.id for one in await store.sessions("ann", limit=5, since="2020-01-01T00:00:00Z")
    ] == [session]
    assert await store.sessions("ann", limit=5, until="2020-01-01T00:00:00Z") == []
    notes = Memory("She has a gecko.", 1)
    assert await store.extend_memory("ann", session, notes, previous=None)
    assert not await store.extend_memory("ann", session, Memory("No.", 1), previous=None)
    assert await store.memory("ann", session) == notes
    await store.approve_tool("ann", "deploy", "d1")
    assert [one.digest for one in await store.approved_tools("ann")] == ["d1"]
    assert await store.revoke_tool("ann", "deploy")
    assert not await store.revoke_tool("ann", "deploy")
    with pytest.raises(BadRequest, match="cannot import"):
        await store.import_session(await store.session("ann", session), [])


async def test_defaults_report_what_changed():
    """Of the sessions that are hosted here, those with another state or none are returned."""
    store, sessions = completed(MemoryStore()), [str(uuid4()) for _ in range(3)]
    for one in sessions:
        await store.append("ann", one, "user", "Hello", title="t")
        await store.attach("ann", one, limit=5, live_seconds=60.0, server="s")
    known = {one: known_state((await store.session("ann", one)).state, None) for one in sessions}
    assert await store.touch(known, 60.0, "s") == []
    await store.rename("ann", sessions[0], "Another")
    await store.core.delete("ann", sessions[1])
    hosted = {one.session_id: one for one in await store.touch(known, 60.0, "s")}
    assert hosted[sessions[0]].session.title == "Another"
    assert hosted[sessions[1]].deleted
    assert sessions[2] not in hosted
