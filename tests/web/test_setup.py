"""The model of a server is chosen over HTTP by the owner of its machine, and by nobody else."""

import asyncio

import httpx
import msgspec
import pytest
from support import running_server
from support.conditions import eventually
from support.raw_client import Peer
from support.scripted_model import Upstream

from genpy_server import config
from genpy_server.llm import setup
from genpy_server.settings import load, read_environment

KEY = "key_of_a_test_0123456789"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    """No test reaches the config of the person who runs it, nor servers of the machine."""
    for kind in ("CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))
    monkeypatch.setattr(setup, "LOCAL_PROVIDERS", {})


@pytest.fixture
async def service():
    async with Upstream() as upstream:
        upstream.models, upstream.key = ["tiny"], KEY
        upstream.say("Hello from the model.")
        yield upstream


def running(tmp_path, *, personal=False, **changes):
    """A server that reads the files of the person who runs it."""
    settings = running_server.configure(tmp_path / "genpy.db")
    settings = msgspec.structs.replace(settings, **{"folder": config.folder(), **changes})
    return running_server.running(settings, personal=personal)


async def test_a_model_is_tried_and_kept_and_answers(tmp_path, service):
    """What fails is said and changes nothing; what works is kept and answers the next message."""
    async with (
        running(tmp_path) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        state = (await client.get("/api/setup")).json()
        assert state == {"has_model": False, "allowed": True, "servers": []}
        for choice, says in (
            ({"url": "nowhere"}, "An address begins with"),
            ({"provider": "groq"}, "A key is missing"),
            ({"provider": "nosuch"}, "An address begins with"),
            ({"url": "http://127.0.0.1:9/v1"}, "Nothing answers there"),
            ({"url": service.url, "key": "wrong-key-0123456789"}, "refuses the key"),
            ({"url": service.url, "key": "k\u00e4y"}, "ASCII"),
        ):
            refused = (await client.post("/api/setup", json=choice)).json()
            assert says in refused["error"]["message"]
        assert config.read().values == {}
        service.models = ["big", "tiny"]
        choice = {"url": service.url, "key": KEY}
        assert (await client.post("/api/setup", json=choice)).json()["models"] == ["big", "tiny"]
        done = (await client.post("/api/setup", json={**choice, "model": "tiny"})).json()
        assert done["model"] == "own/tiny"
        assert KEY not in str(done)
        assert config.read().values["GENPY_MODEL"] == "own/tiny"
        assert config.read().providers["own"].key == KEY
        async with Peer(server.url, "talk") as peer:
            await peer.ask("1", "hi")
            assert peer.text == "Hello from the model."
        # There is a model now: what it is is no longer for visitors.
        again = await client.post("/api/setup", json=choice)
        assert again.status_code == 403
        assert (await client.get("/api/setup")).json()["allowed"] is False


async def gauge(server, client_id):
    """What is said of the context of a reply, in a new conversation of a client that asks for nothing."""
    async with Peer(server.url, f"talk-{client_id}") as peer:
        return (await peer.ask(client_id, "hi"))["context"]


async def test_the_window_of_a_chosen_model_is_known(tmp_path, service):
    """The budget follows a model that was set up, also where the server starts with it later."""
    service.windows = {"tiny": 4_000}
    async with (
        running(tmp_path) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        choice = {"url": service.url, "key": KEY, "model": "tiny"}
        assert (await client.post("/api/setup", json=choice)).json()["model"] == "own/tiny"
        models = server.app.models
        await eventually(lambda: asyncio.sleep(0, models.window(models.default)))
        assert (await gauge(server, "a"))["window"] == 4_000
    for file in (tmp_path / "CACHE").rglob("models.json"):
        file.unlink()
    env = running_server.configure(
        tmp_path / "genpy.db", GENPY_LLM_URL=service.url, GENPY_LLM_KEY=KEY, GENPY_LLM_MODEL="tiny"
    )
    env = msgspec.structs.replace(env, folder=config.folder())
    async with running_server.running(env) as server:
        models = server.app.models
        await eventually(lambda: asyncio.sleep(0, models.window(models.default)))
        assert (await gauge(server, "b"))["budget"] == 4_000 - env.reply_tokens


async def test_an_address_of_a_folder_is_not_asked_for_its_models(tmp_path, service):
    """What a .env names gets no request before the person allowed it."""
    path = tmp_path / ".env"
    path.write_text(f"GENPY_LLM_URL={service.url}\n", encoding="utf-8")
    read = load(read_environment(tmp_path))
    assert read.folder_address == service.url
    async with running_server.running(
        msgspec.structs.replace(
            running_server.configure(tmp_path / "genpy.db"),
            folder=config.folder(),
            llm_url=read.llm_url,
            provider=read.provider,
            sources=read.sources,
        )
    ) as server:
        await server.app.models.find_window(None)
    assert service.requests == []


@pytest.mark.parametrize(
    ("changes", "headers"),
    [
        ({}, {"X-Forwarded-For": "203.0.113.9"}),
        ({}, {"Forwarded": "for=203.0.113.9"}),
        ({}, {"Via": "1.1 proxy"}),
        ({"hosts": ("chat.example",)}, {}),
        ({"origins": ("https://chat.example",)}, {}),
        ({"proxies": ("127.0.0.1",)}, {}),
        ({"tokens": {"t" * 24: "alice"}}, {"Authorization": "Bearer " + "t" * 24}),
        (
            {"host": "0.0.0.0", "tokens": {"t" * 24: "local"}},
            {"Authorization": "Bearer " + "t" * 24},
        ),
        ({"folder": None}, {}),
    ],
)
async def test_a_server_for_others_lets_nobody_choose(tmp_path, service, changes, headers):
    """Behind a proxy, under further names, for several users or at every address, nobody may."""
    async with running(tmp_path, **changes) as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client:
            assert (await client.get("/api/setup")).json()["allowed"] is False
            refused = await client.post("/api/setup", json={"url": service.url, "key": KEY})
            assert refused.status_code == 403
            assert "genpy setup" in refused.json()["error"]["message"]
    assert service.requests == []
    assert config.read().values == {}


async def test_a_stranger_and_another_site_choose_nothing(tmp_path, service):
    """Without the token, and for a page of another origin, nothing is tried or written."""
    tokens = {"t" * 24: running_server.configure(tmp_path / "x.db").user}
    async with running(tmp_path, tokens=tokens) as server:
        choice = {"url": service.url, "key": KEY}
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            assert (await client.post("/api/setup", json=choice)).status_code == 401
            assert (await client.get("/api/setup")).status_code == 401
            token = {"Authorization": "Bearer " + "t" * 24}
            elsewhere = {**token, "Origin": "https://elsewhere.example"}
            refused = await client.post("/api/setup", json=choice, headers=elsewhere)
            assert refused.status_code == 403
            plain = await client.post(
                "/api/setup", content="{}", headers={**token, "Content-Type": "text/plain"}
            )
            assert plain.status_code == 400
            assert service.requests == []
            done = await client.post("/api/setup", json=choice, headers=token)
            assert done.json()["model"] == "own/tiny"


async def test_another_address_gets_no_key_that_was_there(tmp_path, service):
    """An address that is set up without a key gets none, whatever keys the server has."""
    service.key = None
    held = {"groq_key": "key-of-groq", "llm_key": "key-of-llm", "supabase_key": "key-of-store"}
    async with (
        running(tmp_path, personal=True, **held) as server,
        httpx.AsyncClient(base_url=server.url, timeout=60) as client,
    ):
        done = await client.post("/api/setup", json={"url": service.url})
        assert done.json()["model"] == "own/tiny"
        async with Peer(server.url, "talk") as peer:
            await peer.ask("1", "hi")
    assert len(service.requests) >= 3
    assert "key-of" not in str(service.requests)


async def test_a_server_of_ones_own_may_change_its_model(tmp_path, service):
    """The server inside a person's own program lets them choose another model at any time."""
    async with running(tmp_path, personal=True, folder=None) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            for _ in range(2):
                service.say("ok")
                done = await client.post("/api/setup", json={"url": service.url, "key": KEY})
                assert done.json()["model"] == "own/tiny"
