"""What an idle connection costs: memory and CPU, beside a bare websockets server.

    python benchmarks/idle.py [--connections 1000] [--seconds 10]

Each connection is of a user and a session of its own and has said nothing. Linux: it reads /proc.
"""

import argparse
import asyncio

from relay import Program, Reader, about, connected, servers, tokens

USERS = 50


async def measure(name: str, server: Program, users: list[str], count: int, seconds: float) -> None:
    """One row."""
    memory, cpu = server.memory_kib(), server.cpu()
    readers = [Reader(users[number % USERS], f"idle-{number}", 1) for number in range(count)]
    await connected(server.url, readers)
    await asyncio.sleep(1)
    made = server.cpu() - cpu
    held = server.memory_kib() - memory
    cpu = server.cpu()
    await asyncio.sleep(seconds)
    idle = (server.cpu() - cpu) / seconds
    print(f"| {name} | {count} | {held / count:.1f} | {made / count * 1e6:.0f} | {idle:.2%} |")
    for reader in readers:
        reader.leave()


async def compare(count: int, seconds: float) -> None:
    """Measure both, after a first hundred connections of each."""
    users = tokens(USERS)
    own = {f"u{number}": token for number, token in enumerate(users)}
    async with servers(own, GENPY_LIMIT_SOCKETS_PER_USER="100000") as (_, floor, genpy):
        print(about() + "\n")
        print("| server | connections | KiB each | us CPU to make one | of a core, idle |")
        print("|---|---|---|---|---|")
        for name, server in (("bare websockets", floor), ("genpy", genpy)):
            await connected(server.url, [Reader(users[0], f"first-{n}", 1) for n in range(100)])
            await measure(name, server, users, count, seconds)


def main() -> None:
    """Read the arguments, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    asyncio.run(compare(options.connections, options.seconds))


if __name__ == "__main__":
    main()
