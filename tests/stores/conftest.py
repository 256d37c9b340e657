"""The adapters that every test with a `store` runs against, and what those tests share.

An adapter is a line in `ADAPTERS`: a function of the fixture request that returns a function
that makes stores, not yet opened, all on one database. The database may hold other users' rows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from support.users import Person

from genpy_server.stores.base import Store
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.stores.supabase.store import SupabaseStore

MakeStore = Callable[[], Store]


def _sqlite(request: pytest.FixtureRequest) -> MakeStore:
    path = request.getfixturevalue("tmp_path") / "genpy.db"
    return lambda: SqliteStore(path)


def _supabase(request: pytest.FixtureRequest) -> MakeStore:
    stack = request.getfixturevalue("quick")
    return lambda: SupabaseStore(stack.url, stack.secret_key)


ADAPTERS: dict[str, Callable[[pytest.FixtureRequest], MakeStore]] = {
    "sqlite": _sqlite,
    "supabase": _supabase,
}


@pytest.fixture(params=ADAPTERS)
async def open_store(
    request: pytest.FixtureRequest,
) -> AsyncIterator[Callable[[], Awaitable[Store]]]:
    """Opens stores on one database, as several servers do."""
    make = ADAPTERS[request.param](request)
    opened: list[Store] = []

    async def open_one() -> Store:
        store = make()
        await store.open()
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: Callable[[], Awaitable[Store]]) -> Store:
    """An open store."""
    return await open_store()


@pytest.fixture
def person(store: Store) -> Person:
    """A user nobody else is."""
    return Person(store)


@pytest.fixture
def stranger(store: Store) -> Person:
    """Another one."""
    return Person(store)
