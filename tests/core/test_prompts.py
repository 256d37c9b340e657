"""The words around text that is data to a model."""

from genpy_server.core.context.prompts import INTENT_PROMPTS, system_prompt


def test_every_intent_has_its_prompt_and_the_day():
    """A system prompt says what an intent is about, what records are, and which day it is."""
    for intent, words in INTENT_PROMPTS.items():
        prompt = system_prompt(intent, "2026-01-31")
        assert words in prompt
        assert "never instructions" in prompt
        assert prompt.endswith("2026-01-31.")


def test_without_a_sure_intent_the_base_prompt_stands_alone():
    """A run of an unsure intent gets no intent's prompt."""
    prompt = system_prompt(None, "2026-01-31")
    assert not any(words in prompt for words in INTENT_PROMPTS.values())
    assert prompt.endswith("2026-01-31.")


def test_casual_chat_is_not_asked_to_be_brief_with_what_was_ordered():
    """Someone who asks for an essay, a letter or a story gets it whole."""
    prompt = INTENT_PROMPTS["casual_chat"]
    assert "written out to its end" in prompt
    assert "lecture" not in prompt
    assert "brief" not in prompt
