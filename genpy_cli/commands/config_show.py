"""`genpy config show`."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from genpy_cli import options, output
from genpy_server.config import config_name
from genpy_server.settings import (
    EVERYONE,
    FIELDS,
    Field,
    Settings,
    limit_fields,
    load,
    without_password,
)

WINDOW = "default, or the model's window"
"""Where the tokens of a request come from unless they are set."""


class ShownSetting(NamedTuple):
    """A setting in force, and where it was set."""

    variable: str
    value: str
    source: str


def config_show(*, as_json: options.Json = False) -> None:
    """Show every setting in force, and where it comes from."""
    settings = load()
    rows = shown_settings(settings)
    providers = [
        {"name": p.name, "url": without_password(p.url), "key": "set" if p.key else ""}
        for p in settings.providers.values()
    ]
    if as_json:
        output.json_document(
            {
                "settings": [{"name": config_name(row.variable), **row._asdict()} for row in rows],
                "providers": providers,
            }
        )
        return
    output.table(
        ("NAME", "FROM", "VALUE"),
        [(config_name(row.variable), row.source, row.value) for row in rows],
    )
    output.text("")
    output.table(("PROVIDER", "ADDRESS", "KEY"), [list(p.values()) for p in providers])


def shown_settings(settings: Settings) -> list[ShownSetting]:
    """Every setting, and the limits that were set; a secret's value is left out."""
    rows = [_shown(field, settings, getattr(settings, field.name)) for field in FIELDS]
    rows += [
        _shown(field, settings, getattr(settings.limits, field.name))
        for field in limit_fields()
        if field.variable in settings.sources
    ]
    return rows


def _shown(field: Field, settings: Settings, value: object) -> ShownSetting:
    if field.secret:
        text = "set" if value else ""
    elif isinstance(value, bool):
        text = "on" if value else "off"
    elif isinstance(value, Mapping):
        tools = ((user, name) for user, names in value.items() for name in names)
        text = " ".join(sorted(n if user == EVERYONE else f"{user}:{n}" for user, n in tools))
    elif isinstance(value, tuple):
        several = field.name == "stop" and len(value) > 1  # each may hold spaces
        text = msgspec.json.encode(value).decode() if several else " ".join(value)
    else:
        text = "" if value is None else without_password(str(value))
    default = WINDOW if field.name == "context_tokens" else "default"
    return ShownSetting(field.variable, text, settings.sources.get(field.variable, default))
