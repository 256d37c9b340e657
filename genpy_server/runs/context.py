"""The request of a run, its intent, its context for the model, and the storing of its reply."""

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import msgspec

from genpy_server.core import models
from genpy_server.core.context import budget, prompts, recall, turns
from genpy_server.core.context.tokens import offer_tokens
from genpy_server.core.modes import Mode, Modes
from genpy_server.core.understanding.intents import SURE, Intent
from genpy_server.errors import Conflict, LlmError, StoreError
from genpy_server.llm.providers import ChosenModel, Providers
from genpy_server.modes.detectors import Detectors
from genpy_server.runs.history import Conversation, window, window_chars
from genpy_server.runs.hooks import HookRunner
from genpy_server.runs.tool_access import ToolAccess
from genpy_server.settings import Settings
from genpy_server.stores.base import Appended, Store
from genpy_server.tools.base import Tool
from genpy_server.tools.registry import BUILT_IN
from genpy_server.wire import ErrorFrame, SessionFrame

RECALL_HITS = 10
RECALL_SECONDS = 2.0
RECALL_CHARS = 2_000
LOOP_CHARS = 50_000
"""Characters of which excerpts are made on the event loop, in some milliseconds; of more in a thread."""
TOOLS_SHARE = 0.3
"""Share of the budget for the built-in tools and their results."""
OWN_TOOLS_SHARE = 0.5
"""The same with other tools among them."""
ROUND_TOKENS = 600
"""Tokens reserved for the results of tools that the model calls."""

RunningRecall = asyncio.Task[list[models.Hit]]

log = logging.getLogger("genpy.chat")


class Publisher(Protocol):
    """Receives the events of a run; never waits."""

    def publish(self, frame: SessionFrame | ErrorFrame) -> None:
        """Number an event and give it to every subscriber."""


class RunRequest(msgspec.Struct, frozen=True):
    """A message to answer, and its session."""

    user_id: str
    session_id: str
    question: models.Message
    history: Sequence[models.Message] = ()
    memory: models.Memory | None = None
    previous_intent: str | None = None
    intent: str | None = None
    """The mode that the person chose; None: it is detected."""
    corrected_from: str | None = None
    settings: models.SessionSettings = models.SessionSettings()
    """The settings of the conversation; `model` is that of this reply."""
    recalled: list[RunningRecall] = []
    """A recall that is running already, until it is awaited: whole messages are large."""
    again: bool = False
    """Whether it was answered before, so that it does not wait in the store."""

    @property
    def replaced_ids(self) -> set[int]:
        """The ids of messages that were replaced, and of the replies to them."""
        return turns.replaced_ids((*self.history, self.question))


class ReplyPlan(msgspec.Struct, frozen=True):
    """What a reply is made with."""

    mode: Mode | None
    """None for an unsure intent, since a wrong prompt is worse than none."""
    model: ChosenModel
    params: models.Params
    budget: int
    """Most tokens of a request, whose reply has room for `max_tokens`."""
    tools: tuple[models.ToolSpec, ...]
    """The tools that the model may call."""


class Chat:
    """The store, models, settings, modes and tools that runs use."""

    def __init__(  # noqa: PLR0917 - its parts
        self,
        store: Store,
        providers: Providers,
        settings: Settings,
        modes: Modes,
        tools: ToolAccess,
        hooks: HookRunner | None = None,
        *,
        server: str = "",
        live_seconds: float = 0.0,
    ) -> None:
        self.server = server
        """The server that hosts the sessions, for `live_seconds` from each of their messages."""
        self.live_seconds = live_seconds
        self.store = store
        self.models = providers
        self.settings = settings
        self.modes = modes
        self.detectors = Detectors(modes, settings)
        self.tools = tools
        self.hooks = hooks or HookRunner()

    def conversation(self, user_id: str, session_id: str) -> Conversation:
        """A conversation that holds no message yet."""
        limits = window(self.settings), window_chars(self.settings)
        return Conversation(self.store, user_id, session_id, *limits)

    def usable(self, user_id: str, mode: Mode | None) -> tuple[Tool, ...]:
        """The tools of a user in a mode."""
        names = None if mode is None else mode.tools
        tools = self.tools.of(user_id)
        return tuple(tool for tool in tools if names is None or tool.spec.name in names)

    def offered(
        self, user_id: str, budget_tokens: int, mode: Mode | None
    ) -> tuple[models.ToolSpec, ...]:
        """The tools that the model may call: those that fit its budget, built-in ones first."""
        return _offered(budget_tokens, self.usable(user_id, mode))

    def size(self, settings: models.SessionSettings, used: int = 0) -> models.ContextSize:
        """The context size of a conversation's next reply; the configured one for an unknown model."""
        try:
            model = self.models.get(settings.model)
        except LlmError:
            return models.ContextSize(used, self.settings.context_tokens)
        reply = settings.params.over(self.settings.params).max_tokens
        budget_tokens = self.models.context_tokens(model, reply)
        return models.ContextSize(used, budget_tokens, self.models.window(model))

    def message_bytes(self, user_id: str, budget_tokens: int) -> int:
        """UTF-8 bytes of a message that is sent to the model uncut in every mode."""
        system = _system_prompt()
        rooms = {
            (prompt_of(mode), _room(budget_tokens, self.offered(user_id, budget_tokens, mode)))
            for mode in (None, *self.modes.values())
        }
        return min(budget.question_bytes(system, prompt, room) for prompt, room in rooms)

    def model_name(self, request: RunRequest, intent: Intent) -> str | None:
        """The model of a reply: the person's choice, or the mode's; None: the configured one."""
        mode = mode_of(intent, self.modes)
        return request.settings.model or (None if mode is None else mode.model)

    def plan(self, request: RunRequest, intent: Intent, model: ChosenModel) -> ReplyPlan:
        """The plan of a reply; its parameters are the person's, the mode's, or the configured ones."""
        mode = mode_of(intent, self.modes)
        own = models.Params(None if mode is None else mode.temperature).over(self.settings.params)
        params = request.settings.params.over(own)
        tokens = self.models.context_tokens(model, params.max_tokens)
        return ReplyPlan(mode, model, params, tokens, self.offered(request.user_id, tokens, mode))

    def intent(self, request: RunRequest) -> Intent:
        """The mode of a request: chosen by the person, or detected."""
        if request.intent is not None:
            return Intent(name=request.intent, score=1.0, reason="chosen by you")
        return self.detectors.of(request.user_id).detect(
            request.question.text, request.previous_intent
        )

    async def context(
        self, request: RunRequest, plan: ReplyPlan, tools: Sequence[models.ChatMessage] = ()
    ) -> budget.Context:
        """The messages for the model; `tools` are calls with their results, which replace the recall."""
        recalled: list[models.Hit] = []
        if not tools:
            running = request.recalled.pop() if request.recalled else self._recall(request)
            recalled = await running
        # Without a model the person reads the hits, and they cost no tokens.
        offline = plan.model.llm.kind == "offline"
        if not recall.are_relevant(recalled, request.question.text, free=offline):
            recalled = []
        build = partial(
            budget.build,
            system=_system_prompt(request.settings.system),
            addition=prompt_of(plan.mode),
            history=request.history,
            question=request.question,
            budget=_room(plan.budget, plan.tools),
            memory=request.memory,
            recalled=recalled,
            tools=tools,
        )
        shown = [m for hit in recalled for m in (hit.before, hit.message, hit.after) if m]
        is_long = sum(len(message.text) for message in shown) > LOOP_CHARS
        built = await asyncio.to_thread(build) if is_long else build()
        if offline:
            # Nothing is sent: hits in the recent turns are as good an answer as older ones.
            return msgspec.structs.replace(built, recalled=tuple(recalled))
        return built

    async def _recall(self, request: RunRequest) -> list[models.Hit]:
        return await self.recall(
            request.user_id,
            request.question.text,
            before=request.question.id,
            left_out=sorted(request.replaced_ids),
        )

    async def recall(self, user_id: str, text: str, **options: Any) -> list[models.Hit]:
        """Earlier messages of this user about a question; none when the search fails.

        None for a message that asks nothing; `context` decides whether the hits are relevant.
        `options` of `Store.search` leave out the question itself and replaced messages.
        """
        question = text[:RECALL_CHARS]
        if not self.settings.recall or not recall.needs_recall(question):
            return []
        try:
            async with asyncio.timeout(RECALL_SECONDS):
                return await self.store.search(
                    user_id,
                    question,
                    limit=RECALL_HITS,
                    distinct=True,
                    about_records=False,
                    **options,
                )
        except (StoreError, TimeoutError) as error:
            log.warning("recall failed: %s", type(error).__name__)
            return []

    async def store_reply(self, request: RunRequest, reply: models.Message) -> Appended:
        """Store a reply; repeating it changes nothing.

        It is stored whole beside its beginning, if another server took this one for gone (a computer
        that slept, a process that was stopped) and stored that.
        """
        append = partial(
            self.store.append,
            request.user_id,
            request.session_id,
            "assistant",
            reply.text,
            title="",
            meta=reply.meta,
            live_seconds=self.live_seconds,
            server=self.server,
            known=request.question.id,
        )
        try:
            return await append(client_id=reply.client_id)
        except Conflict:
            return await append(client_id=f"{reply.client_id}-whole")


def sent_chars(tokens: int, text: str, mode: Mode | None) -> int | None:
    """How many characters of a text fit into a request of so many tokens; None: all of them."""
    question = models.Message(1, "", "user", text, "")
    built = budget.build(
        system=_system_prompt(),
        addition=prompt_of(mode),
        history=(),
        question=question,
        budget=_room(tokens, _offered(tokens, BUILT_IN)),
    )
    return built.question_chars


def _offered(budget_tokens: int, tools: Sequence[Tool]) -> tuple[models.ToolSpec, ...]:
    """The tools that fit their share of the budget: the built-in ones together, others one by one."""
    own, others = list[models.ToolSpec](), list[models.ToolSpec]()
    for tool in tools:
        (own if tool in BUILT_IN else others).append(tool.spec)
    if offer_tokens(own) + ROUND_TOKENS > budget_tokens * TOOLS_SHARE:
        own = []
    room = budget_tokens * OWN_TOOLS_SHARE - ROUND_TOKENS - offer_tokens(own)
    offered = []
    for spec in others:
        cost = offer_tokens((spec,))
        if cost <= room:
            offered.append(spec)
            room -= cost
    return (*own, *offered)


def _room(budget_tokens: int, offered: Sequence[models.ToolSpec]) -> int:
    """Tokens of the budget without the offered tools and their results."""
    return budget_tokens - (offer_tokens(offered) + ROUND_TOKENS if offered else 0)


def mode_of(intent: Intent, modes: Modes) -> Mode | None:
    """The mode of an intent; None for an unsure one, since a wrong prompt is worse than none."""
    return modes.get(intent.name) if intent.score >= SURE else None


def prompt_of(mode: Mode | None) -> str:
    """The prompt of a mode; empty without a mode."""
    return mode.prompt if mode is not None else ""


def _system_prompt(instructions: str | None = None) -> str:
    return prompts.system_prompt(time.strftime("%Y-%m-%d"), instructions)
