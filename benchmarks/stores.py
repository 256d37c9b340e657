"""What each operation of a store costs, and how it grows: SQLite, Supabase, and a driver alone.

    python benchmarks/stores.py [--sizes 1000,200000] [--rounds 60]

Supabase is tests/supabase_stack.py: the same PostgreSQL behind Supabase Lite and, where it runs,
behind the real PostgREST. "driver" calls the same functions of schema.sql over asyncpg, without
HTTP; it needs `pip install asyncpg`, which nothing else of GenPy does. All answers come from one
database of one user in one run, one call after the other; every commit waits for the disk. Times
are milliseconds: the median, and the 95th percentile in brackets.
"""

import argparse
import asyncio
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.supabase_stack import Database, Stack, missing

from genpy_server.core.models import Session
from genpy_server.stores.base import Store
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.stores.supabase.store import SupabaseStore, query_of

USER = "bench"
TURNS = 100
"""Messages of one session."""
WORDS = 20_000
AT = "2026-01-01T00:00:00+00:00"
QUERIES = ("w3 w40 w700 w4000", "w9 w15000 w120", "w80 w81 w2500 w6000 w33", "w12000", "w5 w6")
OPERATIONS = ("append", "last 20", "list", "search", "recall", "count")

Call = Callable[[int], Awaitable[object]]
Contender = dict[str, Call]


def talk(messages: int, begin: int) -> Iterator[tuple[Session, list[dict[str, Any]]]]:
    """Sessions of random words, which are as frequent as words are: the nth 1/n times the first."""
    chance = random.Random(begin)
    words = [f"w{number}" for number in range(WORDS)]
    weights = list(itertools.accumulate(1 / (number + 1) for number in range(WORDS)))
    for first in range(begin, begin + messages, TURNS):
        session_id = str(UUID(int=first + (1 << 100)))
        rows = [
            {
                "id": number,
                "session_id": session_id,
                "role": "assistant" if number % 2 else "user",
                "text": " ".join(
                    chance.choices(words, cum_weights=weights, k=chance.randint(5, 60))
                ),
                "at": AT,
                "uid": str(UUID(int=number + (1 << 96))),
            }
            for number in range(first, first + TURNS)
        ]
        yield Session(session_id, USER, f"talk {first}", "completed", AT, AT, 0), rows


async def fill(store: Store, messages: int, begin: int) -> float:
    """Write sessions as an import does, several at a time; returns the seconds that it took."""
    began = time.monotonic()
    sessions = talk(messages, begin)

    async def write() -> None:
        for session, rows in sessions:
            await store.import_session(session, rows)

    await asyncio.gather(*(write() for _ in range(4)))
    return time.monotonic() - began


def by_store(store: Store, session: str) -> Contender:
    """The operations through a store."""
    new = str(uuid4())
    return {
        "append": lambda n: store.append(USER, new, "user", f"w{n} said", title="t"),
        "last 20": lambda _: store.messages(USER, session, limit=20),
        "list": lambda _: store.sessions(USER, limit=50),
        "search": lambda n: store.search(USER, QUERIES[n % len(QUERIES)], limit=10),
        "recall": lambda n: store.search(
            USER, QUERIES[n % len(QUERIES)], limit=8, distinct=True, about_records=False
        ),
        "count": lambda _: store.metrics(USER, session),
    }


async def by_driver(database: Database, name: str, session: str) -> tuple[Contender, Any]:
    """The same functions over a connection of one's own."""
    import asyncpg  # noqa: PLC0415 - only this needs it

    connection = await asyncpg.connect(
        host=str(database.folder), user="postgres", database=name, statement_cache_size=100
    )
    new = uuid4()

    async def call(function: str, *arguments: object) -> object:
        places = ", ".join(f"${place}" for place, _ in enumerate(arguments, 1))
        return await connection.fetchval(f"select genpy_{function}({places})", *arguments)

    return {
        "append": lambda n: call(
            "append", USER, new, "user", f"w{n} said", "t", None, "{}", uuid4(), 2, 0.0
        ),
        "last 20": lambda _: call("messages", USER, UUID(session), 20, None, None),
        "list": lambda _: call("sessions", USER, 50, None, None, None, None, None, None),
        "search": lambda n: call("search", *search_arguments(QUERIES[n % len(QUERIES)])),
        "count": lambda _: call("metrics", USER, UUID(session)),
    }, connection


def search_arguments(query: str) -> list[object]:
    """The arguments of `genpy_search` in the order of its places."""
    places = (
        "user_id owner terms words limit session_id before distinct titles about_records left_out"
    ).split()
    given = query_of(
        {"user_id": USER, "query": query, "limit": 10, "session_id": None, "before": None}
        | {"distinct": False, "titles": False, "about_records": True, "left_out": []}
    )
    assert given is not None
    return [
        json.dumps(given[place]) if isinstance(given[place], list) else given[place]
        for place in places
    ]


async def measure(call: Call, rounds: int) -> tuple[float, float]:
    """Median and 95th percentile of a call, after some that do not count."""
    times = []
    for number in range(-5, rounds):
        began = time.perf_counter()
        await call(number % rounds)
        if number >= 0:
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


async def compare(sizes: list[int], rounds: int, folder: Path, stacks: dict[str, Stack]) -> None:
    """Fill to each size in turn, and print a table for it."""
    sqlite = SqliteStore(folder / "genpy.db")
    stores: dict[str, Store] = {"SQLite": sqlite}
    stores |= {name: SupabaseStore(stack.url, stack.secret_key) for name, stack in stacks.items()}
    for store in stores.values():
        await store.open()
    held = 0
    first = next(iter(stacks.values()))
    session = str(UUID(int=1 << 100))
    medians: dict[tuple[str, str], list[float]] = {}
    for size in sizes:
        filled = [
            await fill(store, size - held, held) for store in (sqlite, *list(stores.values())[1:2])
        ]
        held = size
        if first.database.programs is not None:  # as autovacuum does in its own time
            await asyncio.to_thread(first.sql, "analyze public.session_logs")
        contenders = {name: by_store(store, session) for name, store in stores.items()}
        connection = None
        if find_spec("asyncpg") is not None and first.database.programs is not None:
            contenders["driver"], connection = await by_driver(first.database, first.name, session)
        print(f"\n{size:,} messages (imported in {' and '.join(f'{s:.0f} s' for s in filled)})")
        print(f"{'':<10}" + "".join(f"{name:>24}" for name in contenders))
        for operation in OPERATIONS:
            line = f"{operation:<10}"
            for name, contender in contenders.items():
                if operation not in contender:
                    line += f"{'':>24}"
                    continue
                median, slow = await measure(contender[operation], rounds)
                medians.setdefault((operation, name), []).append(median)
                line += f"{median:>12.2f} (p95 {slow:5.1f})"
            print(line, flush=True)
        if connection is not None:
            await connection.close()
    if len(sizes) > 1:
        print(f"\n{sizes[-1]:,} messages, in times of {sizes[0]:,}")
        print(f"{'':<10}" + "".join(f"{name:>24}" for name in contenders))
        for operation in OPERATIONS:
            times = [medians.get((operation, name)) for name in contenders]
            ratios = [f"{one[-1] / one[0]:.2f}" if one else "" for one in times]
            print(f"{operation:<10}" + "".join(f"{ratio:>24}" for ratio in ratios))
    for store in stores.values():
        await store.close()


def main() -> None:
    """Read the options, start the stacks, compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", default="1000,200000")
    parser.add_argument("--rounds", type=int, default=60)
    options = parser.parse_args()
    lacking = missing()
    if lacking is not None:
        sys.exit(f"The comparison {lacking}")
    database = Database.new(durable=True)
    lite = Stack.new("lite", database, "bench")
    stacks = {"Supabase Lite": lite}
    try:
        lite.start()
        if missing("postgrest") is None:
            stacks["PostgREST"] = Stack.new("postgrest", database, "bench")
            stacks["PostgREST"].start_api()
        sizes = sorted(int(size) for size in options.sizes.split(","))
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(compare(sizes, options.rounds, Path(folder), stacks))
    finally:
        for stack in stacks.values():
            stack.stop_api()
        database.remove()


if __name__ == "__main__":
    main()
