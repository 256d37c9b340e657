"""The reply to one question, printed as it arrives."""

from time import monotonic

from genpy_cli import output
from genpy_cli.exit_codes import FAILED
from genpy_server import errors, wire
from genpy_server.client.session_client import Event, Link
from genpy_server.client.transcript import Entry, Transcript
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

    def __init__(self, *, as_json: bool, think: bool = False) -> None:
        """With `think`, the model's reasoning is printed to standard error."""
        self.code = 0
        self.refusal: errors.GenPyError | None = None
        """Why the question was refused for now; the client sends it again."""
        self.gives_up_at: float | None = None
        """The time on the clock at which the wait for `refusal` ends."""
        self._as_json = as_json
        self._think = think
        self._transcript: Transcript
        self._question = ""
        self._message_id = 0
        self._snapshot_seq = 0
        self._expected = False
        """Whether the question was stored in the current epoch, so that its reply will come."""
        self._printed = self._printed_reasoning = 0
        self._last = "\n"
        self._opened = False
        self._lost_at: float | None = None
        self._advice = ""

    def follow(self, transcript: Transcript, question: str) -> None:
        """Print the reply to the message with the client id `question`."""
        self._transcript = transcript
        self._question = question

    @property
    def _reply(self) -> Entry | None:
        replies = (one for one in self._transcript if one.meta.reply_to == self._message_id)
        return next(replies, None)

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
            case wire.Ack() if event.id == self._question and event.duplicate:
                if self._reply is None and not self._expected:
                    raise self._cut_off()
            case wire.Notice():  # one may also be in the log of a temporary server
                note = output.note_once if event.code == wire.TOOLS_MISSING else output.note
                note(event.text)
            case wire.ErrorFrame() if event.re == self._question:
                self._refused(event)
            case wire.ErrorFrame() if self._reply is None or event.run != self._reply.meta.run:
                output.note(event.message)
        reply = self._reply
        if reply is None:
            return False
        self._print(reply)
        return not reply.streaming and self._finish(reply)

    def _link(self, link: Link) -> None:
        error = link.error or errors.Unreachable("The connection was closed.")
        if link.state in {"refused", "closed"}:
            raise error
        if link.state == "open":
            self._opened, self._lost_at = True, None
        elif link.state == "reconnecting":
            self._lost_at = self._lost_at or monotonic()
            if not self._opened or monotonic() - self._lost_at > RETRY_SECONDS:
                raise error

    def _ready(self, frame: wire.Ready) -> None:
        if frame.replay != "complete":
            if self._message_id:
                raise self._cut_off()
            self._snapshot_seq = frame.seq

    def _cut_off(self) -> errors.LlmCutOff:
        return errors.LlmCutOff(
            "The server restarted while it answered. "
            f"`genpy sessions show {short_id(self._transcript.session)}` shows what was kept."
        )

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
            self.gives_up_at = monotonic() + RETRY_SECONDS
        self.refusal = error

    def _print(self, reply: Entry) -> None:
        text = reply.text
        if reply.meta.model == OFFLINE:
            text = "" if reply.streaming else self._found(text)
        if self._as_json:
            return
        reasoning = reply.reasoning[self._printed_reasoning :] if self._think else ""
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

        found, self._advice = without_advice(text)
        if self._advice:
            self.code = FAILED
        return found

    def _finish(self, reply: Entry) -> bool:
        if self._last != "\n":
            output.piece("\n")
        if reply.status in {"error", "interrupted", "stopped"}:
            self.code = FAILED
        if sentence := reply.meta.error or self._advice or _ENDINGS.get(reply.status, ""):
            output.note(sentence)
        return True
