"""The application: themes, the connection to a server, and the screens.

Nothing slow happens before the first paint: the client, the embedded server and the Markdown parser
are imported afterwards, in a thread.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from textual.app import App

from genpy_server.errors import GenPyError
from genpy_server.settings import Settings
from genpy_tui.screens.chat import ChatScreen
from genpy_tui.theme import THEMES, fallback

if TYPE_CHECKING:
    from genpy_server.client import RemoteRecords, SessionClient
    from genpy_server.embedded import Embedded


class GenPyApp(App[int]):
    """Talks to one server: a remote one, or its own, embedded."""

    CSS_PATH = "app.tcss"
    TITLE = "GenPy"
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        *,
        settings: Settings,
        session: str | None = None,
        server: str | None = None,
        token: str | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.server = server
        self.token = token
        self.ref = session or str(uuid4())
        self.embedded: Embedded | None = None
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = "genpy-dark"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours that GenPy needs beside those of any theme."""
        return fallback(dark=self.current_theme.dark)

    def on_mount(self) -> None:
        """Show the screen first, and connect once it is painted."""
        self.chat = ChatScreen()
        self.push_screen(self.chat)
        self.call_after_refresh(self._start)

    def _start(self) -> None:
        self.run_worker(self._connect(), exclusive=True, group="start")

    async def _connect(self) -> None:
        try:
            if self.server is None:
                start = await asyncio.to_thread(_embedded_start)
                self.embedded = await start(self.settings)
            self._doors = await asyncio.to_thread(_client_doors)
        except GenPyError as error:
            self.chat.refuse(error.message)
            return
        self.records = self._doors[1](self._url, self._token)
        await self.open_session(self.ref)

    @property
    def _url(self) -> str:
        return self.embedded.url if self.embedded is not None else self.server or ""

    @property
    def _token(self) -> str | None:
        return self.embedded.token if self.embedded is not None else self.token

    async def open_session(self, ref: str) -> None:
        """Show a conversation."""
        client = self._doors[0](self._url, ref, token=self._token)
        await self.chat.attach(client, self.records)

    async def action_leave(self) -> None:
        """Leave: on our own server the conversation ends, which takes a moment."""
        await self.chat.detach()
        if self.embedded is not None:
            await self.embedded.stop(end_sessions=True)
        self.exit(0)


def _embedded_start() -> "Callable[[Settings], Awaitable[Embedded]]":
    from genpy_server.embedded import start_embedded  # noqa: PLC0415 - after the first paint

    return start_embedded


def _client_doors() -> "tuple[type[SessionClient], type[RemoteRecords]]":
    from genpy_server.client import RemoteRecords, SessionClient  # noqa: PLC0415 - after the first paint
    from genpy_tui.render.blocks import parser  # noqa: PLC0415

    parser()
    return SessionClient, RemoteRecords


def run_chat(
    *, settings: Settings, session: str | None, server: str | None, token: str | None
) -> int:
    """Open the client; returns the exit code of the command."""
    return GenPyApp(settings=settings, session=session, server=server, token=token).run() or 0
