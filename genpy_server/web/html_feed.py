"""Sends the HTML of messages to the clients with the feature `html`.

Every stored message is followed by its HTML, the newest first, and each block of a running reply
as soon as it is complete. HTML is rendered once for all clients, and frames of text never wait for
it.
"""

import asyncio
from contextlib import suppress
from typing import Protocol

import msgspec

from genpy_server.errors import Busy
from genpy_server.sessions.audience import Subscriber
from genpy_server.web.renderer import Renderer
from genpy_server.wire import Delta, Frame, Html, MessageEvent, RunFinished

FEATURE = "html"
LEAST_PAUSE = 0.1
"""Shortest pause between two searches for complete blocks of a reply, in seconds."""
PAUSE_RATIO = 5.0
"""Pause after a search, as a multiple of the time it took."""

REPLIES_LEFT = 64
"""Running replies without readers that are kept."""


class Reader(Subscriber, Protocol):
    """A client of a user."""

    user: str


class HtmlFeed:
    """Watches the frames that readers are sent, and sends their HTML."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._runs: dict[str, _GrowingReply] = {}
        self._stored: dict[Reader, asyncio.Task[None]] = {}
        self._waiting: dict[Reader, list[tuple[int, str]]] = {}
        """Stored messages that are to be rendered."""

    def watch(self, reader: Reader, frame: Frame) -> None:
        """Handle a frame that was sent to a reader."""
        if isinstance(frame, MessageEvent):
            self._add(reader, frame.message_id, frame.text)
        elif isinstance(frame, Delta):
            run = self._runs.get(frame.run)
            if run is None:
                if frame.offset:
                    return  # the beginning is missing; the HTML comes with the stored message
                left = [name for name, one in self._runs.items() if not one.readers]
                for name in left[: max(0, len(left) - REPLIES_LEFT)]:
                    self._runs.pop(name).close()
                run = _GrowingReply(frame.run, reader.user, self._renderer)
                self._runs[frame.run] = run
            run.join(reader)
            run.take(frame)
        elif isinstance(frame, RunFinished) and frame.run in self._runs:
            run = self._runs[frame.run]
            run.close()
            run.readers.discard(reader)
            if frame.message_id is not None:
                self._add(reader, frame.message_id, run.text)
            if not run.readers:
                del self._runs[frame.run]

    def _add(self, reader: Reader, message_id: int, text: str) -> None:
        waiting = self._waiting.setdefault(reader, [])
        waiting.append((message_id, text))
        if reader not in self._stored:
            self._stored[reader] = asyncio.create_task(self._render_stored(reader, waiting))

    async def _render_stored(self, reader: Reader, waiting: list[tuple[int, str]]) -> None:
        """Render the messages of a reader, the newest first, since it is seen first."""
        await asyncio.sleep(0)  # until all messages that are sent together are added
        while waiting:
            message_id, text = waiting.pop()
            with suppress(Busy):  # the client shows its text
                html = await self._renderer.render(text, reader.user)
                reader.offer(Html(html, message_id=message_id, end=len(text)))
        del self._stored[reader]

    def left(self, reader: Reader) -> None:
        """Remove a reader; its running replies are kept for a client that resumes."""
        self._waiting.pop(reader, None)
        if (rendering := self._stored.pop(reader, None)) is not None:
            rendering.cancel()
        for run in self._runs.values():
            run.readers.discard(reader)


class _GrowingReply(msgspec.Struct, eq=False):
    """A running reply: the HTML of its complete blocks, for all readers."""

    run: str
    user: str
    renderer: Renderer
    readers: set[Reader] = set()
    blocks: list[Html] = []
    pieces: list[str] = []
    """The text so far."""
    length: int = 0
    start: int = 0
    """Offset of the text after the complete blocks."""
    headings: tuple[str, ...] = ()
    """The headings above that text."""
    due: bool = False
    line_ended: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def text(self) -> str:
        self.pieces = ["".join(self.pieces)]
        return self.pieces[0]

    def join(self, reader: Reader) -> None:
        """Send a reader the blocks so far, and each later one when it is complete."""
        if reader not in self.readers:
            self.readers.add(reader)
            for block in self.blocks:
                reader.offer(block)

    def take(self, delta: Delta) -> None:
        """Add the text of a delta; the same one comes for every reader."""
        added = delta.text[max(0, self.length - delta.offset) :]
        if delta.offset > self.length or not added:
            return
        self.pieces.append(added)
        self.length += len(added)
        # A block ends with its line, or with the beginning of the next one.
        self.due = self.due or self.line_ended or "\n" in added
        self.line_ended = added.endswith("\n")
        if self.due and self.task is None:
            self.task = asyncio.create_task(self._look())

    def close(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def _look(self) -> None:
        """Send complete blocks, until none can have been added since the last search."""
        clock = asyncio.get_running_loop().time
        while self.due:
            began, self.due, before = clock(), False, self.start
            with suppress(Busy):
                found = await self.renderer.finished_blocks(self.text[before:], self.headings)
                for _ in found:
                    self.renderer.charge(self.user)
                for block in found:
                    html = Html(block.html, run=self.run, start=self.start, end=before + block.end)
                    self.start, self.headings = html.end, block.headings
                    self.blocks.append(html)
                    for reader in tuple(self.readers):
                        reader.offer(html)
            await asyncio.sleep(max(LEAST_PAUSE, PAUSE_RATIO * (clock() - began)))
        self.task = None
