"""`genpy setup`."""

import asyncio
import sys
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import typer

from genpy_cli import output
from genpy_cli.exit_codes import WrongUsageError
from genpy_server import config
from genpy_server.config import GROQ, LOCAL_PROVIDERS, Provider
from genpy_server.errors import GenPyError
from genpy_server.settings import DEFAULT_MODEL, DOTENV, ENVIRONMENT, load

if TYPE_CHECKING:
    from genpy_server.llm.catalog import ProviderModels

SHOWN = 20
"""Models that are offered by number; any other may be typed."""


class ProviderChoice(NamedTuple):
    """One way to a model."""

    label: str
    provider: Provider


def setup() -> None:
    """Set up a model: a Groq key, a local server, or another address."""
    if not output.is_terminal(sys.stdin):
        raise WrongUsageError(
            "The setup asks questions, and needs a terminal. In a script use `genpy keys set` and "
            "`genpy config set model PROVIDER/NAME`."
        )
    from genpy_server.llm.catalog import list_models

    local = [Provider(name, url) for name, url in LOCAL_PROVIDERS.items()]
    output.text("Looking for model servers on this machine …")
    found = [one for one in asyncio.run(list_models(local, refresh=True)) if not one.error]
    choices = [
        ProviderChoice("Groq (a free key: console.groq.com/keys)", Provider(GROQ, config.GROQ_URL))
    ]
    choices += [
        ProviderChoice(
            f"{one.provider} at {one.url}, {output.count(len(one.models), 'model')}",
            Provider(one.provider, one.url),
        )
        for one in found
    ]
    choices.append(ProviderChoice("Another address with /chat/completions", Provider("", "")))
    while True:
        provider = _asked_for(choices[_number("Where is your model?", [c.label for c in choices])])
        if _configured(provider):
            return


def _asked_for(choice: ProviderChoice) -> Provider:
    """The provider with the key and address that only the person knows."""
    provider = choice.provider
    if provider.name == GROQ:
        return Provider(GROQ, provider.url, _secret("Key"))
    if provider.name:
        return provider
    while True:
        url = _line("Address, such as http://127.0.0.1:8000/v1: ").rstrip("/")
        try:
            load({"GENPY_LLM_URL": url or "-"})
        except GenPyError:
            output.note("An address begins with http:// or https:// and mostly ends in /v1.")
            continue
        host = (urlsplit(url).hostname or "").removeprefix("api.").removeprefix("www.")
        suggested = host.partition(".")[0].lower()
        name = suggested if config.NAME.fullmatch(suggested) and not suggested.isdigit() else "own"
        if name in {GROQ, *LOCAL_PROVIDERS}:
            name = "own"
        return Provider(name, url, _secret("Key, if it needs one") or None)


def _configured(provider: Provider) -> bool:
    """Choose a model, try it and keep everything; False where that failed."""
    from genpy_server.llm.catalog import list_models

    (listed,) = asyncio.run(list_models([provider], refresh=True))
    if listed.error:
        output.note(f"{provider.url}: {listed.error}")
        return False
    model = _model(listed)
    output.text(f"Trying {model} …")
    try:
        asyncio.run(_try(provider, model))
    except GenPyError as error:
        output.note(error.message)
        return False
    if provider.name not in LOCAL_PROVIDERS and provider.name != GROQ:
        config.set_value(f"providers.{provider.name}.url", provider.url)
    if provider.key:
        config.set_key(provider.name, provider.key)
    path = config.set_value("model", f"{provider.name}/{model}")
    output.text(f"It works. Kept in {path}: {provider.name}/{model}")
    sources = load().sources
    for name in ("GENPY_MODEL", "GENPY_LLM_URL", "GROQ_MODEL"):
        if sources.get(name, "").startswith((ENVIRONMENT, DOTENV)):
            output.note(f"{name} is set in {sources[name]} too, which is used before it.")
    output.text("Start with: genpy chat")
    return True


def _model(listed: "ProviderModels") -> str:
    names = [model.name for model in listed.models]
    if DEFAULT_MODEL in names:
        names.insert(0, names.pop(names.index(DEFAULT_MODEL)))
    if not names:
        return _line("Name of the model: ")
    if len(names) == 1:
        return names[0]
    return _chosen("Which model? A number, or a name", names)


async def _try(provider: Provider, model: str) -> None:
    """Ask the model for one word; raises what fails."""
    from genpy_server.llm.select import open_llm

    if provider.name == GROQ:
        variables = {"GROQ_API_KEY": provider.key or "", "GROQ_MODEL": model}
    else:
        variables = {"GENPY_LLM_URL": provider.url, "GENPY_LLM_MODEL": model}
        variables["GENPY_LLM_KEY"] = provider.key or ""
    llm = open_llm(load(variables))
    try:
        await llm.probe()
    finally:
        await llm.close()


def _number(question: str, labels: list[str]) -> int:
    """The place of what is chosen; the first where nothing is typed."""
    while True:
        typed = _chosen(question, labels)
        if typed in labels:
            return labels.index(typed)
        output.note(f"Type a number from 1 to {len(labels)}.")


def _chosen(question: str, names: list[str]) -> str:
    """The name of the number that is typed, or what else is typed; the first for nothing."""
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

    while True:
        key = getpass(f"{question} (not shown): ").strip()
        if key.isascii() and key.isprintable():
            return key
        output.note("A key consists of ASCII characters.")
