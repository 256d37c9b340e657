"""Tool requests: what asks for GenPy's own records, and above all what does not."""

import json
from pathlib import Path

import pytest

from genpy_server.core.mending import Mender
from genpy_server.core.tool_requests import LONGEST, find_tool_request

DATA = Path(__file__).parents[2] / "benchmarks" / "data"


def rows(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


HELD_OUT = rows("tools_heldout.jsonl")


def answer(text):
    request = find_tool_request(text)
    return (request.name, request.args) if request else (None, {})


def test_held_out_requests_are_mostly_exact():
    """At least 88% of the held-out messages get their tool and keyword exactly."""
    exact = sum(answer(row["text"]) == (row["tool"], row["args"]) for row in HELD_OUT)
    assert exact / len(HELD_OUT) >= 0.88


@pytest.mark.parametrize("name", ["tools_heldout.jsonl", "tools_tuning.jsonl"])
def test_other_messages_rarely_trigger(name):
    """At most 3% of the messages that ask for no tool get one."""
    idle = [row["text"] for row in rows(name) if row["tool"] is None]
    assert sum(find_tool_request(text) is not None for text in idle) <= 0.03 * len(idle)


def test_ordinary_messages_do_not_trigger():
    """Of two thousand messages written for the intents, none is taken for a tool request."""
    texts = [row["text"] for row in rows("intents_train.jsonl")]
    assert [text for text in texts if find_tool_request(text)] == []


@pytest.mark.parametrize(
    ("text", "tool", "args"),
    [
        ("How many messages have we exchanged?", "get_session_stats", {}),
        ("did i tlak about NumPy", "search_chat_history", {"keyword": "numpy"}),
        ("Search my messages for the word budget", "search_chat_history", {"keyword": "budget"}),
        ("shwo my past sesions", "get_all_sessions", {}),
        ("Bring up my older chats, please", "get_all_sessions", {}),
    ],
)
def test_a_request_is_recognised(text, tool, args):
    """A question about this conversation names its tool and keyword, slips of the pen included."""
    assert answer(text) == (tool, args)
    assert find_tool_request(text).reason


@pytest.mark.parametrize(
    "text",
    [
        "How many messages can Kafka handle?",
        "Did I mention that I love Python?",
        "Did Newton mention Leibniz?",
        "Don't list my sessions",
        "List all screen sessions on my server",
        "How do I list my sessions?",
        "I enjoyed our conversation",
        "My chats in Teams are gone",
        "",
        "?",
    ],
)
def test_a_look_alike_is_left_alone(text):
    """Other systems, statements, third parties and negations ask for nothing."""
    assert find_tool_request(text) is None


def test_a_long_message_is_no_request():
    """A message longer than any request is not looked into."""
    assert find_tool_request("show my sessions " + "x" * LONGEST) is None
    assert find_tool_request("did i mention " * 80_000) is None


def test_the_keyword_is_as_written():
    """Mending the words of the request leaves the keyword alone."""
    assert answer("did i mention sesion storage") == (
        "search_chat_history",
        {"keyword": "sesion storage"},
    )


@pytest.mark.parametrize("slip", ["mesages", "messsages", "messagrs", "mesasges"])
def test_one_slip_is_mended(slip):
    """A letter too few, too many, wrong or swapped gives the word that was meant."""
    assert Mender(["messages"], []).mend(slip) == "messages"


@pytest.mark.parametrize("word", ["charts", "chat", "cat", "tomatoes"])
def test_real_words_are_spared(word):
    """Spared words, known words, short words and far words stay."""
    assert Mender(["chats", "chat"], ["charts"]).mend(word) == word


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("What did we talk about last week?", {"period": "last_week"}),
        ("Show my chats from yesterday", {"period": "yesterday"}),
        ("Show my chats", {}),
    ],
)
def test_sessions_of_a_period_are_asked_for_by_its_name(text, args):
    """A request for sessions carries the days it names."""
    request = find_tool_request(text)
    assert request is not None
    assert (request.name, request.args) == ("get_all_sessions", args)
