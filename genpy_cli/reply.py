"""The reply to one question, printed as it arrives."""

import time
from collections.abc import Callable

from genpy_cli import output
from genpy_cli.exit_codes import FAILED
from genpy_server import errors, wire
from genpy_server.client.session_client import Event, Link, SessionClient
from genpy_server.core.identity import short_id
from genpy_server.core.models import OFFLINE

RETRY_SECONDS = 60.0
"""How long a lost connection is retried, and a refused question sent again."""

_ENDINGS = {
    "stopped": "The reply was stopped.",
    "length": "The reply reached its maximum length; GENPY_REPLY_TOKENS allows more.",
    "content_filter": "The model's service filtered the rest of the reply.",
    "interrupted": "The reply was interrupted.",
}


class ReplyPrinter:
    """Prints the reply to one question from the events of its session."""

    def __init__(
        self, *, as_json: bool, think: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """With `think`, the model's reasoning is printed to standard error."""
        self.code = 0
        self.refusal: errors.GenPyError | None = None
        """Why the question was refused for now; the client sends it again."""
        self.gives_up_at: float | None = None
        """The time on the clock at which the wait for `refusal` ends."""
        self._as_json = as_json
        self._think = think
        self._clock = clock
        self._client: SessionClient
        self._question = ""
        self._message_id = 0
        self._snapshot_seq = 0
        self._expected = False
        """Whether the question was stored in the current epoch, so that its reply will come."""
        self._run: str | None = None
        self._printed = self._printed_reasoning = 0
        self._last = "\n"
        self._opened = False
        self._lost_at: float | None = None
        self._failure = ""

    def follow(self, client: SessionClient, question: str) -> None:
        """Print the reply to the message with the client id `question`."""
        self._client = client
        self._question = question

    def take(self, event: Event) -> bool:
        """Print what an event adds; True when the reply is complete. Raises the error that ended it."""
        if isinstance(event, Link):
            self._link(event)
            return False
        if self._as_json:
            output.json_line(wire.encode(event))
        match event:
            case wire.Ready():
                self._ready(event)
            case wire.MessageEvent() if event.client_id == self._question:
                self._message_id, self._expected = event.message_id, event.seq > self._snapshot_seq
                self.refusal = self.gives_up_at = None
            case wire.MessageEvent() if event.meta.reply_to == self._message_id:
                # Stored while there was no connection.
                self._failure = event.meta.error or ""
                return self._finish(event.meta.status or "done")
            case wire.Ack() if event.id == self._question and event.duplicate:
                if self._run is None and not self._expected:
                    raise self._cut_off()
            case wire.RunStarted() if event.reply_to == self._message_id:
                self._run = event.run
            case wire.Reasoning() | wire.Delta() if event.run == self._run:
                self._print()
            case wire.Notice():  # one may also be in the log of a temporary server
                note = output.note_once if event.code == wire.TOOLS_MISSING else output.note
                note(event.text)
            case wire.ErrorFrame():
                self._error(event)
            case wire.RunFinished() if event.run == self._run:
                return self._finish(event.status)
        return False

    def _link(self, link: Link) -> None:
        error = link.error or errors.Unreachable("The connection was closed.")
        if link.state in {"refused", "closed"}:
            raise error
        if link.state == "open":
            self._opened, self._lost_at = True, None
        elif link.state == "reconnecting":
            self._lost_at = self._lost_at or self._clock()
            if not self._opened or self._clock() - self._lost_at > RETRY_SECONDS:
                raise error

    def _ready(self, frame: wire.Ready) -> None:
        if frame.replay != "complete":
            if self._message_id:
                raise self._cut_off()
            self._snapshot_seq = frame.seq

    def _cut_off(self) -> errors.LlmCutOff:
        return errors.LlmCutOff(
            "The server restarted while it answered. "
            f"`genpy sessions show {short_id(self._client.transcript.session)}` shows what was kept."
        )

    def _error(self, frame: wire.ErrorFrame) -> None:
        if frame.re == self._question:
            self._refused(frame)
        elif frame.run is not None and frame.run == self._run:
            self._failure = frame.message
        else:
            output.note(frame.message)

    def _refused(self, frame: wire.ErrorFrame) -> None:
        """Note why the question was refused, or raise it where the client does not send it again."""
        error = errors.from_wire(frame.code, frame.message, frame.retry_after)
        temporary = frame.retryable and (
            not isinstance(error, errors.StoreError)
            or isinstance(error, errors.StoreTimeout | errors.StoreUnavailable)
        )
        if not temporary:
            raise error
        if self.gives_up_at is None:  # a client tells the same refusal once
            output.note(frame.message)
            self.gives_up_at = self._clock() + RETRY_SECONDS
        self.refusal = error

    def _print(self, *, complete: bool = False) -> None:
        entries = self._client.transcript
        entry = next((one for one in entries if one.meta.reply_to == self._message_id), None)
        if entry is None:
            return
        text = entry.text
        if entry.meta.model == OFFLINE:
            text = self._found(text) if complete else ""
        if self._as_json:
            return
        reasoning = entry.reasoning[self._printed_reasoning :] if self._think else ""
        if reasoning:
            output.dim_piece(reasoning)
            self._printed_reasoning += len(reasoning)
        if piece := text[self._printed :]:
            if self._printed_reasoning and not self._printed:
                output.dim_piece("\n\n")
            output.piece(piece)
            self._printed += len(piece)
            self._last = piece[-1]

    def _found(self, text: str) -> str:
        """What a reply without a model found; advice is noted, since the question has no answer."""
        from genpy_server.llm.offline import without_advice

        found, advice = without_advice(text)
        if advice:
            self._failure, self.code = self._failure or advice, FAILED
        return found

    def _finish(self, status: str) -> bool:
        self._print(complete=True)
        if self._last != "\n":
            output.piece("\n")
        if status in {"error", "interrupted", "stopped"}:
            self.code = FAILED
        if sentence := self._failure or _ENDINGS.get(status, ""):
            output.note(sentence)
        return True
