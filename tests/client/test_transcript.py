"""What a client shows, folded from frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpy_server.client.transcript import Gap, Transcript
from genpy_server.core.models import MessageMeta, ToolRecord
from genpy_server.wire import (
    Delta,
    MessageEvent,
    Ready,
    RunFinished,
    RunStarted,
    SessionEvent,
    ToolFinished,
    ToolStarted,
)


def ready(replay: str = "none", seq: int = 0) -> Ready:
    return Ready("s", "e", seq, replay, "m", "sqlite", "t")


def started(seq: int, run: str = "r", reply_to: int = 1) -> RunStarted:
    return RunStarted(seq, run, reply_to, "tutorial", 0.9, "rule", "m")


def shown(transcript: Transcript) -> list[tuple[object, ...]]:
    return [
        (e.role, e.text, e.status, [(t.name, t.ok, t.result) for t in e.tools]) for e in transcript
    ]


@given(pieces=st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=12), data=st.data())
def test_overlapping_replay_changes_nothing(pieces, data):
    """Deltas that come again, joined in another way, leave the text as it was."""
    text = "".join(pieces)
    transcript = Transcript()
    transcript.apply(ready())
    transcript.apply(started(1))
    offset = 0
    for seq, piece in enumerate(pieces):
        transcript.apply(Delta(2 + seq, "r", offset, piece))
        offset += len(piece)
    start = data.draw(st.integers(0, len(text)))
    transcript.apply(Delta(99, "r", start, text[start:]))
    assert transcript.running is not None
    assert transcript.running.text == text


def test_gap_is_an_error():
    """A delta beyond the known text tells the client to attach again."""
    transcript = Transcript()
    transcript.apply(ready())
    transcript.apply(started(1))
    with pytest.raises(Gap):
        transcript.apply(Delta(2, "r", 5, "later"))


def test_retry_replaces_the_reply_before_it():
    """Two replies to one message are shown as the newer one, behind the message."""
    transcript = Transcript()
    transcript.apply(ready())
    transcript.apply(MessageEvent(1, 1, "user", "q", "t"))
    transcript.apply(started(2, "a"))
    transcript.apply(Delta(3, "a", 0, "first"))
    transcript.apply(RunFinished(4, "a", "done", 1.0, message_id=2))
    transcript.apply(started(5, "b"))
    transcript.apply(Delta(6, "b", 0, "second"))
    assert [e.text for e in transcript] == ["q", "second"]


def test_stored_replies_show_as_they_did_live():
    """A reload shows tools, status, time and text of a reply as the stream did."""
    live = Transcript()
    live.apply(ready())
    live.apply(MessageEvent(1, 1, "user", "q", "t"))
    live.apply(started(2))
    live.apply(ToolStarted(3, "r", "c", "get_session_stats", {}))
    live.apply(ToolFinished(4, "r", "c", ok=True, ms=1.5, result="| a |"))
    live.apply(Delta(5, "r", 0, "text"))
    live.apply(RunFinished(6, "r", "stopped", 2.0, message_id=2, at="t"))
    stored = Transcript()
    stored.apply(ready())
    stored.apply(MessageEvent(0, 1, "user", "q", "t"))
    tool = ToolRecord("get_session_stats", ms=1.5, result="| a |")
    meta = MessageMeta(run="r", reply_to=1, status="stopped", tools=(tool,))
    stored.apply(MessageEvent(0, 2, "assistant", "text", "t", meta=meta))
    assert shown(stored) == shown(live)
    assert live.entries[-1].at == "t"


def test_reply_stored_late_keeps_its_place():
    """The event of a reply that was stored late gives the shown reply its id."""
    transcript = Transcript()
    transcript.apply(ready())
    transcript.apply(MessageEvent(1, 1, "user", "q", "t"))
    transcript.apply(started(2))
    transcript.apply(Delta(3, "r", 0, "text"))
    transcript.apply(RunFinished(4, "r", "done", 1.0))
    transcript.apply(MessageEvent(5, 9, "assistant", "text", "t", meta=MessageMeta(run="r")))
    assert [(e.text, e.message_id) for e in transcript] == [("q", 1), ("text", 9)]


def test_complete_replay_keeps_what_is_shown_and_another_clears_it():
    """`ready` with `complete` leaves the entries; with anything else they come again."""
    transcript = Transcript()
    transcript.apply(ready())
    transcript.apply(MessageEvent(1, 1, "user", "q", "t"))
    transcript.apply(ready("complete", seq=1))
    assert len(transcript.entries) == 1
    transcript.apply(ready("truncated", seq=7))
    assert transcript.entries == []
    assert transcript.seq == 7


def test_older_messages_go_in_front():
    """A page of older messages stands before what is shown."""
    transcript = Transcript()
    transcript.apply(ready())
    transcript.apply(MessageEvent(1, 3, "user", "new", "t"))
    transcript.older([MessageEvent(0, 1, "user", "old", "t")], None)
    assert [e.text for e in transcript] == ["old", "new"]


def test_session_event_changes_the_title():
    """A rename on one client shows on the others."""
    transcript = Transcript()
    transcript.apply(ready())
    transcript.apply(SessionEvent(1, "New title", "active", 4))
    assert (transcript.title, transcript.rating) == ("New title", 4)
    assert not transcript.elsewhere
    transcript.apply(SessionEvent(2, "New title", "active", 4, elsewhere=True))
    assert transcript.elsewhere


def edited() -> list[MessageEvent]:
    """A conversation whose second message was edited, as it is stored."""
    return [
        MessageEvent(9, 1, "user", "Rome?", "t"),
        MessageEvent(9, 2, "assistant", "Rome.", "t", meta=MessageMeta(run="a", reply_to=1)),
        MessageEvent(9, 3, "user", "Lyon?", "t"),
        MessageEvent(9, 4, "assistant", "Lyon.", "t", meta=MessageMeta(run="b", reply_to=3)),
        MessageEvent(9, 5, "user", "Oslo?", "t", meta=MessageMeta(replaces=3)),
        MessageEvent(9, 6, "assistant", "Oslo.", "t", meta=MessageMeta(run="c", reply_to=5)),
    ]


@pytest.mark.parametrize("newest", [6, 2, 1])
def test_what_was_edited_is_marked_with_its_replies(newest):
    """The marks are the same live, from history, and when the old message is on an older page."""
    transcript = Transcript()
    transcript.apply(ready())
    for event in edited()[-newest:]:
        transcript.apply(event)
    transcript.older(edited()[:-newest], None)
    assert [e.text for e in transcript if e.replaced] == ["Lyon?", "Lyon."]
    assert [e.meta.replaces for e in transcript] == [None, None, None, None, 3, None]


def test_reply_that_runs_on_is_marked_too():
    """A reply that begins or ends after its message was edited is marked as well."""
    transcript = Transcript()
    transcript.apply(ready())
    for event in (edited()[2], edited()[4]):
        transcript.apply(event)
    transcript.apply(started(10, "b", reply_to=3))
    transcript.apply(RunFinished(11, "b", "done", 1.0, message_id=7))
    assert [(e.role, e.replaced) for e in transcript] == [
        ("user", True),
        ("assistant", True),
        ("user", False),
    ]


def test_new_start_forgets_what_was_edited():
    """After a start without replay only what comes then is marked."""
    transcript = Transcript()
    transcript.apply(ready())
    transcript.apply(edited()[4])
    transcript.apply(ready())
    transcript.apply(edited()[2])
    assert [e.replaced for e in transcript] == [False]


def answered() -> list[MessageEvent]:
    """A question with three answers, and what was said around it, as it is stored."""
    said = [("user", "Hi", None), ("user", "Rome?", None)]
    said += [("assistant", f"Answer {number}", 2) for number in (1, 2, 3)]
    said += [("user", "Thanks", None), ("assistant", "Welcome", 6)]
    return [
        MessageEvent(0, number, role, text, "t", meta=MessageMeta(reply_to=reply_to))
        for number, (role, text, reply_to) in enumerate(said, 1)
    ]


@pytest.mark.parametrize("border", range(1, len(answered())))
def test_answers_on_two_pages_are_one(border):
    """The newest answer stands for those before it, wherever a page of the history ends."""
    transcript = Transcript()
    transcript.apply(ready())
    for event in answered()[border:]:
        transcript.apply(event)
    transcript.older(answered()[:border], None)
    assert [(entry.text, [one.text for one in entry.earlier]) for entry in transcript] == [
        ("Hi", []),
        ("Rome?", []),
        ("Answer 3", ["Answer 1", "Answer 2"]),
        ("Thanks", []),
        ("Welcome", []),
    ]
