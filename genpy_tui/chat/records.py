"""Stored conversations: search, summary, rename, export and delete."""

import asyncio
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from genpy_server.errors import GenPyError
from genpy_server.files import private
from genpy_tui.chat.control import NOT_CONNECTED, Control
from genpy_tui.dialogs.questions import AskLine, Choose

if TYPE_CHECKING:
    from genpy_server.client.session_client import RemoteRecords


class RecordsControl(Control):
    """Reads and changes what the server stores."""

    def search(self, words: str = "") -> None:
        """Search every conversation, and jump to the chosen hit."""
        records = self._conversation.records
        if records is None:
            self._notify(NOT_CONNECTED)
            return
        from genpy_tui.dialogs.search import SearchScreen  # noqa: PLC0415 - when first needed

        self._chat.app.push_screen(SearchScreen(records, words), self._chat.switch.show_place)

    def _stored(self, missing: str) -> "RemoteRecords | None":
        """The records, if the open conversation is stored; else a notice says what is missing."""
        return self._conversation.records if self._begun(missing) else None

    def summary(self) -> None:
        """Show what the open conversation was about."""
        if records := self._stored("Nothing to summarise"):
            from genpy_tui.dialogs.pages import SummaryScreen  # noqa: PLC0415 - when first needed

            self._chat.app.push_screen(SummaryScreen(records, self._conversation.session))

    def memory(self) -> None:
        """Show the notes of the open conversation's memory."""
        if records := self._stored("No memory yet"):
            from genpy_tui.dialogs.pages import MemoryScreen  # noqa: PLC0415 - when first needed

            self._chat.app.push_screen(MemoryScreen(records, self._conversation.session))

    def context(self) -> None:
        """Show what will be sent to the model with the text of the prompt."""
        if records := self._stored("No context yet"):
            from genpy_tui.dialogs.pages import ContextScreen  # noqa: PLC0415 - when first needed

            session, text = self._conversation.session, self._prompt.full_text
            self._chat.app.push_screen(ContextScreen(records, session, text))

    def rename(self, title: str = "") -> None:
        """Rename the open conversation; opens a dialog if no title is given."""
        if self._begun("Nothing to rename") and title.strip():
            self._background(partial(self._rename, self._conversation.session, title))
        elif self._conversation.begun:
            now = self._conversation.transcript.title
            self._ask(AskLine("Title of this conversation", now), self.rename)

    async def _rename(self, session: str, title: str) -> None:
        if await self._request(lambda records: records.rename(session, title)) is not None:
            self._notify("Renamed.")

    def delete(self) -> None:
        """Delete a conversation: the one chosen in the list, else the open one."""
        sidebar = self._chat.list.sidebar
        chosen = sidebar.highlighted_option
        session, title = self._conversation.session, self._conversation.transcript.title
        if sidebar.has_focus and chosen is not None and chosen.id and chosen.id != session:
            session = chosen.id
            title = next((s.title for s in self._chat.list.sessions if s.id == session), "")
        elif not self._begun("Nothing to delete"):
            return
        answers = {"no": "Keep it", "yes": "Delete it with all its messages"}

        def answered(answer: str) -> None:
            if answer == "yes":
                self._background(partial(self._delete, session))

        self._ask(Choose(f"Delete “{title}”?", answers, "This cannot be undone."), answered)

    async def _delete(self, session: str) -> None:
        if await self._request(lambda records: records.delete(session)) is None:
            return
        self._notify("Deleted.")
        if session == self._conversation.session:
            await self._chat.switch.go(str(uuid4()))
        self._chat.list.remove(session)

    def export(self, name: str = "") -> None:
        """Write the open conversation to a Markdown file."""
        if records := self._stored("Nothing to export"):
            self._background(partial(self._export, records, name.strip()))

    async def _export(self, records: "RemoteRecords", name: str) -> None:
        from genpy_server.markdown_export import blocks  # noqa: PLC0415 - when first needed
        from genpy_server.records import MessageFile, each_message  # noqa: PLC0415 - likewise

        title = self._conversation.transcript.title or "conversation"
        try:
            with await MessageFile.of(
                each_message(records, self._conversation.session)
            ) as messages:
                path = await asyncio.to_thread(write_new, name, title, blocks(title, messages))
        except FileExistsError as error:
            self._fail(f"{error.filename} exists; give another name: /export NAME")
        except OSError as error:
            self._fail(": ".join(filter(None, ("Not exported", error.strerror, error.filename))))
        except (GenPyError, RuntimeError) as error:  # RuntimeError: unknown home folder
            self._fail(f"Not exported: {error}")
        else:
            self._notify(f"Exported to {path}")


def write_new(name: str, title: str, texts: "Iterable[str]") -> Path:
    """Write texts to a new file of mode 0600; the default name is made of the title."""
    safe = re.sub(r"[^\w-]+", "-", title).strip("-")[:60] or "conversation"
    path = Path(name).expanduser() if name else Path(f"{safe}.md")
    with open(path, "x", encoding="utf-8", newline="", opener=private) as file:
        try:
            file.writelines(texts)
            file.flush()
        except OSError:
            path.unlink()
            raise
    return path.resolve()
