"""The model of the conversation is chosen, its settings are shown and set, and answers are flipped."""

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from support import running_server
from support.scripted_model import Upstream
from support.scripted_server import SESSION, ScriptedServer
from support.terminal import Terminal, terminal

from genpy_server.config import LOCAL_PROVIDERS
from genpy_server.core.models import Params
from genpy_server.wire import ErrorFrame, Retry, Send, Set, SettingsEvent
from genpy_tui.app import GenPyApp
from genpy_tui.chat.status import short

MODELS = {
    "default": "groq/openai/gpt-oss-120b",
    "models": [
        {
            "name": name,
            "provider": name.partition("/")[0],
            "context_tokens": window,
            "abilities": ["tools"],
        }
        for name, window in (
            ("groq/openai/gpt-oss-120b", 131_072),
            ("ollama/llama3.2", 8_192),
            ("ollama/qwen3", None),
        )
    ],
    "providers": [
        {"name": name, "url": url, "error": "Nothing answers there.", "age_seconds": 0}
        for name, url in (("work", "http://x/v1"), *LOCAL_PROVIDERS.items())
    ],
}


async def opened(tui: Terminal, server: ScriptedServer, key: str) -> None:
    """The list of models, opened by a key."""
    server.api["/api/models"] = MODELS
    await tui.says("ready")
    await tui.press(key)
    await tui.shows("groq/openai/gpt-oss-120b", "131,072 tokens · tools", "ollama/qwen3")


async def test_a_model_is_picked_by_a_part_of_its_name(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """What is typed filters the models; enter sets the marked one, which the prompt then names.

    A typed one that no provider lists is set all the same, and told.
    """
    async with terminal(tmp_path, server=server.url) as tui:
        await opened(tui, server, "f7")
        await tui.shows("work: Nothing answers there.")
        assert "vllm" not in tui.screen  # nobody configured it
        await tui.press(*"oll")
        await tui.until(lambda: "131,072" not in tui.screen)
        await tui.press("down", "enter")
        assert (await server.until(Set)).model == "ollama/qwen3"
        server.emit(SettingsEvent(0, model="ollama/qwen3"))
        await tui.shows("ollama/qwen3 · automatic")
        await tui.press("f7")
        await tui.shows("Default: groq/openai/gpt-oss-120b")
        await tui.press(*"default", "enter")
        assert (await server.until(Set, 2)).model is None
        await tui.type("/model qwen4")
        assert (await server.until(Set, 3)).model == "qwen4"
        await tui.until(lambda: "No provider lists the model qwen4" in "".join(tui.notices))
        await tui.type("/set model qwen5")
        await tui.until(lambda: "No provider lists the model qwen5" in "".join(tui.notices))


async def test_settings_are_shown_and_set(server: ScriptedServer, tmp_path: Path) -> None:
    """/set shows every setting and asks for the chosen one, which is then set."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.type("/set temperature 0.2")
        assert (await server.until(Set)).params.temperature == 0.2
        server.emit(SettingsEvent(0, params=Params(temperature=0.2, stop=("END", "a b"))))
        await tui.type("/set")
        await tui.shows("reasoning_effort", " 0.2 ", " END 'a b' ", " default ")
        await tui.press(*"seed", "enter")
        await tui.shows("for the same answer again")
        await tui.press(*"42", "enter")
        assert (await server.until(Set, 2)).params.seed == 42
        await tui.type("/set stop END 'of it'")
        assert (await server.until(Set, 3)).params.stop == ("END", "of it")
        await tui.type("/set seed default")
        assert (await server.until(Set, 4)).params.seed is None
        assert len([frame for frame in server.received if isinstance(frame, Set)]) == 4


async def test_a_setting_is_notified_once_the_server_has_it(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """A model that the server refuses is not said to be set, in words of a message that was not sent."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.type("/model no/such")
        await server.until(Set)
        server.tell(ErrorFrame("bad_request", "Unknown provider 'no'.", re="set"))
        await tui.until(lambda: tui.notices)
        assert tui.notices == ["Not set: Unknown provider 'no'."]
        await tui.type("/set seed 5")
        await server.until(Set, 2)
        server.emit(SettingsEvent(0, message_bytes=9_000))  # another budget, not what was asked for
        await tui.until(lambda: tui.chat.conversation.transcript.message_bytes == 9_000)
        assert len(tui.notices) == 1
        server.emit(SettingsEvent(0, params=Params(seed=5)))
        await tui.until(lambda: tui.notices[1:] == ["seed: 5, from the next reply on."])


MISTYPED = {
    "/set temperature 9": "Not set: ",
    "/set temperature warm": "Not set: temperature is 0 to 2",
    "/set max_tokens 0": "Not set: ",
    "/set stop 'END": "Not set: ",
    "/set temprature 2": "Unknown setting: temprature. Did you mean temperature?",
    "/set temp 0.3": "Did you mean temperature?",
    "/set max tokens 100": "Did you mean max_tokens?",
    "/set Max-Tokenz 100": "Did you mean max_tokens?",
    "/set effort high": "Did you mean reasoning_effort?",
    "/set reasoning efort high": "Did you mean reasoning_effort?",
    "/set top_p 0.9": "Unknown setting: top_p. Choose one of model, temperature,",
    "/set verbose": "Unknown setting: verbose. Choose one of model,",
    "/think lots": "Unknown effort: lots. Choose one of off, low, medium, high, default.",
    "/think hihg": "Unknown effort: hihg.",
    "/theme no-such": "Unknown theme: no-such. /theme lists them.",
    "/mode no-such": "Unknown mode: no-such. Choose one of ",
    "/retry no-such": "Unknown mode: no-such.",
    "/nosuch": "Unknown command: /nosuch.",
}


async def test_what_is_mistyped_stays_in_the_prompt(server: ScriptedServer, tmp_path: Path) -> None:
    """A wrong setting, effort, theme or mode is said and never sent; the line can be corrected."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        for line, said in MISTYPED.items():
            await tui.type(line)
            await tui.until(partial(lambda said: any(said in one for one in tui.notices), said))
            assert tui.notices[-1].endswith("A space before it sends it as it is.")
            assert tui.chat.prompt.text == line
            tui.app.clear_notifications()
            tui.chat.prompt.text = ""
        await tui.type(" /set temprature 2")
        assert (await server.until(Send)).text == " /set temprature 2"
        assert not [frame for frame in server.received if isinstance(frame, Set | Retry)]


async def test_another_model_answers_again(server: ScriptedServer, tmp_path: Path) -> None:
    """Both answers are kept: the newest is shown, and left and right flip between them."""
    async with terminal(tmp_path, server=server.url) as tui:
        await server.attach()
        server.message("Why?")
        server.reply("The first answer.")
        await tui.shows("The first answer.")
        server.api["/api/models"] = MODELS
        await tui.says("ready")
        await tui.press("alt+up", "left")
        assert "No other answer" in tui.notices[-1]
        await tui.press("m")
        await tui.shows("Which model answers again?")
        await tui.press(*"qwen", "enter")
        assert (await server.until(Retry)).model == "ollama/qwen3"
        server.model = "ollama/qwen3"
        server.reply("The second answer.", run="run-2")
        await tui.shows("The second answer.", "ollama/qwen3 · answer 2 of 2")
        assert "The first answer." not in tui.screen
        await tui.press("alt+up", "left", "c")
        await tui.shows("The first answer.", "scripted-model · answer 1 of 2")
        assert tui.app.clipboard == "The first answer."
        await tui.press("right")
        await tui.shows("The second answer.")


async def test_what_will_be_sent(server: ScriptedServer, tmp_path: Path) -> None:
    """f9 shows the tokens by part, with the text in the prompt, and every word that is sent."""
    server.api[f"/api/session/{SESSION}/context"] = {
        "context": {
            "budget": 8_000,
            "window": 131_072,
            "total": 4_120,
            "tokens": {"system": 120, "turns": 4_000, "memory": 0},
            "recalled": 2,
            "messages": [{"role": "system", "content": "Be \x1b[1mkind."}],
        }
    }
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.press("f9")
        assert "no message was" in tui.notices[-1]
        server.message("Why?")
        await tui.shows("Why?")
        await tui.press(*"And", "f9")
        await tui.shows("4,120 of 8,000 tokens; the model takes 131,072", "4,000  ████████████")
        await tui.shows("Earlier messages among it: 2", "Be ␛[1mkind.")
        assert server.asked[f"/api/session/{SESSION}/context"] == {"text": ["And"]}
        await tui.press("f9")
        await tui.until(lambda: tui.app.screen is tui.chat)


async def test_a_model_of_the_command_line(server: ScriptedServer, tmp_path: Path) -> None:
    """`genpy chat -m` with a server sets the model of the conversation that it opens."""
    settings = running_server.configure(tmp_path / "genpy.db")
    app = GenPyApp(replace(settings, server=server.url), model="ollama/qwen3")
    async with app.run_test():
        assert (await server.until(Set)).model == "ollama/qwen3"


async def test_the_gauge(tmp_path: Path) -> None:
    """After a reply the prompt says how full the context was, and f9 shows it by part."""
    async with Upstream() as service:
        service.say("Because.")
        variables = {"GENPY_LLM_URL": service.url, "GENPY_LLM_MODEL": "tiny"}
        async with (
            running_server.serving(tmp_path / "genpy.db", **variables) as running,
            terminal(tmp_path, server=running.url, size=(120, 34)) as tui,
        ):
            await tui.says("ready")
            await tui.type("Why is the sky blue?")
            await tui.shows("Because.", "/5.0k")
            await tui.says("ready")
            await tui.press("f9")
            await tui.shows("of 5,000 tokens", "offered tools", "Why is the sky blue?")


@pytest.mark.parametrize(
    ("tokens", "shown"), [(0, "0"), (999, "999"), (3_240, "3.2k"), (131_072, "131k")]
)
def test_tokens_in_few_cells(tokens: int, shown: str) -> None:
    """A number of tokens is short enough for the prompt's frame."""
    assert short(tokens) == shown
