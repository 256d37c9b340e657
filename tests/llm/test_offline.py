"""The answerer of a machine without a model."""

import pytest
from support.model_replies import everything, said

from genpy_server.core.models import Hit, Message, ToolCall
from genpy_server.llm.base import ChatMessage, ChatRequest, TextDelta
from genpy_server.llm.offline import OfflineLlm

ME = ChatMessage("user", "what about Rome?")
STATS = ToolCall("c", "get_session_stats", "{}")


async def answer(*messages: ChatMessage, recalled: tuple[Hit, ...] = ()) -> str:
    return said(await everything(OfflineLlm(), ChatRequest(messages, recalled=recalled)))


def message(text: str, id_: int, role="user") -> Message:
    return Message(id_, "s", role, text, "2026-03-04T05:06:07Z")


def hit(text: str, title: str = "Holidays", id_: int = 17) -> Hit:
    return Hit(message(text, id_), title, 1.0)


async def test_first_answer_explains_what_to_do():
    """The first answer says that no model is configured, how to add one, and what works without."""
    text = await answer(ME)
    assert "No model is configured" in text
    for needed in ("GROQ_API_KEY", "console.groq.com", "GENPY_LLM_URL=http://127.0.0.1:11434/v1"):
        assert needed in text
    assert "how many messages" in text


async def test_later_answers_do_not_nag():
    """Who has read it is told in one line."""
    text = await answer(ME, ChatMessage("assistant", "…"), ME)
    assert "No model is configured" in text
    assert "GROQ_API_KEY" not in text
    assert "\n" not in text


async def test_tools_answer_with_real_data():
    """A tool's result is the answer, said to come from the data."""
    text = await answer(
        ME,
        ChatMessage("assistant", "", tool_calls=(STATS,)),
        ChatMessage("tool", '{"n":3}', tool_call_id="c", display="| messages | 3 |"),
    )
    assert text == "From your own data, without a model:\n\n| messages | 3 |"


async def test_what_was_said_before_is_shown():
    """What was recalled comes first, quoted with its date and its conversation, in brief and as plain text."""
    found = (hit("Rome was *hot*\n<b>" + "x" * 500), *(hit("more", "Other", n) for n in range(9)))
    text = await answer(ME, recalled=found)
    assert text.startswith("Said about this before:\n\n- ")
    assert text.index("more") < text.index("No model is configured")
    lines = [line for line in text.splitlines() if line.startswith("- 2026-03-04")]
    assert len(lines) == 3
    assert lines[0].startswith("- 2026-03-04, *Holidays*, you: “Rome was \\*hot\\* \\<b\\>xx")
    assert len(lines[0]) < 250


@pytest.mark.parametrize(
    "question", ["What did we talk about?", "what have we discussed so far", "Summarise our chat"]
)
async def test_what_was_just_said_is_shown(question: str):
    """A question about the conversation itself gets the last messages of it, below a sentence."""
    asked = ChatMessage("user", question)
    told = [ChatMessage("user", f"thing *{n}*") for n in range(7)]
    text = await answer(*told[:1], ChatMessage("assistant", "…"), *told[1:], asked)
    assert text.startswith("You said last in this conversation:\n\n- “thing \\*2\\*”\n- ")
    assert text.index("thing \\*6\\*") < text.index("No model is configured")
    assert question not in text
    assert (await answer(asked)).startswith("You have said nothing else in this conversation yet.")


async def test_of_a_hit_the_message_about_the_question_is_shown():
    """What holds the words may stand beside the hit; it is shown once, in place of it."""
    rome, yes = message("Rome is hot in July", 1), message("Good to know", 2)
    found = (Hit(yes, "Holidays", 1.0, rome, None), Hit(rome, "Holidays", 1.0, None, yes))
    text = await answer(ME, recalled=found)
    assert text.count("Rome is hot in July") == 1
    assert "Good to know" not in text


@pytest.mark.parametrize("text", ["one two", " lead\n\n- a\n- b  \n", "x"])
async def test_lines_stream_one_by_one(text):
    """The answer comes in lines, and joined again it is what was meant."""
    tool = ChatMessage("tool", "{}", tool_call_id="c", display=text)
    events = await everything(OfflineLlm(), ChatRequest((ME, tool)))
    assert said(events).endswith(text)
    assert all("\n" not in e.text[:-1] for e in events if isinstance(e, TextDelta))
