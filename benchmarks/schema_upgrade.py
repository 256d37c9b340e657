"""How long schema.sql keeps others waiting: an upgrade of a large database, and many runs beside traffic.

    python -m benchmarks.schema_upgrade [--messages 100000] [--runs 200]

Needs PostgreSQL and `npm ci --prefix tests/supabase`.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from uuid import uuid4

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.supabase_stack import FIRST_VERSION, SCHEMA, Stack

from genpy_server.stores.supabase.store import SupabaseStore

PER_SESSION = 20
FILL = """
    insert into sessions (session_id, user_id)
        select gen_random_uuid(), 'user-' || (i % 50) from generate_series(1, {sessions}) i;
    insert into session_logs (session_id, event_type, message, metadata)
        select session_id, case when n % 2 = 1 then 'user' else 'ai' end,
            repeat('some words about penguins ', 8), '{{"intent": "casual_chat"}}'
        from sessions, generate_series(1, {each}) n where user_id like 'user-%'
"""

GRANTS = """
    grant all on all tables in schema public to service_role;
    grant all on all sequences in schema public to service_role
"""
"""As every Supabase project has them."""


class Traffic:
    """Work that goes on until it is stopped; knows the longest that one piece of it took."""

    def __init__(self) -> None:
        self.done = 0
        self.longest = 0.0
        self.stopped = False

    async def repeat(self, work: Callable[[int], Awaitable[object]]) -> None:
        """Do it again and again; raises what it raises."""
        for number in count():
            if self.stopped:
                return
            begun = time.monotonic()
            await work(number)
            self.longest = max(self.longest, time.monotonic() - begun)
            self.done += 1


async def upgrade(stack: Stack, messages: int) -> None:
    """Upgrade the first version's tables beside its own reads and writes."""
    sessions = messages // PER_SESSION
    stack.create(FIRST_VERSION)
    stack.sql(GRANTS)
    stack.sql(FILL.format(sessions=sessions, each=PER_SESSION))
    session = str(
        stack.sql("select session_id from sessions where user_id = 'user-1'")[0]["session_id"]
    )
    stack.start_api()
    headers = {"apikey": stack.secret_key}
    rest = f"{stack.url}/rest/v1"
    traffic = Traffic()
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:

        async def read(_: int) -> None:
            (await client.get(f"{rest}/session_logs?session_id=eq.{session}")).raise_for_status()

        async def write(number: int) -> None:
            row = {"session_id": session, "event_type": "user", "message": f"beside {number}"}
            answer = await client.post(f"{rest}/session_logs", json=row)
            if answer.is_error:
                raise RuntimeError(answer.text)

        running = [asyncio.create_task(traffic.repeat(work)) for work in (read, write)]
        begun = time.monotonic()
        await asyncio.to_thread(stack.sql, SCHEMA.read_text())
        took = time.monotonic() - begun
        traffic.stopped = True
        await asyncio.gather(*running)
    print(f"{messages:,} messages upgraded in {took:.1f} s")
    print(f"others waited {traffic.longest:.1f} s at most, in {traffic.done:,} requests")


async def run_often(stack: Stack, runs: int) -> None:
    """Run it again and again beside a server's reads and writes."""
    store = SupabaseStore(stack.url, stack.secret_key)
    while not await store.installed_version():  # PostgREST reads its schema again
        await asyncio.sleep(0.1)
    session, traffic = str(uuid4()), Traffic()

    async def write(number: int) -> None:
        await store.append("user-1", session, "user", f"message {number}", title="t")

    async def read(_: int) -> None:
        await store.messages("user-1", session, limit=20)

    async def touch(_: int) -> None:
        await store.touch({session: ""}, 60, "server")

    running = [asyncio.create_task(traffic.repeat(work)) for work in (write, write, read, touch)]
    for _ in range(runs):
        await asyncio.to_thread(stack.sql, SCHEMA.read_text())
    traffic.stopped = True
    await asyncio.gather(*running)
    await store.close()
    print(f"{runs} runs beside {traffic.done:,} requests: none failed")
    print(f"the longest request took {traffic.longest:.2f} s")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=200)
    asked = parser.parse_args()
    stack = Stack.new("postgrest")
    try:
        asyncio.run(upgrade(stack, asked.messages))
        asyncio.run(run_often(stack, asked.runs))
    finally:
        stack.remove()


if __name__ == "__main__":
    main()
