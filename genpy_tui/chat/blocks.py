"""Actions on the message under the cursor, on selected text and on links."""

from urllib.parse import urlsplit

from genpy_server.core.display import newlines
from genpy_tui.chat.control import Control
from genpy_tui.dialogs.questions import Choose
from genpy_tui.render.lines import PLACE
from genpy_tui.render.message import MessageBlock
from genpy_tui.terminal import programs


class BlockControl(Control):
    """Moves the cursor over messages, copies and quotes them, and opens links."""

    _code: tuple[MessageBlock | None, int] = (None, 0)
    """The block whose code was copied last, and the index of its next block of code."""

    def previous(self) -> None:
        """Move the cursor up a message."""
        self._view.move_cursor(-1)
        self._view.focus()

    def next(self) -> None:
        """Move the cursor down a message, and past the last one back to the prompt."""
        if self._view.move_cursor(1):
            self._view.focus()
        else:
            self._prompt.focus()

    def copy(self, block: MessageBlock) -> None:
        """Copy a message."""
        programs.copy(self._chat.app, block.shown.text, "the message")

    def copy_code(self, block: MessageBlock) -> None:
        """Copy a block of code of a message: the first one, and the next one each time again."""
        from genpy_tui.render.markdown.blocks import code_blocks  # noqa: PLC0415 - when first needed

        code = code_blocks(block.shown.text)
        if not code:
            self._notify("No code in this message.")
            return
        number = self._code[1] % len(code) if self._code[0] is block else 0
        self._code = (block, number + 1)
        which = f"code {number + 1} of {len(code)}" if len(code) > 1 else "the code"
        programs.copy(self._chat.app, code[number], which)

    def turn(self, step: int, block: MessageBlock) -> None:
        """Show the previous or next answer to a message that was answered again."""
        if block.turn(step):
            self._view.redraw(block)
        else:
            ask = self._keys.way("model_block")
            self._notify(f"No other answer to this message; {ask} asks another model.")

    def quote(self, block: MessageBlock) -> None:
        """Put a message into the prompt, quoted."""
        quoted = "\n".join(f"> {line}" for line in newlines(block.shown.text).split("\n"))
        self._prompt.insert(quoted + "\n\n")
        self._prompt.focus()

    def follow_link(self, target: str) -> None:
        """Jump to a place in a conversation; ask before a web address is opened."""
        scheme, _, place = target.partition(":")
        if scheme == PLACE:
            ref, _, message = place.partition("#")
            self._chat.switch.show_place((ref, int(message)))
            return
        if urlsplit(target).scheme not in {"http", "https"}:
            self._notify(f"Only web addresses are opened; this is {target}")
            return

        def answer(choice: str) -> None:
            if choice == "open":
                self._chat.app.open_url(target)
            else:
                programs.copy(self._chat.app, target, "the address")

        answers = {"open": "Open it in the browser", "copy": "Copy the address"}
        self._ask(Choose("Open this link?", answers, target), answer)
