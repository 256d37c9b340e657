"""What a person sets for one conversation: over sockets, and stored with it."""

import pytest
from support.raw_client import Peer
from support.running_server import serving

from genpy_server.core.models import Params, SessionSettings
from genpy_server.wire import MODEL_STATE, ParamsChange, Retry, Send, Set


async def test_settings_are_published_stored_and_shown_to_who_comes(database, upstream):
    """Each change is an event with all settings; null takes one back, what is absent stays."""
    upstream.models = ["a/b"]
    upstream.say("hi")
    async with serving(database, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one") as peer, Peer(server.url, "one") as other:
            await other.next()
            await peer.say(Set(model="a/b", params=ParamsChange(0.5, 100)))
            await peer.until("settings")
            await peer.ask("a", "hello")
            change = ParamsChange(temperature=None, seed=7, stop=("END",))
            await peer.say(Set(params=change, system="Be brief."))
            await peer.until("settings")
            await peer.say(Set(model=None))
            await peer.until("settings")
            await other.until("settings", lambda f: "model" not in f)
            assert [(f["seq"], f.get("model")) for f in other.of("settings")] == [
                (f["seq"], f.get("model")) for f in peer.of("settings")
            ]
        first, second, third = peer.of("settings")
        assert (first["model"], first["params"]) == (
            "a/b",
            {"temperature": 0.5, "max_tokens": 100},
        )
        assert second["params"] == {"max_tokens": 100, "seed": 7, "stop": ["END"]}
        assert (second["model"], third.get("model")) == ("a/b", None)
        session = await server.app.store.session("local", peer.of("ready")[0]["session"])
    params = Params(max_tokens=100, seed=7, stop=("END",))
    assert session.settings == SessionSettings(None, params, "Be brief.")
    async with serving(database) as server, Peer(server.url, "one") as peer:
        ready = await peer.next()
    assert ready["settings"] == {
        "params": {"max_tokens": 100, "seed": 7, "stop": ["END"]},
        "system": "Be brief.",
    }


async def test_the_model_that_will_answer_is_known_before_the_first_reply(database, upstream):
    """Where no model is configured, the service's first is published to who asks for its state."""
    upstream.models = ["first", "second"]
    features = MODEL_STATE
    async with serving(database, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one", features=features) as peer:
            assert (await peer.next())["model"] == ""
            await peer.until("settings")
            assert peer.of("settings")[0]["default_model"] == "first"
        async with Peer(server.url, "two", features=features) as peer:
            assert (await peer.next())["model"] == "first"
    assert not [r for r in upstream.requests if r["path"].endswith("completions")]


async def test_settings_before_the_first_message_outlive_a_cut(database):
    """A conversation without a message writes nothing, and keeps its settings for a client that comes back."""
    async with serving(database) as server:
        async with Peer(server.url, "one") as peer:
            await peer.say(Set(system="Be brief."))
            await peer.until("settings")
        async with Peer(server.url, "one") as peer:
            ready = await peer.next()
            assert ready["settings"] == {"params": {}, "system": "Be brief."}
            assert await server.app.store.sessions("local", limit=5) == []
            await peer.say(Send("a", "hello"))
            await peer.until("ack")
            (session,) = await server.app.store.sessions("local", limit=5)
    assert session.settings == SessionSettings(system="Be brief.")


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (Set(params=ParamsChange(temperature=2.1)), "0 to 2"),
        (Set(params=ParamsChange(max_tokens=0)), "from 1"),
        (Set(params=ParamsChange(seed=2**53)), "53 bits"),
        (Set(params=ParamsChange(stop=("",))), "texts of 1"),
        (Set(params=ParamsChange(stop=("a",) * 5)), "up to 4"),
        (Set(system="x" * 20_001), "20,000"),
        (Set(model=" "), "provider/name"),
        (Send("a", "hello", model="a\nb"), "provider/name"),
        (Retry(model=""), "provider/name"),
        (Set(model="groq/a"), "genpy keys set groq"),
        (Send("a", "hello", model="groq/a"), "genpy keys set groq"),
    ],
)
async def test_settings_out_of_bounds_are_refused_with_the_bounds(server, frame, says):
    """The sentence names what is allowed, and nothing is changed."""
    async with Peer(server.url, "one") as peer:
        await peer.say(frame)
        error = await peer.until("error")
        assert error["code"] in {"bad_request", "llm_key_rejected"}
        assert says in error["message"]
    async with Peer(server.url, "one") as peer:
        assert (await peer.next())["settings"] == {}


async def test_an_unknown_effort_is_not_a_frame(server):
    """What is of another type than the frame's is answered as a bad frame."""
    async with Peer(server.url, "one") as peer:
        await peer.ws.send('{"type":"set","params":{"reasoning_effort":"enormous"}}')
        assert (await peer.until("error"))["code"] == "bad_frame"
