"""Exports: corrections to learn from, and sessions of earlier versions."""

import msgspec

from genpy_server.core.export import Correction, corrections, exported_session
from genpy_server.core.models import Message, MessageMeta, Metrics, Session

AT = "2026-01-02T10:00:00+00:00"


def message(number, role, text, **meta):
    return Message(number, "s", role, text, AT, meta=MessageMeta(**meta))


def test_correction_on_the_reply_tells_of_the_message_it_answers():
    """A turn that was given again as another intent is one correction, of the person's text."""
    said = [
        message(1, "user", "it crashes"),
        message(2, "assistant", "x", reply_to=1, intent="casual_chat"),
        message(
            3,
            "assistant",
            "y",
            reply_to=1,
            intent="technical_support",
            intent_corrected_from="casual_chat",
        ),
    ]
    assert list(corrections(said)) == [
        Correction("it crashes", "technical_support", "casual_chat"),
    ]


def test_correction_on_the_message_and_its_reply_is_one():
    """A message that was sent with another intent and the reply to it are one turn."""
    meta = {"intent": "tutorial", "intent_corrected_from": "casual_chat"}
    said = [
        message(1, "user", "teach me", **meta),
        message(2, "assistant", "x", reply_to=1, **meta),
        message(3, "user", "thanks"),
        message(4, "assistant", "y", reply_to=3, intent="casual_chat"),
    ]
    assert list(corrections(said)) == [Correction("teach me", "tutorial", "casual_chat")]


def test_intent_that_was_merely_chosen_is_no_correction():
    """A message for which a person chose the kind of help corrects nothing."""
    assert list(corrections([message(1, "user", "hi", intent="tutorial")])) == []


def test_an_export_with_former_names_is_read() -> None:
    """What was exported before the names changed is the same session as what is exported now."""
    metrics = Metrics(messages=3, user_messages=2, assistant_messages=1)
    session = Session(
        "s", "ann", "T", "completed", AT, AT, 1, 3, AT, "S.", None, ("t",), "neutral", ("o",),
        metrics, 4, AT,
    )  # fmt: skip
    former = msgspec.structs.asdict(session) | {"metrics": msgspec.structs.asdict(metrics)}
    assert exported_session(former) == session
    assert exported_session(msgspec.to_builtins(session)) == session
