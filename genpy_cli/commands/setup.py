"""`genpy setup`."""

import sys

import typer

from genpy_cli import output
from genpy_cli.backend import run
from genpy_cli.exit_codes import WrongUsageError
from genpy_server import config
from genpy_server.config import GROQ, GROQ_KEY, Provider
from genpy_server.core.display import count
from genpy_server.errors import GenPyError
from genpy_server.settings import load

SHOWN = 20
"""Models that are listed by number; any other can be typed."""


def setup() -> None:
    """Set up a model: a Groq key, a local server, or another address."""
    if not output.is_terminal(sys.stdin):
        raise WrongUsageError(
            "The setup asks questions, and needs a terminal. In a script use `genpy keys set` and "
            "`genpy config set model PROVIDER/NAME`."
        )
    from genpy_server.llm.setup import local_servers

    output.text("Looking for model servers on this machine …")
    choices = {"Groq (a free key: console.groq.com/keys)": Provider(GROQ, config.GROQ_URL)}
    for one in run(local_servers()):
        label = f"{one.provider} at {one.url}, {count(len(one.models), 'model')}"
        choices[label] = Provider(one.provider, one.url)
    choices["Another address with /chat/completions"] = Provider("", "")
    while not _configured(_provider(choices)):
        pass


def _provider(choices: dict[str, Provider]) -> Provider:
    """The provider that is chosen by its number, or by an address or a key that is typed at once."""
    from genpy_server.llm.setup import checked_key, groq_provider

    while True:
        typed = _chosen("Where is your model?", [*choices])
        try:
            if typed in choices:
                return _asked_for(choices[typed])
            if typed.startswith(GROQ_KEY):
                return groq_provider(load(), checked_key(typed))
            return _at(typed)
        except GenPyError:
            output.note(f"Type a number from 1 to {len(choices)}, an address, or a key of Groq.")


def _asked_for(provider: Provider) -> Provider:
    """The chosen provider, completed with the key and address that the person types."""
    from genpy_server.llm.setup import groq_provider

    if provider.name == GROQ:
        return groq_provider(load(), _secret("Key"))
    if provider.name:
        return provider
    while True:
        try:
            return _at(_line("Address, such as http://127.0.0.1:8000/v1: "))
        except GenPyError as error:
            output.note(error.message)


def _at(address: str) -> Provider:
    """The provider at an address, with the key that the person types."""
    from genpy_server.llm.setup import provider_at

    url = provider_at(address).url
    return provider_at(url, _secret("Key, if it needs one") or None)


def _configured(provider: Provider) -> bool:
    """Choose a model, try it and store the settings; False where that failed."""
    from genpy_server.llm import setup as model_setup

    try:
        names = run(model_setup.models_of(provider))
        if len(names) > 1:
            model = _chosen("Which model? A number, or a name", names)
        else:
            model = names[0] if names else _line("Name of the model: ")
        output.text(f"Trying {model} …")
        run(model_setup.try_model(model_setup.with_model(load(), provider, model)))
    except GenPyError as error:
        output.note(error.message)
        return False
    path = model_setup.keep(provider, model)
    output.text(f"It works. Kept in {path}: {provider.name}/{model}")
    for line in model_setup.overruled(load()):
        output.note(line)
    output.text("Start with: genpy chat")
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
    output.piece(question)
    typed = sys.stdin.readline()
    if not typed:
        raise typer.Abort
    return typed.strip()


def _secret(question: str) -> str:
    from getpass import getpass

    from genpy_server.llm.setup import checked_key

    while True:
        try:
            return checked_key(getpass(f"{question} (not shown): "))
        except GenPyError as error:
            output.note(error.message)
