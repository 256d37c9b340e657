"""Recall on LoCoMo: the evidence of its questions among ten hits with their neighbours.

    python benchmarks/locomo.py FOLDER [--no-supabase]

The folder has the JSON files of github.com/snap-research/locomo (data/locomo10.zip), which is not
part of GenPy: ten conversations of two people, each stored here as the sessions of one user, with
the captions of their pictures. Beside the recall of what a search finds stands that of what a turn
would use (`recall`), by category; adversarial questions, whose answer was never said, are apart.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.supabase_stack import Stack, missing

from genpy_server.core.context.recall import are_relevant, needs_recall
from genpy_server.core.models import Session
from genpy_server.stores.base import Store
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.stores.supabase.store import SupabaseStore

HITS = 10
AT = "2026-01-01T00:00:00+00:00"
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open", 4: "single-hop", 5: "adversarial"}


class Conversation(NamedTuple):
    """Turns by session, with the ids by which the evidence names them, and the questions."""

    user: str
    sessions: list[list[dict[str, Any]]]
    questions: list[dict[str, Any]]


def conversations(folder: Path) -> list[Conversation]:
    """What the files hold."""
    found: list[Conversation] = []
    for path in sorted(folder.rglob("*.json")):
        held = msgspec.json.decode(path.read_bytes())
        for one in held if isinstance(held, list) else [held]:
            talk = one.get("conversation", one)
            sessions = [
                talk[name]
                for name in sorted(talk, key=lambda name: (len(name), name))
                if re.fullmatch(r"session_\d+", name)
            ]
            found.append(Conversation(f"{path.stem} {len(found)}", sessions, one["qa"]))
    return found


def text_of(turn: dict[str, Any]) -> str:
    """What was said, with what a picture shows."""
    shown = turn.get("blip_caption")
    return f"{turn['text']} [{shown}]" if shown else str(turn["text"])


async def fill(store: Store, talks: list[Conversation]) -> dict[int, str]:
    """Store all of it; which turn each message is."""
    turns: dict[int, str] = {}
    number = 0
    for place, talk in enumerate(talks):
        for session, said in enumerate(talk.sessions):
            session_id = str(UUID(int=(place << 32) + session + (1 << 100)))
            speakers = [turn["speaker"] for turn in talk.sessions[0]]
            rows = []
            for turn in said:
                number += 1
                role = "user" if turn["speaker"] == speakers[0] else "assistant"
                uid = str(UUID(int=number + (1 << 96)))
                rows.append({"id": number, "session_id": session_id, "role": role,
                             "text": text_of(turn), "at": AT, "uid": uid})  # fmt: skip
            title = f"Session {session + 1}"
            head = Session(session_id, talk.user, title, "completed", AT, AT, number)
            await store.import_session(head, rows)
            stored = await store.messages(talk.user, session_id, limit=len(rows))
            turns |= {m.id: turn["dia_id"] for m, turn in zip(stored, said, strict=True)}
    return turns


async def measure(store: Store, name: str, talks: list[Conversation]) -> None:
    """One row."""
    turns = await fill(store, talks)
    found: dict[str, list[float]] = {}
    times = []
    for talk in talks:
        ids = {turn["dia_id"] for said in talk.sessions for turn in said}
        for question in talk.questions:
            named = re.findall(r"D:?(\d+):(\d+)", " ".join(question["evidence"]))
            evidence = {f"D{int(session)}:{int(turn)}" for session, turn in named} & ids
            if not evidence:
                continue
            asked = question["question"]
            began = time.perf_counter()
            hits = await store.search(
                talk.user, asked, limit=HITS, distinct=True, about_records=False
            )
            times.append(time.perf_counter() - began)
            shown = {turns[m.id] for hit in hits for m in (hit.before, hit.message, hit.after) if m}
            share = len(evidence & shown) / len(evidence)
            used = share if needs_recall(asked) and are_relevant(hits, asked) else 0.0
            kind = CATEGORIES[question["category"]]
            for column in (kind,) if kind == "adversarial" else (kind, "search"):
                found.setdefault(column, []).append(share)
            if kind != "adversarial":
                found.setdefault("recall", []).append(used)
    times.sort()
    columns = ("search", "recall", *CATEGORIES.values())
    cells = "".join(f"{sum(found[c]) / len(found[c]):>13.4f}" for c in columns)
    median, late = (times[int(len(times) * share)] * 1_000 for share in (0.5, 0.95))
    print(
        f"{name:<10}{cells}{median:>9.1f}{late:>9.1f}   {len(found['search'])} questions",
        flush=True,
    )


async def table(talks: list[Conversation], stack: Stack | None) -> None:
    """A row for each store."""
    columns = ("search", "recall", *CATEGORIES.values())
    print(f"{'':<10}" + "".join(f"{c:>13}" for c in columns) + f"{'ms p50':>9}{'ms p95':>9}")
    with tempfile.TemporaryDirectory() as folder:
        stores: list[Store] = [SqliteStore(Path(folder) / "locomo.db")]
        if stack is not None:
            stores.append(SupabaseStore(stack.url, stack.secret_key))
        for store in stores:
            await store.open()
            try:
                await measure(store, store.kind, talks)
            finally:
                await store.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the JSON files of LoCoMo")
    parser.add_argument("--no-supabase", action="store_true", help="SQLite alone")
    options = parser.parse_args()
    talks = conversations(options.folder)
    lacks = "asked for SQLite alone" if options.no_supabase else missing()
    if lacks is not None:
        print(f"without Supabase: {lacks}")
        asyncio.run(table(talks, None))
        return
    stack = Stack.new()
    try:
        stack.start()
        asyncio.run(table(talks, stack))
    finally:
        stack.remove()


if __name__ == "__main__":
    main()
