"""Parts that tests in several folders share and that are slow to start: one of each per run."""

import os
from collections.abc import Iterator

import pytest
import supabase_stack
from supabase_stack import Database, Stack


def need(kind: str = "lite") -> None:
    """Skip where the machine lacks a part, naming the command that installs it; fail in CI."""
    lacking = supabase_stack.missing(kind)
    if lacking is not None and os.environ.get("CI") == "true":
        pytest.fail(lacking)
    if lacking is not None:
        pytest.skip(lacking)


@pytest.fixture(scope="session")
def database_server() -> Iterator[Database]:
    """PostgreSQL where it is installed, else PGlite."""
    need()
    database = Database.new()
    yield database
    database.remove()


@pytest.fixture(scope="session")
def supabase(database_server: Database) -> Iterator[Stack]:
    """Supabase Lite with GenPy's schema."""
    stack = Stack.new(database=database_server)
    stack.start()
    yield stack
    stack.stop_api()


@pytest.fixture(scope="session")
def postgrest(database_server: Database) -> Iterator[Stack]:
    """The real PostgREST with GenPy's schema."""
    need("postgrest")
    stack = Stack.new("postgrest", database_server, "genpy_postgrest")
    stack.start()
    yield stack
    stack.stop_api()
