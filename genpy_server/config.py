"""The user's config files: config.toml for settings and providers, keys.toml for secrets.

Both are in the user's config folder and apply to every working directory. A setting has its
variable's name without GENPY_, in lower case (`context_tokens = 8000`); a limit is in the table
`limits`; a model provider is `[providers.NAME]` with its `url`; the price of a million tokens of a
model is `[prices."PROVIDER/NAME"]` with `input` and `output`; an MCP server is `[mcp.NAME]` with
`command`, `args` and `env`, or `url` and `headers`, and the time limit `seconds` of a call.
keys.toml has one secret per line, under the name of its provider, `supabase`, `server`, or
`"mcp.NAME"` for an MCP server.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from genpy_server.core.costs import Price
from genpy_server.errors import ConfigError
from genpy_server.files import write_private

CONFIG = "config.toml"
KEYS = "keys.toml"
GROQ = "groq"
GROQ_URL = "https://api.groq.com/openai/v1"
GROQ_KEY = "gsk_"
"""Prefix of a key of Groq."""
_ASSIGNED = re.compile(r"""(?:(?:export|set)\s+|\$env:)?[A-Z][A-Z0-9_]*\s*=\s*(?=\S+$)""")
_KEY = re.compile(
    rf"{GROQ_KEY}\S*|(?:(?:sk|pk|rk|xai|hf|r8|csk|fw|tgp|pplx|nvapi)[-_]|AIza)[\w-]{{12,}}"
    r"|(?=(?:[a-z]*\d){4})(?=\d*[a-z])[a-z0-9]{32,}",
    re.ASCII | re.IGNORECASE,
)
TABLES = ("limits", "providers", "prices", "mcp", "keyboard")
LOCAL_PROVIDERS = {
    "ollama": "http://127.0.0.1:11434/v1",
    "lmstudio": "http://127.0.0.1:1234/v1",
    "llamacpp": "http://127.0.0.1:8080/v1",
    "vllm": "http://127.0.0.1:8000/v1",
}
"""Model servers of the local machine, with their usual ports."""
KEY_VARIABLES = {GROQ: "GROQ_API_KEY", "supabase": "SUPABASE_KEY", "server": "GENPY_TOKEN"}
"""Names in keys.toml that are settings; any other name is a provider or an MCP server."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
MCP_KEY = re.compile(rf"mcp\.{NAME.pattern}")
"""The name of an MCP server's secret."""
KEY_PLACE = "{key}"
"""The placeholder for the secret in the headers and the environment of an MCP server."""
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def typed_value(text: str) -> str:
    """A text without surrounding spaces; a single word also without quotes and `NAME=` before it."""
    text = text.strip()
    value = _ASSIGNED.sub("", text, count=1).strip("\"'`<>")
    return value if value and " " not in value else text


def typed_key(text: str) -> str:
    """The key that a text consists of, of Groq or of another provider; empty if it is none."""
    value = typed_value(text)
    return value if _KEY.fullmatch(value) else ""


class Provider(msgspec.Struct, frozen=True):
    """A model provider: its address and key."""

    name: str
    url: str
    key: str | None = None


class McpEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An MCP server: a command to start, or the URL of a running one."""

    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    url: str | None = None
    headers: Mapping[str, str] = {}
    """Sent with each request to the URL, and to no other host."""
    seconds: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """Time limit of a call of one of its tools."""


class UserTables(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of config.toml with their keys, as the settings have them too."""

    providers: Mapping[str, Provider] = {}
    """All known model providers by name."""
    prices: Mapping[str, Price] = {}
    """Prices of a million tokens by model."""
    currency: str = "$"
    mcp: Mapping[str, McpEntry] = {}
    """MCP servers by name."""
    keyboard: Mapping[str, str] = {}
    """Keys of the terminal client, separated by commas, by command."""
    folder: Path | None = None
    """The config folder, which has the person's modes and tools too."""


class UserConfig(UserTables, frozen=True):
    """The contents of the two files: settings as text by variable, their files, and the tables."""

    values: Mapping[str, str] = {}
    sources: Mapping[str, str] = {}


def folder() -> Path:
    """The user's config folder for GenPy."""
    from platformdirs import user_config_path  # noqa: PLC0415 - only where it is needed

    return user_config_path("genpy", appauthor=False)


def read(directory: Path | None = None) -> UserConfig:
    """Read both files; raises `ConfigError` for one that cannot be read or is invalid."""
    directory = directory or folder()
    config, keys = _table(directory / CONFIG), _table(directory / KEYS)
    for name, value in keys.items():
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{directory / KEYS}: {name} must be a key in quotation marks.")
    try:
        return _user_config(config, keys, directory)
    except ConfigError as error:
        raise ConfigError(f"{directory / CONFIG}: {error.message}") from None


def _user_config(config: dict[str, Any], keys: dict[str, str], directory: Path) -> UserConfig:
    """The contents of the files; errors do not name the file, which is config.toml."""
    named = {name: config.pop(name, {}) for name in TABLES}
    for name, table in named.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{name} must be a table.")
    currency = _text(named["prices"].pop("currency", "$"), "prices.currency")
    values = {variable(name): _text(value, name) for name, value in config.items()}
    for name, value in named["limits"].items():
        values[variable(f"limits.{name}")] = _text(value, name)
    sources = dict.fromkeys(values, CONFIG)
    for name, secret in KEY_VARIABLES.items():
        if name in keys:
            values[secret], sources[secret] = keys[name], KEYS
    urls = {name: _provider_url(name, table) for name, table in named["providers"].items()}
    return UserConfig(
        values,
        sources,
        providers=known_providers(urls, keys),
        prices={name: _price(name, table) for name, table in named["prices"].items()},
        currency=currency,
        mcp={
            name: _mcp_entry(name, table, keys.get(f"mcp.{name}"))
            for name, table in named["mcp"].items()
        },
        keyboard={
            name: _text(value, f"keyboard.{name}").replace(" ", ",")
            for name, value in named["keyboard"].items()
        },
        folder=directory,
    )


def known_providers(urls: Mapping[str, str], keys: Mapping[str, str]) -> dict[str, Provider]:
    """The providers of config.toml and those that need no configuration, with their keys."""
    addresses = {GROQ: GROQ_URL, **LOCAL_PROVIDERS, **urls}
    return {name: Provider(name, url, keys.get(name)) for name, url in addresses.items()}


def variable(name: str) -> str:
    """The variable of a name in config.toml."""
    name = name.replace("limits.", "limit_").upper()
    return name if name.startswith(("GROQ_", "SUPABASE_")) else f"GENPY_{name}"


def config_name(variable_name: str) -> str:
    """The name in config.toml of a variable."""
    name = variable_name.removeprefix("GENPY_").lower()
    return f"limits.{name.removeprefix('limit_')}" if name.startswith("limit_") else name


def set_value(name: str, value: Any, directory: Path | None = None) -> Path:
    """Write a value under a dotted name, None removes it; keeps comments. Returns the file."""
    path = (directory or folder()) / CONFIG
    return _write(path, name.split("."), value)


def set_key(name: str, key: str | None, directory: Path | None = None) -> Path:
    """Write a secret, None removes it. Returns the file, which only its owner can read."""
    return _write((directory or folder()) / KEYS, [name], key)


def _write(path: Path, names: list[str], value: Any) -> Path:
    import tomlkit  # noqa: PLC0415 - only to write

    try:
        document = tomlkit.parse(path.read_text("utf-8")) if path.exists() else tomlkit.document()
        table: Any = document
        for name in names[:-1]:
            if name not in table:
                table[name] = tomlkit.table(is_super_table=name == "providers")
            table = table[name]
        if value is not None:
            table[names[-1]] = value
        elif names[-1] in table:
            del table[names[-1]]
        write_private(path, tomlkit.dumps(document))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
    except (ValueError, TypeError) as error:  # not TOML, or a name that is not a table
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    return path


def _table(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: {error}.") from None
    import tomllib  # noqa: PLC0415 - only where there is such a file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None


def _text(value: Any, name: str) -> str:
    """A value as text, as in an environment variable."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return msgspec.json.encode(value).decode() if name == "stop" else " ".join(value)
    raise ConfigError(f"{name} must be a text, a number, on or off, or a list of texts.")


def _price(name: str, table: Any) -> Price:
    try:
        return msgspec.convert(table, Price)
    except msgspec.ValidationError:
        raise ConfigError(
            f'prices."{name}" needs input and output, and perhaps cached: what a million '
            "tokens cost."
        ) from None


def _mcp_entry(name: str, table: Any, key: str | None) -> McpEntry:
    """The entry of a table, with the secret in its place: the bearer token where no other is named."""
    try:
        entry = msgspec.convert(table, McpEntry)
    except msgspec.ValidationError as error:
        raise ConfigError(f"mcp.{name} is wrong: {error}.") from None
    if not NAME.fullmatch(name) or (entry.command is None) == (entry.url is None):
        raise ConfigError(f"mcp.{name} needs a name of a-z 0-9 _ - and one of command and url.")
    if entry.url is not None and not entry.url.startswith(("http://", "https://")):
        raise ConfigError(f"the url of mcp.{name} must begin with http:// or https://.")
    headers = dict(entry.headers)
    if headers and entry.url is None:
        raise ConfigError(f"the headers of mcp.{name} need a url; a command has its env.")
    for header, value in headers.items():
        if not (_HEADER_NAME.fullmatch(header) and value.isascii() and value.isprintable()):
            raise ConfigError(f"the header {header!r} of mcp.{name} is not a valid one.")
    placed = any(KEY_PLACE in value for value in (*headers.values(), *entry.env.values()))
    if placed and key is None:
        raise ConfigError(f"mcp.{name} needs its key: genpy keys set mcp.{name}.")
    if key is not None and entry.url is not None and not placed:
        headers["Authorization"] = f"Bearer {KEY_PLACE}"

    def filled(values: Mapping[str, str]) -> dict[str, str]:
        return {held: value.replace(KEY_PLACE, key or "") for held, value in values.items()}

    return msgspec.structs.replace(entry, headers=filled(headers), env=filled(entry.env))


def _provider_url(name: str, table: Any) -> str:
    url = table.get("url") if isinstance(table, dict) else None
    if not NAME.fullmatch(name) or not isinstance(url, str) or set(table) != {"url"}:
        raise ConfigError(
            f"providers.{name} needs a name of a-z 0-9 _ - and one value, its url. "
            f"Its key belongs into {KEYS}: genpy keys set {name}."
        )
    if name == GROQ:
        raise ConfigError("groq is built in; groq_base_url gives it another address.")
    return url.rstrip("/")
