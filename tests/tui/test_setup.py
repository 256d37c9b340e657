"""The first minute: without a model the first screen is the way to one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support import running_server
from support.scripted_model import Upstream
from support.terminal import Terminal, terminal
from textual import events

from genpy_server import config
from genpy_server.llm import setup
from genpy_server.settings import Environment, load
from genpy_tui.dialogs import setup as dialog

KEY = "gsk_of_a_test_0123456789"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches the config of the person who runs it, nor servers of the machine."""
    for kind in ("CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))
        monkeypatch.setattr(setup, "LOCAL_PROVIDERS", {})


@pytest.fixture
async def service() -> AsyncIterator[Upstream]:
    """A service with one model."""
    async with Upstream() as upstream:
        upstream.models = ["tiny"]
        upstream.say("Hello from the model.")
        yield upstream


async def answered(tui: Terminal) -> None:
    """The conversation goes on with the model, without a restart."""
    await tui.shows("tiny")
    await tui.until(lambda: tui.app.screen is tui.chat)
    await tui.until(lambda: any("answers. Kept in" in said for said in tui.notices))
    await tui.says("ready")
    await tui.type("Good morning")
    await tui.shows("Hello from the model.")


async def test_a_key_for_groq(tmp_path: Path, service: Upstream) -> None:
    """A key is pasted unseen and tried; it is kept in keys.toml, and the next message is answered."""
    service.key = KEY
    async with terminal(tmp_path, server=None, GROQ_BASE_URL=service.root) as tui:
        await tui.shows("Set up a model", "No model server was found")
        await tui.press("enter")
        await tui.shows("Key for Groq")
        tui.app.screen.focused.post_message(events.Paste(KEY))
        await tui.press("enter")
        await answered(tui)
        assert KEY not in tui.screen
    assert config.read().values == {"GROQ_API_KEY": KEY, "GENPY_MODEL": "groq/tiny"}


@pytest.mark.parametrize("typed", [False, True])
async def test_a_key_that_is_pasted_at_once(
    tmp_path: Path, service: Upstream, monkeypatch: pytest.MonkeyPatch, *, typed: bool
) -> None:
    """A key of Groq that is pasted into the first screen, also one by one, is taken whole and not shown."""
    service.key = KEY
    async with terminal(tmp_path, server=None, GROQ_BASE_URL=service.root) as tui:
        await tui.shows("No model server was found")
        if typed:
            monkeypatch.setattr(dialog, "KEY_SECONDS", 60.0)
            await tui.press(*(key.replace("_", "underscore") for key in KEY))
            assert tui.app.screen.focused.password
            assert KEY[:8] not in tui.screen
            await tui.press("enter")
        else:
            tui.app.screen.focused.post_message(events.Paste(f"{KEY}\n"))
        await answered(tui)
        assert KEY not in tui.screen


@pytest.mark.parametrize("text", ["{}", 'export OPENAI_API_KEY="{}"'])
async def test_a_key_of_another_provider(tmp_path: Path, service: Upstream, text: str) -> None:
    """It is neither shown nor sent as a message; its address is asked for."""
    service.key = key = "sk-proj-of_a_test-0123456789"
    async with terminal(tmp_path, server=None) as tui:
        await tui.shows("No model server was found")
        tui.app.screen.focused.post_message(events.Paste(text.format(key)))
        await tui.press("enter")
        await tui.shows("Address of the server", "This looks like a key")
        assert key not in tui.screen
        tui.app.screen.focused.value = f'"{service.url}"'
        await tui.press("enter")
        await answered(tui)
        assert key not in tui.screen
    assert config.read().providers["own"].key == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("gsk_", "gsk_"),
        (" GROQ_API_KEY='gsk_abc' ", "gsk_abc"),
        ("xai-0123456789abcdef", "xai-0123456789abcdef"),
        ("AIzaSyA0123456789_-abc", "AIzaSyA0123456789_-abc"),
        ("0a1b2c3d" * 4, "0a1b2c3d" * 4),
        *(("sk-learn", ""), ("sk-learn_is_what exactly?", ""), ("internationalisation" * 2, "")),
        *(("X=1", ""), ("http://127.0.0.1:8000/v1", ""), ("What is gsk_abc?", "")),
    ],
)
def test_what_is_a_key(text: str, key: str) -> None:
    """Keys are known by their beginning or their length, alone or assigned to a variable."""
    assert config.typed_key(text) == key


async def test_a_server_that_was_found(
    tmp_path: Path, service: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model server of this machine is offered; of several models one is picked by its name."""
    service.models = ["big", "tiny"]
    monkeypatch.setattr(setup, "LOCAL_PROVIDERS", {"ollama": service.url})
    async with terminal(tmp_path, server=None) as tui:
        await tui.shows("ollama on this machine", "2 models")
        await tui.press("down", "enter")
        await tui.shows("Which model?", "big")
        await tui.press(*"tin", "enter")
        await answered(tui)
    assert config.read().values == {"GENPY_MODEL": "ollama/tiny"}


async def test_an_address(tmp_path: Path, service: Upstream) -> None:
    """What is not an address and what does not answer is said; another try keeps the address."""
    async with terminal(tmp_path, server=None) as tui:
        await tui.shows("No model server was found")
        await tui.press("down", "enter")
        await tui.press(*"nowhere", "enter")
        await tui.shows("begins with http://")
        tui.app.screen.focused.value = "http://127.0.0.1:9/v1"
        await tui.press("enter")
        await tui.shows("Key, if it needs one")
        await tui.press("enter")
        await tui.shows("Nothing answers there", "Another address")
        await tui.press("down", "enter")
        tui.app.screen.focused.value = service.url
        await tui.press("enter", "enter")
        await answered(tui)
    assert config.read().providers["own"].url == service.url


async def test_an_address_that_is_typed_at_once(tmp_path: Path, service: Upstream) -> None:
    """An address typed instead of a key is tried, and can be corrected if it is invalid; it is not sent."""
    async with terminal(tmp_path, server=None) as tui:
        await tui.shows("No model server was found")
        await tui.press(*"http://", "enter")
        await tui.shows("Address of the server", "begins with http://")
        tui.app.screen.focused.value = service.url.removeprefix("http://")
        await tui.press("enter", "enter")
        await answered(tui)
        assert "http:" not in tui.transcript
        assert tui.chat.prompt.text == ""
    assert config.read().providers["own"].url == service.url


def test_an_address_without_its_scheme() -> None:
    """An address may be typed without http://; beyond this network it gets TLS, a message nothing."""
    for text, url in {
        "127.0.0.1:8000/v1": "http://127.0.0.1:8000/v1",
        " localhost:1234 ": "http://localhost:1234",
        "[::1]:80": "http://[::1]:80",
        "models.lan:8080": "http://models.lan:8080",
        "api.example.org/v1": "https://api.example.org/v1",
        "http://localhost:1/v1": "http://localhost:1/v1",
        "hello": "hello",
        "main.py": "main.py",
        "12:30": "12:30",
        "3.5/7": "3.5/7",
        "and/or": "and/or",
        "see api.example.org/v1": "see api.example.org/v1",
    }.items():
        assert setup.typed_address(text) == url


@pytest.mark.parametrize("keys", [["escape"], ["up", "enter"]])
async def test_going_on_without_a_model(tmp_path: Path, keys: list[str]) -> None:
    """One key goes on without a model; what was typed until then stands in the prompt."""
    async with terminal(tmp_path, server=None) as tui:
        await tui.shows("No model server was found")
        await tui.press(*(["H", "i"] if keys == ["escape"] else []), *keys)
        await tui.until(lambda: tui.app.screen is tui.chat)
        assert tui.chat.prompt.text == ("Hi" if keys == ["escape"] else "")
        await tui.shows("no model", "Show my sessions")
        assert "Python generators" not in tui.screen


async def test_a_message_is_typed_instead(tmp_path: Path) -> None:
    """Who does not read the first screen and types a message has sent it; a draft of two lines stays."""
    async with terminal(tmp_path, server=None) as tui:
        await tui.shows("No model server was found")
        await tui.press(*"Hi", "space", *"you", "enter")
        await tui.shows("› You", "Hi you", "No model is configured")
        tui.chat.prompt.text = "A draft\nof two lines"
        await tui.chat.action_command("setup")
        await tui.shows(
            "│  ▌ Paste a key or an address, or type a message", "A draft", "of two lines"
        )
        await tui.press(*"Oh", "enter")
        await tui.until(lambda: tui.transcript.count("› You") > 1)
        assert tui.chat.prompt.text == ""
        await tui.press("up", "up")
        assert tui.chat.prompt.text == "A draft\nof two lines"


async def test_a_chat_at_the_server_of_another(tmp_path: Path, service: Upstream) -> None:
    """The model is set up at the server of another program of this user, and kept; both go on with it."""
    variables = {"XDG_CONFIG_HOME": str(tmp_path / "CONFIG")}
    async with terminal(tmp_path, server=None, **variables) as first:
        await first.shows("Set up a model", "No model server was found")
        await first.press("escape")
        await first.says("ready")
        async with terminal(tmp_path, server=None, **variables) as second:
            await second.says("ready")
            assert second.app.embedded is None
            await second.type("/setup")
            await second.shows("Set up a model", "No model server was found")
            await second.press("down", "enter")
            second.app.screen.focused.value = service.url
            await second.press("enter", "enter")
            await answered(second)
            assert first.app.embedded is not None
            assert first.app.embedded.has_model
        assert second.app.local is not None
        assert second.app.local.settings.model == "own/tiny"
    assert config.read().values["GENPY_MODEL"] == "own/tiny"


async def test_a_server_that_is_for_others(tmp_path: Path) -> None:
    """Where the server does not let a visitor choose its model, /setup says who can."""
    async with (
        running_server.serving(tmp_path / "other.db") as server,
        terminal(tmp_path, server=server.url) as tui,
    ):
        await tui.says("ready")
        await tui.type("/setup")
        await tui.until(lambda: any("run `genpy setup` there" in said for said in tui.notices))
        assert tui.app.screen is tui.chat


async def test_a_folder_gets_no_key(service: Upstream) -> None:
    """A pasted key goes to Groq's own address where a folder's .env names another one."""
    environment = Environment({"GROQ_BASE_URL": service.root}, sources={"GROQ_BASE_URL": ".env"})
    settings = load(environment)
    provider = setup.groq_provider(settings, KEY)
    assert provider.url == config.GROQ_URL
    assert setup.with_model(settings, provider, "tiny").groq_base_url is None
