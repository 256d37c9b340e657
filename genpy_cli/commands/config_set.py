"""`genpy config set`."""

from typing import Annotated, Any

import typer

from genpy_cli import options, output
from genpy_server import config
from genpy_server.errors import LlmError
from genpy_server.settings import FIELDS, Settings, limit_fields, load


def config_set(
    *,
    name: Annotated[
        str, typer.Argument(help="As in config.toml: context_tokens, providers.work.url.")
    ],
    value: Annotated[str | None, typer.Argument(help="Its value; none with --unset.")] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Remove the value.")] = False,
) -> None:
    """Write a setting into config.toml; comments stay."""
    if (value is None) != unset:
        raise options.WrongUsageError("Give a value, or --unset.")
    path = config.set_value(name, None if value is None else _checked(name, value))
    if unset:
        output.text(f"Removed {name} from {path}.")
        return
    output.text(f"Set {name} in {path}.")
    settings = load()
    source, _, other = settings.sources.get(config.variable(name), config.CONFIG).partition("; ")
    if other:
        output.note(f"But {other}.")
    elif source != config.CONFIG:
        output.note(f"{config.variable(name)} is set in the {source} too, which is used.")
    elif name == "model":
        _check_model(settings)


def _check_model(settings: Settings) -> None:
    """Print why no provider has the configured model, or what it lacks: that may be set next."""
    from genpy_server.llm.providers import Providers

    try:
        Providers(settings).find(settings.model)
    except LlmError as error:
        output.note(error.message)


def _checked(name: str, text: str) -> Any:
    """The value to write; raises for an unknown name and an invalid value."""
    parts = name.split(".")
    if parts[0] == "providers":
        if len(parts) != 3 or parts[2] != "url" or not config.NAME.fullmatch(parts[1]):  # noqa: PLR2004 - a dotted name
            raise options.WrongUsageError("A provider is set as providers.NAME.url")
        load({"GENPY_LLM_URL": text})
        return text
    if parts[0] == "keyboard":
        if len(parts) != 2:  # noqa: PLR2004 - as the message says
            raise options.WrongUsageError("A key is set as keyboard.COMMAND")
        return text
    variable = config.variable(name)
    field = next((f for f in (*FIELDS, *limit_fields()) if f.variable == variable), None)
    if field is None:
        raise options.WrongUsageError(f"Unknown setting {name!r}. `genpy config show` lists them.")
    if field.secret:
        owner = next((n for n, v in config.KEY_VARIABLES.items() if v == variable), "PROVIDER")
        raise options.WrongUsageError(f"{name} is a secret. Set it with: genpy keys set {owner}")
    settings: Settings = load({variable: text})
    parsed = getattr(settings.limits if name.startswith("limits.") else settings, field.name)
    if isinstance(parsed, tuple):
        return list(parsed)
    return parsed if isinstance(parsed, int | float) else text
