"""Sends the HTML of messages to the clients with the feature `html`.

Every stored message is followed by its HTML, the newest first, and each block of a running reply
as soon as it is complete. HTML is rendered once for all clients, and frames of text never wait for
it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from genpy_server.errors import Busy
from genpy_server.web.renderer import Renderer
from genpy_server.wire import Delta, Frame, Html, MessageEvent, RunFinished

FEATURE = "html"
LEAST_PAUSE = 0.1
"""Shortest pause between two searches for complete blocks of a reply, in seconds."""
PAUSE_RATIO = 5.0
"""Pause after a search, as a multiple of the time it took."""

REPLIES_LEFT = 64
"""Running replies without readers that are kept."""

Sleep = Callable[[float], Awaitable[object]]


class Reader(Protocol):
    """A client of a user."""

    user: str

    def answer(self, frame: Frame) -> None:
        """Send a frame to this reader alone."""


class HtmlFeed:
    """Watches the frames that readers are sent, and sends their HTML."""

    def __init__(self, renderer: Renderer, sleep: Sleep = asyncio.sleep) -> None:
        self._renderer = renderer
        self._sleep = sleep
        self._runs: dict[str, _GrowingReply] = {}
        self._stored: dict[Reader, _StoredMessages] = {}

    def watch(self, reader: Reader, frame: Frame) -> None:
        """Handle a frame that was sent to a reader."""
        if isinstance(frame, MessageEvent):
            self._add(reader, frame.message_id, frame.text)
        elif isinstance(frame, Delta):
            run = self._runs.get(frame.run)
            if run is None:
                if frame.offset:
                    return  # the beginning is missing; the HTML comes with the stored message
                self._forget_left()
                run = _GrowingReply(frame.run, reader.user, self._renderer, self._sleep)
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
        if reader not in self._stored:
            self._stored[reader] = _StoredMessages(reader, self._renderer)
        self._stored[reader].add(message_id, text)

    def left(self, reader: Reader) -> None:
        """Remove a reader; its running replies are kept for a client that resumes."""
        stored = self._stored.pop(reader, None)
        if stored is not None:
            stored.close()
        for run in self._runs.values():
            run.readers.discard(reader)

    def _forget_left(self) -> None:
        left = [name for name, run in self._runs.items() if not run.readers]
        for name in left[: max(0, len(left) - REPLIES_LEFT)]:
            self._runs.pop(name).close()


class _StoredMessages:
    """The messages of one reader that are to be rendered."""

    def __init__(self, reader: Reader, renderer: Renderer) -> None:
        self._reader = reader
        self._renderer = renderer
        self._waiting: list[tuple[int, str]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, message_id: int, text: str) -> None:
        """Add a message; the newest is rendered first, since it is seen first."""
        self._waiting.append((message_id, text))
        if self._task is None:
            self._task = asyncio.create_task(self._work())

    def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        await asyncio.sleep(0)  # until all messages that are sent together are added
        while self._waiting:
            message_id, text = self._waiting.pop()
            try:
                html = await self._renderer.render(text, self._reader.user)
            except Busy:
                continue  # the client shows its text
            self._reader.answer(Html(html, message_id=message_id, end=len(text)))
        self._task = None


class _GrowingReply:
    """A running reply: the HTML of its complete blocks, for all readers."""

    def __init__(self, run: str, user: str, renderer: Renderer, sleep: Sleep) -> None:
        self.readers: set[Reader] = set()
        self._run = run
        self._user = user
        self._renderer = renderer
        self._sleep = sleep
        self._blocks: list[Html] = []
        self._text = ""
        self._pieces: list[str] = []
        """Text after `_text`."""
        self._length = 0
        self._start = 0
        """Offset of the text after the complete blocks."""
        self._headings: tuple[str, ...] = ()
        """The headings above that text."""
        self._due = False
        self._line_ended = False
        self._task: asyncio.Task[None] | None = None

    @property
    def text(self) -> str:
        """The reply so far."""
        if self._pieces:
            self._text += "".join(self._pieces)
            self._pieces.clear()
        return self._text

    def join(self, reader: Reader) -> None:
        """Send a reader the blocks so far, and each later one when it is complete."""
        if reader not in self.readers:
            self.readers.add(reader)
            for block in self._blocks:
                reader.answer(block)

    def take(self, delta: Delta) -> None:
        """Add the text of a delta; the same one comes for every reader."""
        added = delta.text[max(0, self._length - delta.offset) :]
        if delta.offset > self._length or not added:
            return
        self._pieces.append(added)
        self._length += len(added)
        # A block ends with its line, or with the beginning of the next one.
        self._due = self._due or self._line_ended or "\n" in added
        self._line_ended = added.endswith("\n")
        if self._due and self._task is None:
            self._task = asyncio.create_task(self._look())

    def close(self) -> None:
        """Stop; the HTML of the whole message follows."""
        if self._task is not None:
            self._task.cancel()

    async def _look(self) -> None:
        """Send complete blocks, until none can have been added since the last search."""
        clock = asyncio.get_running_loop().time
        while self._due:
            began, self._due = clock(), False
            try:
                found = await self._renderer.finished_blocks(
                    self.text[self._start :], self._headings
                )
                for _ in found:
                    self._renderer.charge(self._user)
            except Busy:
                found = []
            done = 0
            for block in found:
                self._send(
                    Html(
                        block.html,
                        run=self._run,
                        start=self._start + done,
                        end=self._start + block.end,
                    )
                )
                done, self._headings = block.end, block.headings
            self._start += done
            await self._sleep(max(LEAST_PAUSE, PAUSE_RATIO * (clock() - began)))
        self._task = None

    def _send(self, block: Html) -> None:
        self._blocks.append(block)
        for reader in tuple(self.readers):
            reader.answer(block)
