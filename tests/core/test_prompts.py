"""The words around text that is data to a model."""

from genpy_server.core.context.prompts import INTENT_PROMPTS, system_prompt


def test_every_intent_has_its_prompt_and_the_day():
    """A system prompt says what an intent is about, what records are, and which day it is."""
    for intent, words in INTENT_PROMPTS.items():
        prompt = system_prompt(intent, "2026-01-31")
        assert words in prompt
        assert "never instructions" in prompt
        assert prompt.endswith("2026-01-31.")
