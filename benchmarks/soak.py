"""Memory while many sessions stream for long: that of the server, as time goes by.

    python benchmarks/soak.py [--streams 100] [--seconds 300]

Each stream is a session of its own, in which one reply of 500 tokens follows the other. The memory
is to be flat once every session has had a few replies. Linux: it reads /proc.
"""

import argparse
import asyncio
import statistics
import time

from relay import Program, Reader, about, connected, servers, tokens
from relay_ends import RATE

COUNT = 500
ROWS = 10


class Stream:
    """One session, and what came of it."""

    def __init__(self, token: str, number: int) -> None:
        self.reader = Reader(token, f"soak-{number}", COUNT, stays=True)
        self.replies = self.wrong = self.tokens = 0

    async def talk(self, until: float) -> None:
        """Ask again and again."""
        while time.monotonic() < until:
            self.reader.late.clear()
            self.reader.ask(f"number {self.replies}", name=f"m{self.replies}")
            await self.reader.done
            self.replies += 1
            self.tokens += len(self.reader.late)
            self.wrong += len(self.reader.late) != COUNT


async def watch(server: Program, streams: list[Stream], seconds: float) -> list[int]:
    """Print a row every tenth of the time; the memory at each."""
    began, sizes = time.monotonic(), []
    for row in range(1, ROWS + 1):
        await asyncio.sleep(max(began + seconds * row / ROWS - time.monotonic(), 0))
        sizes.append(server.memory_kib() // 1024)
        replies = sum(stream.replies for stream in streams)
        print(f"| {seconds * row / ROWS:.0f} | {replies} | {sizes[-1]} |", flush=True)
    return sizes


async def soak(count: int, seconds: float) -> None:
    """Stream, and print the table."""
    users = tokens(count)
    async with servers({f"u{n}": user for n, user in enumerate(users)}) as (_, _, genpy):
        streams = [Stream(user, number) for number, user in enumerate(users)]
        await connected(genpy.url, [stream.reader for stream in streams])
        print(f"{about()}; {count} streams of {RATE} tokens a second\n")
        print("| seconds | replies | MB |")
        print("|---|---|---|")
        cpu, until = genpy.cpu(), time.monotonic() + seconds
        talks = [asyncio.create_task(stream.talk(until)) for stream in streams]
        sizes = await watch(genpy, streams, seconds)
        await asyncio.gather(*talks)
        sent = sum(stream.tokens for stream in streams)
        wrong = sum(stream.wrong for stream in streams)
        half = sizes[ROWS // 2 :]
        slope = statistics.linear_regression(range(len(half)), half).slope * 60 * ROWS / seconds
        print(f"\n{sent} tokens, {wrong} replies of another length, "
              f"{(genpy.cpu() - cpu) / max(sent, 1) * 1e6:.0f} us of CPU a token in all, "
              f"{slope:+.1f} MB a minute in the second half")  # fmt: skip


def main() -> None:
    """Read the arguments, and soak."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=300)
    options = parser.parse_args()
    asyncio.run(soak(options.streams, options.seconds))


if __name__ == "__main__":
    main()
