"""The values that all parts share: sessions, messages, tool calls, usage, answers of the API."""

from functools import cached_property
from typing import Annotated, Any, Literal

import msgspec

from genpy_server.core.text import seen_line
from genpy_server.errors import BadRequest

Role = Literal["user", "assistant", "system"]
Effort = Literal["off", "low", "medium", "high"]
SessionStatus = Literal["active", "completed"]
Sentiment = Literal["positive", "neutral", "negative"]
TITLE_CHARS = 200
BEGINNING_CHARS = 60
"""Longest title that is made from the first message."""
UNTITLED = "Untitled"
RATINGS = range(1, 6)
SYSTEM_CHARS = 20_000
"""Longest instructions of a conversation."""
MODEL_CHARS = 200
OFFLINE = "offline"
"""The model of replies that no model made."""
STOP_TEXTS = 4
STOP_CHARS = 100
MOST_REPLY_TOKENS = 1_000_000
HOTTEST = 2.0
SEEDS = range(-(2**53) + 1, 2**53)
"""Integers that JavaScript represents exactly."""
RunStatus = Literal["done", "stopped", "length", "content_filter", "interrupted", "error"]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
"""A number of messages, words or tokens."""


def shown_model(model: str) -> str:
    """A model as a person reads it."""
    return "no model" if model == OFFLINE else model


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one reply, as the model's service counted them."""

    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cached_tokens: Count = 0
    """The part of `prompt_tokens` that came from the service's cache."""

    def __add__(self, other: "Usage") -> "Usage":
        both = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return Usage(*map(sum, zip(*both, strict=True)))


class ContextSize(msgspec.Struct, frozen=True, omit_defaults=True):
    """How full a model's context is, in estimated tokens."""

    used: int
    """Tokens of the last request; 0 before the first one."""
    budget: int
    """Most tokens of a request."""
    window: int | None = None
    """The model's context window, including the reply, if its provider states it."""


STOPPED = "Stopped."
"""The result of a call that was stopped with its reply."""


class ToolRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One tool call, as it is stored with its reply."""

    name: str
    args: dict[str, Any] = {}
    ok: bool = True
    ms: float = 0.0
    result: str = ""
    """The result as shown to the person: Markdown when ok, else one sentence."""


class MessageMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """The metadata of a message: stored with it, sent in frames, shown.

    A user's message has `intent` and `model` only when the person chose them, and `replaces`, the
    id of the message that it replaces, when it is an edit. A reply has the other fields: `reply_to`
    is the id of the user message it answers; of several replies to a message the newest counts.
    """

    run: str | None = None
    reply_to: int | None = None
    replaces: int | None = None
    intent: str | None = None
    intent_score: float | None = None
    intent_reason: str | None = None
    intent_corrected_from: str | None = None
    intent_corrected_text: str | None = None
    """The text whose detected intent was corrected."""
    model: str | None = None
    status: RunStatus | None = None
    usage: Usage | None = None
    ms: float | None = None
    first_token_ms: float | None = None
    tools: tuple[ToolRecord, ...] = ()
    error: str | None = None
    question_chars: int | None = None
    """Characters of the question that were sent to the model, if it was cut."""
    reasoning: str | None = None
    """The model's reasoning: never sent back, searched or summarised."""


class Params(msgspec.Struct, frozen=True, omit_defaults=True):
    """Parameters of a request; None: as configured, or else the model's default."""

    temperature: float | None = None
    """0 to 2."""
    max_tokens: int | None = None
    """Most tokens of a reply, including its reasoning."""
    reasoning_effort: Effort | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    """Texts before which a reply ends."""

    def over(self, defaults: "Params") -> "Params":
        """These parameters, and the defaults where they are None."""
        given = {n: v for n, v in msgspec.structs.asdict(self).items() if v is not None}
        return msgspec.structs.replace(defaults, **given)


class SessionSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """The settings of one conversation; stored with it."""

    model: str | None = None
    """`provider/name`; None: the configured one."""
    params: Params = Params()
    system: str | None = None
    """Instructions to the model, before everything else."""


class Message(msgspec.Struct, frozen=True):
    """One stored message; messages are ordered by `id`, not by time."""

    id: int
    session_id: str
    role: Role
    text: str
    at: str
    """ISO 8601 in UTC, ending in Z, by the database's clock."""
    client_id: str | None = None
    meta: MessageMeta = MessageMeta()
    uid: str = ""
    """A UUID that stays the same when the message is imported into another database."""


class Session(
    msgspec.Struct,
    frozen=True,
    rename={
        "id": "session_id",
        "started_at": "start_time",
        "ended_at": "end_time",
        "outcomes": "key_outcomes",
        "rating": "user_rating",
    },
):
    """One stored conversation; its JSON has the field names of GenPy's first version.

    Times are ISO 8601 in UTC, ending in Z.
    """

    id: str
    user_id: str
    title: str
    status: SessionStatus
    started_at: str
    updated_at: str
    last_message_id: int
    """Orders sessions by last activity; the cursor of a list."""
    message_count: Count = 0
    ended_at: str | None = None
    summary: str | None = None
    note: str | None = None
    """Why a completed session has no summary."""
    topics: tuple[str, ...] = ()
    sentiment: str | None = None
    """A `Sentiment`, or the value of another program."""
    outcomes: tuple[str, ...] = ()
    metrics: "Metrics | None" = None
    rating: int | None = None
    rated_at: str | None = None
    settings: SessionSettings = SessionSettings()

    @property
    def state(self) -> str:
        """Changes with everything that is shown; databases compute the same text."""
        rating = self.rating or 0
        return f"{self.updated_at} {self.last_message_id} {self.status} {rating} {self.title}"


class ListedSession(Session, frozen=True):
    """A session in a list, with state of the server that lists it."""

    running: bool = False
    """Whether this server is writing a reply in it now."""


class Metrics(
    msgspec.Struct,
    frozen=True,
    rename={"messages": "total_messages", "assistant_messages": "ai_messages"},
):
    """Counts of a session, made by the database. Superseded replies count as messages.

    The JSON has the field names of GenPy's first version.
    """

    messages: Count = 0
    user_messages: Count = 0
    assistant_messages: Count = 0
    user_words: Count = 0
    assistant_words: Count = 0
    first_at: str | None = None
    last_at: str | None = None
    duration_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Time from the first message to the last."""
    tools: dict[str, Count] = {}
    intents: dict[str, Count] = {}
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cached_tokens: Count = 0


class SummaryDraft(msgspec.Struct, frozen=True):
    """A model's summary of a session; fields may be empty."""

    summary: str
    topics: list[str]
    sentiment: Sentiment | None
    outcomes: list[str]
    title: str = ""


FoundIn = Literal["message", "title", "summary"]


class Hit(msgspec.Struct, frozen=True):
    """A message found by search, best first; a higher score is a better match."""

    message: Message
    session_title: str
    score: float
    before: Message | None = None
    after: Message | None = None
    coverage: float = 1.0
    """The weighted share of the query's words in the message and its neighbours, 0 to 1."""
    terms: int = 1
    """The number of the query's terms in them."""
    found_in: FoundIn = "message"
    """Where the words are; a hit in a title or summary has the session's first message."""


class Memory(msgspec.Struct, frozen=True):
    """The running notes on messages that have left the window of recent ones."""

    text: str
    upto: int
    """The id of the last message it covers."""


class MemoryNote(msgspec.Struct, frozen=True):
    """One note of a conversation's memory, with the message it came from."""

    number: int
    """From 1; it does not change when other notes are forgotten."""
    text: str
    message_id: int | None = None
    said: str | None = None
    """The beginning of that message."""


class SessionMemory(msgspec.Struct, frozen=True):
    """The memory of a conversation: notes on its older messages."""

    session_id: str
    on: bool
    notes: tuple[MemoryNote, ...]
    forgotten: tuple[MemoryNote, ...] = ()
    """Stored so that they are not noted again; not shown."""
    upto: int = 0
    """The id of the last message that it covers."""


class ToolCall(msgspec.Struct, frozen=True):
    """A tool call of a model; `arguments` is unchecked JSON text."""

    id: str
    name: str
    arguments: str


class ChatMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a request to a model."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    display: str = ""
    """For role "tool": the result as Markdown for a person. Never sent to a model."""


class ToolSpec(msgspec.Struct, frozen=True, dict=True):
    """The description of a tool for a model; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: dict[str, Any]

    @cached_property
    def json_bytes(self) -> int:
        """Bytes of its JSON."""
        return len(msgspec.json.encode(self))


class ListedTool(msgspec.Struct, frozen=True):
    """A tool in a list for people."""

    name: str
    description: str
    origin: str
    """Where it comes from: genpy, app, a file, a package or an MCP server."""
    reads_only: bool
    always: bool = False
    """Whether the person allowed it to always run."""


class ToolSource(msgspec.Struct, frozen=True):
    """A source of tools, and its state."""

    origin: str
    state: str
    """`failed`, or the state of the connection to an MCP server."""
    message: str = ""

    def names(self, tool: str) -> bool:
        """Whether a name can be that of a tool of this MCP server."""
        return tool.startswith(f"{self.origin.removeprefix('mcp ')}_")


class ToolList(msgspec.Struct, frozen=True):
    """The tools of a user; `sources` are MCP servers and those that failed."""

    tools: list[ListedTool]
    sources: list[ToolSource] = []
    absent: list[str] = []
    """Tools that may always run but are missing now."""


class ListedModel(msgspec.Struct, frozen=True):
    """A model that can be chosen; unknown values are null, or not in `abilities`."""

    name: str
    """`provider/name`, as in `send`, `retry` and `set`."""
    provider: str
    context_tokens: int | None
    """The size of its context window."""
    abilities: tuple[str, ...]
    """Some of tools, pictures and reasoning."""


class ListedProvider(msgspec.Struct, frozen=True):
    """A provider, or with an empty name the server at GENPY_LLM_URL."""

    name: str
    url: str
    error: str | None
    """Why it did not answer; models of a cached list may still be listed."""
    age_seconds: float
    """Age of its list."""


class ModelList(msgspec.Struct, frozen=True):
    """The models of all known providers."""

    default: str
    """The model that answers where none is chosen; empty if unknown."""
    models: list[ListedModel]
    providers: list[ListedProvider]


class FoundServer(msgspec.Struct, frozen=True):
    """A model server that answers on this machine."""

    name: str
    url: str
    models: int
    """The number of its models."""


class SetupState(msgspec.Struct, frozen=True):
    """Whether a server has a model, and whether the client may choose one."""

    has_model: bool
    allowed: bool
    servers: list[FoundServer] = []
    """Model servers on the server's machine, if the client may choose."""


class ModelChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The choice of a model: groq or a local provider by name, or an address."""

    provider: str = ""
    url: str = ""
    key: str = ""
    model: str = ""
    """Empty: the only model, or else the answer lists them."""


class ChosenSetup(msgspec.Struct, frozen=True):
    """The answer to a choice: the model that is used now, or the models to choose from."""

    model: str = ""
    """As PROVIDER/NAME."""
    models: list[str] = []
    notes: list[str] = []
    """Where it was stored, and settings that take precedence over it."""


class PromptArgument(msgspec.Struct, frozen=True):
    """An argument of a prompt."""

    name: str
    description: str = ""
    required: bool = False


class ListedPrompt(msgspec.Struct, frozen=True):
    """A prompt of an MCP server; `name` is the slash command without the slash."""

    name: str
    description: str
    arguments: tuple[PromptArgument, ...] = ()


class PromptList(msgspec.Struct, frozen=True):
    """The prompts of all MCP servers."""

    prompts: list[ListedPrompt]


class PromptValues(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values of a prompt's arguments, by name."""

    arguments: dict[str, str] = {}


class PromptText(msgspec.Struct, frozen=True):
    """The text of a prompt with its arguments filled in, to send as a message."""

    text: str


class ErrorDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error: `code` for programs, `message` for people."""

    code: str
    message: str
    retry_after: float | None = None
    """Seconds to wait before trying again, if known."""


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The answer to a request that failed."""

    error: ErrorDetail


class SessionPage(msgspec.Struct, frozen=True):
    """A page of sessions; `next` is the `before` of the next page."""

    sessions: list[ListedSession]
    next: int | None = None


class MessagePage(msgspec.Struct, frozen=True):
    """A page of messages, oldest first."""

    messages: list[Message]
    before: int | None = None
    """The `before` of the page before this one; null where there is none."""
    after: int | None = None
    """The `after` of the page after this one; null where there is none."""
    html: list[str | None] | None = None
    """Safe HTML of each message, if requested; null for a message that cannot be rendered now."""


class HitList(msgspec.Struct, frozen=True):
    """The hits of a search, best first."""

    hits: list[Hit]


class PartHealth(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of the store or the model; `error` says what fails and what to do."""

    ok: bool
    kind: str
    model: str | None = None
    where: str | None = None
    error: str | None = None
    left_out: tuple[str, ...] = ()
    """Parts of a request that the model's service does not accept, and which are left out."""


class ServerHealth(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of a server; without a token only `status`.

    `degraded` means that the server works but its model may not.
    """

    status: Literal["ok", "degraded", "unavailable"]
    version: str | None = None
    store: PartHealth | None = None
    model: PartHealth | None = None
    user: str | None = None
    """The owner of the conversations you see, where the store has those of others too."""


class RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """The request for a text in a session; tokens are estimates."""

    session: str = ""
    title: str = ""
    budget: int
    window: int | None = None
    """The model's context window, if known."""
    total: int
    tokens: dict[str, int]
    """By part of the request."""
    recalled: int
    """The number of recalled messages."""
    messages: tuple[ChatMessage, ...]


def checked_rating(rating: int) -> int:
    """A rating from 1 to 5; raises `BadRequest` for any other number."""
    if rating not in RATINGS:
        raise BadRequest("A rating is a whole number from 1 to 5.")
    return rating


def checked_model(model: str) -> str:
    """A model's name, without space around it; raises `BadRequest` for an invalid one."""
    name = model.strip()
    if not 1 <= len(name) <= MODEL_CHARS or not name.isprintable():
        raise BadRequest(
            f"A model is named provider/name, in 1 to {MODEL_CHARS} characters that can be seen."
        )
    return name


def checked_settings(settings: SessionSettings) -> SessionSettings:
    """Normalised settings; raises `BadRequest` with the limits of an invalid value."""
    model, params, system = settings.model, settings.params, settings.system
    if params.temperature is not None and not 0 <= params.temperature <= HOTTEST:
        raise BadRequest(f"temperature is a number from 0 to {HOTTEST:g}.")
    if params.max_tokens is not None and not 1 <= params.max_tokens <= MOST_REPLY_TOKENS:
        raise BadRequest(f"max_tokens is a whole number from 1 to {MOST_REPLY_TOKENS:,}.")
    if params.seed is not None and params.seed not in SEEDS:
        raise BadRequest("seed is a whole number of at most 53 bits.")
    stop = params.stop or None
    if stop and (len(stop) > STOP_TEXTS or not all(1 <= len(t) <= STOP_CHARS for t in stop)):
        raise BadRequest(f"stop is up to {STOP_TEXTS} texts of 1 to {STOP_CHARS} characters.")
    if system is not None and len(system) > SYSTEM_CHARS:
        raise BadRequest(
            f"The instructions of a conversation have at most {SYSTEM_CHARS:,} characters; "
            f"these have {len(system):,}."
        )
    return SessionSettings(
        model=None if model is None else checked_model(model),
        params=msgspec.structs.replace(params, stop=stop),
        system=system if system and system.strip() else None,
    )


def checked_title(title: str) -> str:
    """A title as one line; raises `BadRequest` for an invisible or too long one."""
    title = seen_line(title)
    if not 1 <= len(title) <= TITLE_CHARS:
        raise BadRequest(f"A title has 1 to {TITLE_CHARS} characters that can be seen.")
    return title


def title_from(text: str) -> str:
    """A title for a session without a name: the beginning of its first message, never empty."""
    line = seen_line(text)
    if len(line) > BEGINNING_CHARS:
        line = line[:BEGINNING_CHARS].rsplit(" ", 1)[0].rstrip(" ,.;:-") + "…"
    return line or UNTITLED


def any_title(title: str) -> str:
    """A title of another program, changed to pass `checked_title`."""
    return seen_line(seen_line(title)[:TITLE_CHARS]) or UNTITLED
