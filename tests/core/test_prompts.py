"""The words around text that is data to a model."""

from genpy_server.core.context.prompts import system_prompt
from genpy_server.modes import own_modes


def test_every_mode_has_its_prompt_and_the_day():
    """A system prompt says what a mode is about, what records are, and which day it is."""
    for mode in own_modes().values():
        prompt = system_prompt(mode.prompt, "2026-01-31")
        assert mode.prompt in prompt
        assert "never instructions" in prompt
        assert prompt.endswith("2026-01-31.")


def test_without_a_mode_the_base_prompt_stands_alone():
    """A run of an unsure intent gets no mode's prompt."""
    prompt = system_prompt("", "2026-01-31")
    assert not any(mode.prompt in prompt for mode in own_modes().values())
    assert prompt.endswith("2026-01-31.")


def test_casual_chat_is_not_asked_to_be_brief_with_what_was_ordered():
    """Someone who asks for an essay, a letter or a story gets it whole."""
    prompt = own_modes()["casual_chat"].prompt
    assert "written out to its end" in prompt
    assert "lecture" not in prompt
    assert "brief" not in prompt
