"""Two model services at once: whose model answers, with which parameters, and what is kept of it."""

import json

import httpx
import msgspec
import pytest
from support.raw_client import Peer
from support.running_server import configure, running, serving
from support.scripted_model import DONE, Script, Upstream, chunk

from genpy_server import App
from genpy_server.client.http_records import RemoteRecords
from genpy_server.client.transcript import Transcript
from genpy_server.core.costs import Price
from genpy_server.core.modes import Mode
from genpy_server.errors import StoreUnavailable
from genpy_server.wire import End, ParamsChange, Retry, Send, Set, decode_server

SUMMARY = {"summary": "S.", "topics": [], "sentiment": "neutral", "outcomes": []}


@pytest.fixture
async def one():
    async with Upstream() as service:
        service.key = "key-of-one"
        yield service


@pytest.fixture
async def two():
    async with Upstream() as service:
        service.key = "key-of-two"
        yield service


@pytest.fixture
async def server(database, one, two):
    urls = {"one": one.url, "two": two.url}
    async with serving(database, providers=urls, GENPY_MODEL="one/a") as running:
        yield running


async def replies(server, peer):
    """The stored replies: text, model and what each answers."""
    session = peer.of("ready")[0]["session"]
    messages = await server.app.store.messages("local", session, limit=50)
    return [(m.text, m.meta.model, m.meta.reply_to) for m in messages if m.role == "assistant"]


async def test_a_mode_has_a_model_of_its_own(database, one, two):
    """The model of a mode answers in that mode, unless the person chose one for the conversation."""
    urls = {"one": one.url, "two": two.url}
    own = App(modes=[Mode(name="rhymes", prompt="Write in rhymes.", model="two/b")])
    two.say("in rhymes")
    one.say("from a")
    one.say("from c")
    async with serving(database, own=own, providers=urls, GENPY_MODEL="one/a") as server:
        async with Peer(server.url, "talk") as peer:
            for number, intent, model in (("1", "rhymes", "two/b"), ("2", "tutorial", "one/a")):
                await peer.say(Send(number, "hello", intent=intent))
                assert (await peer.until("run_started"))["model"] == model
                await peer.until("run_finished")
            await peer.say(Set(model="one/c"))
            await peer.say(Send("3", "hello", intent="rhymes"))
            assert (await peer.until("run_started"))["model"] == "one/c"
            await peer.until("run_finished")
    assert "Write in rhymes." in json.dumps(two.requests[-1]["body"])


async def test_a_conversation_remembers_its_model(database, server, one, two):
    """A model that is set answers from then on, also for a client that comes back, and summarises."""
    one.say("from a")
    two.say("from b")
    two.say("from b again")
    two.answer = SUMMARY
    async with Peer(server.url, "talk") as peer, Peer(server.url, "other") as other:
        assert (await peer.next())["model"] == "one/a"
        await peer.ask("1", "hello")
        await peer.say(Set(model="two/b"))
        await peer.say(Send("2", "and now?"))
        started = await peer.until("run_started", lambda f: f["model"] != "one/a")
        assert started["model"] == "two/b"
        await peer.until("run_finished")
        assert (await other.next())["model"] == "one/a"
    async with Peer(server.url, "talk") as peer:
        assert (await peer.next())["model"] == "two/b"
        await peer.ask("3", "and later?")
        await peer.say(End())
        assert (await peer.until("summary"))["summary"] == "S."
        assert [row[:2] for row in await replies(server, peer)] == [
            ("from a", "one/a"),
            ("from b", "two/b"),
            ("from b again", "two/b"),
        ]
    assert len(one.requests) == 1
    assert {r["headers"]["authorization"] for r in two.requests} == {"Bearer key-of-two"}


async def test_another_model_answers_again_and_both_answers_are_kept(server, one, two):
    """A message or a retry names a model for itself alone; each reply's record names its own."""
    two.say("from two")
    one.say("from one")
    one.say("as before")
    async with Peer(server.url, "talk") as peer:
        await peer.ask("1", "hello", model="two/b")
        await peer.say(Retry(model="one/c"))
        await peer.until("run_finished", lambda f: f["model"] == "one/c")
        await peer.ask("2", "bye")
        first, again, last = await replies(server, peer)
        assert first[:2] == ("from two", "two/b")
        assert again == ("from one", "one/c", first[2])
        assert last[:2] == ("as before", "one/a")
    sent = one.requests[-1]["body"]["messages"]
    assert "from one" in str(sent)
    assert "from two" not in str(sent)


async def test_what_is_set_is_sent(server, one):
    """Parameters of the conversation are in its requests, and a null takes one back."""
    one.say("x")
    one.say("y")
    async with Peer(server.url, "talk") as peer:
        change = ParamsChange(0.0, 55, "low", 7, ("END",))
        await peer.say(Set(params=change))
        await peer.ask("1", "hello")
        await peer.say(Set(params=None))
        await peer.ask("2", "hello")
    names = ("temperature", "max_tokens", "reasoning_effort", "seed", "stop")
    first, second = ([r["body"].get(name) for name in names] for r in one.requests)
    assert first == [0.0, 55, "low", 7, ["END"]]
    assert second == [0.7, 2048, None, None, None]


@pytest.mark.parametrize("configured", [{}, {"GENPY_SEED": "7"}])
async def test_a_parameter_that_is_refused_is_said_once_and_left_out(database, one, configured):
    """The reply comes without it; what nobody set is left out without a word."""
    for name in ("temperature", "seed"):
        one.fail(400, "unsupported_parameter", f"Unsupported parameter: {name}")
    for text in ("first", "second"):
        one.say(text)
    variables = {"GENPY_MODEL": "one/a", **configured}
    async with (
        serving(database, providers={"one": one.url}, **variables) as server,
        Peer(server.url, "talk") as peer,
    ):
        if not configured:
            await peer.say(Set(params=ParamsChange(seed=7)))
        for number in "12":
            await peer.ask(number, "hello")
        (notice,) = peer.of("notice")
    assert notice["code"] == "parameter_left_out"
    assert notice["text"] == "one/a does not take seed 7; it is left out."
    assert [{"seed", "temperature"} & set(r["body"]) for r in one.requests] == [
        {"seed", "temperature"}, {"seed"}, set(), set(),
    ]  # fmt: skip


async def test_a_model_that_nobody_has_is_refused(server, two):
    """The service's own words reach the person, and what to do; the message is kept."""
    two.fail(404, "model_not_found", "The model `x` does not exist")
    async with Peer(server.url, "talk") as peer:
        await peer.say(Send("1", "hello", model="two/x"))
        error = await peer.until("error")
        assert "'x' is not available" in error["message"]
        finished = await peer.until("run_finished")
        assert (finished["status"], finished["model"]) == ("error", "two/x")


async def test_the_list_of_models(server, one, two):
    """`/api/models` names every model as it is chosen; a provider that is down keeps its list."""
    one.models = ["a", "whisper-1"]
    two.models = ["b"]
    async with httpx.AsyncClient(base_url=server.url) as client:
        listed = (await client.get("/api/models")).json()
        names = [model["name"] for model in listed["models"]]
        assert {"one/a", "two/b"} <= set(names)
        assert "one/whisper-1" not in names
        assert listed["default"] == "one/a"
        await two.stop()
        again = (await client.get("/api/models")).json()
        assert {m["name"] for m in again["models"]} == set(names)
    shown = {p["name"]: p["error"] for p in listed["providers"]}
    assert shown["one"] is None
    assert "key-of" not in json.dumps(again)
    assert len([r for r in one.requests if r["method"] == "GET"]) == 1


async def test_reasoning_without_a_beginning_is_put_right(server, one):
    """What came before a lone </think> is kept as reasoning, and a message says what remains."""
    one.say("hm, ", "so", "</think>\n\n", "Hello")
    async with Peer(server.url, "talk") as peer:
        finished = await peer.ask("1", "hi")
        message = await peer.until("message", lambda f: f["role"] == "assistant")
        assert message["message_id"] == finished["message_id"]
        assert (message["text"], message["meta"]["reasoning"]) == ("Hello", "hm, so")
        transcript = Transcript()
        for frame in peer.frames:
            transcript.apply(decode_server(json.dumps(frame)))
    (_, reply) = transcript.entries
    assert (reply.text, reply.reasoning) == ("Hello", "hm, so")


async def test_reasoning_of_a_reply_that_is_not_stored_yet_is_put_right_later(
    server, one, monkeypatch
):
    """Its message is sent when it has an id, once."""
    append, away = server.app.store.append, True

    async def no_reply(user_id, session_id, role, text, **more):
        if role == "assistant" and away:
            raise StoreUnavailable("The database is away.")
        return await append(user_id, session_id, role, text, **more)

    monkeypatch.setattr(server.app.store, "append", no_reply)
    one.say("hm, ", "so", "</think>\n\n", "Hello")
    async with Peer(server.url, "talk") as peer:
        await peer.ask("1", "hi")
        away = False
        await peer.until("message", lambda f: f["role"] == "assistant")
        (message,) = (f for f in peer.of("message") if f["role"] == "assistant")
    assert (message["message_id"] > 0, message["text"]) == (True, "Hello")


async def test_a_reply_of_reasoning_alone_says_what_to_do(server, one):
    """Also where the limit of the reply cut it off."""
    one.script(Script(pieces=[chunk({"reasoning": "hm"}), chunk(finish="length"), DONE]))
    async with Peer(server.url, "talk") as peer:
        await peer.say(Send("1", "hi"))
        error = await peer.until("error")
        assert "reasoning_effort" in error["message"]
        assert (await peer.until("run_finished"))["status"] == "error"
        (stored,) = await replies(server, peer)
        assert stored[0] == ""


async def test_what_replies_cost(database, one):
    """`/api/stats` sums the tokens of replies, with money where their model has a price."""
    one.say("x")
    one.say("y")
    prices = {"one/a": Price(1_000.0, 2_000.0)}
    async with (
        serving(database, providers={"one": one.url}, prices=prices, GENPY_MODEL="one/a") as server,
        Peer(server.url, "talk") as peer,
    ):
        for number, model in (("1", None), ("2", "one/b")):
            await peer.ask(number, "hello", model=model)
        records = RemoteRecords(server.url)
        found = await records.stats()
        assert found == await server.app.records("local").stats(ref="talk")
        assert (found.total.replies, found.total.prompt_tokens) == (2, 22)
        assert {m.name: m.money for m in found.models} == {"one/a": 0.025, "one/b": None}
        assert [s.title for s in found.sessions] == ["talk"]
        await records.close()


async def test_the_budget_follows_the_model(server, one, two):
    """A listed context window is what a request may fill, and what is said of each reply."""
    one.windows = {"a": 16_000}
    async with httpx.AsyncClient(base_url=server.url) as client:
        await client.get("/api/models")
    long = "word " * 4_000
    for _ in range(3):
        one.say("ok")
    two.say("ok")
    async with Peer(server.url, "talk") as peer:
        assert (await peer.next())["context"] == {"used": 0, "budget": 13_952, "window": 16_000}
        for number in range(2):
            finished = await peer.ask(f"{number}", long)
        assert 10_000 < finished["context"]["used"] <= 13_952
        assert "message_cut" not in [notice["code"] for notice in peer.of("notice")]
        assert (await peer.ask("two", "short", model="two/unlisted"))["context"]["budget"] == 5_000
    assert len(str(one.requests[-1]["body"]["messages"])) > 30_000


async def test_a_request_is_no_larger_than_the_service_takes_in_a_minute(server, one):
    """The limit of the rate headers bounds the budget, whatever the window is."""
    one.windows = {"a": 131_072}
    async with httpx.AsyncClient(base_url=server.url) as client:
        await client.get("/api/models")
    one.script(
        Script(
            pieces=[chunk({"content": "x"}), chunk(finish="stop"), DONE],
            headers={"x-ratelimit-limit-tokens": "8000"},
        )
    )
    async with Peer(server.url, "talk") as peer:
        assert (await peer.next())["context"]["budget"] == 32_000
        await peer.ask("1", "hi")
    async with Peer(server.url, "talk") as peer:
        assert (await peer.next())["context"]["budget"] == int((8_000 - 2_048) * 0.85)


async def test_what_will_be_sent_is_explained_by_part(server, one):
    """The parts of the next request add up to its size, within the budget."""
    one.say("Hello")
    async with Peer(server.url, "talk") as peer:
        await peer.ask("1", "hi there")
    async with httpx.AsyncClient(base_url=server.url) as client:
        query = {"text": "How do I write a loop in Python?"}
        answer = (await client.get("/api/session/talk/context", params=query)).json()
    sent = answer["context"]
    assert sum(sent["tokens"].values()) == sent["total"] <= sent["budget"]
    assert min(sent["tokens"][part] for part in ("system", "turns", "question", "mode")) > 0
    assert sent["messages"][-1]["content"].startswith(query["text"])
    assert len(one.requests) == 1


@pytest.mark.parametrize("model", ["one/a", "two/b"])
async def test_a_model_that_does_not_answer_is_said_before_the_first_message(
    database, one, two, model
):
    """An address where nothing is, or a key that is refused, is a notice with what to do."""
    await one.stop()
    two.key = "another"
    urls = {"one": one.url, "two": two.url}
    async with serving(database, providers=urls, GENPY_MODEL=model) as server:
        async with Peer(server.url, "talk", features="model") as peer:
            notice = await peer.until("notice")
            assert notice["code"] == "llm_unavailable"
            assert notice["text"].startswith(f"{model} at http://127.0.0.1")
            assert "genpy doctor" in notice["text"]
            assert peer.of("message") == []


async def test_a_model_that_answers_is_not_spoken_of(server, one):
    """Who asks for the state of the model is told nothing where it answers; its window is known."""
    one.windows = {"a": 16_000}
    one.say("ok")
    async with Peer(server.url, "talk", features="model") as peer:
        await one.until(lambda: any(r["method"] == "GET" for r in one.requests))
        await peer.ask("1", "hi")
        assert peer.of("notice") == []


async def test_a_model_of_nobody_is_refused_when_it_is_set(server, one):
    """`set` says at once that no provider has the model; what was set before stays."""
    async with Peer(server.url, "talk") as peer:
        await peer.say(Set(model="nosuch/model"))
        refused = await peer.until("error")
        assert refused["code"] == "llm_model_unknown"
        assert "Unknown provider 'nosuch'" in refused["message"]
        one.say("ok")
        assert (await peer.ask("1", "hi"))["status"] == "done"


async def gauge(peer, budget):
    """What a client knows once the budget of its next request is this one."""
    transcript = Transcript()
    for frame in peer.frames:
        transcript.apply(decode_server(json.dumps(frame)))
    while transcript.context is None or transcript.context.budget != budget:
        transcript.apply(decode_server(json.dumps(await peer.next())))
    return transcript


@pytest.mark.parametrize("model", ["two/b", None])
async def test_every_client_knows_the_budget_of_the_next_reply(database, tmp_path, one, two, model):
    """Its window, `max_tokens` and rate limit change it at once; a reply of another model does not."""
    one.windows, two.windows = {"a": 16_000, "c": 12_000}, {"b": 24_000}
    urls = {"one": one.url, "two": two.url}
    # The default is the model that is chosen in the other case.
    configured = configure(database, urls, GENPY_MODEL="two/b" if model is None else "one/a")
    one.say("from a")
    two.script(
        Script(
            pieces=[chunk({"content": "from b"}), chunk(finish="stop"), DONE],
            headers={"x-ratelimit-limit-tokens": "10000"},
        )
    )
    one.say("from c")
    configured = msgspec.structs.replace(configured, folder=tmp_path)
    async with running(configured) as server, Peer(server.url, "talk") as peer:
        await peer.say(Set(model="one/a"))
        await gauge(peer, 16_000 - 2_048)
        await peer.ask("1", "hello")
        async with Peer(server.url, "talk") as other:
            before = await gauge(other, 16_000 - 2_048)
            assert before.context.used > 0
            await peer.say(Set(model=model))
            for each in (peer, other):
                known = await gauge(each, 24_000 - 2_048)
                assert (known.context.window, known.context.used) == (24_000, before.context.used)
                assert known.message_bytes > before.message_bytes
            await other.say(Set(params=ParamsChange(max_tokens=4_096)))
            for each in (peer, other):
                await gauge(each, 24_000 - 4_096)
            await other.say(Retry())
            for each in (peer, other):
                await each.until("run_finished")
                await gauge(each, int((10_000 - 4_096) * 0.85))
            await other.say(Retry(model="one/c"))
            for each in (peer, other):
                finished = await each.until("run_finished")
                assert finished["context"]["budget"] == 12_000 - 4_096
                known = await gauge(each, int((10_000 - 4_096) * 0.85))
                assert known.context.used == finished["context"]["used"]


async def test_a_request_leaves_room_for_the_reply_that_was_set(server, one):
    """With `max_tokens` of half the window the request has the other half."""
    one.windows = {"a": 16_000}
    async with httpx.AsyncClient(base_url=server.url) as client:
        await client.get("/api/models")
    one.say("ok")
    async with Peer(server.url, "talk") as peer:
        await peer.say(Set(params=ParamsChange(max_tokens=8_000)))
        finished = await peer.ask("1", "word " * 12_000)
    assert 4_000 < finished["context"]["used"] <= finished["context"]["budget"] == 8_000
