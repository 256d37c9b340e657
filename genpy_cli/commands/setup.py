"""`genpy setup`."""

import sys

import msgspec
import typer

from genpy_cli import backend, options, output
from genpy_server.config import GROQ, GROQ_KEY, typed_key
from genpy_server.core.display import count
from genpy_server.core.models import ModelChoice
from genpy_server.errors import GenPyError
from genpy_server.settings import load

SHOWN = 20
"""Models that are listed by number; any other can be typed."""


def setup() -> None:
    """Set up a model: a Groq key, a local server, or another address."""
    if not output.is_terminal(sys.stdin):
        raise options.WrongUsageError(
            "The setup asks questions, and needs a terminal. In a script use `genpy keys set` and "
            "`genpy config set model PROVIDER/NAME`."
        )
    from genpy_server.llm.setup import local_servers

    output.text("Looking for model servers on this machine …")
    choices = {"Groq (a free key: console.groq.com/keys)": ModelChoice(GROQ)}
    for one in backend.run(local_servers()):
        label = f"{one.provider} at {one.url}, {count(len(one.models), 'model')}"
        choices[label] = ModelChoice(one.provider)
    choices["Another address with /chat/completions"] = ModelChoice()
    while not _configured(_choice(choices)):
        pass


def _choice(choices: dict[str, ModelChoice]) -> ModelChoice:
    """The provider that is chosen by its number, or by an address or a key that is typed at once."""
    while True:
        typed = _chosen("Where is your model?", [*choices])
        choice = choices.get(typed)
        try:
            if choice is not None:
                return _completed(choice)
            key = typed_key(typed)
            if key.startswith(GROQ_KEY):
                return ModelChoice(GROQ, key=key)
            return _at(typed)
        except GenPyError:
            output.note(f"Type a number from 1 to {len(choices)}, an address, or a key of Groq.")


def _completed(choice: ModelChoice) -> ModelChoice:
    """The choice with the key or the address that the person types."""
    if choice.provider:
        return ModelChoice(GROQ, key=_secret("Key")) if choice.provider == GROQ else choice
    while True:
        try:
            return _at(_line("Address, such as http://127.0.0.1:8000/v1: "))
        except GenPyError as error:
            output.note(error.message)


def _at(address: str) -> ModelChoice:
    """The provider at an address, with the key that the person types."""
    from genpy_server.llm.setup import provider_at

    url = provider_at(address).url
    return ModelChoice(url=url, key=_secret("Key, if it needs one"))


def _configured(choice: ModelChoice) -> bool:
    """Choose a model, try it and store the settings; False where that failed."""
    from genpy_server.llm.setup import set_up

    try:
        found, _ = backend.run(set_up(load(), choice))
        if not found.model:
            names = found.models
            question = "Which model? A number, or a name"
            model = _chosen(question, names) if names else _line("Name of the model: ")
            output.text(f"Trying {model} …")
            found, _ = backend.run(set_up(load(), msgspec.structs.replace(choice, model=model)))
    except GenPyError as error:
        output.note(error.message)
        return False
    for line in (*found.notes, "Start with: genpy chat"):
        output.text(line)
    return True


def _chosen(question: str, names: list[str]) -> str:
    """The name at the typed number, the first for an empty line, else the typed text."""
    output.text("")
    for number, name in enumerate(names[:SHOWN], 1):
        output.text(f"  {number}  {name}")
    typed = _line(f"{question} [1] ") or "1"
    chosen = typed.isdecimal() and 1 <= int(typed) <= len(names)
    return names[int(typed) - 1] if chosen else typed


def _line(question: str) -> str:
    return str(typer.prompt(question, default="", show_default=False, prompt_suffix="")).strip()


def _secret(question: str) -> str:
    from getpass import getpass

    from genpy_server.llm.setup import checked_key

    while True:
        try:
            return checked_key(getpass(f"{question} (not shown): "))
        except GenPyError as error:
            output.note(error.message)
