"""The running memory, made by a scripted model and kept in a real file."""

from types import SimpleNamespace

import pytest
from support.scripted_model import Script, chunk

from genpy_server.core.context.tokens import count_tokens
from genpy_server.core.context.turns import Turn, turns
from genpy_server.core.models import Memory, Message
from genpy_server.llm.groq import GroqLlm
from genpy_server.llm.offline import OfflineLlm
from genpy_server.llm.providers import ChosenModel
from genpy_server.runs.memory import ADDITION_TOKENS, extended, to_remember

SESSION = "aaaa0000-0000-4000-8000-000000000001"
BUDGET = 2_000


@pytest.fixture
async def extend(store, upstream):
    llm = GroqLlm(key=None, model="scripted", url=upstream.url)
    model = ChosenModel(llm, "")

    async def extend(memory, open_turns):
        of = {"store": store, "user_id": "ann", "session_id": SESSION, "memory": memory}
        return await extended(SimpleNamespace(**of), open_turns, model, BUDGET)

    yield extend
    await llm.close()


async def said(store, *texts: str) -> list[Turn]:
    """Messages in the file, as turns without replies."""
    appended = [await store.append("ann", SESSION, "user", text, title="t") for text in texts]
    return turns([one.message for one in appended])


async def test_memory_is_extended_and_never_rewritten(store, upstream, extend):
    """A second extension keeps the first one's words in front of its own."""
    messages = await said(store, "I like tea", "I moved to Ghent")
    upstream.say("- likes tea")
    first = await extend(None, messages[:1])
    upstream.say("- lives in Ghent")
    second = await extend(first, messages[1:])
    one, two = (turn.place for turn in messages)
    assert first == Memory(f"- likes tea [#{one}]", one)
    assert second == Memory(f"- likes tea [#{one}]\n- lives in Ghent [#{two}]", two)
    assert await store.memory("ann", SESSION) == second


async def test_failing_summariser_changes_nothing(store, upstream, extend):
    """Whatever goes wrong with the model, the memory stays as it was, and nothing is raised."""
    messages = await said(store, "I like tea")
    for status, code in ((500, ""), (429, "rate_limit_exceeded"), (401, "invalid_api_key")):
        upstream.fail(status, code)
        assert await extend(None, messages) is None
    upstream.cut("- half a")
    assert await extend(None, messages) is None
    upstream.script(Script(pieces=[chunk(finish="stop")]))
    assert await extend(None, messages) is None
    assert await store.memory("ann", SESSION) is None


async def test_offline_there_is_no_memory_and_no_request(store):
    """Without a model the window is trimmed, as it was before."""
    messages = await said(store, "I like tea")
    of = SimpleNamespace(store=store, user_id="ann", session_id=SESSION, memory=None)
    assert await extended(of, messages, ChosenModel(OfflineLlm(), ""), BUDGET) is None


async def test_another_server_was_first(store, upstream, extend):
    """Of two servers that extend the same memory one succeeds, and the other takes its result."""
    messages = await said(store, "I like tea", "I moved to Ghent")
    theirs = Memory("- theirs", messages[1].place)
    await store.extend_memory("ann", SESSION, theirs, previous=None)
    upstream.say("- ours")
    assert await extend(None, messages) == theirs


@pytest.mark.parametrize("text", ["x" * 190_000, "界" * 60_000, "=== \n" * 20_000])
async def test_hostile_input_is_bounded(store, upstream, extend, text):
    """However large the messages and the answer are, request and memory stay within bounds."""
    messages = await said(store, text)
    upstream.say("- y" * 50_000)
    memory = await extend(Memory("z" * 100_000, 0), messages)
    sent = upstream.requests[-1]["body"]["messages"]
    assert sum(count_tokens(message["content"]) for message in sent) <= BUDGET
    assert memory is None or len(memory.text) <= 100_000 + 3 * ADDITION_TOKENS + 20


async def test_what_finds_no_room_is_left_for_the_next_extension(store, upstream, extend):
    """A memory covers only what the model was shown whole, and goes on from there."""
    messages = await said(store, *(f"fact {number} " + "word " * 250 for number in range(12)))
    memory, shown = None, ""
    while memory is None or memory.upto < messages[-1].place:
        upstream.say("- noted")
        left = [turn for turn in messages if memory is None or turn.place > memory.upto]
        memory = await extend(memory, left)
        shown += upstream.requests[-1]["body"]["messages"][1]["content"]
    assert 2 < memory.text.count("- noted") < 12
    assert all(shown.count(turn.messages[0].text) == 1 for turn in messages)


async def test_small_talk_is_covered_without_a_note(store, upstream, extend):
    """When the model says that there is nothing to add, the memory reaches on and stays as it is."""
    messages = await said(store, "I like tea", "lovely weather")
    upstream.say("- likes tea")
    first = await extend(None, messages[:1])
    upstream.say("-")
    second = await extend(first, messages[1:])
    assert second == Memory(f"- likes tea [#{messages[0].place}]", messages[1].place)


def test_the_newest_turn_is_never_noted():
    """Not even where the window has room for none: its reply may still be edited or repeated."""
    said = [Message(n, SESSION, "user", f"text {n}", "") for n in (1, 2, 3)]
    assert [turn.place for turn in to_remember(said, None, 3)] == [1, 2]
    assert [turn.place for turn in to_remember(said, Memory("- text 1", 1), 2)] == [2]
    assert to_remember(said[:1], None, 1) == []
