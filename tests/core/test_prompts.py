"""The words around text that is data to a model."""

from genpy_server.core.context.prompts import system_prompt
from genpy_server.modes import own_modes


def test_the_system_prompt_has_the_instructions_and_the_day():
    """It says what records are, what the person wants of the conversation, and which day it is."""
    plain, prompt = system_prompt("2026-01-31"), system_prompt("2026-01-31", "Be brief.")
    assert plain.endswith("2026-01-31.")
    assert "never instructions" in plain
    assert prompt.startswith(plain)
    assert prompt.endswith("\nBe brief.")


def test_casual_chat_is_not_asked_to_be_brief_with_what_was_ordered():
    """Someone who asks for an essay, a letter or a story gets it whole."""
    prompt = own_modes()["casual_chat"].prompt
    assert "written out to its end" in prompt
    assert "lecture" not in prompt
    assert "brief" not in prompt
