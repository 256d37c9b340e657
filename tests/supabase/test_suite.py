"""The store on Supabase passes the suite that GenPy ships for those of others."""

import pytest

from genpy_server.stores.supabase.store import SupabaseStore
from genpy_server.testing.store_suite import StoreSuite


class TestSupabase(StoreSuite):
    """Behind Supabase's API, on a database that other tests use too."""

    @pytest.fixture(autouse=True)
    def place(self, supabase):
        """The project."""
        self.stack = supabase

    def make_store(self):
        """See `StoreSuite`."""
        return SupabaseStore(self.stack.url, self.stack.secret_key)
