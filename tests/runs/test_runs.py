"""Runs against a scripted model: streaming, stopping, retrying, tools, and every kind of trouble."""

import asyncio
import time

import msgspec
import pytest
from support.raw_client import PATIENCE, Peer
from support.running_server import ServerProcess, serving
from support.scripted_model import DONE, Script, call_piece, chunk, event
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from genpy_server.client.http_records import RemoteRecords
from genpy_server.core.backoff import Backoff
from genpy_server.core.export import corrections
from genpy_server.core.models import Usage
from genpy_server.modes import own_modes
from genpy_server.runs import run
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.web import handover, websocket
from genpy_server.wire import Cancel, End, Retry, Send

SUMMARY = {
    "summary": "They spoke of Rome. It went well. They will go.",
    "topics": ["rome", "travel"],
    "sentiment": "positive",
    "outcomes": ["They go in May."],
}
OTHER = "bbbb0000-0000-4000-8000-000000000002"


def row(role, content):
    return {"role": role, "content": content}


async def stored(server, peer):
    session_id = peer.of("ready")[0]["session"]
    return await server.app.store.messages("local", session_id, limit=50)


async def test_reply_streams_token_by_token_and_is_kept_with_its_numbers(server, upstream, peer):
    """Deltas come while the model speaks; the kept reply has text, model, usage and times."""
    gate = upstream.say("Hello", ", ", "you", paused_at=1)
    began = time.monotonic()
    await peer.say(Send("a", "hi"))
    first = await peer.until("delta")
    assert first["text"] == "Hello"
    gate.set()
    finished = await peer.until("run_finished")
    _, reply = await stored(server, peer)
    assert reply.text == peer.text == "Hello, you"
    assert reply.meta.model == "openai/gpt-oss-120b"
    assert reply.meta.usage is not None
    assert finished["at"] == reply.at
    assert finished["usage"] == {"prompt_tokens": 11, "completion_tokens": 7}
    assert 0 < finished["first_token_ms"] <= finished["ms"] <= (time.monotonic() - began) * 1_000


async def test_text_mode_gets_the_reply_as_plain_text(server, upstream):
    """A script sees the tokens and nothing else."""
    gate = upstream.say("Hel", "lo", paused_at=1)
    async with connect(f"{server.url.replace('http', 'ws')}/ws/session/plain") as ws:
        await ws.send("hi")
        assert await ws.recv() == "Hel"
        gate.set()
        assert await ws.recv() == "lo"


async def test_text_mode_says_in_sentences_what_is_wrong(server, upstream):
    """A wait stands in brackets before the reply that comes after it; an error is a line."""
    upstream.fail(429, "rate_limit_exceeded", headers={"retry-after": "0.05"})
    upstream.say("at last")
    upstream.fail(401, "invalid_api_key")
    async with connect(f"{server.url.replace('http', 'ws')}/ws/session/plain") as ws:
        await ws.send("hi")
        waits = await ws.recv()
        assert (waits[0], waits[-2:]) == ("[", "]\n")
        assert await ws.recv() == "at last"
        await ws.send("again")
        assert (await ws.recv()).startswith("Error: ")


async def test_cancel_keeps_what_came_and_stops_the_model(server, upstream, peer):
    """Stopping marks the partial reply, closes the request, and the session goes on."""
    upstream.say("one ", "two ", "three", paused_at=2)
    await peer.say(Send("a", "count"))
    await peer.until("delta", lambda f: f["offset"] + len(f["text"]) == 8)
    await peer.say(Cancel())
    finished = await peer.until("run_finished")
    await upstream.until(lambda: upstream.open == 0)
    _, reply = await stored(server, peer)
    upstream.say("again")
    await peer.say(Send("b", "go on"))
    again = await peer.until("run_finished", lambda f: f["run"] != finished["run"])
    assert finished["status"] == "stopped"
    assert (reply.text, reply.meta.status) == ("one two ", "stopped")
    assert again["status"] == "done"


async def test_cancel_of_another_run_is_refused(server, upstream, peer):
    """A run that is named must be the running one."""
    gate = upstream.say("one", "two", paused_at=1)
    await peer.say(Send("a", "count"))
    await peer.until("delta")
    await peer.say(Cancel("another"))
    assert (await peer.until("error"))["code"] == "conflict"
    gate.set()
    assert (await peer.until("run_finished"))["status"] == "done"


async def test_reply_goes_on_without_the_socket_that_asked(server, upstream):
    """The asking client leaves in mid-reply; another one finds the reply whole."""
    gate = upstream.say("begin ", "end", paused_at=1)
    async with Peer(server.url, "one") as asking:
        await asking.say(Send("a", "hi"))
        await asking.until("delta")
    async with Peer(server.url, "one") as later:
        sofar = await later.until("delta")
        assert (sofar["offset"], sofar["text"]) == (0, "begin ")
        gate.set()
        await later.until("run_finished")
    assert later.text == "begin end"


async def test_messages_sent_during_a_reply_are_answered_in_order(server, upstream, peer):
    """A second message is acknowledged at once and answered after the first."""
    gate = upstream.say("first", " answer", paused_at=1)
    upstream.say("second answer")
    await peer.say(Send("a", "one"))
    await peer.until("delta")
    await peer.say(Send("b", "two"))
    await peer.until("ack", lambda f: f["id"] == "b")
    gate.set()
    for _ in range(2):
        await peer.until("run_finished")
    asked, also, *replies = await stored(server, peer)
    assert [r.meta.reply_to for r in replies] == [asked.id, also.id]
    *said, last = upstream.requests[-1]["body"]["messages"][1:]
    assert said == [row("user", "one"), row("assistant", "first answer")]
    assert last["content"].startswith("two\n\n")


async def test_retry_answers_again_as_another_intent(server, upstream, peer):
    """A retry replaces the reply in the context, and the person's intent is kept with it."""
    upstream.say("poor")
    await peer.ask("a", "How do I reverse a list in Python?")
    upstream.say("better")
    await peer.say(Retry("tutorial"))
    started = await peer.until("run_started")
    await peer.until("run_finished")
    upstream.say("next")
    await peer.ask("b", "thanks")
    messages = await stored(server, peer)
    said = [m["content"] for m in upstream.requests[-1]["body"]["messages"]]
    assert started["intent"] == "tutorial"
    assert messages[2].meta.intent_corrected_from == "code_assistant"
    assert messages[2].meta.intent_corrected_text == messages[0].text
    assert said[1:-1] == ["How do I reverse a list in Python?", "better"]
    assert said[-1].startswith("thanks")


async def test_a_correction_is_of_what_was_detected(server, upstream, peer):
    """Corrected twice, the turn tells what was found at first; corrected back, it is not a correction."""
    upstream.say("first")
    await peer.ask("a", "How do I reverse a list in Python?")
    told = []
    for intent in ("tutorial", "casual_chat", "code_assistant"):
        upstream.say("again")
        await peer.say(Retry(intent))
        await peer.until("run_finished")
        told.append([(c.intent, c.detected) for c in corrections(await stored(server, peer))])
    assert told == [
        [("tutorial", "code_assistant")],
        [("casual_chat", "code_assistant")],
        [],
    ]


async def test_intent_chosen_with_the_message_is_used_and_kept(server, upstream, peer):
    """What the person chose is not detected again, and the correction is stored."""
    upstream.say("ok")
    await peer.say(Send("a", "hello", intent="tutorial", corrected_from="casual_chat"))
    started = await peer.until("run_started")
    await peer.until("run_finished")
    message, _ = await stored(server, peer)
    assert (started["intent"], started["score"]) == ("tutorial", 1.0)
    assert message.meta.intent == "tutorial"
    assert message.meta.intent_corrected_from == "casual_chat"


async def test_model_calls_a_tool_and_answers_with_its_result(server, upstream, peer):
    """A native call is executed, shown, sent back as a pair, and kept with the reply."""
    upstream.call("get_session_stats", {})
    upstream.say("You sent one message.")
    await peer.ask("a", "I wonder about our numbers")
    call, result = upstream.requests[-1]["body"]["messages"][-2:]
    _, reply = await stored(server, peer)
    assert call["tool_calls"][0]["id"] == result["tool_call_id"] == "call_1"
    assert msgspec.json.decode(result["content"])["from_the_person"] == 1
    assert peer.of("tool_started")[0]["name"] == "get_session_stats"
    assert peer.of("tool_finished")[0]["ok"]
    assert [tool.name for tool in reply.meta.tools] == ["get_session_stats"]
    assert reply.meta.usage == Usage(22, 14)


async def test_parallel_calls_are_all_answered(server, upstream, peer):
    """Two calls in one reply get two results, in order."""
    pieces = [
        chunk({"tool_calls": [call_piece(0, "a", "get_session_stats", "{}")]}),
        chunk({"tool_calls": [call_piece(1, "b", "get_all_sessions", '{"limit":5}')]}),
        chunk(finish="tool_calls"),
        DONE,
    ]
    upstream.script(Script(pieces=pieces))
    upstream.say("done")
    await peer.ask("a", "compare")
    results = [m for m in upstream.requests[-1]["body"]["messages"] if m["role"] == "tool"]
    assert [r["tool_call_id"] for r in results] == ["a", "b"]
    assert all(f["ok"] for f in peer.of("tool_finished"))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("launch_rocket", "{}"),
        ("search_chat_history", "{not json"),
        ("search_chat_history", "{}"),
        ("search_chat_history", '{"keyword": 7}'),
        ("get_session_stats", '{"surprise": 1}'),
        ("get_session_stats", "[" * 3000),
    ],
)
async def test_bad_tool_call_is_answered_with_an_error(server, upstream, peer, name, arguments):
    """A call that cannot be made is told to the model, which then answers without it."""
    upstream.call(name, arguments)
    upstream.say("Sorry, here is my answer.")
    finished = await peer.ask("a", "do it")
    result = upstream.requests[-1]["body"]["messages"][-1]
    assert finished["status"] == "done"
    assert result["role"] == "tool"
    assert "error" in msgspec.json.decode(result["content"])
    assert not peer.of("tool_finished")[0]["ok"]


async def test_rounds_of_tools_are_bounded(server, upstream, peer):
    """A model that calls tools for ever is asked to answer without them."""
    upstream.call("get_session_stats", {})
    finished = await peer.ask("a", "loop")
    rounds = [r for r in upstream.requests if r["path"].endswith("completions")]
    assert finished["status"] == "error"
    assert len(rounds) == server.app.settings.limits.tool_rounds + 1
    assert "tools" not in rounds[-1]["body"]


async def test_tool_call_that_the_service_refuses_is_asked_again_without_tools(
    server, upstream, peer
):
    """tool_use_failed in the stream leads to one more request, which has no tools."""
    failed = event({"error": {"message": "m", "code": "tool_use_failed"}}, "error")
    upstream.script(Script(pieces=[failed]))
    upstream.say("plain answer")
    assert (await peer.ask("a", "use tools"))["status"] == "done"
    assert peer.text == "plain answer"
    assert "tools" not in upstream.requests[-1]["body"]


async def test_recognised_request_is_answered_from_data(server, upstream, peer):
    """A question about the conversation reaches the model with the tool's result beside it."""
    upstream.say("Two so far.")
    await peer.ask("a", "How many messages are in this chat?")
    messages = upstream.requests[-1]["body"]["messages"]
    assert [m["role"] for m in messages[-3:]] == ["user", "assistant", "tool"]
    assert len(upstream.requests[-1]["body"]["tools"]) == 3


async def test_the_same_call_is_answered_once(server, upstream, peer):
    """A model that repeats a recognised request gets a reference to the result it has."""
    upstream.call("get_session_stats", {})
    upstream.say("Two so far.")
    assert (await peer.ask("a", "How many messages are in this chat?"))["status"] == "done"
    results = [m for m in upstream.requests[-1]["body"]["messages"] if m["role"] == "tool"]
    assert "from_the_person" in results[0]["content"]
    assert "its result is above" in results[1]["content"]
    assert len(peer.of("tool_finished")) == 1
    reply = (await stored(server, peer))[-1]
    assert [tool.name for tool in reply.meta.tools] == ["get_session_stats"]


async def test_a_default_written_out_makes_no_other_call(server, upstream, peer):
    """A search repeated with the default scope in words is referred to the result it has."""
    upstream.say("Noted.")
    await peer.ask("a", "The ferry leaves at nine")
    upstream.call("search_chat_history", {"scope": "this_session", "keyword": "ferry"})
    upstream.say("At nine.")
    await peer.ask("b", "Did I mention the ferry?")
    results = [m for m in upstream.requests[-1]["body"]["messages"] if m["role"] == "tool"]
    assert [result["content"].count("leaves at nine") for result in results] == [1, 0]


async def test_what_a_search_found_reaches_the_model_once(server, upstream, peer):
    """The sentence that a recognised search finds is in the request one time beside the history."""
    await server.app.store.append("local", OTHER, "user", "The ferry leaves at nine", title="Trip")
    upstream.say("At nine.")
    await peer.ask("a", "Did I mention the ferry?")
    sent = msgspec.json.encode(upstream.requests[-1]["body"]["messages"]).decode()
    assert sent.count("The ferry leaves at nine") == 1


async def test_an_unsure_intent_sends_the_base_prompt_alone(server, upstream, peer):
    """A mode's prompt is sent for a sure intent and its follow-ups, and not for a guess."""
    prompts = []
    for text in ("zzzq vvvk qqqj wwwx", "Write a Python function that adds two numbers", "why?"):
        upstream.say("ok")
        await peer.ask(text[:4], text)
        first, *_, last = upstream.requests[-1]["body"]["messages"]
        assert not any(mode.prompt in first["content"] for mode in own_modes().values())
        prompts.append(last["content"])
    assert not any(mode.prompt in prompts[0] for mode in own_modes().values())
    assert own_modes()["code_assistant"].prompt in prompts[1]
    assert own_modes()["code_assistant"].prompt in prompts[2]


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "invalid_api_key", "llm_key_rejected"),
        (404, "model_not_found", "llm_model_unknown"),
        (413, "request_too_large", "llm_too_large"),
        (500, "", "llm_unavailable"),
    ],
)
async def test_trouble_is_a_typed_error_and_the_session_goes_on(
    server, upstream, peer, status, code, expected
):
    """A refusal upstream ends the run with a sentence; the next message works."""
    upstream.fail(status, code)
    await peer.say(Send("a", "hi"))
    error = await peer.until("error")
    finished = await peer.until("run_finished")
    upstream.say("better now")
    await peer.say(Retry())
    again = await peer.until("run_finished")
    assert error["code"] == expected
    assert error["run"] == finished["run"]
    assert finished["status"] == "error"
    assert again["status"] == "done"
    messages = await stored(server, peer)
    assert messages[1].meta.error == error["message"]


async def test_short_rate_limit_is_waited_for(server, upstream, peer):
    """The wait is shown and honoured, and the reply comes after it."""
    upstream.fail(429, "rate_limit_exceeded", headers={"retry-after": "0.05"})
    upstream.say("at last")
    await peer.say(Send("a", "hi"))
    notice = await peer.until("notice")
    finished = await peer.until("run_finished")
    assert notice["retry_after"] == 0.05
    assert finished["status"] == "done"
    assert peer.text == "at last"


async def test_long_rate_limit_is_an_error_that_says_when(server, upstream, peer):
    """A wait beyond the limit is not sat out; the error carries it."""
    upstream.fail(429, "rate_limit_exceeded", headers={"retry-after": "600"})
    await peer.say(Send("a", "hi"))
    error = await peer.until("error")
    assert (error["code"], error["retry_after"], error["retryable"]) == (
        "llm_rate_limited",
        600.0,
        True,
    )


async def test_waiting_for_a_rate_limit_can_be_stopped(server, upstream, peer):
    """Stop works while the run waits."""
    upstream.fail(429, "rate_limit_exceeded", headers={"retry-after": "50"})
    await peer.say(Send("a", "hi"))
    await peer.until("notice")
    await peer.say(Cancel())
    assert (await peer.until("run_finished"))["status"] == "stopped"


async def test_overloaded_service_that_says_when_is_waited_for(server, upstream, peer):
    """A 503 with Retry-After is waited for as a rate limit is."""
    upstream.fail(503, "", "overloaded", headers={"retry-after": "0.05"})
    upstream.say("at last")
    await peer.say(Send("a", "hi"))
    notice = await peer.until("notice")
    finished = await peer.until("run_finished")
    assert "overloaded" in notice["text"]
    assert (finished["status"], peer.text) == ("done", "at last")


async def test_model_that_is_loading_is_waited_for(server, upstream, peer, monkeypatch):
    """While a local server loads its model, that is shown once, and the reply comes after it."""
    monkeypatch.setattr(run, "LOADING", Backoff(first=0.01, longest=0.01))
    for _ in range(3):
        upstream.fail(503, "unavailable_error", "Loading model", headers={"retry-after": "0"})
    upstream.say("ready")
    finished = await peer.ask("a", "hi")
    assert (finished["status"], peer.text) == ("done", "ready")
    (notice,) = peer.of("notice")
    assert (notice["code"], notice["text"][:17]) == ("llm_loading", "Loading the model")


async def test_model_that_stays_loading_is_an_error(database, upstream, monkeypatch):
    """Loading is waited for as long as a reply may take to begin."""
    monkeypatch.setattr(run, "LOADING", Backoff(first=0.01, longest=0.01))
    upstream.fail(503, "unavailable_error", "Loading model", headers={"retry-after": "0.3"})
    waits = {"GENPY_LLM_FIRST_TOKEN_SECONDS": "0.1"}
    async with serving(database, GENPY_LLM_URL=upstream.url, **waits) as server:
        async with Peer(server.url, "one") as peer:
            await peer.say(Send("a", "hi"))
            assert (await peer.until("error"))["code"] == "llm_loading"


async def test_silent_local_model_is_said_to_be_loading(server, upstream, peer, monkeypatch):
    """A model near by that has not begun after a while is shown as loading, and then answers."""
    monkeypatch.setattr(run, "SILENT_SECONDS", 0.01)
    gate = upstream.say("slow", paused_at=0)
    await peer.say(Send("a", "hi"))
    assert (await peer.until("notice"))["code"] == "llm_loading"
    gate.set()
    assert (await peer.until("run_finished"))["status"] == "done"


async def test_filtered_reply_has_a_status_of_its_own(server, upstream, peer):
    """A reply that the service's filter ended is kept and marked so."""
    upstream.say("so far", finish="content_filter")
    finished = await peer.ask("a", "hi")
    _, reply = await stored(server, peer)
    assert finished["status"] == reply.meta.status == "content_filter"
    assert reply.text == "so far"


async def test_reasoning_is_kept_beside_the_reply_and_never_sent_back(server, upstream, peer):
    """Reasoning is in the metadata: not in the text, the next request or the search."""
    upstream.script(Script(pieces=[
        chunk({"reasoning_content": "zebra one. "}),
        chunk({"content": "<think>zebra two.</think>"}),
        chunk({"content": "Hello"}), chunk(finish="stop"), DONE,
    ]))  # fmt: skip
    await peer.ask("a", "hi")
    _, reply = await stored(server, peer)
    assert (reply.text, reply.meta.reasoning) == ("Hello", "zebra one. zebra two.")
    upstream.say("Again")
    await peer.ask("b", "and now?")
    assert "zebra" not in str(upstream.requests[-1]["body"])
    assert await server.app.store.search("local", "zebra", limit=5) == []


async def test_reply_of_reasoning_alone_says_so(server, upstream, peer):
    """A model that only thought is an error that says what to do, its reasoning kept."""
    upstream.script(Script(pieces=[chunk({"reasoning": "hm"}), chunk(finish="stop"), DONE]))
    await peer.say(Send("a", "hi"))
    error = await peer.until("error")
    await peer.until("run_finished")
    _, reply = await stored(server, peer)
    assert "reasoning and no answer" in error["message"]
    assert reply.meta.reasoning == "hm"


async def test_what_a_service_refuses_is_left_out_of_the_next_turn(server, upstream, peer):
    """A part of a request that is refused once is not sent with the next message."""
    upstream.fail(400, "unsupported", "'temperature' is not supported with this model")
    upstream.say("fine")
    for number in range(2):
        await peer.say(Send(f"a{number}", f"question {number}"))
        await peer.until("run_finished", lambda _, n=number: len(peer.of("run_finished")) == n + 1)
    sent = [r["body"] for r in upstream.requests if r["path"].endswith("/chat/completions")]
    assert ["temperature" in body for body in sent] == [True, False, False]


async def test_failed_turn_does_not_spoil_the_next(server, upstream, peer):
    """A turn without a reply is joined with the next question, so that roles alternate."""
    for number in range(2):
        upstream.fail(500)
        await peer.say(Send(f"a{number}", f"question {number}"))
        await peer.until("run_finished", lambda _, n=number: len(peer.of("run_finished")) == n + 1)
    upstream.say("fine")
    await peer.say(Send("b", "question 2"))
    await peer.until("run_finished", lambda f: f["status"] == "done")
    messages = upstream.requests[-1]["body"]["messages"]
    assert [m["role"] for m in messages] == ["system", "user"]
    assert messages[1]["content"].startswith("question 0\n\nquestion 1\n\nquestion 2")


async def test_reply_cut_off_upstream_is_kept_and_marked(server, upstream, peer):
    """A reply that breaks off is stored as interrupted, with what came."""
    upstream.cut("half a ", "reply")
    await peer.say(Send("a", "hi"))
    error = await peer.until("error")
    finished = await peer.until("run_finished")
    _, reply = await stored(server, peer)
    assert error["code"] == "llm_cut_off"
    assert finished["status"] == "interrupted"
    assert (reply.text, reply.meta.status) == ("half a reply", "interrupted")


async def test_reply_at_its_limit_says_so(server, upstream, peer):
    """A reply that reached the limit of tokens is marked."""
    upstream.say("and so on", finish="length")
    assert (await peer.ask("a", "hi"))["status"] == "length"


@pytest.mark.parametrize("pieces", [(), (" ", "\n\n")])
async def test_empty_reply_is_an_error(server, upstream, peer, pieces):
    """A model that says nothing, or white space, is not taken for an answer."""
    upstream.say(*pieces)
    await peer.say(Send("a", "hi"))
    assert (await peer.until("error"))["code"] == "llm_cut_off"
    assert (await peer.until("run_finished"))["status"] == "error"


async def test_summary_is_the_models_and_metrics_are_counted(server, upstream, peer):
    """The end brings summary, topics, sentiment and outcomes, beside counted metrics."""
    upstream.say("Lovely.")
    upstream.answer = SUMMARY
    await peer.ask("a", "Tell me about Rome please")
    await peer.say(End())
    summary = await peer.until("summary")
    session = await server.app.store.session("local", peer.of("ready")[0]["session"])
    assert summary["summary"] == SUMMARY["summary"]
    assert summary["topics"] == SUMMARY["topics"]
    assert summary["key_outcomes"] == SUMMARY["outcomes"]
    assert summary["metrics"]["user_words"] == 5
    assert session is not None
    assert (session.status, session.sentiment) == ("completed", "positive")


async def test_a_summary_is_asked_for_and_kept_in_the_conversations_language(server, upstream):
    """Title, summary, topics and outcomes are each asked for in that language, and kept as given."""
    upstream.say("Gern.")
    draft = {
        "title": "Umzug nach Köln",
        "summary": "Es ging um den Umzug nach Köln.",
        "topics": ["umzug", "kündigungsfrist"],
        "sentiment": "neutral",
        "outcomes": ["Die Wohnung wird zum Mai gekündigt."],
    }
    upstream.answer = draft
    async with Peer(server.url, OTHER) as peer:
        await peer.ask("a", "Wie kündige ich meine Wohnung in Köln?")
        await peer.say(End())
        await peer.until("summary")
    asked = upstream.requests[-1]["body"]["messages"][0]["content"]
    for name in ("title", "summary", "topics", "outcomes"):
        entry = asked.partition(f'"{name}":')[2].partition('\n- "')[0]
        assert "the conversation's language" in " ".join(entry.split()), name
    session = await server.app.store.session("local", OTHER)
    kept = (session.title, session.summary, [*session.topics], [*session.outcomes])
    assert kept == tuple(draft[name] for name in ("title", "summary", "topics", "outcomes"))


@pytest.mark.parametrize("name", ["one", "named"])
async def test_a_summary_titles_a_session_that_nobody_named(server, upstream, name):
    """The model's title replaces the beginning of the first message, and no name of a person."""
    upstream.say("Lovely.")
    upstream.answer = {**SUMMARY, "title": ' "A trip\nto Rome" '}
    session_id = "aaaa0000-0000-4000-8000-00000000000a"
    async with Peer(server.url, session_id) as peer:
        await peer.ask("a", "Tell me about Rome please")
        if name == "named":
            await server.app.records("local").rename(session_id, "Holidays")
        await peer.say(End())
        await peer.until("summary")
    session = await server.app.store.session("local", session_id)
    assert session.title == ("Holidays" if name == "named" else "A trip to Rome")


async def test_failed_summary_leaves_a_note_and_can_be_made_later(server, upstream, peer):
    """A session whose summary failed is complete, and regenerate fills it in."""
    upstream.say("ok")
    upstream.answer = lambda _: "no JSON at all"
    await peer.ask("a", "hi")
    await peer.say(End())
    summary = await peer.until("summary")
    upstream.answer = SUMMARY
    records = server.app.records("local")
    session = await records.regenerate("one")
    told = await peer.until("summary")
    assert "note" in summary
    assert "summary" not in summary
    assert session.summary == told["summary"] == SUMMARY["summary"]
    assert session.note is None


async def test_end_in_mid_reply_keeps_the_partial_and_ends(server, upstream, peer):
    """Ending stops the running reply first."""
    upstream.say("one", "two", paused_at=1)
    upstream.answer = SUMMARY
    await peer.say(Send("a", "hi"))
    await peer.until("delta")
    await peer.say(End())
    finished = await peer.until("run_finished")
    await peer.until("summary")
    assert finished["status"] == "stopped"


async def test_resume_in_mid_reply_at_every_event_gives_the_same_text(server, upstream, peer):
    """Cut anywhere, the deltas before and after together are the reply, byte for byte."""
    words = [f"word{number} 世界 " for number in range(12)]
    gate = upstream.say(*words, paused_at=8)
    await peer.say(Send("a", "hi"))
    await peer.until("delta", lambda f: "word7" in f["text"])
    ready = peer.of("ready")[0]
    cuts = [f["seq"] for f in peer.frames if f.get("seq") and f["type"] != "ready"]
    resumed = []
    for seq in cuts:
        back = Peer(server.url, "one", epoch=ready["epoch"], after=seq)
        await back.__aenter__()
        assert (await back.next())["replay"] == "complete"
        resumed.append((seq, back))
    gate.set()
    await peer.until("run_finished")
    for seq, back in resumed:
        await back.until("run_finished")
        early = [f for f in peer.of("delta") if f["seq"] <= seq]
        assert "".join(f["text"] for f in [*early, *back.of("delta")]) == "".join(words)
        await back.ws.close()


async def test_truncated_replay_sends_the_reply_so_far(database, upstream):
    """When the log has dropped what a client missed, it gets everything again."""
    words = [f"word{number} " for number in range(30)]
    limits = {"log_events": 5}
    async with serving(database, limits=limits, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one") as peer:
            gate = upstream.say(*words, paused_at=20)
            await peer.say(Send("a", "hi"))
            await peer.until("delta", lambda f: "word19" in f["text"])
            epoch = peer.of("ready")[0]["epoch"]
            async with Peer(server.url, "one", epoch=epoch, after=1) as back:
                ready = await back.next()
                gate.set()
                await back.until("run_finished")
    assert ready["replay"] in {"truncated", "complete"}
    assert back.text == "".join(words)


async def test_slow_reader_is_cut_and_slows_nobody(database, upstream, monkeypatch):
    """A client that never reads is closed with 4008; the others get everything."""
    # On a loaded machine the reply takes longer than the client is given to read the closing frame.
    monkeypatch.setattr(websocket, "CUT_SECONDS", PATIENCE)
    monkeypatch.setattr(handover, "CLOSE_SECONDS", PATIENCE)
    big = "x" * 50_000
    limits = {"queue_bytes": 400_000}
    long = {"GENPY_LLM_URL": upstream.url, "GENPY_REPLY_TOKENS": "100000"}
    async with serving(database, limits=limits, **long) as server:
        async with Peer(server.url, "one") as peer, Peer(server.url, "one") as slow:
            await slow.next()
            slow.ws.transport.pause_reading()
            upstream.say(*[big] * 200)
            finished = await peer.ask("a", "hi")
            slow.ws.transport.resume_reading()
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(ConnectionClosedError):
                    await slow.until("never")
    assert slow.ws.close_code == 4008
    assert finished["status"] == "done"
    assert len(peer.text) == 200 * len(big)


async def test_kill_in_mid_reply_loses_no_acknowledged_message(database, upstream):
    """After kill -9 and a restart every acknowledged message is there, once, and can be retried."""
    server = ServerProcess(database, GENPY_LLM_URL=upstream.url, GENPY_GRACE_SECONDS="0.3")
    await server.start()
    upstream.say("half", " done", paused_at=1)
    acked = []
    async with Peer(server.url, "one") as peer:
        await peer.say(Send("m0", "text 0"))
        await peer.until("delta")
        acked.append(peer.of("ack")[0])
        for number in range(1, 6):
            await peer.say(Send(f"m{number}", f"text {number}"))
            acked.append(await peer.until("ack", lambda f, n=number: f["id"] == f"m{n}"))
        await server.kill()
    upstream.only(Script(pieces=[chunk({"content": "yes"}), chunk(finish="stop"), DONE]))
    upstream.answer = SUMMARY
    await server.start()
    async with Peer(server.url, "one") as peer:
        for number in range(6):
            await peer.say(Send(f"m{number}", f"text {number}"))
        again = [await peer.until("ack") for _ in range(6)]
        await peer.say(Retry())
        finished = await peer.until("run_finished")
        session_id = peer.of("ready")[0]["session"]
    await server.stop()
    store = SqliteStore(database)
    await store.open()
    messages = await store.messages("local", session_id, limit=50)
    await store.close()
    users = [m for m in messages if m.role == "user"]
    assert [m.client_id for m in users] == [f"m{number}" for number in range(6)]
    assert all(ack["duplicate"] for ack in again)
    assert [a["message_id"] for a in again] == [a["message_id"] for a in acked]
    assert finished["status"] == "done"


async def test_sweep_ends_what_a_crash_left_behind(database, upstream):
    """A session whose server died is completed with its summary by the next one."""
    upstream.say("hello")
    upstream.answer = SUMMARY
    server = ServerProcess(database, GENPY_LLM_URL=upstream.url, GENPY_GRACE_SECONDS="0.3")
    await server.start()
    async with Peer(server.url, "one") as peer:
        await peer.ask("a", "hi")
        session_id = peer.of("ready")[0]["session"]
        await server.kill()
    async with serving(database, GENPY_LLM_URL=upstream.url, GENPY_GRACE_SECONDS="0.3") as next_one:
        async with asyncio.timeout(PATIENCE):
            while True:
                session = await next_one.app.store.session("local", session_id)
                assert session is not None
                if session.status == "completed":
                    break
                await asyncio.sleep(0.02)
    assert session.summary == SUMMARY["summary"]
    assert sum("response_format" in r["body"] for r in upstream.requests) == 1


async def test_long_conversation_gets_a_memory_in_the_background(database, upstream):
    """What falls out of the window is noted once, and the notes are sent from then on."""
    async with (
        serving(database, GENPY_LLM_URL=upstream.url, GENPY_CONTEXT_TOKENS="1500") as server,
        Peer(server.url, "one") as peer,
    ):
        session_id = ""
        async with asyncio.timeout(30):
            for number in range(40):
                upstream.only(
                    Script(
                        pieces=[chunk({"content": f"- note {number}"}), chunk(finish="stop"), DONE]
                    )
                )
                await peer.ask(f"m{number}", f"fact {number}: " + "some words here " * 12)
                session_id = peer.of("ready")[0]["session"]
                memory = await server.app.store.memory("local", session_id)
                if memory is not None and number > 12:
                    break
        await peer.ask("last", "what did I say?")
    system = [
        r["body"]["messages"][0]["content"]
        for r in upstream.requests
        if r["body"].get("messages") and "Today is" in r["body"]["messages"][0]["content"]
    ][-1]
    assert memory is not None
    assert "- note" in memory.text
    assert "What was said before, in short" in system


async def test_the_list_tells_where_a_reply_is_running(server, upstream, peer):
    """A session is marked as running while its reply is written, for its own user alone."""
    records = RemoteRecords(server.url)
    gate = upstream.say("Hello", " there", paused_at=1)
    await peer.say(Send("a", "hello"))
    await peer.until("delta")
    async with Peer(server.url, "two") as other:
        upstream.say("Hi")
        await other.ask("b", "good morning")
    try:
        assert [session.running for session in await records.sessions()] == [False, True]
        assert server.app.hub.running("somebody else") == frozenset()
        gate.set()
        await peer.until("run_finished")
        await server.app.hub.find("local", peer.of("ready")[0]["session"]).runs.stop("stopped")
        assert [session.running for session in await records.sessions()] == [False, False]
    finally:
        await records.close()


async def test_a_fault_of_the_server_keeps_what_came(server, upstream, peer, monkeypatch, caplog):
    """The reply has its text and says that GenPy failed; the next message is answered."""

    def fail(*_):
        raise RuntimeError("a bug")

    upstream.say("Hello ", "you")
    with monkeypatch.context() as broken:
        broken.setattr(run.ReplyRun, "_finished", fail)
        await peer.say(Send("a", "hi"))
        finished = await peer.until("run_finished")
    upstream.say("Better")
    await peer.say(Send("b", "again"))
    again = await peer.until("run_finished", lambda f: f["run"] != finished["run"])
    _, reply, *_ = await stored(server, peer)
    assert (reply.text, reply.meta.status) == ("Hello you", "error")
    assert reply.meta.error.startswith("GenPy itself failed")
    assert (finished["status"], again["status"]) == ("error", "done")
    assert "a bug" in caplog.text
