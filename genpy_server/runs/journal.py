"""The replies in progress, kept in the store so that what was seen survives the server.

Nothing here runs for a token: twice a second or so the new text of every running reply goes to the
store in one write. A stored reply replaces its journal; see `Store.journal`.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from genpy_server.core.text import storable
from genpy_server.errors import GenPyError
from genpy_server.runs.run import ReplyRun
from genpy_server.stores.base import JournalPiece, Store

JOURNAL_SECONDS = 0.4
"""Seconds between two writes; with the write itself at most half a second of text is unwritten."""

log = logging.getLogger("genpy.journal")


class _Progress:
    """How much of a run is written."""

    def __init__(self, run: ReplyRun) -> None:
        self.run = run
        self.parts = 0
        self.chars = 0
        self.thought = 0
        self.begun = False

    def piece(self) -> JournalPiece | None:
        """What is not written yet."""
        run = self.run
        text = "".join(run.parts[self.parts :])
        if self.begun and not text and run.thought == self.thought:
            return None
        request = run.request
        return JournalPiece(
            request.session_id,
            run.id,
            request.question.id,
            self.chars,
            storable(text),
            run.known(),
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
        ends = [(o, len(o.run.parts), o.run.length, o.run.thought) for o in self._open]
        pieces = [piece for one, *_ in ends if (piece := one.piece()) is not None]
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
        for one, parts, chars, thought in ends:
            one.parts, one.chars, one.thought, one.begun = parts, chars, thought, True
