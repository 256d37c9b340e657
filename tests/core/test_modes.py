"""Modes: Markdown files with a head, from the package, from plugins and from the person."""

from pathlib import Path

import msgspec
import pytest

from genpy_server.core.modes import Mode, Modes, parse_mode
from genpy_server.core.understanding.intents import INTENTS, detect_intent
from genpy_server.errors import BadRequest, ConfigError
from genpy_server.modes import open_modes, own_modes

RECIPES = """\
---
name: recipes
label: "Recipes & menus"
when: The person wants to cook: what, and how.
# which model is best at this was tried in March
model: groq/llama-3.3-70b
temperature: 0.4
tools: [search_chat_history, get_session_stats]
examples:
  - What can I cook with eggs and rice?

  - "How long does risotto take?"
---

Give amounts for two people.

---
Then numbered steps.
"""


def test_a_mode_is_a_head_and_a_prompt():
    """Every field of the head is read with its type, and the body is the prompt."""
    assert parse_mode(RECIPES, "other") == Mode(
        name="recipes",
        label="Recipes & menus",
        when="The person wants to cook: what, and how.",
        model="groq/llama-3.3-70b",
        temperature=0.4,
        tools=("search_chat_history", "get_session_stats"),
        examples=("What can I cook with eggs and rice?", "How long does risotto take?"),
        prompt="Give amounts for two people.\n\n---\nThen numbered steps.",
    )


@pytest.mark.parametrize("head", ["tools: []", "tools:", "tools: [ ]"])
def test_a_mode_may_have_no_tools(head):
    """An empty list of tools is none; without the line they are all of them."""
    assert parse_mode(f"---\r\n{head}\r\n---\r\nText".replace("\r", ""), "a").tools == ()
    assert parse_mode("---\nmodel:\n---\nText", "a").tools is None


def test_a_name_and_a_label_are_made_where_the_head_has_none():
    """The name is that of the file, the label is made from the name."""
    mode = parse_mode("---\n---\nText", "code_review")
    assert (mode.name, mode.label, mode.prompt) == ("code_review", "Code review", "Text")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No head", "between two lines of ---"),
        ("---\nname: a\nText", "between two lines of ---"),
        ("---\nname\n---\nText", "line 2 of the head"),
        ("---\nwhen: x\n  - y\n---\nText", "line 3 of the head"),
        ("---\ntemperature: hot\n---\nText", "temperature: expected `float"),
        ("---\ntemperature: 3\n---\nText", "temperature: expected `float` <= 2"),
        ("---\nname: Ünfug\n---\nText", "name"),
        ("---\ncolour: red\n---\nText", "unknown field `colour`"),
    ],
)
def test_a_wrong_file_is_named_with_its_fault(tmp_path: Path, text: str, said: str):
    """A file that is not a mode stops the start with its path and what is wrong."""
    (tmp_path / "modes").mkdir()
    (tmp_path / "modes" / "mine.md").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"mine\.md") as refused:
        open_modes(tmp_path)
    assert said in refused.value.message


def test_the_modes_of_the_package_are_those_of_the_classifier():
    """Each of the four that the shipped classifier knows is a file, read like any other."""
    modes = own_modes()
    assert set(modes) == set(INTENTS)
    assert all(mode.prompt and mode.when and mode.examples for mode in modes.values())


def test_the_examples_of_the_package_are_recognised():
    """An example that stands in a file of the package is detected as its mode."""
    for mode in own_modes().values():
        assert {detect_intent(text).name for text in mode.examples} == {mode.name}


def test_the_person_adds_and_replaces(tmp_path: Path):
    """A file of the person adds a mode, or replaces that of its name in its place."""
    (tmp_path / "modes").mkdir()
    (tmp_path / "modes" / "Code-Review.md").write_text("---\n---\nReview.", "utf-8")
    (tmp_path / "modes" / "tutorial.md").write_text("---\nlabel: Lessons\n---\nTeach.", "utf-8")
    (tmp_path / "modes" / "notes.txt").write_text("not a mode", "utf-8")
    modes = open_modes(tmp_path, [Mode(name="code_review", label="Strict")])
    assert list(modes) == [*own_modes(), "code_review"]
    assert (modes["tutorial"].label, modes["code_review"].label) == ("Lessons", "Strict")


def test_an_unknown_mode_is_answered_by_those_that_exist():
    """The refusal of a name lists the modes; None is not a name."""
    modes = Modes([Mode(name="a"), Mode(name="b")])
    modes.check(None)
    with pytest.raises(BadRequest, match="a, b"):
        modes.check("poetry")


def test_a_mode_of_a_program_is_checked_like_that_of_a_file():
    """`msgspec.convert` refuses what a file could not say."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"name": "a", "temperature": 9}, Mode)


def test_no_client_names_a_mode():
    """No client names a mode: terminal, command line, Python client and page ask the server."""
    root = Path(__file__).parents[2]
    names = {word for mode in own_modes().values() for word in (mode.name, mode.label)}
    page = "genpy_server/web/pages"
    for folder in ("genpy_tui", "genpy_cli", "genpy_server/client", page):
        for file in (
            f for f in (root / folder).rglob("*.*") if f.suffix in {".py", ".js", ".html"}
        ):
            text = file.read_text("utf-8").lower()
            assert not [name for name in names if f'"{name.lower()}"' in text], file
