"""The environment and a .env file, read once into one frozen Settings.

`FIELDS` is the table of every setting: `.env.example`, the README and `genpy doctor` are checked
against it. A wrong value is reported together with every other wrong one, never one per run.
"""

from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from genpy_server.core.identity import is_loopback
from genpy_server.environment import read_environment
from genpy_server.errors import ConfigError

DEFAULT_MODEL = "openai/gpt-oss-120b"
TOKEN_LENGTH = 16
"""A token shorter than this many characters is refused: it could be guessed."""


class Limits(msgspec.Struct, frozen=True):
    """Every limit of the server; what exceeds one gets a typed error."""

    message_chars: int = 200_000
    """Characters of one message."""
    frame_bytes: int = 2 * 1024 * 1024
    """Bytes of one WebSocket frame; a message of the largest size fits, escaped."""
    head_bytes: int = 32 * 1024
    """Bytes of a request line with its header fields."""
    body_bytes: int = 64 * 1024
    """Bytes of an HTTP body."""
    request_seconds: float = 10.0
    """Seconds in which a request must have arrived."""
    keep_alive_seconds: float = 15.0
    """Seconds an HTTP connection may be silent between two requests."""
    answer_seconds: float = 120.0
    """Seconds in which a client must have read an answer."""
    messages_per_minute: int = 60
    """Messages and changes of one user; a minute's worth may come at once."""
    sockets_per_user: int = 32
    runs_per_user: int = 8
    """Replies being made at the same time for one user."""
    waiting_per_session: int = 8
    """Messages of one session that wait for the reply before them."""
    queue_frames: int = 2_000
    """Frames waiting for one slow reader."""
    queue_bytes: int = 4 * 1024 * 1024
    log_events: int = 8_192
    """Events a session keeps for clients that come back."""
    log_bytes: int = 2 * 1024 * 1024
    history_messages: int = 200
    """Messages sent at most when a client attaches, or in one page."""
    history_bytes: int = 1024 * 1024
    """Bytes of them beyond the newest when a client attaches, well below what its queue holds."""
    tool_rounds: int = 3
    """Times a model may call tools before it must answer."""
    tool_calls: int = 8
    """Calls of one such round that are heard; a model may wish for any number."""
    rate_limit_wait: float = 60.0
    """Seconds a run waits at most for a rate-limited model."""
    end_seconds: float = 120.0
    """Seconds the right to end a session lasts."""
    leave_seconds: float = 10.0
    """Seconds that summaries may hold up who leaves; the next start writes what is missing."""


class Settings(msgspec.Struct, frozen=True):
    """What was configured. `sources` says which variables were set, for `genpy doctor`."""

    host: str
    port: int
    tokens: Mapping[str, str]
    """Token to user id; empty when none is asked for."""
    user: str
    server: str | None
    database: Path
    supabase_url: str | None
    supabase_key: str | None
    groq_key: str | None
    groq_model: str
    groq_base_url: str | None
    llm_url: str | None
    llm_model: str | None
    llm_key: str | None
    context_tokens: int
    reply_tokens: int
    recall: bool
    grace_seconds: float
    origins: tuple[str, ...]
    hosts: tuple[str, ...]
    log_level: str
    limits: Limits = Limits()
    sources: frozenset[str] = frozenset()


class Field(msgspec.Struct, frozen=True):
    """One row of the table: variable, field of Settings, parser, default as text, and its help."""

    variable: str
    name: str
    parse: Callable[[str], Any]
    default: str
    help: str
    secret: bool = False


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError(f"must be from {low:g} to {high:g}")
        return value

    return parse


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"must be from {low} to {high}")
        return value

    return parse


def _switch(text: str) -> bool:
    words = {"on": True, "true": True, "yes": True, "1": True}
    words |= {"off": False, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise ValueError("must be on or off")
    return words[text.lower()]


def _text(text: str) -> str | None:
    return text or None


def _key(text: str) -> str | None:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be of ASCII characters, for HTTP takes no others")
    return text or None


def _url(text: str, schemes: Container[str] = ("http", "https")) -> str | None:
    if not text:
        return None
    with suppress(ValueError):  # of a port that is none
        parts = urlsplit(text)
        if parts.scheme in schemes and parts.hostname and parts.port != 0:
            return text.rstrip("/")
    raise ValueError("must be a URL such as http://127.0.0.1:11434/v1")


def _server(text: str) -> str | None:
    return _url(text, ("http", "https", "ws", "wss"))


def _host(text: str) -> str:
    return text.removeprefix("[").removesuffix("]")  # as IPv6 is written in addresses


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.replace(",", " ").split() if word)


def _user(text: str) -> str:
    if not 1 <= len(text) <= 64 or not text.isprintable():  # noqa: PLR2004 - said in the message
        raise ValueError("must be 1 to 64 printable characters")
    return text


def _tokens(text: str) -> Mapping[str, str]:
    tokens: dict[str, str] = {}
    for entry in _words(text):
        user, colon, token = entry.rpartition(":")
        if len(token) < TOKEN_LENGTH:
            raise ValueError(f"each token must have at least {TOKEN_LENGTH} characters")
        if token in tokens:
            raise ValueError("each user needs a token of their own")
        tokens[token] = _user(user) if colon else ""
    return tokens


def _log_level(text: str) -> str:
    if text.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return text.upper()


def _database(text: str) -> Path:
    if text:
        return Path(text).expanduser()
    from platformdirs import user_data_path  # noqa: PLC0415 - only for who needs the default

    return user_data_path("genpy", appauthor=False) / "genpy.db"


FIELDS: tuple[Field, ...] = (
    Field("GROQ_API_KEY", "groq_key", _key, "", "Key for Groq's models.", secret=True),
    Field("GROQ_MODEL", "groq_model", str, DEFAULT_MODEL, "Groq's model."),
    Field("GROQ_BASE_URL", "groq_base_url", _url, "", "Another address for Groq's API."),
    Field(
        "GENPY_LLM_URL",
        "llm_url",
        _url,
        "",
        "Any server with /chat/completions instead of Groq: Ollama, llama.cpp, vLLM, LM Studio.",
    ),
    Field("GENPY_LLM_MODEL", "llm_model", _text, "", "Its model; empty takes the first it has."),
    Field("GENPY_LLM_KEY", "llm_key", _key, "", "Its key, if it asks for one.", secret=True),
    Field("SUPABASE_URL", "supabase_url", _url, "", "Keep conversations in this Supabase project."),
    Field("SUPABASE_KEY", "supabase_key", _key, "", "Its secret key (sb_secret_…).", secret=True),
    Field("GENPY_DATABASE", "database", _database, "", "The SQLite file used without Supabase."),
    Field("GENPY_HOST", "host", _host, "127.0.0.1", "Address that `genpy serve` listens on."),
    Field("GENPY_PORT", "port", _whole(0, 65535), "8001", "Port that `genpy serve` listens on."),
    Field(
        "GENPY_TOKEN",
        "tokens",
        _tokens,
        "",
        "Token that clients must send; several users as alice:TOKEN,bob:TOKEN.",
        secret=True,
    ),
    Field(
        "GENPY_SERVER", "server", _server, "", "Server that commands use instead of a local store."
    ),
    Field("GENPY_USER", "user", _user, "local", "Owner of conversations where no token names one."),
    Field("GENPY_ORIGINS", "origins", _words, "", "Origins of web pages that may connect as well."),
    Field("GENPY_HOSTS", "hosts", _words, "", "Host names this server answers to as well."),
    Field(
        "GENPY_GRACE_SECONDS",
        "grace_seconds",
        _number(0.05, 86_400),
        "30",
        "Seconds after the last client left until a session ends.",
    ),
    Field(
        "GENPY_CONTEXT_TOKENS",
        "context_tokens",
        _whole(500, 1_000_000),
        "5000",
        "Tokens of conversation sent to the model at most.",
    ),
    Field(
        "GENPY_REPLY_TOKENS",
        "reply_tokens",
        _whole(16, 100_000),
        "2048",
        "Tokens of one reply at most.",
    ),
    Field("GENPY_RECALL", "recall", _switch, "on", "Use what was said in earlier conversations."),
    Field("GENPY_LOG_LEVEL", "log_level", _log_level, "INFO", "How much the server logs."),
)


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment; raises one `ConfigError` that names every wrong value."""
    environment = read_environment() if environment is None else environment
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for row in FIELDS:
        text = environment.get(row.variable, "").strip() or row.default
        try:
            values[row.name] = row.parse(text)
        except ValueError as error:
            shown = "" if row.secret else f"={text}"
            wrong.append(f"{row.variable}{shown}: {error}")
    if not wrong and (values["supabase_url"] is None) != (values["supabase_key"] is None):
        missing = "SUPABASE_URL" if values["supabase_url"] is None else "SUPABASE_KEY"
        wrong.append(f"{missing}: must be set when the other of SUPABASE_URL and SUPABASE_KEY is")
    if wrong:
        raise ConfigError("These settings cannot work:\n  " + "\n  ".join(wrong))
    values["tokens"] = {token: user or values["user"] for token, user in values["tokens"].items()}
    sources = frozenset(row.variable for row in FIELDS if environment.get(row.variable, "").strip())
    return Settings(**values, sources=sources)


def check_exposure(settings: Settings) -> None:
    """Refuse to serve beyond this machine without a token."""
    if not settings.tokens and not is_loopback(settings.host):
        raise ConfigError(
            f"Listening on {settings.host} lets others reach every conversation. "
            f"Set GENPY_TOKEN to a secret of at least {TOKEN_LENGTH} characters "
            "and give it to each client, or listen on 127.0.0.1."
        )
