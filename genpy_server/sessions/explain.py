"""Explains how GenPy would handle a text: its intent, its tool, and the context to be sent."""

import asyncio

import msgspec

from genpy_server.core.context.tokens import offer_tokens
from genpy_server.core.models import Message, RequestContext, Session
from genpy_server.core.understanding.intents import Intent
from genpy_server.core.understanding.tool_requests import ToolRequest, find_tool_request
from genpy_server.errors import LlmError
from genpy_server.llm.providers import ChosenModel, Providers
from genpy_server.modes import open_modes
from genpy_server.modes.detectors import Detectors
from genpy_server.runs.context import Chat, RunRequest, mode_of, sent_chars
from genpy_server.runs.tool_access import ToolAccess
from genpy_server.runs.tool_calls import ToolCalls
from genpy_server.sessions.records import LocalRecords
from genpy_server.settings import Settings
from genpy_server.stores.base import Opened
from genpy_server.stores.select import open_store
from genpy_server.tools.registry import ToolRegistry
from genpy_server.wire import ErrorFrame, SessionFrame

TEXT_ID = 2**62
"""The message id of the text: greater than that of any message."""


class Explanation(msgspec.Struct, frozen=True):
    """See the module; `context` only where a session was named.

    `question_chars` of the text reach the model; None: all of them.
    """

    intent: Intent
    tool: ToolRequest | None
    question_chars: int | None
    context: RequestContext | None = None


def explain(settings: Settings, text: str, ref: str | None = None) -> Explanation:
    """Explain a text, as the next message of the session that `ref` names, if any.

    Nothing is stored and no model is asked; a tool that the text asks for is called.
    """
    if ref is not None:
        return asyncio.run(_in_session(settings, text, ref))
    modes = open_modes(settings.folder)
    intent = Detectors(modes, settings).of(settings.user).detect(text)
    mode = mode_of(intent, modes)
    models = Providers(settings)
    model = _model(models, None if mode is None else mode.model)
    tokens = models.context_tokens(model, settings.params.max_tokens)
    return Explanation(intent, find_tool_request(text), sent_chars(tokens, text, mode))


def _model(models: Providers, name: str | None) -> ChosenModel:
    """The model of a name, else the configured one."""
    try:
        return models.get(name)
    except LlmError:
        return models.default


class _NoEvents:
    """A publisher without subscribers."""

    def publish(self, frame: SessionFrame | ErrorFrame) -> None:
        """See `Publisher`."""


async def _in_session(settings: Settings, text: str, ref: str) -> Explanation:
    store = open_store(settings)
    await store.open()
    try:
        session = await LocalRecords(store, settings.user, settings).session(ref)
        models = Providers(settings)
        tools = ToolAccess(store, ToolRegistry())
        chat = Chat(store, models, settings, open_modes(settings.folder), tools)
        return await explain_in(chat, session, text)
    finally:
        await store.close()


async def explain_in(chat: Chat, session: Session, text: str) -> Explanation:
    """Explain a text as the next message of a session."""
    user_id = session.user_id
    conversation = chat.conversation(user_id, session.id)
    messages = await chat.store.messages(user_id, session.id, limit=conversation.window)
    memory = await chat.store.memory(user_id, session.id)
    conversation.begin(Opened(session, messages, memory))
    request = RunRequest(
        user_id=user_id,
        session_id=session.id,
        question=Message(TEXT_ID, session.id, "user", text, ""),
        history=tuple(conversation.messages),
        memory=conversation.memory,
        previous_intent=conversation.intent(),
        settings=session.settings,
    )
    intent = chat.intent(request)
    model = _model(chat.models, chat.model_name(request, intent))
    asked = await ToolCalls(chat, request, "explained", _NoEvents()).requested()
    plan = chat.plan(request, intent, model)
    context = await chat.context(request, plan, asked)
    offered = offer_tokens(plan.tools)
    sent = RequestContext(
        session=session.id,
        title=session.title,
        budget=plan.budget,
        window=chat.models.window(model),
        total=context.total + offered,
        tokens={**context.tokens, "offered tools": offered},
        recalled=len(context.recalled),
        messages=context.messages,
    )
    return Explanation(intent, find_tool_request(text), context.question_chars, sent)
