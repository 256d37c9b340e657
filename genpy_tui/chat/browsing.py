"""Actions on conversations: open, search, summarise, rename, export, delete."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from genpy_server.errors import GenPyError
from genpy_server.wire import message_event
from genpy_tui.background import background
from genpy_tui.chat.answering import choose
from genpy_tui.chat.listing import Listing
from genpy_tui.preferences import Offers

if TYPE_CHECKING:
    from genpy_server.records import Records
    from genpy_tui.dialogs.search import Found

ARRIVAL = 10.0
"""Seconds in which a message that is jumped to must have come."""
PAGE = 200
"""Messages that are loaded at once while scrolling up."""


class Browsing(Listing):
    """The part of the chat screen that knows other conversations."""

    def __init__(
        self, open_session: Callable[[str], Coroutine[Any, Any, None]], offers: Offers
    ) -> None:
        super().__init__(open_session, offers)
        self.arrived = asyncio.Event()
        """A frame was taken in."""

    @property
    def begun(self) -> bool:
        """Whether the open conversation has a message, and so is kept."""
        return self.client is not None and bool(self.client.transcript.entries)

    def action_new(self) -> None:
        """Begin a new conversation."""
        background(self, partial(self.go, str(uuid4())), "open")

    def action_search(self, words: str = "") -> None:
        """Search every conversation, and jump to what was chosen."""
        if self.records is None:
            self.notify("Not connected yet.")
            return

        from genpy_tui.dialogs.search import SearchScreen  # noqa: PLC0415 - when first needed

        def found(place: "Found | None") -> None:
            if place is not None:
                background(self, partial(self.jump, place), "open")

        self.app.push_screen(SearchScreen(self.records, words), found)

    def show_place(self, session: str, message: str) -> None:
        """Jump to a message of a session, which is named by the beginning of its id."""

        async def work() -> None:
            if self.records is None:
                return
            try:
                found = await self.records.session(session)
            except GenPyError as error:
                self.notify(error.message, severity="error")
            else:
                await self.jump(Found(found.id, int(message)))

        from genpy_tui.dialogs.search import Found  # noqa: PLC0415 - when first needed

        background(self, work, "open")

    async def jump(self, place: "Found") -> None:
        """Open a session and show one of its messages, loading what lies between."""
        if place.session != self.session:
            await self.go(place.session)
        try:
            async with asyncio.timeout(ARRIVAL):
                while not self.view.reveal(place.message):
                    if not await self.load_older():
                        self.arrived.clear()
                        await self.arrived.wait()
        except TimeoutError:
            self.notify("That message is no longer there.")

    async def load_older(self) -> bool:
        """Put an older page in front of what is shown; False when that cannot be."""
        client, records = self.client, self.records
        if client is None or records is None or client.transcript.before is None:
            return False
        before = client.transcript.before
        try:
            page = await records.messages(self.session, limit=PAGE, before=before)
        except GenPyError as error:
            self.notify(error.message, severity="error")
            return False
        if client is not self.client or client.transcript.before != before:
            return False
        oldest = page[0].id if len(page) == PAGE else None
        client.transcript.older([message_event(message) for message in page], oldest)
        self.view.reset(client.transcript)
        self.view.flush()
        return True

    def action_summary(self) -> None:
        """What this conversation was about."""
        if self.records is None or not self.begun:
            self.notify("Say something first; a summary comes at the end.")
            return
        from genpy_tui.dialogs.summary import SummaryScreen  # noqa: PLC0415 - when first needed

        self.app.push_screen(SummaryScreen(self.records, self.session))

    def action_rename(self, title: str = "") -> None:
        """Give this conversation another title."""
        if self.client is None or not self.begun:
            self.notify("Say something first; then it can be renamed.")
        elif title.strip():
            background(self, partial(self._rename, title.strip()))
        else:
            from genpy_tui.dialogs.ask import AskLine  # noqa: PLC0415 - when first needed

            self.app.push_screen(
                AskLine("Title of this conversation", self.client.transcript.title),
                lambda answer: self.action_rename(answer) if answer else None,
            )

    async def _rename(self, title: str) -> None:
        await self._try(lambda records: records.rename(self.session, title), "Renamed.")

    def action_delete(self) -> None:
        """Delete a conversation: the one chosen in the list, else the open one."""
        chosen = self.sidebar.highlighted_option
        session = self.session
        if self.sidebar.has_focus and chosen is not None and chosen.id:
            session = chosen.id
        if self.records is None or (session == self.session and not self.begun):
            self.notify("There is nothing to delete.")
            return
        title = next((s.title for s in self.sidebar.sessions if s.id == session), "")
        if session == self.session and self.client is not None:
            title = self.client.transcript.title
        answers = {"no": "Keep it", "yes": "Delete it with all its messages"}

        def answered(answer: str | None) -> None:
            if answer == "yes":
                background(self, partial(self._delete, session))

        self.app.push_screen(
            choose(f"Delete “{title}”?", answers, "This cannot be undone."), answered
        )

    async def _delete(self, session: str) -> None:
        done = await self._try(lambda records: records.delete(session), "Deleted.")
        if done and session == self.session:
            await self.open_session(str(uuid4()))

    async def _try(self, work: "Callable[[Records], Awaitable[object]]", done: str) -> bool:
        """Do something on the records and say how it went."""
        if self.records is None:
            return False
        try:
            await work(self.records)
        except GenPyError as error:
            self.notify(error.message, severity="error")
            return False
        self.notify(done)
        await self.list_sessions()
        return True

    def action_export(self, name: str = "") -> None:
        """Write this conversation to a Markdown file."""
        if not self.begun:
            self.notify("There is nothing to export.")
            return
        background(self, partial(self._export, name.strip()))

    async def _export(self, name: str) -> None:
        client, records = self.client, self.records
        if client is None or records is None:
            return
        from genpy_server.core.export import markdown  # noqa: PLC0415 - when first needed
        from genpy_server.records import every_message  # noqa: PLC0415 - when first needed

        title = client.transcript.title or "conversation"
        try:
            messages = await every_message(records, self.session)
            path = await asyncio.to_thread(write_new, name, title, markdown(title, messages))
        except FileExistsError as error:
            text = f"{error.filename} exists; give another name: /export NAME"
            self.notify(text, severity="error")
        except (GenPyError, OSError, RuntimeError) as error:  # a home that nobody has
            self.notify(f"Not exported: {error}", severity="error")
        else:
            self.notify(f"Exported to {path}")


def write_new(name: str, title: str, text: str) -> Path:
    """Write a text to a file that must not exist; without a name, one is made of the title."""
    safe = re.sub(r"[^\w-]+", "-", title).strip("-")[:60] or "conversation"
    path = Path(name).expanduser() if name else Path(f"{safe}.md")
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path.resolve()
