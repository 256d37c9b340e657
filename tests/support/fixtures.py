"""A store, a server in front of a scripted model, and one client on it."""

import pytest
from support.raw_client import Peer
from support.running_server import serving
from support.scripted_model import Upstream

from genpy_server.stores.sqlite.store import SqliteStore


@pytest.fixture
def database(tmp_path):
    return tmp_path / "genpy.db"


@pytest.fixture
async def store(database):
    store = SqliteStore(database)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def upstream():
    async with Upstream() as service:
        yield service


@pytest.fixture
async def server(database, upstream):
    async with serving(database, GENPY_LLM_URL=upstream.url) as running:
        yield running


@pytest.fixture
async def peer(server):
    async with Peer(server.url, "one") as connected:
        yield connected
