"""The theme and the keys of the keyboard come from config.toml."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.scripted_server import ScriptedServer
from support.terminal import Terminal

from genpy_server import config
from genpy_server.errors import ConfigError
from genpy_server.settings import Environment, load
from genpy_tui import preferences
from genpy_tui.app import GenPyApp
from genpy_tui.theme import THEMES

CONFIG = """\
# mine
theme = "genpy-light"

[keyboard]
model = "ctrl+k"
think = "f9"
help = ""
nonsense = "f10"
"""


@asynccontextmanager
async def configured(
    server: ScriptedServer, folder: Path, text: str, **variables: str
) -> AsyncIterator[Terminal]:
    """The application with a config.toml."""
    (folder / config.CONFIG).write_text(text, encoding="utf-8")
    user = config.read(folder)
    values = {**user.values, "GENPY_DATABASE": str(folder / "genpy.db"), **variables}
    environment = Environment(values, sources=user.sources, config=user)
    app = GenPyApp(replace(load(environment), server=server.url))
    async with app.run_test(size=(100, 90), notifications=True) as pilot:
        yield Terminal(app, pilot)


async def test_keys_of_the_person(server: ScriptedServer, tmp_path: Path) -> None:
    """A command has the keys of [keyboard], also one that the prompt uses, and no other; help shows them."""
    async with configured(server, tmp_path, CONFIG) as tui:
        await tui.says("ready")
        await tui.until(lambda: any("by nonsense" in said for said in tui.notices))
        await tui.press("f9")
        await tui.shows("How long may the model think?")
        await tui.press("escape", "f7", "f1", "ctrl+k")
        await tui.until(lambda: any("Not there." in said for said in tui.notices))
        assert tui.app.screen is tui.chat
        await tui.type("/help")
        await tui.shows("ctrl+k     /model")
        assert "f7" not in tui.screen


async def test_a_theme_that_is_not_there_is_said(server: ScriptedServer, tmp_path: Path) -> None:
    """The chat opens in its own theme, and names the one of the config that it does not know."""
    async with configured(server, tmp_path, 'theme = "nosuch"') as tui:
        await tui.until(lambda: any("settings: nosuch." in said for said in tui.notices))
        assert tui.app.theme == THEMES[0].name


HINTS = """\
[keyboard]
new = "ctrl+f11"
stop = "f12"
retry = "ctrl+shift+r"
search = ""
help = "f6"
rate_left = "alt+r"
summary = "ctrl+f4"
"""


async def test_hints_name_the_keys_of_the_person(server: ScriptedServer, tmp_path: Path) -> None:
    """What is said of a key is said of the key in force; a command without one is a slash command."""
    async with configured(server, tmp_path, HINTS) as tui:
        await tui.shows("f12      stops a reply", "/search  searches", "f6       all keys")
        await server.attach()
        server.start(server.message("Go on"))
        await tui.shows("enter sends after this reply · f12 stops it")
        await tui.press("ctrl+shift+r")
        await tui.until(lambda: "f12 stops it." in tui.notices[-1])
        server.stream("Half")
        server.finish(status="error")
        await tui.says("server error ctrl+shift+r tries again")
        await tui.press("ctrl+f4")
        await tui.shows("Summary")
        await tui.press("ctrl+f4")
        await tui.until(lambda: tui.app.screen is tui.chat)
        await tui.press("f6")
        await tui.shows("alt+up moves the cursor there, f12 returns", "alt+r")
        await tui.press("f6")
        await tui.until(lambda: tui.app.screen is tui.chat)


async def test_the_theme_of_the_person(server: ScriptedServer, tmp_path: Path) -> None:
    """The theme of config.toml is taken, and the one chosen in the chat is written there."""
    async with configured(server, tmp_path, CONFIG) as tui:
        assert tui.app.theme == "genpy-light"
        await tui.says("ready")
        await tui.type("/theme nord")
        await tui.until(lambda: tui.app.theme == "nord")
        await tui.until(lambda: config.read(tmp_path).values["GENPY_THEME"] == "nord")
    assert (tmp_path / config.CONFIG).read_text(encoding="utf-8").startswith("# mine\n")


async def test_a_theme_that_is_chosen_is_remembered(server: ScriptedServer, tmp_path: Path) -> None:
    """Where config.toml names no theme, the chosen one is kept beside the database, or it is said."""
    in_the_way = tmp_path / preferences.NAME
    in_the_way.mkdir()
    async with configured(server, tmp_path, "") as tui:
        await tui.says("ready")
        await tui.type("/theme light")
        await tui.until(lambda: "The theme is not kept: Is a directory." in tui.notices)
        in_the_way.rmdir()
        await tui.type("/theme nord")
        await tui.until(lambda: tui.app.theme == "nord")
    async with configured(server, tmp_path, "") as tui:
        assert tui.app.theme == "nord"
    async with configured(server, tmp_path, "", GENPY_THEME="genpy-light") as tui:
        assert tui.app.theme == "genpy-light"


def test_a_keyboard_that_is_no_table(tmp_path: Path) -> None:
    """What is not a table of texts is refused with the file."""
    (tmp_path / config.CONFIG).write_text("keyboard = 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"config.toml: keyboard must be a table"):
        config.read(tmp_path)
