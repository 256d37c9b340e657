"""The end of a session: claimed by one, counted by the database, told by the model, written once."""

import logging
from typing import Any

import msgspec

from genpy_server.core.context.notes import fitting_notes
from genpy_server.core.context.prompts import SUMMARY_PROMPT, dialogue
from genpy_server.core.context.tokens import count_tokens, cut
from genpy_server.core.context.turns import turns
from genpy_server.core.models import ChatMessage, Session, SummaryDraft
from genpy_server.errors import Conflict, LlmError, NotFound
from genpy_server.llm.base import Llm
from genpy_server.settings import Settings
from genpy_server.stores.base import Ending, Result, Store
from genpy_server.wire import SummaryEvent

MESSAGES = 1_000
"""The newest messages that a summary looks at; older ones are in the session's memory."""
SUMMARY_CHARS = 2_000
LIST_ITEMS = 12
ITEM_CHARS = 300

log = logging.getLogger("genpy.summaries")


class Summaries:
    """Ends sessions."""

    def __init__(self, store: Store, llm: Llm, settings: Settings) -> None:
        self._store = store
        self._llm = llm
        self._settings = settings

    async def end(
        self, user_id: str, session_id: str, *, abandoned_only: bool = False
    ) -> Session | None:
        """End an active session; None when there is none to end or another ends it."""
        ending = await self.claim(user_id, session_id, abandoned_only=abandoned_only)
        return await self.write(ending) if ending is not None else None

    async def claim(
        self, user_id: str, session_id: str, *, abandoned_only: bool = False
    ) -> Ending | None:
        """Take the right to end an active session, where it is to be had; `write` uses it."""
        return await self._store.claim_ending(
            user_id,
            session_id,
            lease_seconds=self._settings.limits.end_seconds,
            abandoned_only=abandoned_only,
        )

    async def again(self, user_id: str, session_id: str) -> Session:
        """Summarise anew, ending the session if it is active."""
        if await self._store.session(user_id, session_id) is None:
            raise NotFound("There is no such session.")
        ending = await self._store.claim_ending(
            user_id, session_id, lease_seconds=self._settings.limits.end_seconds, again=True
        )
        session = await self.write(ending) if ending is not None else None
        if session is None:
            raise Conflict("The session is being summarised or talked in just now. Try again soon.")
        return session

    async def write(self, ending: Ending) -> Session | None:
        """Complete a session; None when the right was lost in the meantime."""
        try:
            result = await self._result(ending)
            return await self._store.finish_ending(ending, result)
        except BaseException:
            await self._store.release_ending(ending)
            raise

    async def _result(self, ending: Ending) -> Result:
        metrics = await self._store.metrics(ending.user_id, ending.session_id)
        try:
            draft = await self._llm.structured(await self._request(ending), SummaryDraft)
        except LlmError as error:
            log.info("session completed without a summary: %s", error.code)
            return Result(metrics, note=f"No summary was written. {error.message}")
        return Result(
            metrics,
            summary=draft.summary.strip()[:SUMMARY_CHARS],
            topics=tuple(_items(draft.topics)),
            sentiment=draft.sentiment,
            outcomes=tuple(_items(draft.outcomes)),
        )

    async def _request(self, ending: Ending) -> list[ChatMessage]:
        stored = await self._store.messages(ending.user_id, ending.session_id, limit=MESSAGES)
        memory = await self._store.memory(ending.user_id, ending.session_id)
        room = self._settings.context_tokens - count_tokens(SUMMARY_PROMPT) - 20
        covered = memory.upto if memory else 0
        parts = []
        if memory is not None and memory.text:
            notes = fitting_notes(memory.text, "", room // 3)
            parts.append(f"Notes on the earlier part:\n{notes}")
        messages = [m for turn in turns(stored) if turn.place > covered for m in turn.messages]
        parts.append(cut(dialogue(messages), room - sum(count_tokens(part) + 1 for part in parts)))
        return [ChatMessage("system", SUMMARY_PROMPT), ChatMessage("user", "\n\n".join(parts))]


def _items(items: list[str]) -> list[str]:
    cleaned = (" ".join(item.split())[:ITEM_CHARS] for item in items)
    return [item for item in cleaned if item][:LIST_ITEMS]


def summary_event(session: Session) -> SummaryEvent:
    """A completed session as the event that tells of it."""
    metrics: dict[str, Any] = msgspec.to_builtins(session.metrics) if session.metrics else {}
    return SummaryEvent(
        seq=0,
        summary=session.summary,
        note=session.note,
        topics=session.topics,
        sentiment=session.sentiment,
        outcomes=session.outcomes,
        metrics=metrics,
        rating=session.rating,
    )
