"""The HTML of conversations, sent along to the readers that asked for the feature `html`.

Every stored message is followed by its HTML, the newest first, and each block of a reply in
progress by its own as soon as it is finished. It is made once for all readers, and off the path of
the tokens: a frame of text never waits for HTML.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from genpy_server.errors import Busy
from genpy_server.web.renderer import Renderer
from genpy_server.wire import Delta, Frame, Html, MessageEvent, RunFinished

FEATURE = "html"
LEAST_PAUSE = 0.1
"""Seconds between two looks at a growing reply, so that several tokens are one look."""
PAUSE_RATIO = 5.0
"""How many times as long as a look took the next one waits."""

REPLIES_LEFT = 64
"""Replies in progress that are remembered though nobody watches them."""

Sleep = Callable[[float], Awaitable[object]]


class Reader(Protocol):
    """Where the frames of a user go."""

    user: str

    def answer(self, frame: Frame) -> None:
        """Take a frame that is for this reader alone."""


class HtmlFeed:
    """Watches what readers are sent, and answers with the HTML of it."""

    def __init__(self, renderer: Renderer, sleep: Sleep = asyncio.sleep) -> None:
        self._renderer = renderer
        self._sleep = sleep
        self._runs: dict[str, _GrowingReply] = {}
        self._stored: dict[Reader, _StoredMessages] = {}

    def watch(self, reader: Reader, frame: Frame) -> None:
        """Note a frame that a reader was sent."""
        if isinstance(frame, MessageEvent):
            self._add(reader, frame.message_id, frame.text)
        elif isinstance(frame, Delta):
            run = self._runs.get(frame.run)
            if run is None:
                if frame.offset:
                    return  # its beginning was not seen; its HTML comes with the whole message
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
        """Forget a reader; a reply that nobody watches is kept for a client that comes back to its middle."""
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
    """Messages whose HTML one reader waits for."""

    def __init__(self, reader: Reader, renderer: Renderer) -> None:
        self._reader = reader
        self._renderer = renderer
        self._waiting: list[tuple[int, str]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, message_id: int, text: str) -> None:
        """Take a message; the newest one is rendered first, for it is the one that is looked at."""
        self._waiting.append((message_id, text))
        if self._task is None:
            self._task = asyncio.create_task(self._work())

    def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        await asyncio.sleep(0)  # messages that are sent together are all here now
        while self._waiting:
            message_id, text = self._waiting.pop()
            try:
                html = await self._renderer.render(text, self._reader.user)
            except Busy:
                continue  # it stays text, as it does for readers without the feature
            self._reader.answer(Html(html, message_id=message_id, end=len(text)))
        self._task = None


class _GrowingReply:
    """A reply in progress: the HTML of its finished blocks, for everybody who watches."""

    def __init__(self, run: str, user: str, renderer: Renderer, sleep: Sleep) -> None:
        self.readers: set[Reader] = set()
        self._run = run
        self._user = user
        self._renderer = renderer
        self._sleep = sleep
        self._blocks: list[Html] = []
        self._text = ""
        self._pieces: list[str] = []
        """What came behind `_text`."""
        self._known = 0
        self._start = 0
        """Where the text behind the finished blocks begins, in characters."""
        self._headings: tuple[str, ...] = ()
        """What that stands within."""
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
        """Give a reader the blocks there are, and from now on each as it is finished."""
        if reader not in self.readers:
            self.readers.add(reader)
            for block in self._blocks:
                reader.answer(block)

    def take(self, delta: Delta) -> None:
        """Take what a delta adds; several readers bring the same ones."""
        added = delta.text[max(0, self._known - delta.offset) :]
        if delta.offset > self._known or not added:
            return
        self._pieces.append(added)
        self._known += len(added)
        # A block ends with its line, or with the beginning of the next one.
        self._due = self._due or self._line_ended or "\n" in added
        self._line_ended = added.endswith("\n")
        if self._due and self._task is None:
            self._task = asyncio.create_task(self._look())

    def close(self) -> None:
        """Stop; the HTML of the whole follows with the stored message."""
        if self._task is not None:
            self._task.cancel()

    async def _look(self) -> None:
        """Find finished blocks, until none can have been finished since the last look."""
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
