"""Choosing a model: `genpy models`, `-m`, `genpy setup`, and addresses that a folder names."""

import asyncio
import os

import pytest
from support.scripted_model import Upstream
from support.scripted_server import ScriptedServer

from genpy_server.wire import Send

ANOTHER = "Another address with /chat/completions"
KEY = "key_of_a_test_0123456789"
needs_terminal = pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")


def configured(genpy, url, name="work"):
    """Give the command a provider in its config."""
    genpy("config", "set", f"providers.{name}.url", url)


async def test_models_of_every_provider(empty):
    """`models` lists PROVIDER/NAME of each provider that answers, as a table and as JSON."""
    async with Upstream() as one, Upstream() as two:
        one.models, two.models = ["a"], ["b", "c"]
        await asyncio.to_thread(configured, empty, one.url, "one")
        await asyncio.to_thread(configured, empty, two.url, "two")
        shown = (await empty.beside("models")).out
        assert {"one/a", "two/b", "two/c"} < set(shown.split())
        listed = (await empty.beside("models", "--json")).json
        assert [m["name"] for p in listed if p["provider"] == "two" for m in p["models"]] == [
            "b",
            "c",
        ]


async def test_a_model_is_chosen_for_one_question(empty):
    """`ask -m PROVIDER/NAME` asks that model, with the key of its provider and of no other."""
    async with Upstream() as one, Upstream() as two:
        two.say("from two")
        await asyncio.to_thread(configured, empty, one.url, "one")
        await asyncio.to_thread(configured, empty, two.url, "two")
        await empty.beside("keys", "set", "one", given="key-of-one")
        await empty.beside("keys", "set", "two", given="key-of-two")
        ran = await empty.beside("ask", "hello", "-m", "two/b", GENPY_LLM_KEY="x", GROQ_API_KEY="y")
        assert ran.out == "from two\n"
        assert one.requests == []
        assert {r["headers"].get("authorization") for r in two.requests} == {"Bearer key-of-two"}
        assert {r["body"]["model"] for r in two.requests if r["body"]} == {"b"}


async def test_a_model_of_nobody_is_said(empty):
    """`-m` with a provider that is not known is refused with those that are, unless it is listed."""
    async with Upstream() as own:
        own.models = ["acme/tiny"]
        own.say("from tiny")
        ran = await empty.beside("ask", "x", "-m", "acme/tiny", GENPY_LLM_URL=own.url)
        assert ran.out == "from tiny\n"
        ran = await empty.beside("ask", "x", "-m", "olama/tiny", code=1, GENPY_LLM_URL=own.url)
        assert "Unknown provider 'olama'" in ran.err
        assert "Did you mean ollama?" in ran.err
        assert len([r for r in own.requests if r["body"]]) == 1
    for name, says in (("nosuch/model", "No provider has the model"), ("groq/x", "keys set groq")):
        ran = await empty.beside("ask", "x", "-m", name, code=1)
        assert ran.out == ""
        assert says in ran.err


async def test_a_server_is_asked_for_the_model(empty):
    """With a server elsewhere -m goes with the message."""
    async with ScriptedServer().running() as server:
        asking = asyncio.create_task(empty.beside("ask", "x", "-m", "a/b", "--server", server.url))
        assert (await server.until(Send)).model == "a/b"
        server.reply("from b")
        assert (await asking).out == "from b\n"


async def test_an_address_of_a_folder_needs_trust(empty):
    """Without a terminal nothing is sent to an address of a .env, unless --trust allows it."""
    async with Upstream() as service:
        service.say("hello")
        (empty.home / ".env").write_text(f"GENPY_LLM_URL={service.url}\n", encoding="utf-8")
        for words in (("ask", "x"), ("models",), ("doctor",)):
            ran = await asyncio.to_thread(empty.run, *words, GENPY_LLM_KEY=KEY)
            assert ran.code == 1
            assert "--trust" in ran.out + ran.err
        ran = await asyncio.to_thread(empty.run, "models", GENPY_SERVER="http://127.0.0.1:9")
        assert "--trust" in ran.err
        assert service.requests == []
        ran = await empty.beside("ask", "x", "--trust", GENPY_LLM_KEY=KEY)
        assert ran.out == "hello\n"
        assert all(KEY not in str(request["headers"]) for request in service.requests)


def test_a_local_server_that_is_configured_and_away_is_said(empty):
    """Of local servers only the one of the configured model is expected to answer."""
    config = empty.home / "CONFIG" / "genpy" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[providers.vllm]\nurl = "http://127.0.0.1:9/v1"\n', encoding="utf-8")
    assert "vllm" not in empty("models").err
    ran = empty("models", GENPY_MODEL="vllm/x")
    assert "vllm: Nothing answers there.\n" in ran.err


async def test_a_server_of_a_folder_needs_trust(empty):
    """A .env cannot send messages to a server of its own either; a server that a person names may."""
    async with Upstream() as service:
        (empty.home / ".env").write_text(f"GENPY_SERVER={service.root}\n", encoding="utf-8")
        for words in (
            ("ask", "x"),
            ("ask", "--session", "last", "x"),
            ("sessions", "end", "last"),
            ("summary", "last", "--regenerate"),
        ):
            ran = await asyncio.to_thread(empty.run, *words)
            assert (ran.code, "with --trust." in ran.err) == (1, True)
        assert service.requests == []
        for words, variables in (
            (("ask", "x", "--trust"), {}),
            (("ask", "x", "--server", service.root), {}),
            (("ask", "x"), {"GENPY_SERVER": service.root}),
        ):
            ran = await asyncio.to_thread(lambda: empty.run(*words, **variables))  # noqa: B023 - awaited here
            assert "is not a GenPy server" in ran.err


@needs_terminal
async def test_it_is_asked_once(empty):
    """In a terminal it is asked once per folder and address; no sends nothing."""
    async with Upstream() as service:
        service.say("hello")
        dotenv = empty.home / ".env"
        dotenv.write_text(f"GENPY_LLM_URL={service.url}\n", encoding="utf-8")
        ran = await asyncio.to_thread(empty.typed, "ask", "-n", "x", keys="n\n", after="[y/N]")
        assert (ran.code, service.requests) == (1, [])
        ran = await asyncio.to_thread(empty.typed, "ask", "-n", "x", keys="y\n", after="[y/N]")
        assert "hello" in ran.out
        assert "hello" in (await empty.beside("ask", "-n", "x")).out
    async with Upstream() as other:
        dotenv.write_text(f"GENPY_LLM_URL={other.url}\n", encoding="utf-8")
        assert "--trust" in (await empty.beside("ask", "-n", "x", code=1)).err


@needs_terminal
async def test_setup_of_an_address(empty):
    """`setup` tries the address that is typed, keeps it with its key, and the next question uses it."""
    async with Upstream() as service:
        service.key, service.models = KEY, ["tiny"]
        service.say("hello")
        answers = [
            ("Where is your model?", f"{ANOTHER}\n"),
            ("Address", f"{service.url}\n"),
            ("Key", f"{KEY}\n"),
        ]
        ran = await asyncio.to_thread(empty.dialogue, "setup", answers=answers)
        assert ran.code == 0
        assert "answers. Kept in" in ran.out
        assert KEY not in ran.out
        ran = await empty.beside("ask", "x")
        assert ran.out == "hello\n"


@needs_terminal
async def test_setup_that_fails_begins_again(empty):
    """An address that is typed at once and does not answer is said; ctrl+d keeps nothing."""
    answers = [
        ("Where is your model?", "nowhere\n"),
        ("an address, or a key", "http://127.0.0.1:9/v1\n"),
        ("Key", "\n"),
        ("Where is your model?", "\x04"),
    ]
    ran = await asyncio.to_thread(empty.dialogue, "setup", answers=answers)
    assert "Nothing answers there." in ran.out
    assert ran.code == 130
    assert not (empty.home / "CONFIG" / "genpy").exists()


def test_setup_needs_a_terminal(empty):
    """Without a terminal the setup names the commands for scripts."""
    assert "genpy keys set" in empty("setup", code=2).err


@needs_terminal
@pytest.mark.parametrize(
    "answers",
    [
        [("Where is your model?", "\x03")],
        [("Where is your model?", "1\n"), ("Key", "\x03")],
        [("Where is your model?", f"{ANOTHER}\n"), ("Address", "\x03")],
        [("Where is your model?", f"{ANOTHER}\n"), ("Address", "http://[::1/v1\n"), ("Address", "\x04")],
        [("Where is your model?", "99\n"), ("Where is your model?", "\x03")],
    ],
)  # fmt: skip
async def test_setup_that_is_left_keeps_nothing(empty, answers):
    """ctrl+c and ctrl+d leave at any question, with the code of an interruption and no file."""
    ran = await asyncio.to_thread(empty.dialogue, "setup", answers=answers)
    assert ran.code == 130
    assert "Traceback" not in ran.out
    assert not (empty.home / "CONFIG" / "genpy").exists()


@needs_terminal
async def test_setup_with_a_wrong_key_and_then_the_right_one(empty):
    """A key that Groq refuses is said without it; what is typed next is tried, and kept."""
    async with Upstream() as service:
        service.key, service.models = KEY, ["tiny"]
        service.say("hello")
        answers = [
            ("Where is your model?", "\n"),
            ("Key", "gsk_wrong_0123456789abcdef\n"),
            ("Where is your model?", "\n"),
            ("Key", f"{KEY}\n"),
        ]
        ran = await asyncio.to_thread(
            empty.dialogue, "setup", answers=answers, GROQ_BASE_URL=service.root
        )
        assert ran.code == 0
        assert "refuses the key" in ran.out
        assert "answers. Kept in" in ran.out
        assert "gsk_wrong" not in ran.out
        assert KEY not in ran.out


@needs_terminal
async def test_setup_without_a_network(empty):
    """Where nothing answers at Groq's address that is said, and the question comes again."""
    answers = [
        ("Where is your model?", "\n"),
        ("Key", f"{KEY}\n"),
        ("Where is your model?", "\x03"),
    ]
    ran = await asyncio.to_thread(
        empty.dialogue, "setup", answers=answers, GROQ_BASE_URL="http://127.0.0.1:9"
    )
    assert (ran.code, KEY in ran.out) == (130, False)
    assert "Nothing answers there." in ran.out
    assert not (empty.home / "CONFIG" / "genpy").exists()
