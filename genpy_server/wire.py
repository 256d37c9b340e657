"""The frames of genpy.v1 and their codec: JSON text frames, a tagged union on `type` per direction.

Decoding is strict: a missing or wrong field, or invalid JSON raises `BadFrame`. Both sides ignore
unknown fields; a client skips frames of an unknown type, a server answers them with an error.
"""

from typing import Any, Literal, TypeVar, get_args

import msgspec
from msgspec import UNSET, UnsetType

from genpy_server.core import models
from genpy_server.core.modes import ListedMode
from genpy_server.core.text import decoded
from genpy_server.errors import BadFrame, GenPyError

F = TypeVar("F")

PROTOCOL = "genpy.v1"
MESSAGE_CUT = "message_cut"
"""The code of the notice that a message was cut for the model."""
OFFERED = ("edit", "model", "modes", "progress", "reasoning", "settings")
"""Features of every connection."""
APPROVALS = "approvals"
"""The feature of clients that can answer approval requests."""
APPROVAL_REFUSED = "approval_refused"
"""The code of the notice that a tool did not run because no client could allow it."""
MODEL_STATE = "model"
"""The feature of clients that want a notice on attaching if the model does not answer."""
TOOLS_MISSING = "tools_missing"
"""The code of the notice that the model is not offered some tools."""
REPLY_WAITS = "reply_waits"
"""The code of the notice that a reply waits until what was shown of it is stored; its next piece ends that."""
PARAMETER_LEFT_OUT = "parameter_left_out"
"""The code of the notice that the model does not accept a parameter."""
CLOSE_AGAIN = frozenset({1001, 1006, 1011, 1012, 1013, 4008})
"""Close codes after which a client may reconnect."""
CLOSE_BUSY = 1013
CLOSE_UNAUTHORIZED = 4401
CLOSE_SLOW = 4008


class Frame(msgspec.Struct, tag_field="type", omit_defaults=True):
    """Base of every frame."""


# Client to server


class Auth(Frame, tag="auth"):
    """The first frame of a client that cannot set an Authorization header."""

    token: str


class Send(Frame, tag="send"):
    """Send a message. `id` is made by the client; repeating an id does not start a second reply."""

    id: str
    text: str
    intent: str | None = None
    corrected_from: str | None = None
    """The detected intent, when the person chose another."""
    replaces: int | None = None
    """The id of the person's last message, which this one replaces: a running reply to it is
    stopped, and neither it nor its replies are sent to the model again in this conversation. They
    stay stored, and are found from other conversations."""
    model: str | None = None
    """`provider/name` of the model for this message only."""


class Cancel(Frame, tag="cancel"):
    """Stop a run, by default the current one; its text so far is stored."""

    run: str | None = None


class End(Frame, tag="end"):
    """End the session and write its summary."""


class Rate(Frame, tag="rate"):
    """Rate the session, 1 to 5."""

    rating: int


class Retry(Frame, tag="retry"):
    """Answer the last message again, in another mode or with another model if given."""

    intent: str | None = None
    model: str | None = None
    """`provider/name` of the model for this reply only."""


class ParamsChange(msgspec.Struct, omit_defaults=True):
    """Parameters to set; null resets one, absent ones do not change."""

    temperature: float | UnsetType | None = UNSET
    max_tokens: int | UnsetType | None = UNSET
    reasoning_effort: models.Effort | UnsetType | None = UNSET
    seed: int | UnsetType | None = UNSET
    stop: tuple[str, ...] | UnsetType | None = UNSET


class Set(Frame, tag="set"):
    """Change settings of the conversation; null resets one, absent ones do not change."""

    model: str | UnsetType | None = UNSET
    """`provider/name`."""
    params: ParamsChange | UnsetType | None = UNSET
    system: str | UnsetType | None = UNSET
    """Instructions to the model, before everything else."""

    def applied(self, settings: models.SessionSettings) -> models.SessionSettings:
        """The settings after this change, unchecked."""
        change: dict[str, Any] = _given(self, "model", "system")
        if self.params is None:
            change["params"] = models.Params()
        elif self.params is not UNSET:
            given = _given(self.params, *ParamsChange.__struct_fields__)
            change["params"] = msgspec.structs.replace(settings.params, **given)
        return msgspec.structs.replace(settings, **change)


def _given(change: msgspec.Struct, *names: str) -> dict[str, Any]:
    values = {name: getattr(change, name) for name in names}
    return {name: value for name, value in values.items() if value is not UNSET}


Decision = Literal["once", "session", "always", "no"]
"""An answer to an approval request: for this call, this conversation, until revoked, or no."""


class Approve(Frame, tag="approve"):
    """Answer an approval request; the first answer of any client counts."""

    call: str
    decision: Decision
    run: str | None = None
    """The run of the call; an answer for another run is refused."""


ClientFrame = Auth | Send | Cancel | End | Rate | Retry | Set | Approve

# Server to client. Session events carry `seq`; answers to one client do not.


class Ready(Frame, tag="ready", omit_defaults=False):
    """The first frame.

    After `complete` only missed events follow. Otherwise a snapshot follows, which replaces what was
    shown: the newest stored messages and the running reply, then `snapshot_end`.
    """

    session: str
    epoch: str
    seq: int
    """The newest number after `complete`; 0 before a snapshot, whose frames have the number 0."""
    replay: Literal["complete", "truncated", "none"]
    model: str
    store: str
    title: str
    status: Literal["new", "active", "completed"] = "new"
    server: str = ""
    """GenPy's version."""
    user: str = ""
    before: int | None = None
    """There are older messages, with ids below this one, that were not sent."""
    features: tuple[str, ...] = ()
    """The features of the server, including the requested ones."""
    message_bytes: int = 0
    """UTF-8 bytes of a message that is sent to the model uncut; a longer one is cut in the middle."""
    message_chars: int = 0
    """Characters of a message at most; a longer one is refused. An older server does not tell them."""
    modes: tuple[ListedMode, ...] = ()
    """The modes: the values that `intent` may have."""
    settings: models.SessionSettings = models.SessionSettings()
    """The settings of the conversation."""
    context: models.ContextSize | None = None
    """Tokens of the last request, and how many the next one may have."""
    elsewhere: bool = False
    """As in `session`."""


class SnapshotEnd(Frame, tag="snapshot_end"):
    """The end of a snapshot; `seq` is the number to resume from. An empty snapshot has no end.

    A client that was disconnected before this frame resumes from 0, and gets all events or another
    snapshot.
    """

    seq: int


class Numbered(Frame):
    """Base of every session event."""

    seq: int
    """Its number in the session's log; 0 in a snapshot."""


class RunEvent(Numbered):
    """Base of the events of a run."""

    run: str


class CallEvent(RunEvent):
    """Base of the events of a tool call."""

    call: str


class MessageEvent(Numbered, tag="message"):
    """A stored message."""

    message_id: int
    role: Literal["user", "assistant", "system"]
    text: str
    at: str
    client_id: str | None = None
    meta: models.MessageMeta = models.MessageMeta()


class Ack(Frame, tag="ack", omit_defaults=False):
    """The message of `send` with this id is stored."""

    id: str
    message_id: int
    duplicate: bool = False


class RunStarted(
    RunEvent, tag="run_started", rename={"intent_score": "score", "intent_reason": "reason"}
):
    """A reply begins; `reply_to` is the message it answers."""

    reply_to: int
    intent: str
    intent_score: float
    intent_reason: str
    model: str


class ToolStarted(CallEvent, tag="tool_started"):
    """A tool call begins."""

    name: str
    args: dict[str, Any] = {}


class ApprovalRequested(CallEvent, tag="approval_requested"):
    """A tool that acts waits for a person's permission, after its `tool_started`.

    Without an answer in time it does not run. Sent to every client; those that asked for the
    feature `approvals` are expected to answer.
    """

    name: str
    args: dict[str, Any] = {}
    digest: str | None = None
    """A hash of the tool's definition, to which `always` applies."""
    question: str | None = None
    """A yes-or-no question that a running tool asks; `once` is yes."""


class ApprovalResolved(CallEvent, tag="approval_resolved"):
    """An approval request is closed, by an answer or as `by` says."""

    decision: Decision
    by: Literal["client", "timeout", "stopped"] = "client"
    """`timeout`: no answer came in time; `stopped`: the reply was stopped."""


class ToolProgress(CallEvent, tag="tool_progress"):
    """The progress of a running tool; each replaces the one before."""

    text: str
    fraction: float | None = None
    """From 0 to 1, if known."""


class ToolFinished(CallEvent, tag="tool_finished"):
    """A tool call ended: `result` is Markdown for a person, or `error` is one sentence."""

    ok: bool
    ms: float
    result: str | None = None
    error: str | None = None


class Delta(RunEvent, tag="delta"):
    """A piece of the reply; `offset` is its begin in characters."""

    offset: int
    text: str


class Reasoning(RunEvent, tag="reasoning"):
    """A piece of the model's reasoning; `offset` is its begin in characters.

    It is stored in the reply's `meta.reasoning`.
    """

    offset: int
    text: str


class RunFinished(RunEvent, tag="run_finished"):
    """The reply ended. Without `message_id` it is not stored yet.

    `model` may differ from `run_started`, if it was not known then.
    """

    status: models.RunStatus
    ms: float
    first_token_ms: float | None = None
    message_id: int | None = None
    at: str | None = None
    """The time of the stored reply."""
    usage: models.Usage | None = None
    quota: dict[str, int] | None = None
    model: str | None = None
    question_chars: int | None = None
    """Characters of the question that were sent to the model, if it was cut."""
    context: models.ContextSize | None = None
    """The size of the request; the model of the next one may be another, see `settings`."""


class SummaryEvent(
    Numbered, tag="summary", rename={"outcomes": "key_outcomes", "rating": "user_rating"}
):
    """The session was ended, or has a new summary; without one `note` says why."""

    summary: str | None = None
    note: str | None = None
    topics: tuple[str, ...] = ()
    sentiment: str | None = None
    outcomes: tuple[str, ...] = ()
    metrics: dict[str, Any] = {}
    rating: int | None = None


class SessionEvent(Numbered, tag="session", rename={"rating": "user_rating"}):
    """The session's title, status, rating or `elsewhere` changed."""

    title: str
    status: Literal["active", "completed"]
    rating: int | None = None
    elsewhere: bool = False
    """Another server hosts the session too: its messages come with a delay."""


class SettingsEvent(Numbered, tag="settings"):
    """The settings of the conversation, or the context size of its model, changed; these are all."""

    model: str | None = None
    params: models.Params = models.Params()
    system: str | None = None
    message_bytes: int = 0
    """As in `ready`."""
    context: models.ContextSize | None = None
    """As in `ready`."""
    default_model: str = ""
    """The model that answers where `model` is none; empty if it is not known yet."""


class Notice(Numbered, tag="notice"):
    """Information that is not an error."""

    code: str
    text: str
    retry_after: float | None = None


class ErrorFrame(Frame, tag="error", omit_defaults=False):
    """A request (`re`: its id or type) or a run (`run`) failed; `message` says what to do."""

    code: str
    message: str
    retryable: bool = False
    re: str | None = None
    retry_after: float | None = None
    run: str | None = None
    seq: int | None = None


class Html(Frame, tag="html"):
    """Safe HTML of a stored message, or of a complete block of the running reply.

    Sent with `?features=html`, after the text that it shows.
    """

    html: str
    message_id: int | None = None
    """The message of which this is the whole."""
    run: str | None = None
    """The reply of which this is a part."""
    start: int = 0
    end: int = 0
    """Begin and end of the part, in characters of the text."""


TextPiece = Delta | Reasoning
SessionFrame = (
    MessageEvent
    | RunStarted
    | ToolStarted
    | ApprovalRequested
    | ApprovalResolved
    | ToolProgress
    | ToolFinished
    | Reasoning
    | Delta
    | RunFinished
    | SummaryEvent
    | SessionEvent
    | SettingsEvent
    | Notice
)
ServerFrame = Ready | SnapshotEnd | Ack | ErrorFrame | Html | SessionFrame

_encoder = msgspec.json.Encoder()
_client_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_server_decoder: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)


_SERVER_TYPES = {kind.__struct_config__.tag for kind in get_args(ServerFrame)}


class _Tagged(msgspec.Struct):
    type: str


def message_event(message: models.Message) -> MessageEvent:
    """The event of a stored message."""
    return MessageEvent(seq=0, message_id=message.id, **_shared(message, MessageEvent))


def settings_event(settings: models.SessionSettings, **known: Any) -> SettingsEvent:
    """The event of settings that changed, or of what is `known` of their model."""
    return SettingsEvent(seq=0, **_shared(settings, SettingsEvent), **known)


def run_started(meta: models.MessageMeta) -> RunStarted:
    """The event of the start of a reply, from its metadata."""
    return RunStarted(seq=0, **_shared(meta, RunStarted))


def run_finished(
    meta: models.MessageMeta,
    *,
    reply: models.Message,
    quota: dict[str, int] | None,
    context: models.ContextSize | None = None,
) -> RunFinished:
    """The event of the end of a reply, from its metadata; without an id the reply is not stored."""
    fields = _shared(meta, RunFinished)
    return RunFinished(
        seq=0,
        message_id=reply.id or None,
        at=reply.at or None,
        quota=quota,
        context=context,
        **fields,
    )


def with_frame(meta: models.MessageMeta, frame: RunStarted | RunFinished) -> models.MessageMeta:
    """The metadata of a reply, updated by a frame of its run."""
    fields = {
        name: value
        for name, value in _shared(frame, models.MessageMeta).items()
        if value is not None
    }
    return msgspec.structs.replace(meta, **fields)


def _shared(source: msgspec.Struct, target: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of a struct that the struct type `target` has too."""
    return {
        name: getattr(source, name)
        for name in source.__struct_fields__
        if name in target.__struct_fields__
    }


def encode(frame: Frame) -> str:
    """Encode a frame as text."""
    return _encoder.encode(frame).decode()


def encode_bytes(frame: Frame) -> bytes:
    """Encode a frame as UTF-8."""
    return _encoder.encode(frame)


def decode_client(text: str) -> ClientFrame:
    """Decode a frame of a client; raises `BadFrame`."""
    return _decode(_client_decoder, text)


def decode_server(text: str) -> ServerFrame | None:
    """Decode a frame of a server; None for an unknown type, from a later version.

    Raises `BadFrame` for anything else, and for a missing or wrong field.
    """
    try:
        return _decode(_server_decoder, text)
    except BadFrame:
        if _type_of(text) in {None, *_SERVER_TYPES}:
            raise
        return None


def _type_of(text: str) -> str | None:
    """The type of a frame; None where there is none."""
    tagged: _Tagged | None = decoded(text, _Tagged)
    return None if tagged is None else tagged.type


def _decode(decoder: msgspec.json.Decoder[F], text: str) -> F:
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise BadFrame(f"This is not a {PROTOCOL} frame: {error}.") from None
    except (RecursionError, UnicodeEncodeError):
        raise BadFrame(f"This is not a {PROTOCOL} frame: not valid JSON.") from None


def error_frame(
    error: GenPyError, *, re: str | None = None, run: str | None = None, seq: int | None = None
) -> ErrorFrame:
    """The frame of an error."""
    fields = error.code, error.message, error.retryable
    return ErrorFrame(*fields, re=re, retry_after=error.retry_after, run=run, seq=seq)
