"""What is recalled of long past conversations: recall among ten hits with their neighbours.

    python benchmarks/memory.py [--sizes 1000,20000,200000] [--beside 0] [--no-supabase]

Three ways in one run over the same lines: the last twenty messages, a search that wants every
word, and GenPy's, on SQLite and on the test stack's Supabase where this machine has its parts.
Recall is the share of answering messages among what was found: of questions about one fact, about a
fact that changed, about two facts, and, apart, of questions that share no word with the answer;
"never said" counts where nothing is found. Noise is the share of unrelated small talk for which
anything is recalled, with the tokens then. The facts lie in small talk of a few sentences said again
and again, and in varied talk. `--beside` writes so many messages of another user first.
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
from support.supabase_stack import Stack, missing

from genpy_server.core.context.recall import are_relevant, needs_recall
from genpy_server.core.context.tokens import count_tokens
from genpy_server.core.models import Session
from genpy_server.core.words import WordPlaces, search_words
from genpy_server.stores.base import Store
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.stores.supabase.store import SupabaseStore

USER = "bench"
HITS = 10
KINDS = ("said", "changed", "two facts", "paraphrase", "never said")
Finder = Callable[[str], Coroutine[Any, Any, list[str]]]


async def fill(store: Store, talk: planted.Talk, user: str = USER) -> None:
    """Write the lines, session by session, as an import does."""
    at = "2026-01-01T00:00:00+00:00"
    by_session: dict[int, list[planted.Line]] = {}
    for line in talk.lines:
        by_session.setdefault(line.session, []).append(line)
    number = 0
    for session, lines in by_session.items():
        rows = []
        session_id = str(UUID(int=session + (1 << 100) + ((user != USER) << 101)))
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
        head = Session(session_id, user, f"talk {session}", "completed", at, at, number)
        await store.import_session(head, rows)


async def ranked(store: Store, question: str) -> list[str]:
    """GenPy's recall, with the gate that a turn has."""
    hits = await store.search(USER, question, limit=HITS, distinct=True, about_records=False)
    if not needs_recall(question) or not are_relevant(hits, question):
        return []
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
    """One row: recall by kind of question, the noise of small talk, and the time of a query."""
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    times = []
    for question in talk.questions:
        began = time.perf_counter()
        texts = await find(question.text)
        times.append(time.perf_counter() - began)
        answers = [talk.lines[line].text for line in question.answers]
        shared = WordPlaces(question.text).held_in(" ".join(answers)) > 0
        kind = "paraphrase" if answers and not shared else question.kind
        right = sum(answer in texts for answer in answers) / len(answers) if answers else not texts
        found[kind].append(float(right))
    fired = [texts for text in planted.SMALL_TALK if (texts := await find(text))]
    tokens = sum(count_tokens(text) for texts in fired for text in texts) / max(len(fired), 1)
    times.sort()
    cells = "".join(
        f"{sum(hits) / len(hits):>12.2f}" if hits else f"{'-':>12}" for hits in found.values()
    )
    noise = f"{len(fired) / len(planted.SMALL_TALK):>8.0%}{tokens:>8.0f}"
    median, worst = times[len(times) // 2] * 1_000, times[-1] * 1_000
    print(
        f"{size:>8}  {talk.name:<8}{name:<20}{cells}{noise}{median:>9.1f}{worst:>8.1f}", flush=True
    )


async def compare(store: Store, talk: planted.Talk, label: str, *, baselines: bool) -> None:
    """The rows of one store at one size."""
    kinds = KINDS
    size = len(talk.lines)
    if baselines:
        last = [line.text for line in talk.lines[-20:]]

        async def last_twenty(_: str) -> list[str]:
            return last

        await measure("last 20 messages", size, talk, last_twenty, kinds)
        await measure("every word (scan)", size, talk, lambda q: every_word(q, talk), kinds)
    await measure(f"GenPy, {label}", size, talk, lambda q: ranked(store, q), kinds)


async def compare_filled(
    store: Store,
    talk: planted.Talk,
    label: str,
    *,
    baselines: bool,
    beside: int,
    stack: Stack | None = None,
) -> None:
    """Fill a store, print its rows, close it."""
    await store.open()
    try:
        if beside:
            await fill(store, planted.make(beside, varied=True, seed=8), "somebody else")
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
    parser.add_argument("--beside", type=int, default=0, help="messages of another user")
    parser.add_argument("--no-supabase", action="store_true", help="SQLite alone")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    lacks = "asked for SQLite alone" if options.no_supabase else missing()
    if lacks is not None:
        print(f"without Supabase: {lacks}")
        asyncio.run(table(sizes, options.beside, None))
        return
    stack = Stack.new()
    try:
        stack.start()
        asyncio.run(table(sizes, options.beside, stack))
    finally:
        stack.remove()


async def table(sizes: list[int], beside: int, stack: Stack | None) -> None:
    """The rows of every size, on every store there is."""
    print(f"{'messages':>8}  {'talk':<8}{'way':<20}" + "".join(f"{kind:>12}" for kind in KINDS)
          + f"{'noise':>8}{'tokens':>8}{'ms p50':>9}{'ms max':>8}")  # fmt: skip
    for size, varied in product(sizes, (False, True)):
        talk = planted.make(size, varied=varied)
        with tempfile.TemporaryDirectory() as folder:
            store = SqliteStore(Path(folder) / "memory.db")
            await compare_filled(store, talk, "SQLite", baselines=True, beside=beside)
        if stack is not None:
            stack.sql("truncate public.sessions cascade")
            supabase = SupabaseStore(stack.url, stack.secret_key)
            await compare_filled(
                supabase, talk, "Supabase", baselines=False, beside=beside, stack=stack
            )


if __name__ == "__main__":
    main()
