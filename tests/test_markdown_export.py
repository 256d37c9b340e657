"""A conversation as a Markdown document."""

from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from genpy_server.core.models import Message, MessageMeta
from genpy_server.markdown_export import blocks, closed
from genpy_server.records import MessageFile

STORED, AT = "2026-01-02T10:00:00.123456Z", "02 Jan 2026, 10:00"
OPEN = [
    "```python\nopen",
    "~~~~\nopen\n~~~",
    "text\n<!-- open",
    "<script>\nopen",
    "<pre>\n\nopen",
    "<?php",
    "<![CDATA[ open",
    "<!X open",
    "- item\n  ```\n  open",
    "> ```\n> open",
    "1. a\n\n   ```\n   open\n\n   <!--",
    "- item\n\n```\nopen",
]
PIECES = st.sampled_from(
    ["```", "~~~", "<!--", "-->", "<pre>", "- a", "  b", "> c", "    d", "", "text", "<?", "````"]
)


def message(number, role, text, **meta):
    return Message(number, "s", role, text, STORED, meta=MessageMeta(**meta))


def markdown(title, messages, zone=UTC):
    """The whole document."""
    return "".join(blocks(title, messages, zone))


def headings(document):
    """The headings that a reader of Markdown finds at the outermost level."""
    tokens = MarkdownIt("commonmark").parse(document)
    return [
        tokens[place + 1].content
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0
    ]


def test_markdown_has_who_said_what_and_when():
    """A heading for the title, one for each message, and the exact text."""
    said = [message(1, "user", "a *b*\x1b[2J"), message(2, "assistant", "c")]
    assert markdown("My\ntitle\x07", said) == (
        f"# My title\x07\n\n## You · {AT}\n\na *b*\x1b[2J\n\n## GenPy · {AT}\n\nc\n"
    )


def test_times_are_those_of_the_reader():
    """A heading has the time of the zone that is asked for, without seconds."""
    east = timezone(timedelta(hours=5, minutes=30))
    document = markdown("t", [message(1, "user", "a")], east)
    assert headings(document) == ["t", "You · 02 Jan 2026, 15:30"]


def test_markdown_says_what_was_edited():
    """A message that a later one replaces is marked with its replies, and nothing is left out."""
    said = [
        message(1, "user", "a"),
        message(2, "assistant", "b", reply_to=1),
        message(3, "user", "c", replaces=1),
    ]
    headings = [line for line in markdown("t", said).splitlines() if line.startswith("## ")]
    assert headings == [
        f"## You · {AT} · edited later",
        f"## GenPy · {AT} · to a message that was edited later",
        f"## You · {AT}",
    ]


@pytest.mark.parametrize("text", OPEN)
def test_no_message_swallows_the_next(text):
    """What a message leaves open is closed behind it; the message itself stays as it was."""
    said = [message(1, "user", text), message(2, "assistant", "The answer.")]
    document = markdown("t", said)
    assert headings(document) == ["t", f"You · {AT}", f"GenPy · {AT}"]
    assert text in document


@given(st.lists(PIECES, max_size=12).map("\n".join))
def test_whatever_a_message_holds_the_next_stands_for_itself(text):
    """A heading behind any closed message is a heading."""
    assert headings(f"{closed(text)}\n\n## Next\n")[-1:] == ["Next"]


def test_question_and_answer_stand_together():
    """Where messages were queued, each reply follows what it answers."""
    said = [
        message(1, "user", "first"),
        message(2, "user", "second"),
        message(3, "assistant", "to the first", reply_to=1),
        message(4, "assistant", "to the second", reply_to=2),
        message(5, "assistant", "to the first again", reply_to=1),
    ]
    document = markdown("t", said)
    order = ["first\n", "to the first\n", "to the first again", "second\n", "to the second"]
    places = [document.index(text) for text in order]
    assert places == sorted(places)


def by_turn(messages):
    """The order of a document, made with all messages in memory."""
    turns = {}
    for one in messages:
        asked = one.meta.reply_to
        turns.setdefault(asked if asked in turns else one.id, []).append(one)
    return [one for turn in turns.values() for one in turn]


@given(st.lists(st.none() | st.integers(0, 9), max_size=9))
def test_whatever_is_replied_to_nothing_is_lost_or_doubled(asked):
    """Each reply is behind the message it answers if that began a turn before it, else where it was."""
    said = [message(n, "assistant", f"m{n}", reply_to=to) for n, to in enumerate(asked, 1)]
    found = [line for line in markdown("t", said).splitlines() if line.startswith("m")]
    assert found == [one.text for one in by_turn(said)]


async def test_messages_in_a_file_are_the_same():
    """A document of messages in a file is that of messages in memory, however many there are."""
    said = [message(n, "user", f"m{n}\n" * 9, reply_to=n // 2 or None) for n in range(1, 20_000)]

    async def messages():
        for one in said:
            yield one

    with await MessageFile.of(messages()) as file:
        assert (len(file), file[7], file[-1]) == (len(said), said[7], said[-1])
        assert markdown("t", file) == markdown("t", said)


def test_how_a_reply_ended_is_text():
    """An error, and that a reply was stopped or cut, stand below what came of it."""
    said = [
        message(1, "user", "a"),
        message(2, "assistant", "half", reply_to=1, status="error", error="Cut\noff."),
        message(3, "assistant", "", reply_to=1, status="stopped"),
        message(4, "assistant", "whole", reply_to=1, status="done"),
    ]
    document = markdown("t", said)
    assert "half\n\n(failed: Cut off.)\n" in document
    assert f"## GenPy · {AT}\n\n(stopped)\n" in document
    assert document.endswith("whole\n")
