"""The store in memory of the examples: small, and complete by the defaults of GenPy."""

from pathlib import Path

from examples.memory_store import MemoryStore
from genpy_server.testing.store_suite import StoreSuite


class TestMemoryStore(StoreSuite):
    """The store passes the suite."""

    def make_store(self):
        """See `StoreSuite`."""
        return MemoryStore()


def test_it_is_small():
    """A store is written in less than 250 lines."""
    source = Path(__file__).parents[2] / "examples" / "memory_store.py"
    assert len(source.read_text("utf-8").splitlines()) < 250
