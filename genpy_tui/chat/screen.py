"""The conversation: sidebar, transcript, prompt and status of one session.

Frames are taken in as they come and only noted; the transcript draws them at its own pace. What a
person can do is in the classes this one is made of: reading, talking, browsing, telling.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from genpy_server import __version__
from genpy_server.errors import BadFrame, GenPyError
from genpy_server.wire import (
    Ack,
    Delta,
    ErrorFrame,
    Frame,
    MessageEvent,
    Notice,
    Ready,
    RunFinished,
    RunStarted,
    SessionEvent,
    SummaryEvent,
)
from genpy_tui.activity import REFUSED, newer
from genpy_tui.background import background
from genpy_tui.chat.telling import Telling
from genpy_tui.commands import BY_SLASH, bindings
from genpy_tui.preferences import Offers
from genpy_tui.render.notes import notice, summed_up
from genpy_tui.text import plain
from genpy_tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from genpy_server.client.reconnect import Link
    from genpy_server.client.session_client import SessionClient
    from genpy_server.records import Records

WIDE = 110
"""Columns from which the sidebar is shown by itself."""
REQUESTS = frozenset({"auth", "cancel", "end", "rate", "retry"})
"""What an error can be an answer to, beside the id of a message."""
TICK = 0.5
"""Seconds between two looks at what changes by time alone."""


class ChatScreen(Telling):
    """One session, attached through one client."""

    AUTO_FOCUS = "Prompt"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("everywhere")]

    def __init__(
        self, open_session: Callable[[str], Coroutine[Any, Any, None]], offers: Offers
    ) -> None:
        super().__init__(open_session, offers)
        self.below = Static(id="below")
        self.keys = Vertical(id="keys")
        self.painted = asyncio.Event()
        """The first paint is done."""
        self.ended = asyncio.Event()
        """An end that was asked for came, or was refused."""
        self.seen_ready = False
        self._told_newer = False
        self._reader: asyncio.Task[None] | None = None

    def compose(self) -> ComposeResult:
        """The list beside, the conversation, and the keys below."""
        with Horizontal():
            yield self.beside
            with Vertical(id="main"):
                yield self.heading
                yield self.view
                with Vertical(id="bottom"):
                    yield self.below
                    yield self.offer
                    yield self.edit_mark
                    yield self.prompt.menu
                    yield self.prompt
                    yield self.status
        yield self.keys

    def on_mount(self) -> None:
        """Show the greeting; nothing waits for a server, nor for what can come a moment later."""
        self.beside.display = self.app.size.width >= WIDE
        self.call_after_refresh(self._complete)
        self.set_interval(TICK, self._tick)
        self.facts()

    def _tick(self) -> None:
        """What changes by time alone; a bug that ended the reader is told as one."""
        if self._reader is not None and self._reader.done():
            self._reader.result()
        self.facts()
        self.watch_list()
        self.tell_lost()

    async def _complete(self) -> None:
        """After the first paint: the list beside and the keys below."""
        from genpy_tui.widgets.keys import KeysLine  # noqa: PLC0415 - after the first paint

        await self.beside.mount(self.sidebar)
        await self.keys.mount(KeysLine())
        self.refresh_bindings()
        self.painted.set()

    def on_unmount(self) -> None:
        """The program ends."""
        self.release()

    # The connection

    def attach(self, client: "SessionClient", records: "Records") -> None:
        """Show what a client receives, from now on."""
        self.client, self.records = client, records
        self.seen_ready = False
        self.prompt.remember([])
        self.begin()
        self.ended.clear()
        self.view.clear()
        self.app.clear_notifications()
        self._reader = asyncio.create_task(self._read(client))
        self.facts()

    def release(self) -> "SessionClient | None":
        """Let go of the client, without closing it."""
        if self._reader is not None:
            self._reader.cancel()
        self._reader, client, self.client = None, self.client, None
        return client

    def refuse(self, message: str) -> None:
        """No connection can be made at all."""
        self.refusal = message
        self.view.note(notice(message, "error", "✗"))
        self.say(REFUSED._replace(detail=message))

    async def _read(self, client: "SessionClient") -> None:
        """Take in frames as they come; drawing is done elsewhere, so this never waits for it."""
        async for event in client:
            if isinstance(event, Frame):
                self._frame(client, event)
            else:
                self._connection(event)

    def _connection(self, link: "Link") -> None:
        """The connection changed."""
        self.linked(link)
        if link.state == "refused":
            self.view.note(notice(link.reason, "error", "✗"))
        self.facts()

    def _frame(self, client: "SessionClient", frame: Frame) -> None:
        transcript, running = client.transcript, client.transcript.running
        if isinstance(frame, Delta):
            self.streamed = running
            if running is not None:
                self.view.changed(running)
                if running.length == len(frame.text) or self.behind:
                    self.facts()
            return
        self.view.reset(transcript)
        self.arrived.set()
        match frame:
            case Ready():
                self._ready(client, frame)
            case Notice():
                self.view.note(notice(frame.text))
                self.limited(frame.retry_after)
            case ErrorFrame() if frame.run is None:
                self._error(client, frame)
            case MessageEvent(role="user"):
                self._heard(client, frame)
            case SummaryEvent():
                self.ending = False
                self.ended.set()
                text = frame.summary or frame.note or ""
                self.app.clear_notifications()
                self.view.note(summed_up("What this was about", text, frame.topics))
            case RunFinished() if not client.pending:
                self.limited(0)
            case _:
                pass
        self._over(frame)
        self.facts()

    def _over(self, frame: Frame) -> None:
        """What was told until now and is over with this frame."""
        if isinstance(frame, Ack | MessageEvent | RunStarted | RunFinished):
            self.failure = ""
        if isinstance(frame, RunStarted | RunFinished):
            self.stopping, self.streamed = False, None
        if isinstance(frame, SummaryEvent | SessionEvent | RunStarted | RunFinished):
            background(self, self.list_sessions, "list")

    def _heard(self, client: "SessionClient", message: MessageEvent) -> None:
        """The person said something, here or elsewhere; it may stand for what was said before."""
        self.prompt.heard(message.text)
        self.overtaken(message.message_id)
        if message.meta.replaces is not None:
            for entry in client.transcript.entries:
                if entry.replaced:
                    self.view.changed(entry)

    def _error(self, client: "SessionClient", frame: ErrorFrame) -> None:
        """A request failed; one that is sent again after a countdown needs no word but that."""
        held = any(message.id == frame.re for message in client.pending)
        if frame.code == BadFrame.code and frame.seq is None:
            self._newer()
        elif held and frame.retry_after:
            self.limited(frame.retry_after)
        elif held or frame.re is None or frame.re in REQUESTS:
            if frame.re == "end":
                self.ending = False
                self.ended.set()
            if (held or frame.re == "retry") and not frame.retry_after:
                self.failure = frame.message
            self.view.note(notice(frame.message, "error", "✗"))
        else:
            self.view.refused(frame.re, frame.message)

    def _newer(self, version: str = "") -> None:
        """The server says what this version does not understand, or might: tell it once."""
        if not self._told_newer:
            self._told_newer = True
            which = f" ({version})" if version else ""
            text = f"This server{which} is newer than this client ({__version__})."
            self.view.note(notice(f"{text} Update GenPy to see all that it sends."))

    def _ready(self, client: "SessionClient", frame: Ready) -> None:
        self.replay_until = frame.seq
        if frame.replay != "complete":
            self.lost, self.streamed = self.streamed, None
        if newer(frame.server, __version__):
            self._newer(frame.server)
        if not self.seen_ready:
            self.seen_ready = True
            background(self, partial(self._introduce, client), "introduce")
            background(self, self.list_sessions, "list")

    async def _introduce(self, client: "SessionClient") -> None:
        """Show what an earlier conversation was about, above its messages."""
        if client.transcript.status == "new" or self.records is None:
            return
        try:
            session = await self.records.session(client.transcript.session)
        except GenPyError:
            return  # it is only an addition; what fails is told by the status line
        if session.summary and client is self.client:
            self.view.note(summed_up("Earlier", session.summary, session.topics), above=True)

    # What is seen of it

    def on_window_scrolled(self) -> None:
        """Say what is below, and load what is above."""
        view, below = self.view, self.below
        below.display = not view.follow
        lines = "line" if view.unseen == 1 else "lines"
        news = f"{view.unseen} new {lines}" if view.unseen else "more below"
        below.update(plain(f"↓ {news} · end returns", "$genpy-muted"))
        if view.near_top:
            background(self, self.load_older, "older")

    def on_resize(self, event: events.Resize) -> None:
        """The list of conversations has room, or has not."""
        if self.is_mounted and not self.sidebar.has_focus:
            self.beside.display = event.size.width >= WIDE

    def action_help(self) -> None:
        """What every key does."""
        from genpy_tui.dialogs.help import HelpScreen  # noqa: PLC0415 - when first needed

        self.app.push_screen(HelpScreen())

    def action_theme(self, name: str = "") -> None:
        """Choose the colours."""
        if name and name in self.app.available_themes:
            self.app.theme = name
        elif name:
            self.notify(f"There is no theme {name}.")
        else:
            self.app.search_themes()

    async def on_prompt_slash(self, event: Prompt.Slash) -> None:
        """Run a slash command."""
        command = BY_SLASH[event.name]
        action = getattr(self, f"action_{command.action}")
        done = action(event.argument) if command.argument and event.argument else action()
        if isawaitable(done):
            await done
