"""Databases that tests of Supabase make for themselves, beside the shared ones."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from support.supabase_stack import Database, Stack, missing, need

_numbers = count(1)


@pytest.fixture
def make_stack(database_server: Database) -> Iterator[Callable[..., Stack]]:
    """Makes databases with these files loaded, whose API is the one that starts faster."""
    need("postgres")
    kind = "lite" if missing("postgrest") else "postgrest"
    made: list[Stack] = []

    def make(*files: Path) -> Stack:
        stack = Stack.new(kind, database_server, f"made_{next(_numbers)}")
        stack.create(*files)
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.stop_api()


@pytest.fixture(params=["supabase", "postgrest"])
def stack(request: pytest.FixtureRequest) -> Stack:
    """Either API over a database with the schema."""
    need("postgres")
    found: Stack = request.getfixturevalue(request.param)
    return found
