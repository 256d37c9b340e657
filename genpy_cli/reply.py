"""The reply to one question, printed as it arrives."""

import time
from collections.abc import Callable

from genpy_cli import output
from genpy_cli.exit_codes import FAILED
from genpy_server.client.session_client import Event, Link, SessionClient
from genpy_server.client.transcript import Entry
from genpy_server.errors import (
    LlmCutOff,
    StoreError,
    StoreTimeout,
    StoreUnavailable,
    Unreachable,
    from_wire,
)
from genpy_server.wire import (
    Ack,
    Delta,
    ErrorFrame,
    MessageEvent,
    Notice,
    Ready,
    Reasoning,
    RunFinished,
    RunStarted,
    encode,
)

PATIENCE = 60.0
"""Seconds in which a lost connection must be back, and a refused question accepted."""

_ENDINGS = {
    "stopped": "The reply was stopped.",
    "length": "The reply reached its maximum length; GENPY_REPLY_TOKENS allows more.",
    "content_filter": "The model's service filtered the rest of the reply.",
    "interrupted": "The reply was interrupted.",
}


class ReplyPrinter:
    """Follows one question through the events of a session."""

    def __init__(
        self, *, as_json: bool, think: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """With `think`, what the model thinks is printed to standard error."""
        self.code = 0
        self._as_json = as_json
        self._think = think
        self._thought = 0
        self._clock = clock
        self._client: SessionClient
        self._question = ""
        self._message_id: int | None = None
        self._shown = 0
        self._expected = False
        """Whether the question arrived in an epoch that we were in, which answers it."""
        self._run: str | None = None
        self._printed = 0
        self._last = "\n"
        self._opened = False
        self._lost_at: float | None = None
        self._refused_at: float | None = None
        self._failure = ""

    def follow(self, client: SessionClient, question: str) -> None:
        """Follow the message of this client id."""
        self._client = client
        self._question = question

    def take(self, event: Event) -> bool:
        """Print what an event brings; True when the reply is over. Raises what ends it badly."""
        if isinstance(event, Link):
            self._link(event)
            return False
        if self._as_json:
            output.json_line(encode(event))
        match event:
            case Ready():
                self._ready(event)
            case MessageEvent() if event.client_id == self._question:
                self._message_id, self._expected = event.message_id, event.seq > self._shown
            case MessageEvent() if event.meta.reply_to == (self._message_id or 0):
                self._stored(event)
                return True
            case Ack() if event.id == self._question and event.duplicate:
                if self._run is None and not self._expected:
                    raise self._cut_off()
            case RunStarted() if event.reply_to == self._message_id:
                self._run = event.run
            case Reasoning() | Delta() if event.run == self._run:
                self._print()
            case Notice():
                output.note(event.text)
            case ErrorFrame():
                self._error(event)
            case RunFinished() if event.run == self._run:
                self._print()
                self._finish(event.status)
                return True
        return False

    def _link(self, link: Link) -> None:
        error = link.error or Unreachable("The connection was closed.")
        if link.state in {"refused", "closed"}:
            raise error
        if link.state == "open":
            self._opened, self._lost_at = True, None
        elif link.state == "reconnecting":
            self._lost_at = self._lost_at or self._clock()
            if not self._opened or self._clock() - self._lost_at > PATIENCE:
                raise error

    def _ready(self, frame: Ready) -> None:
        if frame.replay != "complete":
            if self._message_id is not None:
                raise self._cut_off()
            self._shown = frame.seq

    def _cut_off(self) -> LlmCutOff:
        return LlmCutOff(
            "The server restarted while it answered. "
            f"`genpy sessions show {self._client.transcript.session[:8]}` shows what was kept."
        )

    def _error(self, frame: ErrorFrame) -> None:
        if frame.re == self._question:
            self._refused(frame)
        elif frame.run is not None and frame.run == self._run:
            self._failure = frame.message
        else:
            output.note(frame.message)

    def _refused(self, frame: ErrorFrame) -> None:
        """The question was not accepted; it is sent again where that may help, for a while."""
        error = from_wire(frame.code, frame.message, frame.retry_after)
        passes = not isinstance(error, StoreError) or isinstance(
            error, StoreTimeout | StoreUnavailable
        )
        now = self._clock()
        if self._refused_at is None:
            self._refused_at = now
            if frame.retryable and passes:
                output.note(frame.message)
        if not (frame.retryable and passes) or now - self._refused_at > PATIENCE:
            raise error

    def _reply(self) -> Entry | None:
        return next(
            (entry for entry in self._client.transcript if entry.meta.run == self._run), None
        )

    def _print(self) -> None:
        entry = self._reply()
        if entry is None or self._as_json:
            return
        thought = entry.reasoning[self._thought :] if self._think else ""
        self._thought += len(thought)
        if thought:
            output.aside(thought)
        piece = entry.since(self._printed)
        if piece:
            if self._thought and not self._printed:
                output.aside("\n\n")
            output.piece(piece)
            self._printed += len(piece)
            self._last = piece[-1]

    def _stored(self, reply: MessageEvent) -> None:
        """The reply was made while there was no connection."""
        if reply.meta.reasoning and self._think and not self._as_json:
            output.aside(f"{reply.meta.reasoning[self._thought :]}\n\n")
        if reply.text and not self._as_json:
            output.piece(reply.text)
            self._last = reply.text[-1]
        self._failure = reply.meta.error or ""
        self._finish(reply.meta.status or "done")

    def _finish(self, status: str) -> None:
        if self._last != "\n":
            output.piece("\n")
        if status in {"error", "interrupted", "stopped"}:
            self.code = FAILED
        sentence = self._failure or _ENDINGS.get(status, "")
        if sentence:
            output.note(sentence)
