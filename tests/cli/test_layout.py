"""Columns that line up and excerpts that fit, whatever the text."""

from contextlib import redirect_stdout
from datetime import datetime, timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from genpy_cli import output
from genpy_cli.commands.search import excerpt
from genpy_cli.commands.sessions_list import show as show_list
from genpy_server.core.display import age, one_line
from genpy_server.core.models import Session

NOW = datetime(2026, 5, 4, 12).astimezone()  # a day is one of the person's own zone
NARROW = 40
TEXT = st.text(max_size=120).map(one_line)
TITLES = st.text("ab 世界é👍", max_size=90)


def printed(monkeypatch, width, show):
    """What is printed in so many columns; None is a pipe."""
    out = StringIO()
    if width is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", str(width))
    with redirect_stdout(out):
        output.console.cache_clear()
        show()
    output.console.cache_clear()
    return out.getvalue().splitlines()


@given(
    st.lists(st.tuples(TITLES, TITLES), min_size=1, max_size=5),
    st.sampled_from([NARROW, 80, 100, 200]),
)
def test_a_list_fits_and_lines_up(texts, width):
    """The list of sessions is never wider than the terminal, one line each, and whole in a pipe."""
    sessions = [
        Session(
            id=f"{number:08x}-0000-4000-8000-000000000000",
            user_id="local",
            title=title,
            status="completed",
            started_at=NOW.isoformat(),
            updated_at=NOW.isoformat(),
            last_message_id=1,
            message_count=1200,
            rating=4,
            summary=summary,
        )
        for number, (title, summary) in enumerate(texts)
    ]
    with pytest.MonkeyPatch.context() as monkeypatch:
        shown = printed(monkeypatch, width, lambda: show_list(sessions))
        whole = printed(monkeypatch, None, lambda: show_list(sessions))
    assert max(map(cell_len, shown)) <= width
    assert [line[:8] for line in shown[1:]] == [session.id[:8] for session in sessions]
    for line, narrow, session in zip(whole[1:], shown[1:], sessions, strict=True):
        assert one_line(session.title) in line
        assert one_line(session.summary) in line
        assert one_line(session.title)[:5] in narrow
    if width == NARROW:
        return
    starts = {cell_len(line.partition("✓")[0]) for line in shown[1:]}
    assert starts == {cell_len(shown[0].partition("STATUS")[0])}


@given(TEXT, st.integers(40, 100))
def test_an_excerpt_fits(text, width):
    """An excerpt is one line that fits, whose bold parts are what was looked for."""
    line = excerpt(f"{text} Needle {text}", "needle", width)
    assert cell_len(line.plain) <= width
    assert {line.plain[span.start : span.end].lower() for span in line.spans} <= {"needle"}


def test_an_excerpt_shows_what_was_found():
    """What was looked for is in the excerpt, however far behind it stands."""
    line = excerpt("word " * 500 + "the needle is here", "needle", 60)
    assert line.plain.startswith("…")
    assert [line.plain[span.start : span.end] for span in line.spans] == ["needle"]


@pytest.mark.parametrize(
    ("ago", "shown"),
    [
        (timedelta(seconds=-30), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=47), "1 d"),
        (timedelta(days=6, hours=23), "6 d"),
        (timedelta(days=30), "04 Apr 2026"),
    ],
    ids=str,
)
def test_ages(ago, shown):
    """An age is the largest whole unit, and a date after a week; a clock ahead is now."""
    assert age((NOW - ago).isoformat(), NOW) == shown
