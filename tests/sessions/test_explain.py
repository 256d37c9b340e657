"""What `genpy explain` explains."""

import asyncio

import pytest
from support.running_server import configure

from genpy_server.core.models import MessageMeta
from genpy_server.errors import NotFound
from genpy_server.sessions.explain import explain
from genpy_server.stores.sqlite.store import SqliteStore

SESSION = "aaaa0000-0000-4000-8000-000000000001"


async def _fill(database, newer=None):
    store = SqliteStore(database)
    await store.open()
    if newer is not None:
        await store.append("local", newer, "user", "My trainer is Benedikt", title="Gym")
    for number in range(0 if newer else 40):
        said = await store.append(
            "local", SESSION, "user", f"Fact {number} about Rome " * 10, title="Rome"
        )
        meta = MessageMeta(reply_to=said.message.id, intent="tutorial")
        await store.append("local", SESSION, "assistant", "Noted.", title="Rome", meta=meta)
    await store.close()


@pytest.fixture
def settings(tmp_path):
    configured = configure(tmp_path / "genpy.db", GENPY_CONTEXT_TOKENS="1500")
    asyncio.run(_fill(configured.database))
    return configured


def test_text_alone_is_explained_without_a_store(tmp_path):
    """Without a session there is an intent with its reason, and no database is made."""
    configured = configure(tmp_path / "none.db")
    explanation = explain(configured, "VPN won't connect")
    assert explanation.intent.name == "technical_support"
    assert explanation.intent.reason
    assert explanation.context is None
    assert not configured.database.exists()


def test_tool_request_is_named(tmp_path):
    """A question about the conversation is explained as the tool it asks for."""
    explanation = explain(configure(tmp_path / "none.db"), "Did I mention Ruby?")
    assert explanation.tool is not None
    assert explanation.tool.args == {"keyword": "ruby"}


def test_context_is_told_by_part_and_fits_the_budget(settings):
    """With a session, the tokens of each part are told, and their sum is within the budget."""
    explanation = explain(settings, "What was fact 3 about Rome?", SESSION[:8])
    context = explanation.context
    assert context is not None
    assert context.total == sum(context.tokens.values()) <= context.budget == 1500
    assert context.tokens["turns"] > 0
    assert context.tokens["recalled"] > 0
    assert context.messages[-1].content.startswith("What was fact 3 about Rome?\n\n")


def test_unknown_session_is_not_found(settings):
    """A session that is not there is an error, not an empty context."""
    with pytest.raises(NotFound):
        explain(settings, "hello", "nowhere")


def test_what_newer_conversations_say_is_recalled(settings):
    """The text counts as said now, so that what was said elsewhere since then is found."""
    asyncio.run(_fill(settings.database, newer="bbbb0000-0000-4000-8000-000000000002"))
    explanation = explain(settings, "Which trainer do I have?", SESSION)
    assert explanation.context is not None
    assert explanation.context.recalled == 1
    assert "Benedikt" in explanation.context.messages[-1].content


def test_a_tool_that_is_asked_for_is_part_of_the_context(settings):
    """The call and the result that would be sent are told with their tokens."""
    explanation = explain(settings, "How many messages are in this chat?", SESSION)
    assert explanation.context is not None
    assert explanation.context.tokens["tools"] > 0
    assert [message.role for message in explanation.context.messages][-2:] == ["assistant", "tool"]
