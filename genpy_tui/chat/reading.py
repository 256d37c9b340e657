"""Actions on what stands in the transcript: the block cursor, copying, quoting, tools, links."""

from urllib.parse import urlsplit

from textual.actions import SkipAction
from textual.screen import Screen

from genpy_server.core.display import visible
from genpy_tui.render.lines import PLACE
from genpy_tui.render.message import MessageBlock
from genpy_tui.widgets.prompt import Prompt
from genpy_tui.widgets.transcript import TranscriptView


class Reading(Screen[None]):
    """The part of the chat screen that reads."""

    def retry(self, block: MessageBlock) -> None:
        """Answer the message of a block again."""
        raise NotImplementedError

    def edit(self, block: MessageBlock) -> None:
        """Put a message of the person back into the prompt."""
        raise NotImplementedError

    def show_place(self, session: str, message: str) -> None:
        """Jump to a message of a session, which is named by the beginning of its id."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.view = TranscriptView()
        self.prompt = Prompt()
        self._code: tuple[MessageBlock | None, int] = (None, 0)
        """The block whose code was copied last, and which of its blocks of code is next."""

    def action_to_end(self) -> None:
        """Show the newest and follow it."""
        self.view.to_end()

    def action_focus_prompt(self) -> None:
        """Go on writing."""
        self.prompt.focus()

    def on_to_end(self) -> None:
        """End was pressed in an empty prompt."""
        self.view.to_end()

    def action_to_start(self) -> None:
        """Show the oldest message that is loaded; older ones are then loaded."""
        self.view.scroll_to(y=0, animate=False)

    def action_page_up(self) -> None:
        """Scroll the conversation up."""
        self.view.scroll_page_up(animate=False)

    def action_page_down(self) -> None:
        """Scroll the conversation down."""
        self.view.scroll_page_down(animate=False)

    def action_cursor_previous(self) -> None:
        """Move the cursor up a block."""
        self.view.move_cursor(-1)
        self.view.focus()

    def action_cursor_next(self) -> None:
        """Move the cursor down a block, and past the last one back to the prompt."""
        if self.view.move_cursor(1):
            self.view.focus()
        else:
            self.prompt.focus()

    def action_copy(self) -> None:
        """Copy the message under the cursor."""
        block = self.view.marked
        if block is not None:
            self.put_on_clipboard(block.entry.text, "the message")

    def action_copy_text(self) -> None:
        """Copy what is selected with the mouse."""
        selected = self.get_selected_text()
        if selected is None:
            raise SkipAction
        self.put_on_clipboard(selected, "what is selected")

    def action_copy_code(self) -> None:
        """Copy the code under the cursor; asked again, the next block of code."""
        block = self.view.marked
        if block is None:
            return
        from genpy_tui.render.markdown.blocks import code_blocks  # noqa: PLC0415 - when first needed

        code = code_blocks(block.entry.text)
        if not code:
            self.notify("There is no code in this message.")
            return
        number = self._code[1] % len(code) if self._code[0] is block else 0
        self._code = (block, number + 1)
        which = f"code {number + 1} of {len(code)}" if len(code) > 1 else "the code"
        self.put_on_clipboard(code[number], which)

    def put_on_clipboard(self, text: str, what: str) -> None:
        """Copy, and say what really happened."""
        from genpy_tui.terminal.clipboard import copy  # noqa: PLC0415 - when first needed

        self.notify(copy(self.app, visible(text)).format(what=what))

    def action_expand(self) -> None:
        """Show or hide what the tools of the message did."""
        self.view.toggle()

    def action_quote(self) -> None:
        """Put the message into the prompt, quoted."""
        block = self.view.marked
        if block is not None:
            quoted = "\n".join(f"> {line}" for line in block.entry.text.splitlines())
            self.prompt.insert(visible(quoted) + "\n\n")
            self.prompt.focus()

    def action_retry_block(self) -> None:
        """Answer the message under the cursor again."""
        block = self.view.marked
        if block is not None:
            self.retry(block)

    def action_edit_block(self) -> None:
        """Put the message under the cursor back into the prompt."""
        block = self.view.marked
        if block is not None:
            self.edit(block)

    def on_transcript_view_link(self, event: TranscriptView.Link) -> None:
        """A link was clicked: show where it leads, and open it only when the person agrees."""
        target = event.target
        scheme, _, place = target.partition(":")
        if scheme == PLACE:
            self.show_place(*place.split("#"))
            return
        if urlsplit(target).scheme not in {"http", "https"}:
            self.notify(f"Only web addresses are opened; this is {visible(target)}")
            return

        def answer(choice: str | None) -> None:
            if choice == "open":
                self.app.open_url(target)
            elif choice == "copy":
                self.put_on_clipboard(target, "the address")

        from genpy_tui.dialogs.ask import Choose  # noqa: PLC0415 - when first needed

        answers = {"open": "Open it in the browser", "copy": "Copy the address"}
        self.app.push_screen(Choose("Open this link?", answers, target), answer)
