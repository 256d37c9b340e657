"""Every frame of genpy.v1 and its codec: JSON text frames, one tagged union on `type` a direction.

Decoding is strict: a missing or wrong field, or invalid JSON is a `BadFrame`. Both sides ignore
fields that they do not know; a client skips frames of an unknown type, a server answers them with
an error.
"""

from typing import Any, Literal, TypeVar, get_args

import msgspec
from msgspec import UNSET, UnsetType

from genpy_server.core.models import (
    ContextSize,
    Effort,
    Message,
    MessageMeta,
    Params,
    RunStatus,
    SessionSettings,
    Usage,
)
from genpy_server.core.modes import ListedMode
from genpy_server.errors import BadFrame, GenPyError

F = TypeVar("F")

PROTOCOL = "genpy.v1"
MESSAGE_CUT = "message_cut"
"""The code of the notice that not all of a message found room."""
OFFERED = ("edit", "model", "modes", "progress", "reasoning", "settings")
"""Features of every connection: what a client may send, and the frames that it may get."""
APPROVALS = "approvals"
"""The feature of clients in which a person can answer approval requests."""
APPROVAL_REFUSED = "approval_refused"
"""The code of the notice that a tool did not run because nobody could allow it."""
MODEL_STATE = "model"
"""The feature of clients that want a notice where the model does not answer, before the first message."""
PARAMETER_LEFT_OUT = "parameter_left_out"
"""The code of the notice that the model does not take a parameter that was set."""
CLOSE_AGAIN = frozenset({1001, 1006, 1011, 1012, 1013, 4008})
"""Close codes after which a client may come back."""
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
    """Say something. `id` is made by the client: the same id again runs nothing twice."""

    id: str
    text: str
    intent: str | None = None
    corrected_from: str | None = None
    """The intent that was detected, when the person chose another."""
    replaces: int | None = None
    """The person's last message here, which this one stands for: a reply to it that is still
    running is stopped first, and in this conversation neither it nor its replies are sent to the
    model any more. They stay stored, and are found from other conversations."""
    model: str | None = None
    """`provider/name` of the model that is to answer this message, instead of the conversation's."""


class Cancel(Frame, tag="cancel"):
    """Stop a run, by default the current one, and keep what came of it."""

    run: str | None = None


class End(Frame, tag="end"):
    """End the session and write its summary."""


class Rate(Frame, tag="rate"):
    """Rate the session, 1 to 5."""

    rating: int


class Retry(Frame, tag="retry"):
    """Run the last message again, perhaps as another intent or with another model."""

    intent: str | None = None
    model: str | None = None
    """`provider/name` of the model that is to answer, this time."""


class ParamsChange(msgspec.Struct, omit_defaults=True):
    """Parameters to set; null takes one back, what is absent stays."""

    temperature: float | UnsetType | None = UNSET
    max_tokens: int | UnsetType | None = UNSET
    reasoning_effort: Effort | UnsetType | None = UNSET
    seed: int | UnsetType | None = UNSET
    stop: tuple[str, ...] | UnsetType | None = UNSET


class Set(Frame, tag="set"):
    """Change settings of the conversation; null takes one back, what is absent stays."""

    model: str | UnsetType | None = UNSET
    """`provider/name`."""
    params: ParamsChange | UnsetType | None = UNSET
    system: str | UnsetType | None = UNSET
    """Instructions to the model, before everything else."""

    def applied(self, settings: SessionSettings) -> SessionSettings:
        """The settings after this change, unchecked."""
        change: dict[str, Any] = _given(self, "model", "system")
        if self.params is None:
            change["params"] = Params()
        elif self.params is not UNSET:
            given = _given(self.params, *ParamsChange.__struct_fields__)
            change["params"] = msgspec.structs.replace(settings.params, **given)
        return msgspec.structs.replace(settings, **change)


def _given(change: msgspec.Struct, *names: str) -> dict[str, Any]:
    values = {name: getattr(change, name) for name in names}
    return {name: value for name, value in values.items() if value is not UNSET}


Decision = Literal["once", "session", "always", "no"]
"""An answer to an approval request: for this call, for the conversation, until taken back, or no."""


class Approve(Frame, tag="approve"):
    """Answer an approval request; the first answer of any client counts."""

    call: str
    decision: Decision
    run: str | None = None
    """The run of the call; an answer to another run is refused."""


ClientFrame = Auth | Send | Cancel | End | Rate | Retry | Set | Approve

# Server to client. Session events carry `seq`; answers to one client do not.


class Ready(Frame, tag="ready", omit_defaults=False):
    """The first frame.

    After `complete` only what was missed follows. Otherwise a snapshot follows, which replaces what
    was shown: the newest stored messages and the reply in progress, then `snapshot_end`.
    """

    session: str
    epoch: str
    seq: int
    """The newest number after `complete`; 0 before a snapshot, whose frames have none either."""
    replay: Literal["complete", "truncated", "none"]
    model: str
    store: str
    title: str
    status: Literal["new", "active", "completed"] = "new"
    server: str = ""
    """GenPy's version."""
    user: str = ""
    before: int | None = None
    """Messages with an id below this one exist and were not sent."""
    features: tuple[str, ...] = ()
    """What this server has, with those of the features that were asked for."""
    message_bytes: int = 0
    """UTF-8 bytes of a message that the model is given whole; of more, the middle is left out."""
    modes: tuple[ListedMode, ...] = ()
    """The kinds of help there are: the names that `intent` may have."""
    settings: SessionSettings = SessionSettings()
    """What was set for this conversation."""
    context: ContextSize | None = None
    """What may be sent to the model of the conversation."""
    elsewhere: bool = False
    """As in `session`."""


class SnapshotEnd(Frame, tag="snapshot_end"):
    """The snapshot is whole, and `seq` is the place to come back to; an empty one has no end.

    A client that was cut off before this frame comes back with the number 0, after which there is
    all or another snapshot.
    """

    seq: int


class MessageEvent(Frame, tag="message"):
    """A stored message."""

    seq: int
    message_id: int
    role: Literal["user", "assistant", "system"]
    text: str
    at: str
    client_id: str | None = None
    meta: MessageMeta = MessageMeta()


class Ack(Frame, tag="ack", omit_defaults=False):
    """The message of `send` with this id is committed."""

    id: str
    message_id: int
    duplicate: bool = False


class RunStarted(
    Frame, tag="run_started", rename={"intent_score": "score", "intent_reason": "reason"}
):
    """A reply begins; `reply_to` is the message it answers."""

    seq: int
    run: str
    reply_to: int
    intent: str
    intent_score: float
    intent_reason: str
    model: str


class ToolStarted(Frame, tag="tool_started"):
    """A tool is asked."""

    seq: int
    run: str
    call: str
    name: str
    args: dict[str, Any] = {}


class ApprovalRequested(Frame, tag="approval_requested"):
    """A tool that acts waits for a person's permission, after its `tool_started`.

    Without an answer in time it does not run. Sent to every client; those that asked for the
    feature `approvals` are expected to answer.
    """

    seq: int
    run: str
    call: str
    name: str
    args: dict[str, Any] = {}
    digest: str | None = None
    """A hash of the tool's definition, which `always` is bound to."""
    question: str | None = None
    """A yes-or-no question that a running tool asks; `once` is yes."""


class ApprovalResolved(Frame, tag="approval_resolved"):
    """An approval request is closed, by the first answer or by what `by` says."""

    seq: int
    run: str
    call: str
    decision: Decision
    by: Literal["client", "timeout", "stopped"] = "client"
    """`timeout`: nobody answered in time; `stopped`: the reply was stopped meanwhile."""


class ToolProgress(Frame, tag="tool_progress"):
    """How far a running tool is; each replaces the one before."""

    seq: int
    run: str
    call: str
    text: str
    fraction: float | None = None
    """From 0 to 1, where known."""


class ToolFinished(Frame, tag="tool_finished"):
    """A tool answered: `result` is Markdown for a person, or `error` is one sentence."""

    seq: int
    run: str
    call: str
    ok: bool
    ms: float
    result: str | None = None
    error: str | None = None


class Delta(Frame, tag="delta"):
    """A piece of the reply; `offset` is where it begins, in characters."""

    seq: int
    run: str
    offset: int
    text: str


class Reasoning(Frame, tag="reasoning"):
    """A piece of what the model thinks before it answers; `offset` is where it begins, in characters.

    It is kept in the reply's `meta.reasoning`, apart from its text.
    """

    seq: int
    run: str
    offset: int
    text: str


class RunFinished(Frame, tag="run_finished"):
    """The reply is over. Without `message_id` it is not stored (yet).

    `model` may differ from `run_started`, where it was not known when the reply began.
    """

    seq: int
    run: str
    status: RunStatus
    ms: float
    first_token_ms: float | None = None
    message_id: int | None = None
    usage: Usage | None = None
    quota: dict[str, int] | None = None
    model: str | None = None
    question_chars: int | None = None
    """Characters of the question that the model was given, where not all of them found room."""
    context: ContextSize | None = None
    """What was sent, of what may be."""


class SummaryEvent(
    Frame, tag="summary", rename={"outcomes": "key_outcomes", "rating": "user_rating"}
):
    """The session was ended, or has a new summary; without `summary` the `note` says why."""

    seq: int
    summary: str | None = None
    note: str | None = None
    topics: tuple[str, ...] = ()
    sentiment: str | None = None
    outcomes: tuple[str, ...] = ()
    metrics: dict[str, Any] = {}
    rating: int | None = None


class SessionEvent(Frame, tag="session", rename={"rating": "user_rating"}):
    """The session's title, status or rating changed, or where it is open."""

    seq: int
    title: str
    status: Literal["active", "completed"]
    rating: int | None = None
    elsewhere: bool = False
    """Another server hosts the session too: what is said there comes within its interval."""


class SettingsEvent(Frame, tag="settings"):
    """The settings of the conversation changed; these are all of them."""

    seq: int
    model: str | None = None
    params: Params = Params()
    system: str | None = None


class Notice(Frame, tag="notice"):
    """Something worth knowing that is not a failure."""

    seq: int
    code: str
    text: str
    retry_after: float | None = None


class ErrorFrame(Frame, tag="error", omit_defaults=False):
    """A request (`re`: its id or its type) or a run (`run`) failed; `message` says what to do."""

    code: str
    message: str
    retryable: bool = False
    re: str | None = None
    retry_after: float | None = None
    run: str | None = None
    seq: int | None = None


class Html(Frame, tag="html"):
    """Safe HTML of a stored message, or of a finished block of the reply in progress.

    Sent where `?features=html` was asked for, behind the text that it shows.
    """

    html: str
    message_id: int | None = None
    """The message, shown whole."""
    run: str | None = None
    """The reply, of which this is a part."""
    start: int = 0
    end: int = 0
    """Where the part begins and ends, in characters of the text."""


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


def message_event(message: Message, seq: int = 0) -> MessageEvent:
    """The event of a stored message."""
    return MessageEvent(
        seq=seq,
        message_id=message.id,
        role=message.role,
        text=message.text,
        at=message.at,
        client_id=message.client_id,
        meta=message.meta,
    )


def settings_event(settings: SessionSettings) -> SettingsEvent:
    """The event of settings that changed."""
    return SettingsEvent(0, settings.model, settings.params, settings.system)


def run_started(meta: MessageMeta) -> RunStarted:
    """The start of a reply, from what is known of it."""
    return RunStarted(seq=0, **_shared(meta, RunStarted))


def run_finished(
    meta: MessageMeta,
    *,
    message_id: int | None,
    quota: dict[str, int] | None,
    context: ContextSize | None = None,
) -> RunFinished:
    """The end of a reply, from what is known of it."""
    fields = _shared(meta, RunFinished)
    return RunFinished(seq=0, message_id=message_id, quota=quota, context=context, **fields)


def with_frame(meta: MessageMeta, frame: RunStarted | RunFinished) -> MessageMeta:
    """What is known of a reply after a frame of its run."""
    fields = {
        name: value for name, value in _shared(frame, MessageMeta).items() if value is not None
    }
    return msgspec.structs.replace(meta, **fields)


def _shared(source: msgspec.Struct, target: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields of a struct that another kind of struct has as well."""
    return {
        name: getattr(source, name)
        for name in source.__struct_fields__
        if name in target.__struct_fields__
    }


def encode(frame: Frame) -> str:
    """A frame as the text to send."""
    return _encoder.encode(frame).decode()


def encode_bytes(frame: Frame) -> bytes:
    """The same in UTF-8."""
    return _encoder.encode(frame)


def decode_client(text: str) -> ClientFrame:
    """What a client said; raises `BadFrame` with a sentence that says what is wrong."""
    return _decode(_client_decoder, text)


def decode_server(text: str) -> ServerFrame | None:
    """What a server said; None for a frame of a later version, which is to be skipped.

    Fields that this version does not know are ignored. Raises `BadFrame` for what is not a frame, or
    a known one with a field that is missing or wrong.
    """
    try:
        return _decode(_server_decoder, text)
    except BadFrame:
        if _type_of(text) in {None, *_SERVER_TYPES}:
            raise
        return None


def _type_of(text: str) -> str | None:
    """The type that a frame names, whatever else it holds."""
    try:
        return msgspec.json.decode(text, type=_Tagged).type
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return None


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
    """The frame of an expected failure."""
    return ErrorFrame(
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        re=re,
        retry_after=error.retry_after,
        run=run,
        seq=seq,
    )
