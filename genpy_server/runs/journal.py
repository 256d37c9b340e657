"""The journal of running replies in the store, from which they are recovered after a crash.

About twice a second the new text of all running replies is written at once. The reasoning is in
the last piece, which is rewritten when it has grown enough. A stored reply replaces its journal;
see `Store.journal`.
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
"""Seconds from the beginning of a write to the next, unless it takes longer."""

RETRY_SECONDS = 0.1
"""Seconds between writes while they fail, which then have one run only."""

LAST = 2**31 - 1
"""The position of the piece with the reasoning: after all text, so that its metadata counts."""
GROWTH = 1.2
"""Factor by which the reasoning must have grown to be written again while no text comes.

All of its writes together are then at most `GROWTH / (GROWTH - 1)` times as long as it is.
"""

log = logging.getLogger("genpy.journal")


class RunProgress:
    """How much of a run is written to the journal."""

    def __init__(self, run: ReplyRun) -> None:
        self.run = run
        self.parts = 0
        self.chars = 0
        self.reasoning_length = 0
        self.tools = 0
        """Tool calls in the piece with the reasoning."""
        self.begun = False

    def pieces(self) -> list[JournalPiece]:
        """What is not written yet."""
        run = self.run
        text = "".join(run.parts[self.parts :])
        tools = len(run.tool_calls.records)
        begins = text and not self.chars
        grown = run.reasoning_length > self.reasoning_length * (1.0 if text else GROWTH)
        thought = run.reasoning_length and (grown or begins or tools != self.tools)
        if self.begun and not text and not thought:
            return []
        meta = run.metadata()
        plain = msgspec.structs.replace(meta, reasoning=None)
        rows = [(self.chars, text, plain)] if text or not self.begun else []
        if thought:
            rows.append((LAST, "", meta))
        return [self._piece(*row) for row in rows]

    def now(self) -> tuple[int, int, int, int]:
        """The current size of the run: parts, characters of text and of reasoning, tool calls."""
        run = self.run
        return len(run.parts), run.length, run.reasoning_length, len(run.tool_calls.records)

    def written(self, now: tuple[int, int, int, int], *, last: bool) -> None:
        """Note what is written; with `last`, the piece with the reasoning too."""
        self.begun = True
        self.parts, self.chars, *rest = now
        if last:
            self.reasoning_length, self.tools = rest

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
        self._open: set[RunProgress] = set()
        self._begun = asyncio.Event()
        self._failing = False

    @contextmanager
    def following(self, progress: RunProgress) -> Iterator[None]:
        """Journal a run while the context is open."""
        self._open.add(progress)
        self._begun.set()
        try:
            yield
        finally:
            self._open.discard(progress)

    async def keep(self) -> None:
        """Write until cancelled."""
        while True:
            await self._begun.wait()
            await asyncio.sleep(JOURNAL_SECONDS)
            while self._open:
                # A kill loses what came since the last write began, so its time is part of the interval.
                rest = RETRY_SECONDS if self._failing else JOURNAL_SECONDS
                await asyncio.gather(self.write(), asyncio.sleep(rest))
            self._begun.clear()

    async def write(self) -> None:
        """Write what is new; after a failure the next call writes it, once one run could be written."""
        tried, ends = self._failing, []
        for one in self._open:
            if found := one.pieces():
                ends.append((one, found, one.now()))  # what comes during the write is written next
                if tried:
                    break
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
            one.written(now, last=found[-1].position == LAST)
        if tried:
            await self.write()
