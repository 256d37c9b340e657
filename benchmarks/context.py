"""How much of each request a service finds in its cache: a simulated talk, turn by turn.

    python benchmarks/context.py [--turns 114] [--budget 4000] [--no-recall]

Requests are those of `runs.context`, over a SQLite file, in the rows that are sent. The talk is
varied, with planted facts and questions about them, and its memory is extended as a server would
extend it, by the beginnings of what was said. Printed are the share of the characters of a request
that is a prefix of the request before, and the characters a turn that are not.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from itertools import islice
from pathlib import Path
from uuid import uuid4

import planted

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.running_server import configure

from genpy_server.core.context.notes import shown_notes
from genpy_server.core.models import Memory, Message, MessageMeta
from genpy_server.llm.dialect import _rows
from genpy_server.llm.providers import Providers
from genpy_server.modes import own_modes
from genpy_server.runs.context import Chat, RunRequest
from genpy_server.runs.memory import to_remember
from genpy_server.runs.tool_access import ToolAccess
from genpy_server.settings import Settings
from genpy_server.stores.base import Store
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.tools.registry import ToolRegistry

NOTE_CHARS = 90
"""Of a message, what a note of it holds."""
RESTS = "Take the details one by one, and tell me what you find. " * 12


def shared(before: str, after: str) -> int:
    """Characters that two requests begin with."""
    return next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(len(before), len(after)),
    )


async def simulate(
    settings: Settings, store: Store, turns: int, seed: int
) -> list[tuple[int, int]]:
    """Of each request after the first: its characters, and those it shares with the one before."""
    rng = random.Random(seed)
    talk = planted.make(2 * turns, facts=turns // 6, seed=seed, varied=True)
    lines = list(islice((line.text for line in talk.lines if line.role == "user"), turns))
    questions = [question.text for question in talk.questions]
    tools = ToolAccess(store, ToolRegistry())
    chat = Chat(store, Providers(settings), settings, own_modes(), tools)
    session, memory, before = str(uuid4()), None, ""
    history: list[Message] = []
    sizes = []
    for number in range(turns):
        text = (
            rng.choice(questions)
            if number > turns // 3 and rng.random() < 0.4
            else lines[number % len(lines)]
        )
        asked = await store.append("local", session, "user", text, title="Talk")
        question = asked.message
        request = RunRequest(
            user_id="local",
            session_id=session,
            question=question,
            history=tuple(history),
            memory=memory,
        )
        built = await chat.context(
            request, chat.plan(request, chat.intent(request), chat.models.default)
        )
        rows = "".join(
            f"<{row['role']}>{row['content']}"
            for row in _rows(built.messages, native=True, apart=True)
        )
        if before:
            sizes.append((len(rows), shared(before, rows)))
        before = rows
        reply = rng.choice(planted.REPLIES) + " " + RESTS[: rng.randint(40, 600)]
        answered = await store.append(
            "local", session, "assistant", reply, title="", meta=MessageMeta(reply_to=question.id)
        )
        history += [question, answered.message]
        noted = to_remember(history, memory, built.dropped_upto)
        if noted:
            added = "\n".join(f"- {turn.messages[0].text[:NOTE_CHARS]}" for turn in noted)
            known = shown_notes(memory.text) if memory else ""
            memory = Memory("\n".join(filter(None, (known, added))), noted[-1].place)
    return sizes


async def main() -> None:
    """Print a row for each seed, and the mean."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=114)
    parser.add_argument("--budget", type=int, default=4_000)
    parser.add_argument("--no-recall", action="store_true")
    args = parser.parse_args()
    print(f"{args.turns} turns, {args.budget:,} tokens")
    print(f"{'seed':>6}{'characters':>12}{'shared':>9}{'new a turn':>12}")
    rows = []
    for seed in (7, 8, 9):
        with tempfile.TemporaryDirectory() as folder:
            settings = configure(
                Path(folder) / "genpy.db",
                GENPY_CONTEXT_TOKENS=str(args.budget),
                GENPY_RECALL="off" if args.no_recall else "on",
            )
            store = SqliteStore(settings.database)
            await store.open()
            sizes = await simulate(settings, store, args.turns, seed)
            await store.close()
        whole, same = (sum(column) for column in zip(*sizes, strict=True))
        rows.append((whole, same, len(sizes)))
        print(f"{seed:>6}{whole:>12,}{same / whole:>9.0%}{(whole - same) / len(sizes):>12,.0f}")
    whole, same, count = (sum(column) for column in zip(*rows, strict=True))
    print(f"{'all':>6}{whole:>12,}{same / whole:>9.0%}{(whole - same) / count:>12,.0f}")


if __name__ == "__main__":
    asyncio.run(main())
