"""The way to a model: a Groq key, a server of this machine, or an address; tried and kept."""

from functools import partial
from typing import TYPE_CHECKING

from textual.app import App
from textual.widgets import Input

from genpy_server.errors import ConfigError, GenPyError
from genpy_tui.background import background
from genpy_tui.dialogs.ask import AskLine
from genpy_tui.dialogs.pick import Item, Pick, Wait
from genpy_tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from genpy_server.config import Provider
    from genpy_server.settings import Settings

GROQ_KEY = "gsk_"
"""What a key of Groq begins with."""
KEY_CHARS = 20
WAYS = (
    Item("groq", "Groq: paste a key", "free at console.groq.com/keys"),
    Item("address", "Another address", "with /chat/completions"),
    Item("leave", "Go on without a model", "esc"),
)
MESSAGE = "or paste a key, or type a message"
ABOUT = "GenPy needs a model to answer you. It is tried now, and kept for every folder."
LOOKING = "Looking for model servers on this machine …"
NOT_FOUND = "No model server was found on this machine (Ollama, LM Studio, llama.cpp, vLLM)."


class FirstChoice(Pick):
    """Where the model is; a line that is typed instead is a message, unless it is a key."""

    FILTERS = False

    def __init__(self, prompt: Prompt, trouble: str = "") -> None:
        super().__init__("Set up a model", WAYS, detail=trouble or ABOUT, free=MESSAGE)
        self._prompt = prompt

    def on_mount(self) -> None:
        """Look for servers meanwhile; what was typed before goes on here."""
        super().on_mount()
        self.query_one(Input).value = self._prompt.text
        self.say(LOOKING)
        background(self, self._look, "look")

    async def _look(self) -> None:
        from genpy_server.llm.setup import local_servers  # noqa: PLC0415 - when first needed

        found = await local_servers()
        groq, *others = WAYS
        new = []
        for one in found:
            many = f"{len(one.models)} model{'' if len(one.models) == 1 else 's'}"
            new.append(Item(f"{one.provider} {one.url}", f"{one.provider} on this machine", many))
        self.replace([groq, *new, *others])
        self.say("" if found else NOT_FOUND)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take a key at once, before it is read by anybody; else it stands in the prompt too."""
        event.stop()
        key = event.value.strip()
        is_key = key.startswith(GROQ_KEY) and len(key) >= KEY_CHARS
        self._prompt.text = "" if is_key else event.value
        if is_key:
            self.dismiss(key)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the marked way, or what was typed as a message."""
        if event.value.strip():
            event.stop()
            self.dismiss(MESSAGE)
        else:
            super().on_input_submitted(event)


async def set_up(
    app: "App[int]", settings: "Settings", prompt: Prompt
) -> "tuple[Settings, list[str]] | None":
    """Ask until a model works: the settings with it, and what to say; a message may be sent instead."""
    from genpy_server.llm import setup  # noqa: PLC0415 - when first needed

    trouble = ""
    while True:
        answer = await app.push_screen_wait(FirstChoice(prompt, trouble))
        trouble = ""
        if answer == MESSAGE:
            prompt.action_submit()
        if answer is None or answer in {"leave", MESSAGE}:
            return None
        try:
            provider = await _provider(app, settings, answer)
            model = None if provider is None else await _model(app, provider)
            if provider is None or model is None:
                continue
            chosen = setup.with_model(settings, provider, model)
            trying = Wait(f"Trying {provider.name}/{model} …", partial(setup.try_model, chosen))
            tried = await app.push_screen_wait(trying)
            if isinstance(tried, GenPyError):
                raise tried
            path = setup.keep(provider, model)
        except GenPyError as error:
            trouble = f"✗ {error.message}"
            continue
        said = f"{provider.name}/{model} answers. Kept in {path}."
        return chosen, [said, *setup.overruled(settings)]


async def _provider(app: "App[int]", settings: "Settings", answer: str) -> "Provider | None":
    from genpy_server.config import Provider  # noqa: PLC0415 - when first needed
    from genpy_server.llm import setup  # noqa: PLC0415 - when first needed

    if answer == "groq" or answer.startswith(GROQ_KEY):
        ask = AskLine("Key for Groq (not shown)", hidden=True)
        key = await _line(app, ask) if answer == "groq" else answer
        return None if key is None else setup.groq_provider(settings, setup.checked_key(key))
    if answer != "address":
        name, _, url = answer.partition(" ")
        return Provider(name, url)
    trouble, typed = "", ""
    while True:
        line = await _line(app, AskLine("Address of the server", typed, detail=trouble))
        if line is None:
            return None
        try:
            url = setup.provider_at(line).url
            break
        except ConfigError as error:
            trouble, typed = error.message, line
    ask = AskLine("Key, if it needs one (not shown)", hidden=True, optional=True)
    key = await _line(app, ask)
    return None if key is None else setup.provider_at(url, setup.checked_key(key) or None)


async def _line(app: "App[int]", ask: AskLine) -> str | None:
    return await app.push_screen_wait(ask)


async def _model(app: "App[int]", provider: "Provider") -> str | None:
    """The model to use; asked where there are several."""
    from genpy_server.llm import setup  # noqa: PLC0415 - when first needed

    listed = await app.push_screen_wait(
        Wait(f"Asking {provider.url} for its models …", lambda: setup.models_of(provider))
    )
    if isinstance(listed, GenPyError):
        raise listed
    if listed is None or len(listed) == 1:
        return None if listed is None else listed[0]
    if not listed:
        return await _line(app, AskLine("Name of the model"))
    items = [Item(name, name) for name in listed]
    return await app.push_screen_wait(Pick("Which model?", items, free="Type a part of the name"))
