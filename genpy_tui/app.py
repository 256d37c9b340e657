"""The application: themes, the connection to a server, and the screens.

The client, the embedded server and the Markdown parser are imported after the first paint, in a
thread, so that the screen appears at once.
"""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import urlsplit
from uuid import uuid4

from msgspec import UNSET
from rich.text import Text
from textual.app import App, SystemCommand
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.events import Paste
from textual.reactive import Reactive
from textual.screen import Screen
from textual.theme import Theme
from textual.widgets._toast import ToastRack

from genpy_server import config
from genpy_server.core.display import visible
from genpy_server.errors import ConfigError, GenPyError
from genpy_server.settings import Settings
from genpy_server.wire import Set
from genpy_tui import preferences
from genpy_tui.background import background
from genpy_tui.chat.receiver import ConnectionLost
from genpy_tui.chat.screen import ChatScreen
from genpy_tui.commands import COMMANDS, configured
from genpy_tui.dialogs.base import Dialog
from genpy_tui.dialogs.questions import Choose
from genpy_tui.terminal import internals
from genpy_tui.theme import THEMES, fallback, themes

if TYPE_CHECKING:
    from genpy_server.app import App as OwnApp
    from genpy_server.client.session_client import SessionClient
    from genpy_server.embedded import Embedded, LocalServer

COLLECT = (20_000, 20, 20)
SIGNALS = [one for one in signal.Signals if one.name in {"SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT"}]
EXIT_BASE = 128
"""Exit code of a program that a signal ended, minus the number of the signal."""
SIGNAL_SECONDS = 5.0
"""Time limit for closing the connection and the server after a signal."""
LINGER_SECONDS = 30.0
"""How long the client of a conversation that was left may go on sending its outbox."""


class GenPyApp(App[int]):
    """The client of one server: a remote one, or an embedded one.

    `own` is the App of the embedded server. `model` and `system` are settings of the first
    conversation.
    """

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "GenPy"
    VERTICAL_BREAKPOINTS = [(0, "-low"), (18, "-tall"), (30, "-roomy")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [
        # As in Textual, but shown in the footer.
        Binding("ctrl+q", "quit", "Quit", priority=True, id="leave"),
        Binding("ctrl+p", "command_palette", "Commands", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
    ]
    theme: Reactive[str] = Reactive(THEMES[0].name)
    """Starts with GenPy's first theme, so that the styles are not computed twice."""

    def __init__(
        self,
        settings: Settings,
        *,
        session: str | None = None,
        own: "OwnApp | None" = None,
        mode: str | None = None,
        model: str | None = None,
        system: str | None = None,
    ) -> None:
        super().__init__()
        self._own = own
        self.settings = settings
        self.server = settings.server
        self._initial_settings = Set(model=model or UNSET, system=system or UNSET)
        """Settings of the conversation that is opened first."""
        self.ref = session or str(uuid4())
        self.local: LocalServer | None = None
        self.keys = configured(settings.keyboard)
        self.chat = ChatScreen(self, fresh=session is None, mode=mode)
        self._loaded = False
        """Whether the client is imported, and the address of the server known."""
        self._lingering: dict[asyncio.Task[None], SessionClient] = {}
        self._left: list[SessionClient] = []
        """The clients that were open when the program ended."""
        self._leave_question = Choose("", {})
        self._leaving_by_signal = False
        chosen = settings.theme or preferences.theme(settings.database.parent)
        self.theme = chosen if chosen in self.available_themes else THEMES[0].name

    @property
    def available_themes(self) -> dict[str, Theme]:
        """Textual's themes and GenPy's own."""
        console = getattr(self, "console", None)  # Textual calls this before it sets one
        return themes(None if console is None else console.color_system)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours that GenPy adds to any theme."""
        return fallback(dark=self.current_theme.dark, ansi=self.current_theme.ansi)

    def _remember(self, _: object) -> None:
        own = self.settings
        try:
            if own.folder is not None and own.sources.get("GENPY_THEME") == config.CONFIG:
                config.set_value("theme", self.theme, own.folder)
            else:
                preferences.remember_theme(own.database.parent, self.theme)
        except (ConfigError, OSError) as error:
            reason = error.message if isinstance(error, ConfigError) else f"{error.strerror}."
            self.notify(f"The theme is not kept: {reason}", severity="warning")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The commands of the palette: every one of the table."""
        if screen is not self.chat:
            return
        for command in COMMANDS:
            if command.where == "everywhere":
                action = partial(self.chat.action_command, command.name)
                title = f"{command.title}  {self.keys.key(command.name)}".strip()
                yield SystemCommand(title, command.help, action)

    def notify(self, message: str, **options: Any) -> None:
        """Show a notice as plain text, unless the same one is still shown."""
        text = visible(message)
        if all(text != shown.message or shown.has_expired for shown in self._notifications):
            super().notify(text, **options | {"markup": False})  # it may be untrusted

    def _refresh_notifications(self) -> None:
        """Show the notices of the screen: those of before a dialog stay behind it."""
        screen = self.screen
        since = screen.opened if isinstance(screen, Dialog) else 0.0
        notices = [notice for notice in self._notifications if notice.raised_at >= since]
        for rack in screen.query_children(ToastRack):
            self.call_later(rack.show, notices)

    def action_help_quit(self) -> None:
        """ctrl+c without a selection: empty the prompt, or offer to leave when it is empty."""
        prompt = self.chat.prompt
        if cast("object", self.screen) is not self.chat:
            self.notify(f"esc goes back; {self.keys.way('leave')} leaves GenPy.")
        elif prompt.text:
            prompt.keep(prompt.full_text)
            prompt.text = ""
            self.notify("The prompt is empty. up brings the text back.")
        else:
            self._ask_to_leave("Leave GenPy?")

    def pop_screen(self) -> AwaitComplete:
        """Close the top screen, unless it is the chat: a double click beside the palette closes twice."""
        return super().pop_screen() if len(self.screen_stack) > 1 else AwaitComplete()

    def on_choose_typed(self, event: Choose.Typed) -> None:
        """Keep what was typed over a question: the person went on with the message."""
        self.chat.prompt.post_message(Paste(event.text))

    # Starting

    def get_driver_class(self) -> type[Driver]:
        """The driver of the terminal, changed to accept any bytes; see `terminal.internals`."""
        return internals.driver(super().get_driver_class())

    @property
    def embedded(self) -> "Embedded | None":
        """The server of this program, if it runs one."""
        return None if self.local is None else self.local.own

    def on_connection_lost(self, _: ConnectionLost) -> None:
        """Serve the database if the program that did has ended."""
        if self.local is not None and self.local.own is None:
            background(self, self._take_over, "take over")

    async def _take_over(self) -> None:
        if self.local is not None and await self.local.take_over():
            self.notify("The GenPy that served this database has ended; this one does so now.")

    def get_default_screen(self) -> Screen[object]:
        """The chat is the bottom screen."""
        return cast("Screen[object]", self.chat)

    def on_mount(self) -> None:
        """Connect once the screen is painted."""
        self.theme_changed_signal.subscribe(self, self._remember)
        # The screen is cleared while the program is suspended.
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh(layout=True))
        self.set_keymap(self.keys)
        loop = asyncio.get_running_loop()
        # Windows has no such handlers, nor has a loop that is not in the main thread.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            for number in SIGNALS:
                loop.add_signal_handler(number, self._signalled, int(number))
        wanted = self.settings.theme
        if wanted and wanted not in self.available_themes:
            self.notify(
                f"Unknown theme in the settings: {wanted}. /theme lists them.", severity="warning"
            )
        background(self, self._connect, "start")

    async def _connect(self) -> None:
        await self.chat.painted.wait()
        try:
            await asyncio.to_thread(_load, embedded=self.server is None)
            if self.server is None:
                from genpy_server.embedded import LocalServer  # noqa: PLC0415 - loaded

                self.local = LocalServer(self.settings, self._own)
                await self.local.reach(announced=True)
                if self.local.differs:
                    self.notify(
                        "Another GenPy uses this database with other settings. This chat has a "
                        "server of its own, so the two do not see each other's messages at once."
                    )
            self._loaded = True
        except GenPyError as error:
            self.chat.refuse(error.message)
            return
        finally:
            # Imported modules are not collected, which took 80 ms each time. The command that started
            # the client disabled the collector until here.
            gc.freeze()
            gc.set_threshold(*COLLECT)
            gc.enable()
        await self.open_session(self.ref)
        if unknown := ", ".join(sorted(self.settings.keyboard.keys() - self.keys.keys())):
            self.notify(f"{config.CONFIG}: [keyboard] names no command by {unknown}.")
        unsent = await asyncio.to_thread(preferences.take_unsent, self.settings.database.parent)
        for text in unsent:
            self.chat.prompt.keep(text)
        if unsent:
            self.notify("up brings back what was not sent when GenPy ended.")
        if self.embedded is not None and not self.embedded.has_model:
            background(self, self.set_up, "setup")

    async def set_up(self) -> None:
        """Ask for a model, and use it from then on."""
        from genpy_server.llm.setup import settings_with  # noqa: PLC0415 - when first needed
        from genpy_tui.dialogs.setup import set_up  # noqa: PLC0415 - when first needed

        records = self.chat.conversation.records
        if records is None:
            self.notify("Not connected yet.")
            return
        if self.local is None:  # a local server always allows it
            try:
                state = await records.setup()
            except GenPyError as error:
                self.notify(error.message, severity="error")
                return
            if not state.allowed:
                self.notify(
                    "The server of this conversation chooses its model: run `genpy setup` there."
                )
                return
        done = await set_up(self, self.chat.prompt, records)
        if done is not None:
            choice, notes = done
            if self.local is not None:
                self.settings = self.local.settings = settings_with(self.settings, choice)
            await self.open_session(self.chat.conversation.session or self.ref)
            for line in notes:
                self.notify(line)

    async def open_session(self, ref: str) -> None:
        """Show a conversation; the client of the one before sends its outbox in the background."""
        if not self._loaded:
            return
        from genpy_server.client import session_client  # noqa: PLC0415 - loaded

        url = self.local.url if self.local is not None else self.server or ""
        token = next(iter(self.settings.tokens), None) if self.local is None else self.local.token
        left = self.chat.detach()
        if left is not None:
            task = asyncio.create_task(_linger(left))
            self._lingering[task] = left
            task.add_done_callback(self._lingering.pop)
        records = self.chat.conversation.records or session_client.RemoteRecords(url, token)
        client = session_client.SessionClient(url, ref, token=token, approvals=True)
        if self._initial_settings != Set():
            client.set(self._initial_settings)
            self._initial_settings = Set()
        self.chat.attach(client, records, urlsplit(url).netloc or url)

    # Leaving

    def _fatal_error(self) -> None:
        """Show the traceback, without the values of variables: they hold messages and keys."""
        from rich.traceback import Traceback  # noqa: PLC0415 - for bugs only

        self.panic(Traceback(show_locals=False, width=None))

    def _signalled(self, number: int) -> None:
        """Leave without questions after a signal; a second signal does not wait."""
        code = EXIT_BASE + number
        if self._leaving_by_signal:
            self.exit(return_code=code)
        self._leaving_by_signal = True
        background(self, partial(self._leave_at_once, code), "leave")

    async def _leave_at_once(self, code: int) -> None:
        """Cancel the reply, store its text and exit; the summary is written by a later start."""
        client = self.chat.conversation.client
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SIGNAL_SECONDS):
                if client is not None:
                    if self.embedded is not None:
                        client.cancel()
                    await client.close()
                if self.embedded is not None:
                    await self.embedded.stop()
        self.exit(return_code=code)

    def keep_unsent(self) -> None:
        """Store unsent texts for the next run, and print that they are."""
        edit = self.chat.draft.edit
        clients = [*self._left, *filter(None, [self.chat.conversation.client])]
        texts = [send.text for client in clients for send in client.pending]
        texts += [edit.draft] if edit is not None else []
        texts = [*dict.fromkeys((*texts, self.chat.prompt.full_text))]
        texts = [text for text in texts if text.strip()]
        if not texts:
            return
        try:
            preferences.keep_unsent(self.settings.database.parent, texts)
            said = "Unsent text is kept: up brings it back in the next chat."
        except OSError as error:
            text = visible("\n\n".join(texts))
            said = f"Unsent text could not be kept: {error.strerror}. It is:\n\n{text}"
        with contextlib.suppress(OSError):  # the terminal may be gone
            sys.stderr.write(f"{said}\n")
            sys.stderr.flush()

    async def on_unmount(self) -> None:
        """Close the connections."""
        self._left += [*filter(None, [self.chat.detach()]), *self._lingering.values()]
        for client in self._left:
            await client.close()
        if self.chat.conversation.records is not None:
            await self.chat.conversation.records.close()

    async def action_quit(self) -> None:
        """Leave; ask first where a message or reply would be lost."""
        from genpy_tui.dialogs.leave import LeaveScreen  # noqa: PLC0415 - when first needed

        client = self.chat.conversation.client
        clients = [*filter(None, [client]), *self._lingering.values()]
        if isinstance(self.screen, LeaveScreen):
            self.screen.action_leave()
        elif cast("object", self.screen) is self._leave_question:
            self._leave_question.dismiss("leave")
        elif count := sum(len(one.pending) for one in clients):
            many = "A message is" if count == 1 else f"{count} messages are"
            self._ask_to_leave(f"{many} not sent yet. Leave anyway?")
        elif client is not None and client.transcript.running is not None and self.embedded:
            self._ask_to_leave("A reply is being written. Leave, and keep its text so far?")
        else:
            background(self, self._leave, "leave")

    def _ask_to_leave(self, question: str) -> None:
        def answered(answer: str | None) -> None:
            if answer == "leave":
                background(self, self._leave, "leave")

        answers = {"stay": "Stay", "leave": "Leave now"}
        self._leave_question = Choose(question, answers)
        self.push_screen(self._leave_question, answered)

    async def _leave(self) -> None:
        client, transcript = self.chat.conversation.client, self.chat.conversation.transcript
        message: str | None = None
        if self.embedded is not None:
            others = self.embedded.watchers(transcript.session) > 1
            if client is not None and transcript.entries and transcript.epoch and not others:
                client.cancel()
                message = await self._end_and_rate(ended=transcript.status == "completed")
            self.chat.status.update(leaving=True)
            if client is not None:
                self.chat.detach()
                self._left.append(client)
                await client.close()
            await self.embedded.stop(end_sessions=True)
        elif client is not None:
            if transcript.running is not None:
                server = "" if self.server is None else f" --server {self.server}"
                where = f"genpy chat{server} --session {transcript.session}"
                message = f"The reply goes on. To see it: {where}"
            elif self.chat.status.was_ended and client.link.state == "open":
                message = await self._end_and_rate(ended=True)
            await client.close()
        self.exit(0, message=None if message is None else Text(visible(message)))

    async def _end_and_rate(self, *, ended: bool) -> str | None:
        """End the conversation unless it has `ended`, and offer to rate it.

        Returns an error message to print after the screen is closed.
        """
        from genpy_tui.dialogs.leave import LeaveScreen  # noqa: PLC0415 - when first needed

        session = await self.chat.rating.unrated(self.chat.conversation.session) if ended else None
        if session is None and ended:
            return None
        return await self.push_screen_wait(LeaveScreen(self.chat, session))


async def _linger(client: "SessionClient") -> None:
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            if client.unsent:
                async for _ in client:
                    if not client.unsent:
                        break
    except TimeoutError:
        pass  # the server is gone; the transcript showed the messages as not sent
    finally:
        await client.close()


def _load(*, embedded: bool) -> None:
    """Import what is needed after the first paint; `embedded`: the server too."""
    import genpy_server.client.session_client  # noqa: PLC0415 - after the first paint
    from genpy_tui.render.markdown.document import warm_up  # noqa: PLC0415 - after the first paint

    warm_up()
    if embedded:
        import genpy_server.embedded  # noqa: PLC0415, F401 - after the first paint


def adapt_environment() -> None:
    """Correct the variables of the terminal before Textual reads them."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)  # exported, they would hide a resize of the window
    if os.environ.get("TERM") == "dumb":
        os.environ.setdefault("NO_COLOR", "1")


def run_chat(make: Callable[[], GenPyApp]) -> int:
    """Make a client and run it until the person leaves; returns the exit code."""
    adapt_environment()
    app = make()
    app.run()
    app.keep_unsent()
    return app.return_code or 0
