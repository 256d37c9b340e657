"""The chat screen: sidebar, transcript, prompt and status of one session."""

import asyncio
from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Center, Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Input, Static

from genpy_tui.background import background
from genpy_tui.chat.answers import ApprovalControl, RatingControl
from genpy_tui.chat.blocks import BlockControl
from genpy_tui.chat.control import OpenConversation
from genpy_tui.chat.draft import NAME as PROMPT
from genpy_tui.chat.draft import DraftControl
from genpy_tui.chat.list import ListControl
from genpy_tui.chat.receiver import Receiver
from genpy_tui.chat.records import RecordsControl
from genpy_tui.chat.replies import ModelControl, RetryControl
from genpy_tui.chat.status import StatusControl
from genpy_tui.chat.switch import SwitchControl
from genpy_tui.commands import AS_IT_IS, BY_NAME, Mistyped, bindings
from genpy_tui.dialogs.questions import Choose
from genpy_tui.render.notes import notice
from genpy_tui.terminal import programs
from genpy_tui.text import plain
from genpy_tui.widgets.answers import ApprovalRequest
from genpy_tui.widgets.prompt import SELECTED, Prompt
from genpy_tui.widgets.sidebar import Sidebar
from genpy_tui.widgets.transcript import TranscriptView

if TYPE_CHECKING:
    from genpy_server.client.session_client import RemoteRecords, SessionClient
    from genpy_tui.app import GenPyApp

WIDE = 110
"""On terminals with at least so many columns, the sidebar is shown without being asked for."""
TICK = 0.5
"""Seconds between updates of what changes with time, such as a countdown."""

Action = Callable[..., object]


class ChatScreen(Screen[None]):
    """Composes the widgets and owns the controllers, which handle the messages of the widgets."""

    AUTO_FOCUS = "Prompt"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("everywhere")]

    def __init__(self, genpy: "GenPyApp", *, fresh: bool, mode: str | None = None) -> None:
        super().__init__()
        self.genpy = genpy
        self.conversation = OpenConversation()
        self.keys = keys = genpy.keys
        self.view = TranscriptView(keys, fresh=fresh)
        self.prompt = Prompt()
        self.below = Static(id="below")
        self.key_line = Vertical(id="keys")
        self.painted = asyncio.Event()
        self.status = StatusControl(self, mode)
        self.draft = DraftControl(self)
        self.retry = RetryControl(self)
        self.model = ModelControl(self)
        self.list = ListControl(self)
        self.rating = RatingControl(self)
        self.switch = SwitchControl(self)
        self.records = RecordsControl(self)
        self.blocks = BlockControl(self)
        self.approval = ApprovalControl(self)
        self.receiver = Receiver(self)
        self.actions = self._actions()
        self._reader: asyncio.Task[None] | None = None

    def _actions(self) -> dict[str, Action]:
        """The function of each command, which gets its argument or the message under the cursor."""
        view = self.view
        return {
            "help": self._help,
            "new": self.switch.new,
            "sessions": self.list.toggle,
            "search": self.records.search,
            "summary": self.records.summary,
            "memory": self.records.memory,
            "context": self.records.context,
            "rename": self.records.rename,
            "stop": self._stop,
            "retry": self.retry.retry,
            "edit_last": self.draft.edit_last,
            "mode": self.retry.choose,
            "rate": self.rating.rate,
            "rate_left": self.rating.focus_offer,
            "approve": self.approval.focus,
            "end": self.draft.end,
            "export": self.records.export,
            "delete": self.records.delete,
            "model": partial(self.model.set_one, "model"),
            "again": self.model.again,
            "set": self.model.set,
            "thinking": self.model.show_thinking,
            "think": partial(self.model.set_one, "reasoning_effort"),
            "setup": partial(background, self, self.genpy.set_up, "setup"),
            "theme": self._theme,
            "editor": self.draft.open_editor,
            "page_up": partial(view.scroll_page_up, animate=False),
            "page_down": partial(view.scroll_page_down, animate=False),
            "to_start": partial(view.scroll_to, y=0, animate=False),
            "to_end": view.to_end,
            "cursor_previous": self.blocks.previous,
            "cursor_next": self.blocks.next,
            "leave": partial(self.run_action, "app.quit"),
            "copy": self.blocks.copy,
            "copy_code": self.blocks.copy_code,
            "expand": view.fold,
            "quote": self.blocks.quote,
            "retry_block": partial(self.retry.on_last, self.retry.again),
            "model_block": partial(self.retry.on_last, self.model.again),
            "answer_before": partial(self.blocks.turn, -1),
            "answer_after": partial(self.blocks.turn, 1),
            "mode_block": partial(self.retry.on_last, self.retry.choose_again),
            "edit_block": self.draft.edit_block,
        }

    def _useless(self) -> list[str]:
        """The actions that would do nothing on the message under the cursor."""
        block = self.view.marked
        if block is None:
            return []
        names = {
            "edit_block": block.entry is not self.conversation.last_message,
            "expand": not block.folds,
            "retry_block": all(block.entry is not one for one in self.conversation.last_turn),
        }
        return [f"screen.{BY_NAME[name].binding.action}" for name in names if names[name]]

    def compose(self) -> ComposeResult:
        """Compose the sidebar, the conversation, and the line of keys."""
        with Horizontal():
            yield self.list.panel
            with Vertical(id="main"):
                yield Center(self.status.heading)
                yield self.view
                with Center(), Vertical(id="bottom"):
                    yield self.below
                    yield self.approval.panel
                    yield self.rating.offer
                    yield self.prompt.menu
                    yield self.prompt
        yield self.key_line

    def on_mount(self) -> None:
        """Paint the first frame without waiting for a server; the rest is mounted after it."""
        self.list.show(shown=self.app.size.width >= WIDE)
        self.call_after_refresh(self._complete)
        self.set_interval(TICK, self._tick)
        self.status.refresh()

    def _tick(self) -> None:
        """Update what changes with time; raises an error that ended the reader."""
        if self._reader is not None and self._reader.done():
            self._reader.result()
        self.status.refresh()
        running = self.conversation.running
        if running is not None and running.reasoning and not running.length:
            self.view.changed(running)  # its line has the seconds so far
        self.list.tick()
        self.receiver.show_lost()

    async def _complete(self) -> None:
        """Mount the sidebar and the line of keys, after the first paint."""
        from genpy_tui.widgets.keys import KeysLine  # noqa: PLC0415 - after the first paint

        await self.list.mount()
        await self.key_line.mount(KeysLine(self._useless))
        self.refresh_bindings()
        self.painted.set()

    # The connection

    def attach(self, client: "SessionClient", records: "RemoteRecords", address: str) -> None:
        """Show what a client receives from now on."""
        self.conversation.client, self.conversation.records = client, records
        self.conversation.address = address
        self.conversation.ended.clear()
        self.draft.cancel_edit()
        self.receiver.reset()
        self.view.clear()
        self.approval.follow()
        self.draft.offers_read = False
        self.app.clear_notifications()
        self._reader = asyncio.create_task(self.receiver.read(client))
        self.status.reset()
        self.draft.started()

    def detach(self) -> "SessionClient | None":
        """Stop following the client, without closing it."""
        if self._reader is not None:
            self._reader.cancel()
        client = self.conversation.client
        self._reader = self.conversation.client = None
        return client

    def refuse(self, reason: str) -> None:
        """Show why no connection can be made."""
        self.view.stack.note(notice(reason, "error", "✗"))
        self.status.update(refusal=reason)

    # Commands

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether a key is bound; False if the person removed the key of its command."""
        return action != "command" or self.keys.get(str(parameters[0])) != ""

    async def action_command(self, name: str, argument: str = "") -> None:
        """Run a command."""
        if name.startswith(PROMPT):
            await self.draft.fill_in(name, argument)
            return
        given: tuple[object, ...] = (argument,) if argument else ()
        if BY_NAME[name].where == "transcript":
            if self.view.marked is None:
                return
            given = (self.view.marked,)
        done = self.actions[name](*given)
        if isawaitable(done):
            await done

    async def on_prompt_slash(self, event: Prompt.Slash) -> None:
        """Run a slash command; ask first if the text may be a message."""
        command, text = event.command, event.line
        if not event.asks:
            try:
                await self.action_command(command.name, event.argument)
            except Mistyped as error:
                self.notify(f"{error} {AS_IT_IS}", severity="error")
                self.prompt.restore(text)
            return

        def answered(answer: str | None) -> None:
            if answer == "send":
                self.post_message(Prompt.Submitted(text))
            elif answer == "run":
                argument = event.argument if command.argument else ""
                self.call_later(self.action_command, command.name, argument)
            else:
                self.prompt.restore(text)

        answers = {"send": "Send it as a message", "run": command.asks}
        self.app.push_screen(Choose("Is this a message?", answers, text), answered)

    def action_leave_filter(self) -> None:
        """Clear the filter of the list, and focus the prompt."""
        self.list.filter.value = ""
        self.prompt.focus()

    def action_copy_text(self) -> None:
        """Copy the selected text, and notify the result."""
        selected = self.get_selected_text()
        if selected is None:
            raise SkipAction
        programs.copy(self.app, selected, SELECTED)

    def _stop(self) -> None:
        """Cancel an edit, else stop the reply, else hide the offer; then focus the prompt."""
        if not self.draft.stop():
            self.rating.hide_offer()
        self.prompt.focus()

    def _help(self) -> None:
        from genpy_tui.dialogs.pages import HelpScreen  # noqa: PLC0415 - when first needed

        self.app.push_screen(HelpScreen(self.keys))

    def _theme(self, name: str = "") -> None:
        themes = self.app.available_themes
        if found := next((one for one in (name, f"genpy-{name}") if one in themes), None):
            self.app.theme = found
        elif name:
            raise Mistyped(f"Unknown theme: {name}. /theme lists them.")
        else:
            self.app.search_themes()

    # Messages of the widgets

    def on_key(self, event: events.Key) -> None:
        """Pass typed text to the prompt, unless the key is bound where it was typed.

        This includes text that was typed before the prompt was mounted and focused.
        """
        if (
            self.focused not in {None, self.prompt, self.view, self.approval.panel}
            or event.key in self.active_bindings
        ):
            return
        if event.is_printable and event.character:
            event.stop()
            self.prompt.focus()
            self.prompt.insert(event.character)

    def on_paste(self, event: events.Paste) -> None:
        """Pass pasted text to the prompt."""
        if self.focused in {None, self.prompt, self.view}:
            event.stop()
            self.prompt.focus()
            self.prompt.post_message(events.Paste(event.text))

    def on_prompt_submitted(self, message: Prompt.Submitted) -> None:
        """Send the text of the prompt, and hide an offer to rate."""
        self.rating.hide_offer()
        self.draft.send(message.text)

    def on_prompt_older(self) -> None:
        """Up was pressed at the oldest text of the history."""
        background(self, self.draft.load_older, "recall")

    def on_text_area_changed(self) -> None:
        """Show what enter does with the text of the prompt."""
        if self.prompt.text.startswith("/"):
            self.draft.offer_once()
        self.status.refresh()

    def on_transcript_view_link_clicked(self, event: TranscriptView.LinkClicked) -> None:
        """Follow a link, or put an example into the prompt, to be sent or changed."""
        if event.example:
            self.prompt.restore(event.target)
        else:
            self.blocks.follow_link(event.target)

    def action_rate_left(self, rating: int) -> None:
        """Rate the conversation that was left."""
        self.rating.rate_left(rating)

    def on_approval_request_answered(self, event: ApprovalRequest.Answered) -> None:
        """Send the answer to a tool's request."""
        self.approval.answer(event)

    def on_sidebar_chosen(self, event: Sidebar.Chosen) -> None:
        """Open the conversation that was chosen in the list."""
        self.switch.open(event.session)
        self.action_leave_filter()

    def on_choices_near_end(self) -> None:
        """The end of the list is visible: read more."""
        self.list.read_more()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The filter of the list changed."""
        self.list.change_filter(event.value)

    def on_input_submitted(self) -> None:
        """Open the first conversation that matches."""
        self.list.sidebar.action_select()

    def on_window_scrolled(self) -> None:
        """Show what is below the visible part, and load older messages."""
        view, below = self.view, self.below
        below.display = not view.follow
        lines = "line" if view.unseen == 1 else "lines"
        news = f"{view.unseen} new {lines}" if view.unseen else "more below"
        below.update(plain(f"↓ {news} · end returns", "$genpy-muted"))
        if view.stack.transcript.before is not None and view.scroll_offset.y < view.size.height:
            background(self, self.switch.load_older, "older")

    def on_resize(self, event: events.Resize) -> None:
        """Show the sidebar if there is room for it."""
        if self.is_mounted and not self.list.panel.has_focus_within:
            self.list.show(shown=event.size.width >= WIDE)
