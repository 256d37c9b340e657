"""The journal of running replies in the store, from which they are recovered after a crash.

About twice a second the new text of all running replies is written at once. The reasoning is in
the last piece, which is rewritten when it has grown enough. A stored reply replaces its journal;
see `Store.journal`. While writes fail or take too long, running replies wait before they show more,
so that a crash loses no more of what was seen than at other times.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from genpy_server.core.models import MessageMeta
from genpy_server.core.text import storable, storable_value
from genpy_server.errors import GenPyError, StoreError, StoreTimeout, StoreUnavailable
from genpy_server.stores.base import JournalPiece, Store

if TYPE_CHECKING:
    from genpy_server.runs.run import ReplyRun

JOURNAL_SECONDS = 0.4
"""Seconds from the beginning of a write to the next, unless it takes longer."""

RETRY_SECONDS = 0.1
"""Seconds between writes while they fail, which then have one run only."""

LATE_SECONDS = 0.1
"""How much longer than twice the usual time a write may take before replies wait for it."""

USUAL_SECONDS = 0.5
"""The most that counts as usual, however slow the last writes were."""

NO_ANSWER = StoreTimeout("The database does not answer.")
FAILS = StoreError("The database fails.")

LAST = 2**31 - 1
"""The position of the piece with the reasoning: after all text, so that its metadata counts."""
GROWTH = 1.2
"""Factor by which the reasoning must have grown to be written again while no text comes.

All of its writes together are then at most `GROWTH / (GROWTH - 1)` times as long as it is.
"""

log = logging.getLogger("genpy.journal")


class RunProgress:
    """How much of a run is written to the journal."""

    def __init__(self, run: "ReplyRun") -> None:
        self.run = run
        self.parts = 0
        self.chars = 0
        self.reasoning_length = 0
        self.tools = 0
        """Tool calls in the piece with the reasoning."""
        self.begun = False
        self.apart = False
        """Whether its pieces are refused while others are stored: it is written by itself."""

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
            request.session_id,
            self.run.id,
            request.question.id,
            position,
            storable(text),
            storable_value(meta),
        )


class _NewText(msgspec.Struct, frozen=True):
    """What a write has of one run."""

    progress: RunProgress
    pieces: list[JournalPiece]
    size: tuple[int, int, int, int]
    """See `RunProgress.now`; what comes during the write is written next."""


class ReplyJournal:
    """Writes the running replies of one server."""

    def __init__(self, store: Store, server: str) -> None:
        self._store = store
        self._server = server
        self._open: dict[RunProgress, None] = {}
        self._begun = asyncio.Event()
        self._failing = False
        self.shows_more = asyncio.Event()
        """Cleared while the journal is further behind than it should be."""
        self.shows_more.set()
        self.trouble: GenPyError = NO_ANSWER
        """Why the last write failed, or is late."""
        self._late: asyncio.TimerHandle | None = None
        self._took = (0.0, 0.0)
        """Seconds of the last two writes."""

    @contextmanager
    def following(self, progress: RunProgress) -> Iterator[None]:
        """Journal a run while the context is open."""
        self._open[progress] = None
        self._begun.set()
        try:
            yield
        finally:
            self._open.pop(progress, None)

    async def keep(self) -> None:
        """Write until cancelled."""
        try:
            while True:
                await self._begun.wait()
                self._expect(_now())
                await asyncio.sleep(JOURNAL_SECONDS)
                while self._open:
                    # A kill loses what came since the last write began, so its time is part of the interval.
                    rest = RETRY_SECONDS if self._failing else JOURNAL_SECONDS
                    await asyncio.gather(self.write(), asyncio.sleep(rest))
                self._begun.clear()
                self._rest()
        finally:
            self._rest()

    def _expect(self, since: float) -> None:
        """All that was shown by a time is written; replies wait if the next write is late."""
        self._rest()
        usual = min(*self._took, USUAL_SECONDS)
        due = max(since + JOURNAL_SECONDS, _now()) + 2 * usual + LATE_SECONDS
        self._late = asyncio.get_running_loop().call_at(due, self.shows_more.clear)

    def _rest(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self.shows_more.set()

    async def write(self) -> None:
        """Write what is new; after a failure the next calls try one run, and then the others."""
        began = _now()
        found = [
            _NewText(one, pieces, one.now())
            for one in self._open
            if not one.apart and (pieces := one.pieces())
        ]
        if self._failing and found:
            first, *others = found
            error = await self._put([first])
            if error is None:
                error = await self._put(others) and await self._put_each(others)
            elif first.progress in self._open:  # another one is tried next
                self._open[first.progress] = self._open.pop(first.progress)
        else:
            error = await self._put(found)
        if error is not None:
            self._failed(error)
            return
        self._failing, self.trouble = False, NO_ANSWER
        if found:
            self._took = (self._took[1], _now() - began)
        self._expect(began)
        await self._put_apart()

    async def _put(self, found: Sequence[_NewText]) -> Exception | None:
        """Write pieces at once; returns the error of a failure."""
        pieces = [piece for one in found for piece in one.pieces]
        if not pieces:
            return None
        try:
            await self._store.journal(self._server, pieces)
        except Exception as error:  # noqa: BLE001 - without the journal no reply would go on
            return error
        for one in found:
            one.progress.written(one.size, last=one.pieces[-1].position == LAST)
        return None

    async def _put_each(self, found: Sequence[_NewText]) -> Exception | None:
        """Write the pieces of each run by itself: one that the store refuses delays no others."""
        for one in found:
            error = await self._put([one])
            if isinstance(error, StoreUnavailable | StoreTimeout):
                return error
            one.progress.apart = error is not None
        return None

    async def _put_apart(self) -> None:
        """Try one of the runs whose pieces were refused."""
        one = next((one for one in self._open if one.apart), None)
        if one is not None:
            one.apart = await self._put([_NewText(one, one.pieces(), one.now())]) is not None
            if one in self._open:
                self._open[one] = self._open.pop(one)

    def _failed(self, error: Exception) -> None:
        self.trouble = error if isinstance(error, GenPyError) else FAILS
        if not self._failing:
            self._failing = True
            unexpected = None if error is self.trouble else error
            log.warning(
                "replies in progress are not journalled: %s",
                self.trouble.code,
                exc_info=unexpected,
            )


def _now() -> float:
    return asyncio.get_running_loop().time()
