"""The replies in progress, kept in the store so that what was seen survives the server.

Nothing here runs for a token: twice a second or so the new text of every running reply goes to the
store in one write. Its reasoning stands in the last piece, which is written again when enough of it
came. A stored reply replaces its journal; see `Store.journal`.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from genpy_server.core.models import MessageMeta
from genpy_server.core.text import storable
from genpy_server.errors import GenPyError
from genpy_server.runs.run import ReplyRun
from genpy_server.stores.base import JournalPiece, Store

JOURNAL_SECONDS = 0.4
"""Seconds between two writes; with the write itself at most half a second of text is unwritten."""

LAST = 2**31 - 1
"""The position of the piece with the reasoning: behind all text, so that its metadata counts."""
GROWTH = 1.2
"""How much the reasoning has grown, by its length, when it is written again while no text comes.

All of its writes together are then at most `GROWTH / (GROWTH - 1)` times as long as it is.
"""

log = logging.getLogger("genpy.journal")


class _Progress:
    """How much of a run is written."""

    def __init__(self, run: ReplyRun) -> None:
        self.run = run
        self.parts = 0
        self.chars = 0
        self.thought = 0
        self.tools = 0
        """The tool calls known with the reasoning."""
        self.begun = False

    def pieces(self) -> list[JournalPiece]:
        """What is not written yet."""
        run = self.run
        text = "".join(run.parts[self.parts :])
        tools = len(run.tool_calls.records)
        begins = text and not self.chars
        grown = run.thought > self.thought * (1.0 if text else GROWTH)
        thought = run.thought and (grown or begins or tools != self.tools)
        if self.begun and not text and not thought:
            return []
        known = run.known()
        plain = msgspec.structs.replace(known, reasoning=None)
        rows = [(self.chars, text, plain)] if text or not self.begun else []
        if thought:
            rows.append((LAST, "", known))
        return [self._piece(*row) for row in rows]

    def now(self) -> tuple[int, int, int, int]:
        """How much of the run there is."""
        run = self.run
        return len(run.parts), run.length, run.thought, len(run.tool_calls.records)

    def written(self, now: tuple[int, int, int, int], *, last: bool) -> None:
        """So much is written, and what belongs to the reasoning where the `last` piece was."""
        self.begun = True
        self.parts, self.chars, *beside = now
        if last:
            self.thought, self.tools = beside

    def _piece(self, position: int, text: str, meta: MessageMeta) -> JournalPiece:
        request = self.run.request
        return JournalPiece(
            request.session_id, self.run.id, request.question.id, position, storable(text), meta
        )


class ReplyJournal:
    """Writes the running replies of one server."""

    def __init__(self, store: Store, server: str) -> None:
        self._store = store
        self._server = server
        self._open: set[_Progress] = set()
        self._begun = asyncio.Event()
        self._failing = False

    @contextmanager
    def following(self, run: ReplyRun) -> Iterator[None]:
        """Journal a run for as long as this lasts."""
        progress = _Progress(run)
        self._open.add(progress)
        self._begun.set()
        try:
            yield
        finally:
            self._open.discard(progress)

    async def keep(self) -> None:
        """Write, until cancelled."""
        while True:
            await self._begun.wait()
            while self._open:
                await asyncio.sleep(JOURNAL_SECONDS)
                await self.write()
            self._begun.clear()

    async def write(self) -> None:
        """Write what came since the last time; a failed write is made up for by the next one."""
        # More may come while the store works, and is written the next time.
        ends = [(o, o.pieces(), o.now()) for o in self._open]
        pieces = [piece for _, found, _ in ends for piece in found]
        if not pieces:
            return
        try:
            await self._store.journal(self._server, pieces)
        except GenPyError as error:
            if not self._failing:
                log.warning("replies in progress are not journalled: %s", error.code)
            self._failing = True
            return
        self._failing = False
        for one, found, now in ends:
            if found:
                one.written(now, last=found[-1].position == LAST)
