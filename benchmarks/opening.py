"""How long until something is seen: the first paint, and long conversations that are opened.

    python benchmarks/opening.py [--rounds 7] [--messages 200,2000,20000]

First paint: from the start of `genpy chat` to the frame that shows its marker, on a terminal (a pty
of 120x40), beside a minimal Textual application, in turn; the median. Opening: GenPy's client on the
real server, whose SQLite file holds a conversation of so many messages, from opening the session to
the frame that shows its last message, and the memory that this and scrolling up ten pages took.
"""

import argparse
import asyncio
import gc
import os
import select
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import streaming
import streaming_client
from msgspec.structs import replace

from genpy_server import settings
from genpy_server.app import App as ServerApp
from genpy_server.app import OpenApp
from genpy_server.core.models import Session
from genpy_tui.app import GenPyApp

BARE = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("Try asking")
Bare().run()
"""
GENPY = """
import os, sys
from genpy_cli.__main__ import run
os.environ["GENPY_DATABASE"] = sys.argv[1]
run(["chat"])
"""
MARKER = b"Try asking"
LAST = "the very last message"


def first_paint(program: str, folder: str) -> float:
    """Seconds from the start to the marker."""
    begin = time.monotonic()
    database = str(Path(folder) / f"{uuid4()}.db")
    process, ours = streaming.terminal([sys.executable, "-c", program, database])
    seen = b""
    while MARKER not in seen:
        if select.select([ours], [], [], 20)[0]:
            seen += os.read(ours, 65536)
    took = time.monotonic() - begin
    process.kill()
    process.wait()
    os.close(ours)
    return took


def first_paints(rounds: int) -> None:
    """The table of first paints."""
    with tempfile.TemporaryDirectory() as folder:
        bare, ours = [], []
        for _ in range(rounds):
            bare.append(first_paint(BARE, folder))
            ours.append(first_paint(GENPY, folder))
    low, high = statistics.median(bare), statistics.median(ours)
    print(f"first paint: bare Textual {low * 1000:.0f} ms, genpy chat {high * 1000:.0f} ms")
    print(f"             {high / low:.2f} times, median of {rounds}")


async def fill(app: OpenApp, messages: int) -> str:
    """A conversation of so many messages; its id."""
    session, at = str(uuid4()), "2026-01-01T00:00:00+00:00"
    rows = [
        {
            "id": number,
            "session_id": session,
            "role": "user" if number % 2 else "assistant",
            "text": LAST if number == messages else f"Message {number}: " + "some words " * 30,
            "at": at,
            "uid": str(uuid4()),
        }
        for number in range(1, messages + 1)
    ]
    head = Session(session, "local", "Long", "completed", at, at, messages)
    await app.store.import_session(head, rows)
    return session


async def opening(messages: int, folder: str) -> str:
    """One row of the table of openings."""
    database = Path(folder) / f"{messages}.db"
    configured = settings.load({"GENPY_DATABASE": str(database), "GENPY_PORT": "0"})
    server_app = await ServerApp(configured).open()
    server = await server_app.listen()
    session = await fill(server_app, messages)
    app = GenPyApp(replace(configured, server=server.url))
    async with app.run_test(size=(streaming.COLUMNS, streaming.ROWS)) as pilot:
        while (
            app.chat.conversation.client is None
            or app.chat.conversation.client.transcript.epoch is None
        ):
            await pilot.pause(0.05)
        await pilot.pause(0.5)
        gc.collect()  # leftovers of filling the store do not count
        before, begin = streaming_client.resident(), time.monotonic()
        await app.open_session(session)
        while LAST not in "".join(s.text for s in app.screen._compositor.render_strips()):
            await asyncio.sleep(0.002)
        took, after = time.monotonic() - begin, streaming_client.resident()
        for _ in range(10):
            app.chat.view.scroll_to(y=0, animate=False)
            await pilot.pause(0.15)
        loaded = len(app.chat.conversation.client.transcript.entries)
        row = (
            f"{messages:>8} {took * 1000:>10.0f} {after - before:>9.1f} {loaded:>8} "
            f"{streaming_client.resident() - before:>9.1f}"
        )
    server.close()
    await server_app.hub.close()
    await server.wait_closed()
    await server_app.close()
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", default="200,2000,20000")
    options = parser.parse_args()
    first_paints(options.rounds)
    print(f"\n{'messages':>8} {'opened ms':>10} {'MB more':>9} {'loaded':>8} {'MB more':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for messages in map(int, options.messages.split(",")):
            print(asyncio.run(opening(messages, folder)), flush=True)


if __name__ == "__main__":
    main()
