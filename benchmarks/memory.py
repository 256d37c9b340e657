"""What is recalled of long past conversations: recall among ten hits with their neighbours.

    python benchmarks/memory.py [--sizes 1000,20000,200000] [--no-supabase]

Three ways in one run over the same lines: the last twenty messages, a search that wants every
word, and GenPy's (any word, ranked, with neighbours), on SQLite and on the test stack's Supabase
where this machine has its parts. Recall counts questions whose answering message is among what was found.
The facts lie in small talk of a few sentences said again and again, and in varied talk, in which
hardly any is said twice.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import planted

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support import supabase_stack

from genpy_server.core.context.recall import CANDIDATES, best
from genpy_server.core.models import Session
from genpy_server.core.text import search_words
from genpy_server.stores.base import Store
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.stores.supabase.store import SupabaseStore

USER = "bench"
HITS = 10
Finder = Callable[[str], Coroutine[Any, Any, list[str]]]


async def fill(store: Store, talk: planted.Talk) -> None:
    """Write the lines, session by session, as an import does."""
    at = "2026-01-01T00:00:00+00:00"
    by_session: dict[int, list[planted.Line]] = {}
    for line in talk.lines:
        by_session.setdefault(line.session, []).append(line)
    number = 0
    for session, lines in by_session.items():
        rows = []
        session_id = str(UUID(int=session + (1 << 100)))
        for line in lines:
            number += 1
            rows.append(
                {
                    "id": number,
                    "session_id": session_id,
                    "role": line.role,
                    "text": line.text,
                    "at": at,
                    "uid": str(UUID(int=number + (1 << 96))),
                }
            )
        head = Session(session_id, USER, f"talk {session}", "completed", at, at, number)
        await store.import_session(head, rows)


async def ranked(store: Store, question: str, *, neighbours: bool) -> list[str]:
    """GenPy's recall."""
    found = await store.search(USER, question, limit=CANDIDATES, distinct=True)
    hits = best(found, question, HITS)
    if neighbours and hits:
        hits = await store.with_neighbours(USER, hits)
    return [
        message.text
        for hit in hits
        for message in (hit.before, hit.message, hit.after)
        if message is not None
    ]


async def every_word(question: str, talk: planted.Talk) -> list[str]:
    """A search that wants every word, over the lines themselves."""
    words = search_words(question)
    found = (line.text for line in talk.lines if all(w in line.text.lower() for w in words))
    return [text for text, _ in zip(found, range(HITS), strict=False)]


async def measure(
    name: str, size: int, talk: planted.Talk, find: Finder, kinds: tuple[str, ...]
) -> None:
    """One row: recall by kind of question, and the time of a query."""
    found: dict[str, list[bool]] = {kind: [] for kind in kinds}
    times = []
    for question in talk.questions:
        began = time.perf_counter()
        texts = await find(question.text)
        times.append(time.perf_counter() - began)
        answer = None if question.answer is None else talk.lines[question.answer].text
        found[question.kind].append(not texts if answer is None else answer in texts)
    times.sort()
    cells = "".join(f"{sum(hits) / len(hits):>12.2f}" for hits in found.values())
    median, worst = times[len(times) // 2] * 1_000, times[-1] * 1_000
    print(f"{size:>8}  {talk.name:<8}{name:<34}{cells}{median:>10.1f}{worst:>9.1f}", flush=True)


async def compare(store: Store, talk: planted.Talk, label: str, *, baselines: bool) -> None:
    """The rows of one store at one size."""
    kinds = ("said", "changed", "never said")
    size = len(talk.lines)
    if baselines:
        last = [line.text for line in talk.lines[-20:]]

        async def last_twenty(_: str) -> list[str]:
            return last

        await measure("last 20 messages", size, talk, last_twenty, kinds)
        await measure("every word (scan)", size, talk, lambda q: every_word(q, talk), kinds)
    for neighbours in (False, True):
        name = f"GenPy, {label}" + (", with neighbours" if neighbours else "")
        await measure(
            name, size, talk, lambda q, n=neighbours: ranked(store, q, neighbours=n), kinds
        )


async def compare_filled(
    store: Store,
    talk: planted.Talk,
    label: str,
    *,
    baselines: bool,
    stack: "supabase_stack.Stack | None" = None,
) -> None:
    """Fill a store, print its rows, close it."""
    await store.open()
    try:
        await fill(store, talk)
        if stack is not None:
            stack.sql("analyze")  # as autovacuum does within a minute
        await compare(store, talk, label, baselines=baselines)
    finally:
        await store.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="1000,20000,200000")
    parser.add_argument("--no-supabase", action="store_true", help="SQLite alone")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    lacks = "asked for SQLite alone" if options.no_supabase else supabase_stack.missing()
    if lacks is not None:
        print(f"without Supabase: {lacks}")
        asyncio.run(table(sizes, None))
        return
    stack = supabase_stack.Stack.new()
    try:
        stack.start()
        asyncio.run(table(sizes, stack))
    finally:
        stack.remove()


async def table(sizes: list[int], stack: "supabase_stack.Stack | None") -> None:
    """The rows of every size, on every store there is."""
    print(f"{'messages':>8}  {'talk':<8}{'way':<34}{'said':>12}{'changed':>12}{'never said':>12}"
          f"{'ms p50':>10}{'ms max':>9}")  # fmt: skip
    for size, varied in product(sizes, (False, True)):
        talk = planted.make(size, varied=varied)
        with tempfile.TemporaryDirectory() as folder:
            store = SqliteStore(Path(folder) / "memory.db")
            await compare_filled(store, talk, "SQLite", baselines=True)
        if stack is not None:
            stack.sql("truncate public.sessions cascade")
            supabase = SupabaseStore(stack.url, stack.secret_key)
            await compare_filled(supabase, talk, "Supabase", baselines=False, stack=stack)


if __name__ == "__main__":
    main()
