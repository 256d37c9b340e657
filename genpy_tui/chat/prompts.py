"""Prompts of MCP servers as slash commands, which write a text into the prompt."""

import shlex

from textual.screen import Screen

from genpy_server.core.models import ListedPrompt
from genpy_server.errors import GenPyError
from genpy_tui.background import background
from genpy_tui.chat.conversation import OpenConversation
from genpy_tui.commands import Command, Mistyped
from genpy_tui.widgets.prompt import Prompt

NAME = "prompt:"
"""The prefix of the names of these commands."""


class PromptsControl:
    """Offers the prompts of the server, and fills in their arguments."""

    def __init__(
        self, screen: Screen[None], conversation: OpenConversation, prompt: Prompt
    ) -> None:
        self._screen = screen
        self._conversation = conversation
        self._prompt = prompt
        self._known: dict[str, ListedPrompt] = {}
        self._loaded = False

    def reset(self) -> None:
        """The server may be another one: read its prompts again."""
        self._loaded = False

    def load_once(self) -> None:
        """Read the server's prompts, when a slash command is begun for the first time."""
        if not self._loaded and self._conversation.records is not None:
            self._loaded = True
            background(self._screen, self._load, "prompts")

    async def _load(self) -> None:
        records = self._conversation.records
        if records is None:
            return
        try:
            found = await records.prompts()
        except GenPyError:
            return  # an older server has none
        self._known = {NAME + prompt.name: prompt for prompt in found}
        self._prompt.menu.offer(
            Command(
                name,
                prompt.name,
                prompt.description,
                slash=prompt.name,
                argument=" ".join(one.name.upper() for one in prompt.arguments),
            )
            for name, prompt in self._known.items()
        )
        self._prompt.menu.look(self._prompt.text)

    async def fill_in(self, name: str, text: str) -> None:
        """Write a prompt with its arguments into the input; several are split as in a shell."""
        prompt, records = self._known[name], self._conversation.records
        names = [one.name for one in prompt.arguments]
        try:
            given = [text] if len(names) <= 1 and text else shlex.split(text)
        except ValueError:
            raise Mistyped("A quotation mark is not closed.") from None
        needed = [one.name for one in prompt.arguments if one.required]
        if records is None or len(given) < len(needed) or len(given) > len(names):
            raise Mistyped(f"Usage: /{prompt.name} {' '.join(names).upper()}.")
        try:
            filled = await records.prompt(prompt.name, dict(zip(names, given, strict=False)))
        except GenPyError as error:
            self._screen.notify(error.message, severity="error")
        else:
            self._prompt.write(filled, whole=True)
