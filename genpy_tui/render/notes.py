"""Blocks beside messages: the greeting, notices, summaries, and the mark of older messages."""

from collections.abc import Callable

from genpy_server.core.display import protect
from genpy_tui.commands import Keys
from genpy_tui.render.layout import BlockPart
from genpy_tui.render.lines import BLANK, Line, Styled, wrap

ABOUT = (
    "A chat that remembers: every conversation is kept, can be searched, and is summed up when it "
    "ends."
)
EXAMPLES = (
    "Explain Python generators with a small example",
    "Why does Docker not use my build cache?",
    "What did we talk about last time?",
)
WITHOUT_MODEL = (
    "/setup chooses a model, which answers everything else",
    "How many messages are in this chat?",
    "Show my sessions",
)
KEYS = (("enter", "sends"), ("ctrl+j", "new line"))
COMMANDS = (
    ("stop", "stops a reply and keeps it"),
    ("search", "searches everything"),
    ("help", "all keys"),
)


class NoteBlock:
    """Lines made by a function of the width; a note replaces the one before it with the same key."""

    def __init__(
        self, make: Callable[[int], list[Line]], key: str = "", *, passing: bool = False
    ) -> None:
        self.parts = [BlockPart(make)]
        self.marked = False
        self.key = key
        self.passing = passing
        """Whether it holds only until the reply has ended."""

    def height(self, width: int) -> int:
        """The height, exact once it was shown."""
        return self.parts[0].height(width)


def greeting(keys: Keys, *, model: bool = True) -> NoteBlock:
    """The block of an empty conversation; `model`: whether a model is configured."""
    examples = EXAMPLES if model else WITHOUT_MODEL

    def make(width: int) -> list[Line]:
        lines = [
            BLANK,
            Line((Styled("◆ ", "genpy"), Styled("GenPy", "genpy"))),
            BLANK,
            *wrap([Styled(ABOUT)], width, (Styled("  "),)),
            BLANK,
            Line((Styled("  Try asking", "dim"),)),
            BLANK,
        ]
        for example in examples:
            asked = example.split()[0] if example.startswith("/") else example
            lines += wrap(
                [Styled(example, link=asked)],
                width,
                (Styled("  › ", "you"),),
                (Styled("    "),),
            )
        lines += [BLANK, BLANK]
        named = [(keys.way(name), does) for name, does in COMMANDS]
        width = max(8, *(len(key) + 2 for key, _ in named))
        for key, does in (*KEYS, *named):
            lines.append(Line((Styled(f"  {key:<{width}}", "strong"), Styled(does, "dim"))))
        return lines

    return NoteBlock(make)


def notice(
    text: str, style: str = "warning", glyph: str = "!", key: str = "", *, passing: bool = False
) -> NoteBlock:
    """A notice of the program, such as an error."""

    def make(width: int) -> list[Line]:
        lead = (Styled(f"{glyph} ", style),)
        return [BLANK, *wrap([Styled(protect(text), "dim")], width, lead, (Styled("  "),))]

    return NoteBlock(make, key, passing=passing)


def summed_up(title: str, summary: str, topics: tuple[str, ...]) -> NoteBlock:
    """The summary of a conversation."""

    def make(width: int) -> list[Line]:
        bar = (Styled("┃ ", "genpy"),)
        lines = [BLANK, Line((*bar, Styled(title, "genpy")), 2)]
        lines += wrap([Styled(protect(summary))], width, bar)
        if topics:
            lines += wrap([Styled(protect(" · ".join(topics)), "dim")], width, bar)
        return lines

    return NoteBlock(make)


def older_waiting() -> NoteBlock:
    """The mark above the first message, if there are older ones that are not loaded."""
    return NoteBlock(
        lambda _: [BLANK, Line((Styled("↑ ", "dim"), Styled("older messages", "dim")))]
    )
