"""Handles what the client receives: frames, and changes of the connection.

Nothing here waits for drawing: the transcript view records the changes and draws them later.
"""

from functools import partial
from typing import TYPE_CHECKING

from textual.message import Message

from genpy_server import __version__, wire
from genpy_server.client.transcript import Entry
from genpy_server.core.models import OFFLINE
from genpy_server.errors import BadFrame, Busy, from_wire
from genpy_tui.chat.control import Control
from genpy_tui.render.notes import notice, summed_up

if TYPE_CHECKING:
    from genpy_server.client.reconnect import Link
    from genpy_server.client.session_client import SessionClient

REQUESTS = frozenset({"approve", "auth", "cancel", "end", "rate", "retry"})
"""The values of an error's `re` that are shown in the conversation."""


LISTED = (
    wire.MessageEvent | wire.SummaryEvent | wire.SessionEvent | wire.RunStarted | wire.RunFinished
)
"""Events that change the row of the conversation in the list."""


class ConnectionLost(Message):
    """The connection to the server is lost; the server may be gone."""


class Receiver(Control):
    """Passes each frame to the parts of the screen that it concerns."""

    _introduced = False
    _noted_newer = False
    _streamed: Entry | None = None
    """The reply that is being written, as far as it was received."""
    _lost: Entry | None = None
    """A reply that was being written when the server began a new log."""

    def reset(self) -> None:
        """Forget the state of the last conversation."""
        self._introduced = False
        self._streamed = self._lost = None
        self._chat.model.asked = ()

    async def read(self, client: "SessionClient") -> None:
        """Handle everything that a client receives."""
        async for event in client:
            if isinstance(event, wire.Frame):
                self._frame(client, event)
            else:
                self.link_changed(event)

    def link_changed(self, link: "Link") -> None:
        """The connection changed."""
        if link.state == "refused":
            self._view.stack.note(notice(link.reason, "error", "✗"))
        elif link.state == "reconnecting":
            self._view.post_message(ConnectionLost())
        self._status.follow(link)
        client = self._conversation.client
        if link.state in {"refused", "closed"} and client is not None:
            for message in client.pending:
                self._returned(self._view.stack.withdraw(message.id), link.reason)

    def _frame(self, client: "SessionClient", frame: wire.Frame) -> None:
        if isinstance(frame, wire.TextPiece):
            self._piece(client, frame)
            return
        self._view.reset(client.transcript)
        self._conversation.arrived.set()
        self._chat.approval.follow()
        match frame:
            case wire.Ready():
                self._ready(client, frame)
            case wire.Notice() if frame.code != wire.MESSAGE_CUT:  # the end of the reply shows it
                self._notice(frame)
            case wire.ErrorFrame() if frame.run is None:
                self._error(client, frame)
            case wire.MessageEvent(role="user"):
                self._user_message(client, frame)
            case wire.SummaryEvent():
                self._end_done()
                self._chat.app.clear_notifications()
                text = frame.summary or frame.note or ""
                self._view.stack.note(summed_up("What this was about", text, frame.topics))
            case wire.SettingsEvent():
                self._chat.model.settled()
            case wire.RunFinished():
                self._view.stack.pass_notes()
                if not client.pending:
                    self._status.limit(None)
        if isinstance(frame, wire.Ack | wire.MessageEvent | wire.RunStarted | wire.RunFinished):
            self._status.update(failure="")
        if isinstance(frame, wire.RunStarted | wire.RunFinished):
            self._streamed = None
            self._status.update(stopping=False, held=False)
        if isinstance(frame, LISTED):
            self._chat.list.follow()
        self._status.refresh()

    def _piece(self, client: "SessionClient", frame: wire.TextPiece) -> None:
        running = self._streamed = client.transcript.running
        if running is not None:
            self._view.changed(running)
            if self._status.activity.held:
                self._view.stack.pass_notes()
                self._status.update(held=False)
            if running.length == len(frame.text) or self._status.missed:
                self._status.refresh()

    def _notice(self, frame: wire.Notice) -> None:
        held = frame.code == wire.REPLY_WAITS
        passing = held or frame.retry_after is not None
        self._view.stack.note(notice(frame.text, key=_key(frame, frame.text), passing=passing))
        self._status.limit(frame.retry_after)
        if held:
            self._status.update(held=True)

    def _end_done(self) -> None:
        self._conversation.ended.set()
        self._status.update(ending=False)

    def _user_message(self, client: "SessionClient", message: wire.MessageEvent) -> None:
        """A message of the person, from here or elsewhere; it may replace one before it."""
        self._prompt.texts.add(message.text)
        self._chat.draft.overtaken(message.message_id)
        if message.meta.replaces is not None:
            for entry in client.transcript.entries:
                if entry.replaced:
                    self._view.changed(entry)

    def _error(self, client: "SessionClient", frame: wire.ErrorFrame) -> None:
        """A request failed; if it will be sent again after a countdown, only that is shown."""
        held = any(message.id == frame.re for message in client.pending)
        if frame.code == BadFrame.code and frame.seq is None:
            self._note_newer()
        elif held and frame.retry_after and isinstance(from_wire(frame.code, ""), Busy):
            self._status.limit(frame.retry_after)
        elif frame.re == "set":
            self._chat.model.refused(frame.message)
        elif held or frame.re is None or frame.re in REQUESTS:
            if frame.re == "end":
                self._end_done()
            if held or (frame.re == "retry" and not frame.retry_after):
                self._status.update(failure=frame.message)
            self._view.stack.note(notice(frame.message, "error", "✗", _key(frame, frame.message)))
        else:
            self._returned(self._view.stack.withdraw(frame.re), frame.message)

    def _returned(self, text: str, reason: str) -> None:
        """A message was refused: write it into the empty prompt, or else into the history."""
        how = "" if self._prompt.restore(text) else " Up brings it back."
        self._fail(f"Not sent: {reason}{how}")

    def _note_newer(self, version: str = "") -> None:
        """The server sends, or may send, what this version does not understand: note it once."""
        if not self._noted_newer:
            self._noted_newer = True
            which = f" ({version})" if version else ""
            text = f"This server{which} is newer than this client ({__version__})."
            self._view.stack.note(notice(f"{text} Update GenPy to see all that it sends."))

    def _ready(self, client: "SessionClient", frame: wire.Ready) -> None:
        self._status.update(replay_until=frame.seq)
        self._prompt.modes = frozenset(
            name.lower() for mode in frame.modes for name in (mode.name, mode.label)
        )
        self._chat.retry.check_mode()
        if frame.replay != "complete":
            self._lost, self._streamed = self._streamed, None
        if newer(frame.server, __version__):
            self._note_newer(frame.server)
        if not self._introduced:
            self._introduced = True
            self._view.stack.greet(model=client.transcript.next_model != OFFLINE)
            self._background(partial(self._introduce, client), "introduce")
            if self._chat.list.shown:
                self._chat.list.read_later()

    async def _introduce(self, client: "SessionClient") -> None:
        """Show what an earlier conversation was about, above its messages."""
        if client.transcript.status == "new":
            return
        ref = client.transcript.session
        # The summary is optional, and the status shows failures.
        session = await self._request(lambda records: records.session(ref), quiet=True)
        if session is None or client is not self._conversation.client:
            return
        self._chat.list.update(session)
        if session.summary:
            self._view.stack.note(summed_up("Earlier", session.summary, session.topics), above=True)

    def show_lost(self) -> None:
        """Show the text of a reply that the server did not store before it died."""
        lost, entries = self._lost, self._conversation.transcript.entries
        if lost is None or all(entry.message_id != lost.meta.reply_to for entry in entries):
            return
        self._lost = None
        if all(entry.meta.reply_to != lost.meta.reply_to for entry in entries):
            again = self._keys.way("retry")
            reason = f"The server stopped before it stored its reply; {again} asks again. Received:"
            self._view.stack.note(notice(f"{reason}\n\n{lost.text}"))


def _key(frame: wire.Notice | wire.ErrorFrame, text: str) -> str:
    """The key of a notice: one with a time to wait replaces the one before it, others their like."""
    return text if frame.retry_after is None else frame.code


def newer(server: str, client: str) -> bool:
    """Whether a server's version is newer than a client's; an invalid version is not."""
    try:
        theirs, ours = ([int(part) for part in v.split(".")[:3]] for v in (server, client))
    except ValueError:
        return False
    return theirs > ours
