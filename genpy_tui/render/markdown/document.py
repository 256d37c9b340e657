"""A Markdown text that may still grow, as parts of the layout."""

from genpy_server.core.display import newlines, protect
from genpy_server.markdown.dialect import parser
from genpy_tui.render.layout import BlockPart
from genpy_tui.render.lines import BLANK, Line
from genpy_tui.render.markdown.blocks import Env, render
from genpy_tui.render.markdown.splitter import DEFINITION, Fragment, Splitter

_SAMPLE = "text `code`\n\n```python\npass\n```\n\n| a |\n|---|\n| b |\n\n- c\n"
_SAMPLE_WIDTH = 40


def warm_up() -> None:
    """Import modules and build the parser, so that the first reply need not wait for them."""
    for part in parts_of(_SAMPLE):
        part.lines(_SAMPLE_WIDTH)


def parts_of(text: str, *, indent: int = 0) -> list[BlockPart]:
    """The parts of a complete text."""
    document = Document(indent=indent)
    document.feed(text)
    document.finish()
    return document.parts


class Document:
    """Renders the text that it is fed; closed parts keep their lines, open ones are rendered again.

    Newlines, carriage returns and both together are accepted as line ends.
    """

    def __init__(self, *, indent: int = 0) -> None:
        self.indent = indent
        self._splitter = Splitter()
        self._env: Env = {}
        self._closed: list[BlockPart] = []
        self._pieces = 0
        self._tail: list[BlockPart] | None = None
        self._finished = False
        self._carriage = ""
        """A carriage return that a newline may follow."""

    def feed(self, text: str) -> None:
        """Append text."""
        text = self._carriage + text
        self._carriage = "\r" if text.endswith("\r") else ""
        self._splitter.feed(protect(newlines(text.removesuffix("\r"))))
        self._tail = None
        self._take()

    def finish(self) -> None:
        """The text is complete."""
        if not self._finished:
            self._finished = True
            if self._carriage:
                self._splitter.feed("\n")
            self._splitter.finish()
            self._tail = []
            self._take()

    @property
    def parts(self) -> list[BlockPart]:
        """All parts, the open ones last."""
        if self._tail is None:
            # An open definition is not final, so it must not define anything yet.
            env = {"references": dict(self._env.get("references", {}))}
            self._tail = [
                self._part(piece, env, top=number == 0 and not self._closed)
                for number, piece in enumerate(self._splitter.tail())
            ]
        return self._closed + self._tail

    def _take(self) -> None:
        pieces = self._splitter.closed
        for piece in pieces[self._pieces :]:
            self._define(piece)
            self._closed.append(self._part(piece, self._env, top=not self._closed))
        self._pieces = len(pieces)

    def _define(self, piece: Fragment) -> None:
        """Store the reference links that a piece defines, and render earlier uses of them again."""
        if piece.kind != "markdown" or not any(map(DEFINITION.match, piece.lines)):
            return
        before = len(self._env.get("references", ()))
        parser().parse(piece.source, self._env)
        if len(self._env.get("references", ())) != before:
            for part in self._closed:
                part.forget()

    def _part(self, piece: Fragment, env: Env, *, top: bool) -> BlockPart:
        gap = piece.gap and not top

        def make(width: int) -> list[Line]:
            lines = render(piece, width, env)
            return [BLANK, *lines] if gap and lines else lines

        size = sum(map(len, piece.lines))
        return BlockPart(make, chars=size, newlines=len(piece.lines) - 1 + gap, indent=self.indent)
