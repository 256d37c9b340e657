"""What a turn needs beside the model's stream: its intent, its context, its reply kept."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from genpy_server.core.context import budget
from genpy_server.core.context.prompts import system_prompt
from genpy_server.core.context.recall import CANDIDATES, best
from genpy_server.core.context.replaced import without
from genpy_server.core.context.tokens import offer_tokens
from genpy_server.core.models import ChatMessage, Hit, Message, ToolSpec
from genpy_server.core.understanding.intents import Intent, detect_intent
from genpy_server.core.understanding.records import told_by_people
from genpy_server.errors import StoreError
from genpy_server.llm.base import Llm
from genpy_server.runs.turn import Turn
from genpy_server.settings import Settings
from genpy_server.stores.base import Store
from genpy_server.tools import registry

RECALL_HITS = 10
RECALL_SECONDS = 2.0
RECALL_CHARS = 2_000
TOOLS_SHARE = 0.3
"""Of the budget, what tools that are offered and their answers may take before anything is said."""
ROUND_TOKENS = 600
"""Tokens that are kept free for the answers of tools that the model asks."""

log = logging.getLogger("genpy.chat")


class Chat:
    """The three doors, as one turn uses them."""

    def __init__(self, store: Store, llm: Llm, settings: Settings) -> None:
        self.store = store
        self.llm = llm
        self.settings = settings

    @property
    def offered(self) -> tuple[ToolSpec, ...]:
        """The tools that the model may call: none where they would take too much of its budget."""
        room = self.settings.context_tokens * TOOLS_SHARE
        return registry.SPECS if offer_tokens(registry.SPECS) + ROUND_TOKENS <= room else ()

    def intent(self, turn: Turn) -> Intent:
        """The kind of help that is wanted."""
        if turn.intent is not None:
            return Intent(name=turn.intent, score=1.0, reason="chosen by you")
        return detect_intent(turn.question.text, turn.previous_intent)

    async def context(
        self, turn: Turn, intent: Intent, tools: Sequence[ChatMessage] = ()
    ) -> budget.Context:
        """What is sent to the model for a turn; `tools` were asked already, instead of offering any."""
        recalled = await self._recall(turn) if self.settings.recall else []
        offered = () if tools else self.offered
        aside = offer_tokens(offered) + ROUND_TOKENS if offered else 0
        return budget.build(
            system=system_prompt(intent.name, datetime.now().astimezone().date().isoformat()),
            history=turn.history,
            question=turn.question,
            budget=self.settings.context_tokens - aside,
            memory=turn.memory,
            recalled=recalled,
            tools=tools,
        )

    async def _recall(self, turn: Turn) -> list[Hit]:
        """What this user said before about the question; nothing when the search fails.

        What was edited away in this conversation takes no place.
        """
        replaced = turn.replaced_ids
        question = turn.question.text[:RECALL_CHARS]
        try:
            async with asyncio.timeout(RECALL_SECONDS):
                hits = await self.store.search(
                    turn.user_id,
                    question,
                    limit=CANDIDATES,
                    before=turn.question.id,
                    distinct=True,
                )
                likely = best(without(hits, replaced), question, 2 * RECALL_HITS)
                kept = told_by_people(likely)[:RECALL_HITS]
                if not kept:
                    return []
                near = await self.store.with_neighbours(turn.user_id, kept)
                return told_by_people(without(near, replaced))
        except (StoreError, TimeoutError) as error:
            log.warning("recall failed: %s", type(error).__name__)
            return []

    async def keep(self, turn: Turn, reply: Message) -> Message:
        """Commit a reply; any number of times is once."""
        appended = await self.store.append(
            turn.user_id,
            turn.session_id,
            "assistant",
            reply.text,
            title=turn.title,
            client_id=reply.client_id,
            meta=reply.meta,
            live_seconds=turn.live_seconds,
            known=turn.question.id,
        )
        return appended.message
