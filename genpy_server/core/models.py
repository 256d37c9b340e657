"""The values that travel between the rooms: sessions, messages, tool calls, usage."""

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
"""Of the first message, which titles a session that has no name."""
UNTITLED = "Untitled"
RATINGS = range(1, 6)
SYSTEM_CHARS = 20_000
"""Of the instructions that a person gives for a conversation, at most."""
MODEL_CHARS = 200
STOP_TEXTS = 4
STOP_CHARS = 100
MOST_REPLY_TOKENS = 1_000_000
HOTTEST = 2.0
SEEDS = range(-(2**53) + 1, 2**53)
"""What JavaScript keeps exactly."""
RunStatus = Literal["done", "stopped", "length", "content_filter", "interrupted", "error"]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
"""Of messages, words or tokens."""


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one reply, as the model's service counted them."""

    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cached_tokens: Count = 0
    """Of the prompt's, those that the service had in its cache."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )

    @property
    def total(self) -> int:
        """Tokens read and written."""
        return self.prompt_tokens + self.completion_tokens


class ContextSize(msgspec.Struct, frozen=True, omit_defaults=True):
    """How full a model's context is, in tokens as GenPy estimates them."""

    used: int
    """Of the last request; 0 before there is one."""
    budget: int
    """What a request may have."""
    window: int | None = None
    """What the model takes with its reply, where its provider says so."""


STOPPED = "Stopped."
"""The result of a call that was stopped with its reply."""


class ToolRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One tool call as it is kept with the reply that used it."""

    name: str
    args: dict[str, Any] = {}
    ok: bool = True
    ms: float = 0.0
    result: str = ""
    """What was shown to the person: Markdown when ok, else one sentence."""


class MessageMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known about a message beside its text: stored with it, sent in frames, shown.

    A user's message carries `intent` and `model` only when the person chose them, and in `replaces`
    the id of the message it stands for, when the person edited that one. A reply carries the rest:
    `reply_to` is the id of the user message it answers; the newest reply to a message is the one
    that counts (a retry supersedes the earlier reply).
    """

    run: str | None = None
    reply_to: int | None = None
    replaces: int | None = None
    intent: str | None = None
    intent_score: float | None = None
    intent_reason: str | None = None
    intent_corrected_from: str | None = None
    intent_corrected_text: str | None = None
    """The text whose detected intent was corrected, kept with the correction."""
    model: str | None = None
    status: RunStatus | None = None
    usage: Usage | None = None
    ms: float | None = None
    first_token_ms: float | None = None
    tools: tuple[ToolRecord, ...] = ()
    error: str | None = None
    question_chars: int | None = None
    """Characters of the question that the model was given, where not all of them found room."""
    reasoning: str | None = None
    """What the model thought before it answered: never sent back, searched or summarised."""


class Params(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a model is to answer; None is left to the configuration, and then to the model."""

    temperature: float | None = None
    """0 to 2."""
    max_tokens: int | None = None
    """Tokens of a reply at most, its reasoning included."""
    reasoning_effort: Effort | None = None
    seed: int | None = None
    stop: tuple[str, ...] | None = None
    """Texts before which a reply ends."""

    def over(self, defaults: "Params") -> "Params":
        """These, and the defaults where they say nothing."""
        given = {n: v for n, v in msgspec.structs.asdict(self).items() if v is not None}
        return msgspec.structs.replace(defaults, **given)


class SessionSettings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person set for one conversation; stored with it."""

    model: str | None = None
    """`provider/name`; None: the one that is configured."""
    params: Params = Params()
    system: str | None = None
    """Instructions to the model, before everything else."""


class Message(msgspec.Struct, frozen=True):
    """One stored message; `id` orders messages, its clock does not."""

    id: int
    session_id: str
    role: Role
    text: str
    at: str
    """ISO 8601 in UTC, ending in Z, by the database's clock."""
    client_id: str | None = None
    meta: MessageMeta = MessageMeta()
    uid: str = ""
    """A UUID that the message keeps in every database it is moved to; its id it does not."""


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
    """One conversation as the database keeps it; its JSON has the names of GenPy's first version.

    Times are ISO 8601 in UTC, ending in Z.
    """

    id: str
    user_id: str
    title: str
    status: SessionStatus
    started_at: str
    updated_at: str
    last_message_id: int
    """Orders sessions by last activity, and is the cursor of a listing."""
    message_count: Count = 0
    ended_at: str | None = None
    summary: str | None = None
    note: str | None = None
    """Why a completed session has no summary."""
    topics: tuple[str, ...] = ()
    sentiment: str | None = None
    """A `Sentiment`, or what another program wrote."""
    outcomes: tuple[str, ...] = ()
    metrics: "Metrics | None" = None
    rating: int | None = None
    rated_at: str | None = None
    settings: SessionSettings = SessionSettings()

    @property
    def state(self) -> str:
        """Differs when anything that a person sees has changed; databases compute the same text."""
        rating = self.rating or 0
        return f"{self.updated_at} {self.last_message_id} {self.status} {rating} {self.title}"


class ListedSession(Session, frozen=True):
    """A session in a list, where the server that lists it adds what no database knows."""

    running: bool = False
    """Whether this server is writing a reply in it now."""


class Metrics(
    msgspec.Struct,
    frozen=True,
    rename={"messages": "total_messages", "assistant_messages": "ai_messages"},
):
    """Counted by the database, never by a model. Superseded replies count as messages.

    The JSON has the names of GenPy's first version where it had them.
    """

    messages: Count = 0
    user_messages: Count = 0
    assistant_messages: Count = 0
    user_words: Count = 0
    assistant_words: Count = 0
    first_at: str | None = None
    last_at: str | None = None
    duration_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """From the first message to the last."""
    tools: dict[str, Count] = {}
    intents: dict[str, Count] = {}
    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    cached_tokens: Count = 0


class SummaryDraft(msgspec.Struct, frozen=True):
    """What a model says a session was about; empty where it does not say."""

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
    """The share of the query that the message and those beside it hold, by the weight of its words;
    0 to 1."""
    terms: int = 1
    """How many terms of the query they hold."""
    found_in: FoundIn = "message"
    """Where the words are; a title, or a summary with its topics, is shown by the first message."""


class Memory(msgspec.Struct, frozen=True):
    """The running summary of what fell out of a session's window of recent messages."""

    text: str
    upto: int
    """The id of the last message it covers."""


class MemoryNote(msgspec.Struct, frozen=True):
    """One note of a conversation's memory, with the message it came from."""

    number: int
    """Counts all notes from 1; a note keeps its number when others are forgotten."""
    text: str
    message_id: int | None = None
    said: str | None = None
    """The beginning of that message."""


class SessionMemory(msgspec.Struct, frozen=True):
    """What is remembered of a conversation beyond its newest messages."""

    session_id: str
    on: bool
    notes: tuple[MemoryNote, ...]
    forgotten: tuple[MemoryNote, ...] = ()
    """Kept so that they are not noted again; no list shows them."""
    upto: int = 0
    """The id of the last message that it covers."""


class ToolCall(msgspec.Struct, frozen=True):
    """A model's wish to call a tool; `arguments` is the JSON text as it came, unchecked."""

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
    """A tool as a model is told of it; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: dict[str, Any]

    @cached_property
    def json_bytes(self) -> int:
        """Its length as JSON."""
        return len(msgspec.json.encode(self))


class ListedTool(msgspec.Struct, frozen=True):
    """A tool as a person sees it in a list."""

    name: str
    description: str
    origin: str
    """Where it comes from: genpy, app, a file, a package or an MCP server."""
    reads_only: bool
    always: bool = False
    """Whether the person allowed it for good."""


class ToolSource(msgspec.Struct, frozen=True):
    """Where tools come from, and whether it works."""

    origin: str
    state: str
    """`failed`, or the state of the connection to an MCP server."""
    message: str = ""


class ToolList(msgspec.Struct, frozen=True):
    """The tools of a user, and the sources that are not simply there."""

    tools: list[ListedTool]
    sources: list[ToolSource] = []
    absent: list[str] = []
    """Tools that were allowed for good and are not here now."""


class ListedModel(msgspec.Struct, frozen=True):
    """A model that can be chosen; what its provider does not say is null, or not among `abilities`."""

    name: str
    """`provider/name`, as `send`, `retry` and `set` take it."""
    provider: str
    context_tokens: int | None
    """The size of its context window."""
    abilities: tuple[str, ...]
    """Of tools, pictures and reasoning."""


class ListedProvider(msgspec.Struct, frozen=True):
    """A provider, or the server at GENPY_LLM_URL, whose name is empty."""

    name: str
    url: str
    error: str | None
    """Why it did not give its list now; models of a kept list may be there all the same."""
    age_seconds: float
    """Of its list."""


class ModelList(msgspec.Struct, frozen=True):
    """Every model of every provider that is known."""

    default: str
    """The model that answers where none is chosen; empty while that is not known."""
    models: list[ListedModel]
    providers: list[ListedProvider]


class FoundServer(msgspec.Struct, frozen=True):
    """A model server that answers on this machine."""

    name: str
    url: str
    models: int
    """How many it lists."""


class SetupState(msgspec.Struct, frozen=True):
    """Whether a server has a model, and whether whoever asks may choose one."""

    has_model: bool
    allowed: bool
    servers: list[FoundServer] = []
    """Model servers on the server's own machine, to whoever may choose."""


class ModelChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a model is: groq or a local provider by its name, or an address."""

    provider: str = ""
    url: str = ""
    key: str = ""
    model: str = ""
    """Empty: the only one, or else the list is answered."""


class ChosenSetup(msgspec.Struct, frozen=True):
    """What came of a choice: the model that answers now, or the models to choose from."""

    model: str = ""
    """As PROVIDER/NAME."""
    models: list[str] = []
    notes: list[str] = []
    """Where it was kept, and settings that are used before it."""


class PromptArgument(msgspec.Struct, frozen=True):
    """What a prompt wants to know."""

    name: str
    description: str = ""
    required: bool = False


class ListedPrompt(msgspec.Struct, frozen=True):
    """A prepared message of an MCP server; `name` is what follows the slash."""

    name: str
    description: str
    arguments: tuple[PromptArgument, ...] = ()


class PromptList(msgspec.Struct, frozen=True):
    """The prompts that can be filled in."""

    prompts: list[ListedPrompt]


class PromptValues(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values of a prompt's arguments, by name."""

    arguments: dict[str, str] = {}


class PromptText(msgspec.Struct, frozen=True):
    """A prompt filled in, to be sent as a message."""

    text: str


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
    """Settings that can be kept; raises `BadRequest` with the bounds of what is out of them."""
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
    """A title on one line; raises `BadRequest` when nothing of it is seen, or it is too long."""
    title = seen_line(title)
    if not 1 <= len(title) <= TITLE_CHARS:
        raise BadRequest(f"A title has 1 to {TITLE_CHARS} characters that can be seen.")
    return title


def title_from(text: str) -> str:
    """A title for a session that has no name: the beginning of its first message, never empty."""
    line = seen_line(text)
    if len(line) > BEGINNING_CHARS:
        line = line[:BEGINNING_CHARS].rsplit(" ", 1)[0].rstrip(" ,.;:-") + "…"
    return line or UNTITLED


def any_title(title: str) -> str:
    """A title that another program wrote, as one that `checked_title` takes."""
    return seen_line(seen_line(title)[:TITLE_CHARS]) or UNTITLED
