"""`genpy models`."""

from typing import Annotated

import msgspec
import typer

from genpy_cli import backend, options, output
from genpy_server.config import LOCAL_PROVIDERS
from genpy_server.settings import load


def models(
    *,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the providers again, not the cached lists.")
    ] = False,
    trust: options.Trust = False,
    as_json: options.Json = False,
) -> None:
    """List the models of every provider that answers."""
    from genpy_server.llm.catalog import list_models, providers_to_ask

    settings = load()
    backend.ensure_trusted(msgspec.structs.replace(settings, server=None), trust=trust)
    found = backend.run(list_models(providers_to_ask(settings), refresh=refresh))
    if as_json:
        output.json_document(found)
        return
    rows = [
        (
            f"{one.provider}/{model.name}" if one.provider else model.name,
            "" if model.context_tokens is None else f"{model.context_tokens:,}",
            ", ".join(model.abilities),
        )
        for one in found
        for model in one.models
    ]
    if rows:
        output.table(
            ("MODEL", "CONTEXT", "CAN"), rows, right=("CONTEXT",), spare=("CAN", "CONTEXT")
        )
    for one in found:
        expected = one.provider == settings.provider or one.provider not in LOCAL_PROVIDERS
        if one.error and (one.models or expected):
            age = f" The list is {one.age_seconds / 60:.0f} minutes old." if one.models else ""
            output.note(f"{one.provider or one.url}: {one.error}{age}")
    if not rows:
        output.note("No provider lists a model. `genpy setup` helps to set one up.")
