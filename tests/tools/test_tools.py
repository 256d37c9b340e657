"""The three tools over a real SQLite file: exact for a person, compact for a model."""

import dataclasses

import pytest
from support.tools import call_tool

from genpy_server.core.models import MessageMeta, ToolRecord
from genpy_server.errors import BadRequest
from genpy_server.stores.base import Result
from genpy_server.tools.base import ToolContext
from genpy_server.tools.chat_history import LIMIT
from genpy_server.tools.registry import ToolRegistry

registry = ToolRegistry()
ROME = "aaaa0000-0000-4000-8000-000000000001"
OTHER = "bbbb0000-0000-4000-8000-000000000002"


@pytest.fixture
async def context(store):
    await store.append("ann", OTHER, "user", "I bought a telescope in Ghent", title="Stars")
    await store.append("ann", ROME, "user", "We fly to Rome in May", title="Rome")
    meta = MessageMeta(intent="casual_chat", tools=(ToolRecord("get_session_stats", {}),))
    await store.append("ann", ROME, "assistant", "Lovely, pack light.", title="Rome", meta=meta)
    asked = await store.append("ann", ROME, "user", "How many messages so far?", title="Rome")
    return ToolContext(store, "ann", ROME, frozenset({asked.message.id}))


async def test_statistics_are_counted_by_role(context):
    """Messages, words and tools are those of this session alone."""
    result = await call_tool(registry, "get_session_stats", {}, context)
    assert result.data["messages"] == 3
    assert result.data["from_the_person"] == 2
    assert result.data["words_of_the_assistant"] == 3
    assert result.data["tools"] == {"get_session_stats": 1}
    lead, *table = result.display.splitlines()
    assert lead == "This conversation has 3 messages: 2 from you and 1 from the assistant."
    assert "| Messages | 3 (2 from you, 1 from the assistant) |" in table


async def test_search_finds_here_first(context):
    """A hit of this session is told with who, when and where, and with its neighbours."""
    result = await call_tool(registry, "search_chat_history", {"keyword": "rome"}, context)
    assert result.data["found_in_this_conversation"]
    (hit,) = result.data["hits"]
    assert hit["text"] == "We fly to Rome in May"
    assert hit["near"][0]["text"] == "Lovely, pack light."
    assert "you" in result.display
    assert f"`{ROME[:8]}#" in result.display


async def test_search_says_how_many_it_looked_at(context, monkeypatch):
    """Where not all hits were looked at for a day, it does not say that nothing was said."""
    monkeypatch.setattr("genpy_server.tools.chat_history.TIMED", 1)
    arguments = {"keyword": "rome", "until": "2020-01-01"}
    result = await call_tool(registry, "search_chat_history", arguments, context)
    assert result.display.startswith("None of the 1 best messages about **rome** was sent")


async def test_search_looks_elsewhere_when_nothing_is_here(context):
    """What was said in another conversation is found, and told to be from there."""
    result = await call_tool(registry, "search_chat_history", {"keyword": "telescope"}, context)
    assert not result.data["found_in_this_conversation"]
    assert result.data["hits"][0]["conversation"] == "Stars"
    assert "Not in this conversation" in result.display


async def test_search_never_finds_the_question_itself(context):
    """The message that asks is not an answer."""
    result = await call_tool(
        registry, "search_chat_history", {"keyword": "how many messages"}, context
    )
    assert result.data["hits"] == []
    assert "No earlier message" in result.display


async def test_search_never_finds_what_is_left_out(context, store):
    """What was edited away is neither a hit nor beside one, and takes no place of another."""
    away = [
        (await store.append("ann", ROME, "user", "Rome Rome", title="Rome")).message.id
        for _ in range(LIMIT + 1)
    ]
    await store.append("ann", ROME, "user", "We fly to Rome and Oslo", title="Rome")
    left_out = context.left_out | set(away)
    result = await call_tool(
        registry,
        "search_chat_history",
        {"keyword": "rome"},
        dataclasses.replace(context, left_out=left_out),
    )
    texts = {hit["text"] for hit in result.data["hits"]}
    assert texts == {"We fly to Rome in May", "We fly to Rome and Oslo"}
    assert "Rome Rome" not in str(result.data)


async def test_sessions_are_listed_with_topics_and_rating(context, store):
    """Sessions come by last activity, with what is known of them."""
    ending = await store.claim_ending("ann", OTHER, lease_seconds=60)
    metrics = await store.metrics("ann", OTHER)
    await store.finish_ending(ending, Result(metrics, summary="A telescope.", topics=("stars",)))
    await store.rate("ann", OTHER, 4)
    result = await call_tool(registry, "get_all_sessions", {}, context)
    assert {row["title"]: row["current"] for row in result.data["conversations"]} == {
        "Rome": True,
        "Stars": False,
    }
    assert "★★★★" in result.display
    found = await call_tool(registry, "get_all_sessions", {"topic": "STARS"}, context)
    assert [row["title"] for row in found.data["conversations"]] == ["Stars"]


async def test_sessions_about_a_topic_that_no_title_has_are_those_with_messages_about_it(context):
    """A word of messages alone finds their conversations, and the answer says that it is in messages."""
    found = await call_tool(registry, "get_all_sessions", {"topic": "telescopes"}, context)
    assert [row["title"] for row in found.data["conversations"]] == ["Stars"]
    assert found.data["total"] == "1"
    assert found.display.startswith("Messages about **telescopes** are in 1 conversation:")
    none = await call_tool(registry, "get_all_sessions", {"topic": "telescope rome"}, context)
    assert none.display == "You had no conversation about **telescope rome**."


@pytest.mark.parametrize(("period", "count"), [("today", 2), ("this_month", 2), ("last_week", 0)])
async def test_sessions_of_a_period(context, period, count):
    """A period keeps only the conversations of its days."""
    result = await call_tool(registry, "get_all_sessions", {"period": period}, context)
    assert result.data["total"] == str(count)


async def test_other_users_records_are_out_of_reach(context, store):
    """Every tool sees the asking user's rows only."""
    bob = ToolContext(store, "bob", ROME, frozenset())
    assert (await call_tool(registry, "get_session_stats", {}, bob)).data["messages"] == 0
    assert (await call_tool(registry, "search_chat_history", {"keyword": "rome"}, bob)).data[
        "hits"
    ] == []
    assert (await call_tool(registry, "get_all_sessions", {}, bob)).data["total"] == "0"


async def test_markup_of_messages_is_shown_and_not_obeyed(store):
    """Markdown in what was said is escaped in what a tool shows."""
    await store.append("ann", ROME, "user", "<b>rome</b> [x](javascript:1) `y` | z", title="a*b*")
    result = await call_tool(
        registry,
        "search_chat_history",
        {"keyword": "rome"},
        ToolContext(store, "ann", ROME, frozenset()),
    )
    assert "\\<b\\>rome" in result.display
    assert "\\[x\\](javascript:1)" in result.display
    assert "a\\*b\\*" in result.display


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("rm", {}),
        ("get_session_stats", {"x": 1}),
        ("search_chat_history", {}),
        ("search_chat_history", {"keyword": ""}),
        ("search_chat_history", {"keyword": "x", "scope": "everybody"}),
        ("get_all_sessions", {"limit": 0}),
        ("get_all_sessions", {"since": "tomorrow"}),
        ("get_all_sessions", {"since": "2026-99-99"}),
        ("get_all_sessions", {"until": "2026-01-01\n"}),
        ("get_all_sessions", {"period": "next_week"}),
    ],
)
async def test_bad_call_is_refused_with_a_sentence(context, name, arguments):
    """Unknown tools and arguments that do not fit are refused."""
    with pytest.raises(BadRequest, match=r"\w"):
        await call_tool(registry, name, arguments, context)


async def test_questions_about_the_records_are_no_answer(context, store):
    """An earlier question about the records, its answer and what no model said are not found."""
    offline = MessageMeta(model="offline")
    searched = MessageMeta(model="m", tools=(ToolRecord("search_chat_history", {}),))
    for role, text, meta in (
        ("user", "Did I mention Oslo?", MessageMeta()),
        ("assistant", "Nothing about **oslo** was said before.", searched),
        ("user", "Oslo is where my brother lives now", MessageMeta()),
        ("assistant", "No model is configured: ask *did I mention Oslo?*", offline),
    ):
        await store.append("ann", ROME, role, text, title="Rome", meta=meta)
    result = await call_tool(registry, "search_chat_history", {"keyword": "oslo"}, context)
    assert [hit["text"] for hit in result.data["hits"]] == ["Oslo is where my brother lives now"]
    assert result.display.startswith("1 message about **oslo** in this conversation:")
    assert "Nothing about" not in str(result.data)
    assert "No model" not in result.display


async def test_a_part_of_the_words_is_told_as_that(context, store):
    """What holds only some of the words is called near, and more of them elsewhere comes first."""
    await store.append("ann", ROME, "user", "My sister's car is red", title="Rome")
    result = await call_tool(
        registry, "search_chat_history", {"keyword": "sister's wedding"}, context
    )
    assert not result.data["all_words_found"]
    assert not result.data["found_in_this_conversation"]
    assert result.display.startswith("Nothing has all of **sister's wedding**. What comes")
    assert "My sister's car is red" in result.display
    await store.append("ann", OTHER, "user", "The weddings of my sisters", title="Stars")
    result = await call_tool(
        registry, "search_chat_history", {"keyword": "sister's wedding"}, context
    )
    assert result.display.startswith("Not in this conversation, but 1 message about")


async def test_all_hits_are_counted(context, store):
    """The number is that of all messages, of which the best are shown, each by its matching part."""
    for number in range(40):
        text = f"{number} " + "noise " * 100 + "Zanzibar at last"
        await store.append("ann", ROME, "user", text, title="Rome")
    result = await call_tool(registry, "search_chat_history", {"keyword": "zanzibar"}, context)
    assert result.data["found"] == "40"
    assert result.display.startswith(
        "40 messages about **zanzibar** in this conversation; the best"
    )
    assert len(result.data["hits"]) == LIMIT
    assert all("Zanzibar at last" in hit["text"] for hit in result.data["hits"])


async def test_a_list_that_is_cut_says_so(context, store):
    """More conversations than are listed are told of, and one message is one."""
    result = await call_tool(registry, "get_all_sessions", {"limit": 1}, context)
    assert result.display.startswith("2 conversations; the latest 1:")
    result = await call_tool(registry, "get_all_sessions", {}, context)
    assert "1 message · `bbbb0000`" in result.display
    result = await call_tool(registry, "get_all_sessions", {"period": "yesterday"}, context)
    assert result.display == "You had no conversation yesterday."


async def test_a_search_keeps_to_a_named_time(context):
    """Only messages of the days that are asked for are found, and the answer names them."""
    found = await call_tool(
        registry, "search_chat_history", {"keyword": "rome", "period": "today"}, context
    )
    assert found.data["found"] == "1"
    assert "**rome** today" in found.display
    for bounds in ({"period": "last_week"}, {"until": "yesterday"}, {"since": "2999-01-01"}):
        none = await call_tool(
            registry, "search_chat_history", {"keyword": "rome", **bounds}, context
        )
        assert none.data["hits"] == []
    since = await call_tool(
        registry, "search_chat_history", {"keyword": "rome", "since": "today"}, context
    )
    assert since.data["found"] == "1"


async def test_a_time_that_is_not_used_is_named(context):
    """A time that no argument can express is said to be unused."""
    for tool, arguments in (("search_chat_history", {"keyword": "rome"}), ("get_all_sessions", {})):
        result = await call_tool(registry, tool, {**arguments, "unused_time": "in March"}, context)
        assert result.display.endswith("The time \u201cin March\u201d was not used.")


async def test_a_message_is_in_a_search_result_once(context, store):
    """A hit is not repeated beside the hits before and after it."""
    for number in range(3):
        await store.append("ann", ROME, "user", f"Lisbon plan {number}", title="Rome")
    result = await call_tool(registry, "search_chat_history", {"keyword": "lisbon"}, context)
    for number in range(3):
        assert str(result.data).count(f"Lisbon plan {number}") == 1
        assert result.display.count(f"Lisbon plan {number}") == 1


async def test_conversations_are_counted(context):
    """A list of conversations says how many there are."""
    result = await call_tool(registry, "get_all_sessions", {"limit": 1}, context)
    assert result.data["total"] == "2"
    result = await call_tool(registry, "get_all_sessions", {}, context)
    assert result.display.startswith("Your 2 conversations, the latest first:")
