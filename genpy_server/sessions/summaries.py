"""Ends sessions: one server claims it, the database counts its metrics, a model summarises it."""

import asyncio
import logging
import random
from contextlib import nullcontext
from typing import Any

import msgspec

from genpy_server import errors
from genpy_server.core.backoff import Backoff
from genpy_server.core.context.fences import block, dialogue, framed
from genpy_server.core.context.notes import fitting_notes, shown_notes
from genpy_server.core.context.prompts import prompt
from genpy_server.core.context.tokens import count_tokens
from genpy_server.core.context.turns import covered, turns
from genpy_server.core.models import (
    TITLE_CHARS,
    ChatMessage,
    Metrics,
    Session,
    SummaryDraft,
    title_from,
)
from genpy_server.core.text import seen_line
from genpy_server.core.understanding.keywords import QUOTES
from genpy_server.llm.providers import Providers
from genpy_server.llm.structured import in_words
from genpy_server.runs.hooks import HookRunner
from genpy_server.sessions.presence import Presence
from genpy_server.settings import Settings
from genpy_server.stores.base import Ending, EndingContent, Result, Store
from genpy_server.wire import SummaryEvent

MESSAGES = 1_000
"""The newest messages that are summarised; older ones are in the session's memory."""
SUMMARY_CHARS = 2_000
LIST_ITEMS = 12
ITEM_CHARS = 300

ATTEMPTS = Backoff(first=60.0, longest=3_600.0, jitter=0.2, attempts=3)
"""Retries of the summary of an abandoned session."""
FAILED = "No summary was written: GenPy failed, and the server's log says where. Regenerate it."
GIVEN_UP = "No summary was written: three attempts were cut short. Regenerate it by hand."

log = logging.getLogger("genpy.summaries")


class Summaries:
    """Ends sessions and writes their summaries."""

    def __init__(
        self,
        store: Store,
        models: Providers,
        settings: Settings,
        presence: Presence | None = None,
        hooks: HookRunner | None = None,
    ) -> None:
        self._hooks = hooks or HookRunner()
        self._store = store
        self._presence = presence
        self._models = models
        self._settings = settings

    async def end(
        self, user_id: str, session_id: str, *, abandoned_only: bool = False, again: bool = False
    ) -> Session | None:
        """End an active session, or write a new summary; None if it cannot be claimed or has changed."""
        ending = await self.claim(user_id, session_id, abandoned_only=abandoned_only, again=again)
        if ending is None:
            return None
        session = await self._store.session(user_id, session_id)
        model = None if session is None else session.settings.model
        return await self.write(ending, model=model, by_hand=not abandoned_only)

    async def claim(
        self,
        user_id: str,
        session_id: str,
        *,
        abandoned_only: bool = False,
        again: bool = False,
        leaving: bool = False,
    ) -> Ending | None:
        """Claim the end of a session, for `write`; see `Store.claim_ending`."""
        return await self._store.claim_ending(
            user_id,
            session_id,
            lease_seconds=self._settings.limits.end_seconds,
            abandoned_only=abandoned_only,
            again=again,
            leaving=leaving,
            server=self._presence.server if self._presence is not None else "",
            messages=MESSAGES,
        )

    async def write(
        self, ending: Ending, *, model: str | None, by_hand: bool = True
    ) -> Session | None:
        """Complete a session with a summary by its model; None when the claim was lost meanwhile.

        If the model fails, the session is completed with a note instead of a summary. If the
        database fails, it stays active and is retried later, a few times with the model and then
        without. `by_hand` asks the model however often that failed before.
        """
        with self._presence.ending() if self._presence is not None else nullcontext():
            return await self._write(ending, model, by_hand=by_hand)

    async def _write(self, ending: Ending, model: str | None, *, by_hand: bool) -> Session | None:
        content, ending = ending.content, msgspec.structs.replace(ending, content=None)
        try:
            try:
                content = content or await self._content(ending)
                result = await self._result(ending, content, model, by_hand=by_hand)
                session = await self._store.finish_ending(ending, result)
            except (errors.StoreUnavailable, errors.StoreTimeout):
                raise
            except Exception:  # a bug must not be retried endlessly
                log.exception("a summary could not be written or stored")
                return await self._store.finish_ending(ending, Result(Metrics(), note=FAILED))
            if session is not None:
                await self._hooks.notify("on_session_end", session.user_id, session)
            return session  # noqa: TRY300 - what follows releases the claim
        except asyncio.CancelledError:
            await self._release(ending, 0)
            raise
        except Exception:  # the next attempt must not wait until the lease expires
            await self._release(ending, ATTEMPTS.delay(ending.attempt - 1, chance=random.random()))  # noqa: S311 - no secret
            raise

    async def _release(self, ending: Ending, wait_seconds: float) -> None:
        try:
            await self._store.release_ending(ending, wait_seconds)
        except errors.GenPyError as error:  # its lease expires anyway
            log.info("the claim to end a session was not released: %s", error.code)

    async def _result(
        self, ending: Ending, content: EndingContent, model: str | None, *, by_hand: bool
    ) -> Result:
        """The summary to store; its title is used unless a person named the session."""
        if not by_hand and ATTEMPTS.exhausted(ending.attempt - 1):
            return Result(content.metrics, note=GIVEN_UP)
        try:
            chosen = self._models.get(model)
            request = self._request(content, self._models.context_tokens(chosen))
            draft = await chosen.structured(request, SummaryDraft)
            return Result(
                content.metrics,
                summary=draft.summary.strip()[:SUMMARY_CHARS],
                topics=tuple(_items(draft.topics)),
                sentiment=draft.sentiment,
                outcomes=tuple(_items(draft.outcomes)),
                title=seen_line(seen_line(draft.title).strip(QUOTES + " ")[:TITLE_CHARS]),
                title_before=title_from(content.first),
            )
        except errors.LlmError as error:
            log.info("session completed without a summary: %s", error.code)
            return Result(content.metrics, note=f"No summary was written. {error.message}")
        except Exception:  # no answer of a model may keep the session active
            log.exception("a summary could not be written")
            return Result(content.metrics, note=FAILED)

    async def _content(self, ending: Ending) -> EndingContent:
        ids = ending.user_id, ending.session_id
        first = await self._store.messages(*ids, limit=1, after=0)
        return EndingContent(
            await self._metrics(ending),
            await self._store.messages(*ids, limit=MESSAGES),
            await self._store.memory(*ids),
            first[0].text if first else "",
        )

    async def _metrics(self, ending: Ending) -> Metrics:
        try:
            return await self._store.metrics(ending.user_id, ending.session_id)
        except (errors.StoreUnavailable, errors.StoreTimeout):
            raise
        except Exception:  # a session whose rows cannot be counted is completed too
            log.exception("the messages of a session could not be counted")
            return Metrics()

    def _request(self, content: EndingContent, budget_tokens: int) -> list[ChatMessage]:
        memory = content.memory
        # Services without structured output get its schema in words.
        own = (prompt("summary"), in_words(SummaryDraft))
        room = budget_tokens - sum(map(count_tokens, own)) - 20
        said = turns(content.messages)
        upto = covered(memory, content.messages, said[-1].place) if said else 0
        parts = []
        remembered = shown_notes(memory.text) if memory is not None else ""
        if remembered:
            notes = fitting_notes(remembered, room // 3)
            parts.append(f"Notes on the earlier part:\n{framed([block(notes)])}")
        messages = [m for turn in said if turn.place > upto for m in turn.messages]
        parts.append(dialogue(messages, room - sum(count_tokens(part) + 1 for part in parts)))
        return [ChatMessage("system", prompt("summary")), ChatMessage("user", "\n\n".join(parts))]


def _items(items: list[str]) -> list[str]:
    cleaned = (" ".join(item.split())[:ITEM_CHARS] for item in items)
    return [item for item in cleaned if item][:LIST_ITEMS]


def summary_event(session: Session) -> SummaryEvent:
    """The event of a completed session."""
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
