"""The real application in a terminal of the test's own, and waiting for what it shows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

from msgspec.structs import replace
from support import running_server
from support.cells import drawn
from support.conditions import PATIENCE
from textual.pilot import Pilot
from textual.screen import Screen

from genpy_tui.app import GenPyApp
from genpy_tui.chat.screen import ChatScreen

LOOK_SECONDS = 0.2
"""Seconds after which a screen is looked at again though nothing was drawn."""


class Terminal:
    """The application and what a person sees of it."""

    def __init__(self, app: GenPyApp, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot
        self._draws = 0
        """How often the application has drawn something."""
        display = app._display

        def counted(screen: Screen[object], renderable: object) -> None:
            self._draws += 1
            display(screen, renderable)  # type: ignore[arg-type]

        app._display = counted  # type: ignore[method-assign]

    @property
    def chat(self) -> ChatScreen:
        """The conversation."""
        return self.app.chat

    @property
    def screen(self) -> str:
        """Every line of the screen."""
        return "\n".join(strip.text.rstrip() for strip in drawn(self.app.screen))

    @property
    def state(self) -> str:
        """What the status line says."""
        state = self.chat.status.heading.state
        return f"{state.words} {state.detail}".strip()

    @property
    def notices(self) -> list[str]:
        """The toasts that were shown."""
        return [str(notice.message) for notice in self.app._notifications]

    def _rests(self) -> bool:
        """Whether nothing of the screen waits to be laid out or drawn."""
        screen = self.app.screen
        return not (
            screen._layout_required
            or screen._repaint_required
            or screen._recompose_required
            or screen._dirty_widgets
        )

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - Textual has no event for what a screen shows
                await asyncio.sleep(0.01)

    async def shows(self, *texts: str) -> None:
        """Wait until the screen shows every one of these."""
        looked, at = -1, monotonic()

        def seen() -> bool:
            """Look once at each state in which the screen rests, or after a while: a look takes time."""
            nonlocal looked, at
            moves = looked == self._draws or not self._rests()
            if moves and monotonic() - at < LOOK_SECONDS:
                return False
            looked, at, shown = self._draws, monotonic(), self.screen
            return all(text in shown for text in texts)

        try:
            await self.until(seen)
        except TimeoutError:
            raise AssertionError(f"{texts} not on the screen:\n{self.screen}") from None

    async def says(self, state: str) -> None:
        """Wait until the status line says this."""
        try:
            await self.until(lambda: state in self.state)
        except TimeoutError:
            raise AssertionError(f"{state!r} is not {self.state!r}") from None

    async def type(self, text: str) -> None:
        """Type a line and send it."""
        self.chat.prompt.focus()
        self.chat.prompt.insert(text)
        await self.press("enter")

    async def without_model(self) -> None:
        """Go on without a model, on a server of its own."""
        await self.shows("Set up a model")
        await self.press("escape")
        await self.until(lambda: self.app.screen is self.chat)

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other, each until what it does is done."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def settle(self) -> None:
        """Wait until the messages that are on their way, from widget to widget, are handled.

        Textual's pilot takes a process that gets no processor time for an idle one.
        """
        for _ in range(2):
            focused = self.app.screen.focused or self.app.screen
            for node in (self.app, *focused.ancestors_with_self, self.app):
                handled = asyncio.Event()
                if node.is_running and node.call_later(handled.set):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            await handled.wait()

    @property
    def transcript(self) -> str:
        """Every line of the transcript, seen or not."""
        column = self.chat.view.column
        return "\n".join(row.line.text for row in column.rows(0, 1_000_000))


@asynccontextmanager
async def terminal(
    tmp_path: Path,
    *,
    server: str | None,
    session: str | None = None,
    size: tuple[int, int] = (100, 30),
    mode: str | None = None,
    model: str | None = None,
    system: str | None = None,
    notifications: bool = False,
    **variables: str,
) -> AsyncIterator[Terminal]:
    """The application, attached to a server unless that keeps it waiting; perhaps with its toasts."""
    settings = running_server.configure(tmp_path / "genpy.db", **variables)
    settings = replace(settings, server=server)
    app = GenPyApp(settings, session=session, mode=mode, model=model, system=system)
    app.animation_level = "none"
    async with app.run_test(size=size, tooltips=False, notifications=notifications) as pilot:
        yield Terminal(app, pilot)
