"""How late tokens come while other sessions take turns, with many messages stored.

    python benchmarks/stall.py [--streams 40] [--messages 20000] [--turns 60] [--folder FOLDER]

Streams of 50 tokens a second run alone, and then beside three sessions of another user that ask one
question after the other, each of which recalls from many stored messages of 300 words. The floor
relays the same streams. The database is built once in the folder (temporary by default).
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import growth
from relay import Program, Reader, about, connected, servers, tokens
from relay_ends import RATE

ASKING = 3
WORDS = 300
SECONDS = 6
PAUSE = 0.17


async def stream(server: Program, users: list[str], name: str) -> list[int]:
    """How late each token of a stream for every user came, in microseconds."""
    readers = [Reader(user, name, RATE * SECONDS) for user in users]
    await connected(server.url, readers)
    for reader in readers:
        reader.ask()
    await asyncio.gather(*(reader.done for reader in readers))
    return sorted(late for reader in readers for late in reader.late)


async def ask(server: Program, token: str, number: int, talk: growth.Talk, turns: int) -> int:
    """Take turns, until there are enough or it is cancelled."""
    reader = Reader(token, f"asking-{number}-{time.time_ns()}", 1, stays=True)
    await connected(server.url, [reader])
    for turn in range(turns):
        reader.ask(talk.question(12), name=f"m{turn}")
        await reader.done
        await asyncio.sleep(PAUSE)
    return turns


def show(name: str, late: list[int]) -> None:
    """One row."""
    times = [late[min(int(len(late) * q), len(late) - 1)] / 1e3 for q in (0.5, 0.99, 1)]
    over = sum(one > 20_000 for one in late) / len(late)
    print(f"| {name} | {times[0]:.1f} | {times[1]:.1f} | {times[2]:.1f} | {over:.1%} |", flush=True)


async def compare(database: Path, streams: int, turns: int) -> None:
    """Measure, and print the table."""
    users = tokens(streams)
    asking, *_ = tokens(1)
    own = {f"u{n}": user for n, user in enumerate(users)} | {growth.LARGE: asking}
    limits = {"GENPY_LIMIT_MESSAGES_PER_MINUTE": "10000"}
    async with servers(own, database, **limits) as (_, floor, genpy):
        for server in (floor, genpy):
            await stream(server, users[:2], f"warm-{time.time_ns()}")
        print(f"{about()}; {streams} streams of {RATE} tokens a second\n")
        print("| what | ms late, p50 | p99 | max | later than 20 ms |")
        print("|---|---|---|---|---|")
        show("floor, alone", await stream(floor, users, "floor"))
        show("genpy, alone", await stream(genpy, users, f"alone-{time.time_ns()}"))
        talks = [growth.Talk() for _ in range(ASKING)]
        others = [
            asyncio.create_task(ask(genpy, asking, number, talk, turns))
            for number, talk in enumerate(talks)
        ]
        show(
            f"genpy, beside {ASKING} sessions",
            await stream(genpy, users, f"beside-{time.time_ns()}"),
        )
        asked = sum([await other for other in others])
        print(f"\n{asked} turns were taken")


def main() -> None:
    """Build the database, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--streams", type=int, default=40)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=25)
    parser.add_argument("--folder", type=Path, help="keeps the database for the next time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"stall-{options.messages}.db"
        if not path.exists():
            growth.build(path, options.messages, 200, words=WORDS)
        asyncio.run(compare(path, options.streams, options.turns))


if __name__ == "__main__":
    main()
