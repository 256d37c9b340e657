"""One client under measurement, on a real terminal: GenPy's own, or one of the plain techniques.

    python benchmarks/streaming_client.py TECHNIQUE URL RESULT

Writes what it measured to the file RESULT as JSON when the reply is on the screen.
"""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from textual import events
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input, Markdown

from genpy_server import settings
from genpy_server.client.session_client import SessionClient
from genpy_server.wire import Delta, Frame, Ready, RunFinished
from genpy_tui.app import GenPyApp
from genpy_tui.chat.receiver import Receiver

TICK = 0.005
"""Seconds between two looks at the loop."""
SETTLED = 1.0
"""Seconds from the first frame until a person has said something."""
QUIET = 0.4
"""Seconds without a repaint after which the screen is final."""


def resident() -> float:
    """Memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


class Meter:
    """Looks at an application from inside its loop."""

    def __init__(self, result: Path) -> None:
        self.result = result
        self.stalls: list[float] = []
        self.echoes: list[float] = []
        self.paints = 0
        self.painted = 0.0
        self.cpu = self.begin = self.memory = 0.0
        self.sent: float | None = None
        self.typed: list[float] = []

    async def watch(self, app: App[Any]) -> None:
        """Note how late the loop is, and end when the screen is final."""
        while True:
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            now = time.monotonic()
            if self.begin and self.sent is None:
                self.stalls.append(now - due)
            if self.sent is not None and now - max(self.painted, self.sent) > QUIET:
                break
        self.write()
        app.exit()

    def frame(self, frame: Frame) -> None:
        """A frame was taken in."""
        if isinstance(frame, Delta) and not self.begin:
            self.begin, self.memory = time.monotonic(), resident()
            self.cpu, self.paints = time.process_time(), 0
        elif isinstance(frame, RunFinished):
            self.sent = frame.ms / 1000

    def paint(self) -> None:
        """The screen was written."""
        self.paints += 1
        self.painted = time.monotonic()
        while self.typed:
            self.echoes.append(self.painted - self.typed.pop())

    def key(self, name: str) -> None:
        """A key came out of the terminal."""
        if self.begin and self.sent is None and len(name) == 1:
            self.typed.append(time.monotonic())

    def write(self) -> None:
        """The figures."""
        assert self.sent is not None
        stalls = sorted(self.stalls) or [0.0]
        echoes = sorted(self.echoes) or [0.0]
        span = self.painted - self.begin
        figures = {
            "cpu": time.process_time() - self.cpu,
            "stall_p99": stalls[int(len(stalls) * 0.99)] * 1000,
            "stall_worst": stalls[-1] * 1000,
            "echo_p95": echoes[int(len(echoes) * 0.95)] * 1000,
            "echoes": len(echoes),
            "paints": self.paints / span,
            "after": (self.painted - self.sent) * 1000,
            "memory": resident() - self.memory,
            "span": span,
        }
        self.result.write_text(json.dumps(figures))


class Measured(App[Any]):
    """What every client under measurement shares."""

    meter: Meter

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        self.meter.paint()

    async def on_event(self, event: events.Event) -> None:
        """Note keys as they arrive."""
        if isinstance(event, events.Key):
            if self.meter.sent is not None:
                return  # the reply has ended: nothing else paints from now on
            self.meter.key(event.character or "")
        await super().on_event(event)


class Ours(Measured, GenPyApp):
    """GenPy's client as it is."""

    def _display(self, screen: Any, renderable: Any) -> None:
        painted, flushed = self.meter.painted, self.chat.view.flushes
        super()._display(screen, renderable)
        if flushed == self.flushed:
            self.meter.painted = painted  # something else was painted, not the reply
        self.flushed = flushed

    flushed = 0

    def on_mount(self) -> None:
        """Send once attached, and note every frame."""
        meter, take = self.meter, Receiver._frame

        def taken(receiver: Receiver, client: SessionClient, frame: Frame) -> None:
            meter.frame(frame)
            take(receiver, client, frame)
            self.chat.prompt.cursor_blink = False
            if isinstance(frame, Ready):
                self.set_timer(SETTLED, lambda: client.send("go"))

        Receiver._frame = taken  # type: ignore[method-assign, assignment]  # measured from outside
        super().on_mount()
        self.run_worker(meter.watch(self))


class Plain(Measured):
    """A Markdown widget over a prompt, fed as Textual documents it."""

    CSS = "VerticalScroll { height: 1fr; } Input { dock: bottom; }"

    def __init__(self, url: str, technique: str) -> None:
        super().__init__()
        self.url = url
        self.technique = technique

    def compose(self) -> ComposeResult:
        """A document over a prompt."""
        with VerticalScroll():
            yield Markdown("")
        yield Input()

    def on_mount(self) -> None:
        """Follow the end."""
        self.query_one(Input).focus()
        self.query_one(Input).cursor_blink = False
        self.query_one(VerticalScroll).anchor()
        self.run_worker(self.meter.watch(self))
        self.run_worker(self.talk())

    async def talk(self) -> None:
        """Read the socket and show what comes."""
        client = SessionClient(self.url, "benchmark")
        markdown = self.query_one(Markdown)
        stream = Markdown.get_stream(markdown) if self.technique == "stream" else None
        text = ""
        async for event in client:
            if isinstance(event, Ready):
                self.set_timer(SETTLED, lambda: client.send("go"))
            elif isinstance(event, Delta):
                self.meter.frame(event)
                text += event.text
                if stream is not None:
                    await stream.write(event.text)
                else:
                    await markdown.update(text)
            elif isinstance(event, RunFinished):
                if stream is not None:
                    await stream.stop()
                self.meter.frame(event)


def main(technique: str, url: str, result: Path) -> None:
    app: Measured
    if technique == "genpy":
        app = Ours(replace(settings.load({}), server=url))
    else:
        app = Plain(url, technique)
    app.meter = Meter(result)
    app.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
