"""The system prompt, and the prompts of summaries and memory, which are Markdown files here."""

from functools import cache
from pathlib import Path

NOTHING_NEW = "-"
"""The model's answer when there is nothing to add to the memory."""

INSTRUCTIONS = "The person's instructions for this conversation, which count before the above:"


@cache
def prompt(name: str) -> str:
    """The text of `system.md`, `summary.md` or `memory.md`."""
    return Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8").strip()


def system_prompt(today: str, instructions: str | None = None) -> str:
    """The system prompt, with the person's instructions for the conversation, if any.

    `today` is such as 2026-01-31.
    """
    own = f"{INSTRUCTIONS}\n{instructions}" if instructions else ""
    return "\n\n".join(filter(None, (prompt("system"), f"Today is {today}.", own)))
