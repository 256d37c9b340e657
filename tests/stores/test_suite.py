"""GenPy's own store passes the suite that it ships for those of others."""

import pytest

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
