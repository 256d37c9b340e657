"""Set-up of a model: a Groq key, a server of this machine, or an address; tried, then stored."""

from functools import partial
from typing import TYPE_CHECKING

import msgspec
from textual.app import App
from textual.timer import Timer
from textual.widgets import Input

from genpy_server.config import GROQ_KEY, typed_key
from genpy_server.core.display import count
from genpy_server.core.models import ChosenSetup, ModelChoice
from genpy_server.errors import ConfigError, GenPyError
from genpy_tui.background import background
from genpy_tui.dialogs.base import Dialog
from genpy_tui.dialogs.questions import AskLine, Item, Pick, Wait
from genpy_tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from genpy_server.client.session_client import RemoteRecords

KEY_CHARS = 20
KEY_SECONDS = 0.3
"""A key is whole when nothing followed for so long: some terminals type what is pasted."""
WAYS = (
    Item("groq", "Groq: paste a key", "free at console.groq.com/keys"),
    Item("address", "Another address", "with /chat/completions"),
    Item("leave", "Go on without a model", "esc"),
)
MESSAGE = "Paste a key or an address, or type a message"
SCHEMES = ("http://", "https://")
ABOUT = "GenPy needs a model. It is tried now, and kept for every folder."
WHOSE = "This looks like a key. It is sent only to the address that you type here."
LOOKING = "Looking for model servers on this machine …"
NOT_FOUND = "No model server was found (Ollama, LM Studio, llama.cpp, vLLM)."


class FirstChoice(Pick):
    """Where the model is; a line that is typed instead is a key or an address, else a message."""

    PLACEHOLDER, FILTERS = MESSAGE, False

    def __init__(self, prompt: Prompt, records: "RemoteRecords", trouble: str = "") -> None:
        super().__init__("Set up a model", WAYS, detail=trouble or ABOUT)
        self._prompt = prompt
        self._records = records
        self._whole: Timer | None = None

    def on_mount(self) -> None:
        """Look for servers; take over a line that was typed in the prompt."""
        draft = self._prompt.text
        if draft.isprintable():
            self.query_one(Input).value = draft
        else:  # several lines, for instance: up brings it back to the prompt
            self._prompt.keep(self._prompt.full_text)
        self.say(LOOKING)
        background(self, self._look, "look")

    async def _look(self) -> None:
        try:
            found = (await self._records.setup()).servers
        except GenPyError as error:
            self.say(error.message)
            return
        groq, *others = WAYS
        new = []
        for one in found:
            many = count(one.models, "model")
            new.append(Item(one.name, f"{one.name} on this machine", many))
        self.replace([groq, *new, *others])
        self.say("" if found else NOT_FOUND)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Hide a key, and accept it when no more of it comes; copy any other text to the prompt."""
        event.stop()
        key = typed_key(event.value)
        is_key = bool(key)
        event.input.password = is_key
        self._prompt.text = "" if is_key else event.value
        if self._whole is not None:
            self._whole.stop()
        if key.startswith(GROQ_KEY) and len(key) >= KEY_CHARS:
            self._whole = self.set_timer(KEY_SECONDS, event.input.action_submit)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the marked row, a key, or that a message was typed."""
        typed = event.value.strip()
        if typed:
            from genpy_server.llm.setup import typed_address  # noqa: PLC0415 - when first needed

            event.stop()
            key = typed_key(typed)
            typed = key or typed_address(typed)
            chosen = bool(key) or (typed.startswith(SCHEMES) and " " not in typed)
            if chosen:
                self._prompt.text = ""
            self.dismiss(typed if chosen else MESSAGE)
        else:
            super().on_input_submitted(event)


class CancelledError(Exception):
    """A question of the set-up was cancelled: the first one is asked again."""


async def set_up(
    app: App[int], prompt: Prompt, records: "RemoteRecords"
) -> tuple[ModelChoice, list[str]] | None:
    """Ask until the server has a model that works; returns it with notes to show.

    None when the set-up was left, or a message was sent instead.
    """
    trouble = ""
    while True:
        answer = await app.push_screen_wait(FirstChoice(prompt, records, trouble))
        if answer == MESSAGE:
            prompt.action_submit()
        if answer is None or answer in {"leave", MESSAGE}:
            return None
        trouble = ""
        try:
            return await _tried(app, await _choice(app, answer), records)
        except CancelledError:
            pass
        except GenPyError as error:
            trouble = f"✗ {error.message}"


async def _asked(app: App[int], dialog: Dialog[str | None]) -> str:
    answer = await app.push_screen_wait(dialog)
    if answer is None:
        raise CancelledError
    return answer


async def _choice(app: App[int], answer: str) -> ModelChoice:
    from genpy_server.llm.setup import provider_at  # noqa: PLC0415 - when first needed

    if answer == "groq":
        answer = await _asked(app, AskLine("Key for Groq (not shown)", hidden=True))
        return ModelChoice("groq", key=answer)
    if answer.startswith(GROQ_KEY):
        return ModelChoice("groq", key=answer)
    key, url, line, wrong = typed_key(answer), "", answer.removeprefix("address"), ""
    if key:
        line, wrong = "", WHOSE
    elif line and not line.startswith(SCHEMES):
        return ModelChoice(answer)
    while not url:
        if wrong or not line:
            line = await _asked(app, AskLine("Address of the server", line, detail=wrong))
        try:
            url = provider_at(line).url
        except ConfigError as error:
            wrong = error.message
    if not key:
        ask = AskLine("Key, if it needs one (not shown)", detail=url, hidden=True, optional=True)
        key = await _asked(app, ask)
    return ModelChoice(url=url, key=key)


async def _tried(
    app: App[int], choice: ModelChoice, records: "RemoteRecords"
) -> tuple[ModelChoice, list[str]]:
    """Try a model; asks which one where there are several."""
    while True:
        wait = f"Trying {choice.model or choice.url or choice.provider} …"
        trying: Wait[ChosenSetup] = Wait(wait, partial(records.set_up, choice))
        found = await app.push_screen_wait(trying)
        if found is None:
            raise CancelledError
        if isinstance(found, GenPyError):
            raise found
        if found.model:
            model = found.model.partition("/")[2]
            return msgspec.structs.replace(choice, model=model), found.notes
        pick = Pick("Which model?", [Item(name, name) for name in found.models])
        name = await _asked(app, pick if found.models else AskLine("Name of the model"))
        choice = msgspec.structs.replace(choice, model=name)
