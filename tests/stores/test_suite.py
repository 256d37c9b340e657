"""GenPy's own store passes the suite that it ships for those of others."""

import pytest

from examples.memory_store import MemoryStore
from genpy_server.errors import ConfigError, StoreError, StoreUnavailable
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
