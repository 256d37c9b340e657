"""Reads the environment, a .env file and the user's config into one frozen `Settings`.

`Settings` and `Limits` with their annotations are the tables of the settings and the limits; tests
compare `.env.example` and the README with them. All wrong values are reported at once.
"""

import os
import re
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar, get_args, get_type_hints
from urllib.parse import urlsplit

import msgspec

from genpy_server.config import (
    CONFIG,
    GROQ,
    KEYS,
    Provider,
    UserConfig,
    UserTables,
    config_name,
    known_providers,
    variable,
)
from genpy_server.config import read as read_config
from genpy_server.core.identity import is_loopback
from genpy_server.core.models import HOTTEST, SEEDS, STOP_CHARS, STOP_TEXTS, Effort, Params
from genpy_server.errors import ConfigError

if TYPE_CHECKING:
    from dotenv.parser import Binding

T = TypeVar("T", int, float)
V = TypeVar("V")

DEFAULT_MODEL = "openai/gpt-oss-120b"
TOKEN_LENGTH = 16
"""A token shorter than this many characters is refused: it could be guessed."""


EVERYONE = "*"
"""Means every user of a server."""

KIB = 1024
MIB = 1024 * KIB


class Bound(NamedTuple):
    """The smallest and the largest value of a limit, and its help."""

    low: float
    high: float
    help: str


class Limits(msgspec.Struct, frozen=True):
    """The limits of the server; a request that exceeds one gets a typed error."""

    # fmt: off
    message_chars: Annotated[int, Bound(1, 2_000_000, "Characters of one message.")] = 200_000
    frame_bytes: Annotated[int, Bound(8_192, 64 * MIB, "Bytes of one WebSocket frame from a client; at least 12 for each character of a message.")] = 5 * MIB // 2
    head_bytes: Annotated[int, Bound(1_024, MIB, "Bytes of an HTTP request line with its header fields.")] = 32 * KIB
    body_bytes: Annotated[int, Bound(1_024, 64 * MIB, "Bytes of an HTTP body.")] = 64 * KIB
    request_seconds: Annotated[float, Bound(0.05, 600, "Seconds in which an HTTP request must arrive.")] = 10.0
    keep_alive_seconds: Annotated[float, Bound(0.05, 3_600, "Seconds an HTTP connection may be silent between two requests.")] = 15.0
    answer_seconds: Annotated[float, Bound(0.05, 3_600, "Seconds in which a client must read an HTTP answer.")] = 120.0
    strangers: Annotated[int, Bound(1, 1_000_000, "Connections that have not shown who they are.")] = 512
    strangers_per_address: Annotated[int, Bound(1, 1_000_000, "Such connections of one remote address.")] = 64
    messages_per_minute: Annotated[int, Bound(1, 100_000, "Messages and changes of one user in a minute; as many may come at once.")] = 60
    renders_per_minute: Annotated[int, Bound(1, 1_000_000, "Texts of one user in a minute that are made HTML for browsers.")] = 3_000
    sockets_per_user: Annotated[int, Bound(1, 100_000, "WebSockets of one user.")] = 32
    runs_per_user: Annotated[int, Bound(1, 10_000, "Replies being made at the same time for one user.")] = 8
    waiting_per_session: Annotated[int, Bound(1, 10_000, "Messages of one session that wait for the reply before them.")] = 8
    starting_at_once: Annotated[int, Bound(1, 10_000, "Replies that are prepared at the same time, until the model is asked.")] = 8
    starting_waiting: Annotated[int, Bound(1, 1_000_000, "Replies that wait to be prepared; beyond them messages are refused as `busy`.")] = 1_000
    queue_frames: Annotated[int, Bound(10, 1_000_000, "Frames that wait for one slow reader.")] = 2_000
    queue_bytes: Annotated[int, Bound(64 * KIB, 1024 * MIB, "Bytes that wait for one slow reader.")] = 4 * MIB
    queue_bytes_per_user: Annotated[int, Bound(64 * KIB, 64 * 1024 * MIB, "Bytes that wait for all slow readers of one user.")] = 16 * MIB
    queue_bytes_in_all: Annotated[int, Bound(64 * KIB, 64 * 1024 * MIB, "Bytes that wait for all slow readers.")] = 64 * MIB
    log_events: Annotated[int, Bound(1, 1_000_000, "Events a session keeps for clients that come back.")] = 8_192
    log_bytes: Annotated[int, Bound(1_024, 1024 * MIB, "Bytes of the events a session keeps.")] = 2 * MIB
    history_messages: Annotated[int, Bound(1, 10_000, "Messages sent when a client attaches.")] = 200
    history_bytes: Annotated[int, Bound(1_024, 1024 * MIB, "Bytes of the messages sent when a client attaches, beyond the newest.")] = MIB
    tool_rounds: Annotated[int, Bound(0, 100, "Times a model may call tools before it must answer.")] = 3
    tool_calls: Annotated[int, Bound(1, 1_000, "Calls of one round that are made.")] = 8
    approval_seconds: Annotated[float, Bound(0.05, 86_400, "Seconds in which a person must allow a tool that acts.")] = 300.0
    hook_seconds: Annotated[float, Bound(0.01, 600, "Seconds that a hook of your own may take.")] = 5.0
    rate_limit_seconds: Annotated[float, Bound(0, 3_600, "Seconds a reply waits for a model that is rate limited.")] = 60.0
    end_seconds: Annotated[float, Bound(1, 3_600, "Seconds the right to end a session lasts.")] = 120.0
    leave_seconds: Annotated[float, Bound(0, 600, "Seconds that summaries may delay a stop; the next start writes what is missing.")] = 10.0
    # fmt: on


class Field(NamedTuple):
    """A setting: parser, default as text, help, variable, and the field of `Settings`."""

    parse: Callable[[str], Any]
    default: str
    help: str
    secret: bool = False
    variable: str = ""
    """Mostly made from `name`."""
    name: str = ""


def _within(kind: Callable[[str], T], low: float, high: float) -> Callable[[str], T]:
    """A parser of numbers; `kind` is float or int."""
    what, form = ("a whole number", "d") if kind is int else ("a number", "g")

    def parse(text: str) -> T:
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(f"must be {what}") from None
        if not low <= value <= high:
            raise ValueError(f"must be from {low:{form}} to {high:{form}}")
        return value

    return parse


def _choice(values: Mapping[str, V], what: str) -> Callable[[str], V]:
    def parse(text: str) -> V:
        if text.lower() not in values:
            raise ValueError(f"must be {what}")
        return values[text.lower()]

    return parse


def _optional(parse: Callable[[str], V]) -> Callable[[str], V | None]:
    return lambda text: parse(text) if text else None


def _seconds(low: float, high: float) -> Callable[[str], float | None]:
    return _optional(_within(float, low, high))


def _stop(text: str) -> tuple[str, ...] | None:
    """One text, or a JSON list of them."""
    texts: tuple[str, ...] = (text,)
    if text.startswith("["):
        try:
            texts = msgspec.json.decode(text, type=tuple[str, ...])
        except msgspec.MsgspecError:
            raise ValueError("must be a text, or a JSON list of texts") from None
    if len(texts) > STOP_TEXTS or any(len(one) > STOP_CHARS for one in texts):
        raise ValueError(f"must be up to {STOP_TEXTS} texts of at most {STOP_CHARS} characters")
    return tuple(filter(None, texts)) or None


def _key(text: str) -> str | None:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must consist of ASCII characters")
    return text or None


def _url(
    text: str,
    example: str = "http://127.0.0.1:11434/v1",
    schemes: Container[str] = ("http", "https"),
) -> str | None:
    if not text:
        return None
    with suppress(ValueError):  # an invalid port
        parts = urlsplit(text)
        if parts.scheme in schemes and parts.hostname and parts.port != 0:
            return text.rstrip("/")
    raise ValueError(f"must be a URL such as {example}")


def _supabase_url(text: str) -> str | None:
    if text.partition(":")[0].lower() in {"postgres", "postgresql"}:
        raise ValueError(
            "is the address of the database; the project's begins with https:// "
            "(Project Settings, Data API)"
        )
    return _url(text, "https://PROJECT.supabase.co")


_server_url = partial(_url, example="http://127.0.0.1:8001", schemes=("http", "https", "ws", "wss"))


def _store(text: str) -> str | None:
    if text and not re.match(r"[a-z][a-z0-9+.-]*:", text):
        raise ValueError("must be SCHEME:ADDRESS, such as memory:")
    return text or None


def _host(text: str) -> str:
    return text.removeprefix("[").removesuffix("]")  # as IPv6 is written in addresses


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.replace(",", " ").split() if word)


def _networks(text: str) -> tuple[str, ...]:
    for word in _words(text):
        try:
            ip_network(word, strict=False)
        except ValueError:
            raise ValueError("must be addresses or networks, as 10.0.0.0/8") from None
    return _words(text)


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


def _tools(text: str) -> Mapping[str, frozenset[str]]:
    allowed: dict[str, frozenset[str]] = {}
    for word in _words(text):
        user, _, name = word.rpartition(":")
        user = user or EVERYONE
        allowed[user] = allowed.get(user, frozenset()) | {name}
    return allowed


def _database(text: str) -> Path:
    if text:
        return Path(text).expanduser()
    from platformdirs import user_data_path  # noqa: PLC0415 - only where the default is needed

    return user_data_path("genpy", appauthor=False) / "genpy.db"


_EFFORT = _optional(
    _choice({e: e for e in get_args(Effort)}, f"one of {', '.join(get_args(Effort))}")
)
_SWITCH = _choice(
    dict.fromkeys(("on", "true", "yes", "1"), True)
    | dict.fromkeys(("off", "false", "no", "0"), False),
    "on or off",
)
_LEVEL = _choice(
    {level.lower(): level for level in ("DEBUG", "INFO", "WARNING", "ERROR")},
    "DEBUG, INFO, WARNING or ERROR",
)


class Settings(UserTables, frozen=True, kw_only=True):
    """The configuration; `sources` has the origin of each variable that is set."""

    # fmt: off
    model: Annotated[str | None, Field(_optional(str), "",
        "Model to use, as PROVIDER/NAME: groq, ollama, lmstudio, llamacpp, vllm or one of "
        "config.toml.")]
    groq_key: Annotated[str | None, Field(_key, "",
        "Key for Groq's models.", secret=True, variable="GROQ_API_KEY")]
    groq_model: Annotated[str, Field(str, DEFAULT_MODEL, "Groq's model.")]
    groq_base_url: Annotated[str | None, Field(_url, "", "Another address for Groq's API.")]
    llm_url: Annotated[str | None, Field(_url, "",
        "Any server with /chat/completions instead of Groq: Ollama, llama.cpp, vLLM, LM Studio.")]
    llm_model: Annotated[str | None, Field(_optional(str), "",
        "Its model; empty takes the first it has.")]
    llm_key: Annotated[str | None, Field(_key, "", "Its key, if it asks for one.", secret=True)]
    llm_connect_seconds: Annotated[float | None, Field(_seconds(0.1, 600), "",
        "Seconds to wait for a connection to the model's service; empty means 10.")]
    llm_first_token_seconds: Annotated[float | None, Field(_seconds(0.1, 86_400), "",
        "Seconds until a reply must begin; empty means 60, and 600 on this machine or network.")]
    llm_token_seconds: Annotated[float | None, Field(_seconds(0.1, 86_400), "",
        "Seconds between two tokens at most; empty means 60, and 120 on this machine or network.")]
    store: Annotated[str | None, Field(_store, "",
        "A store that an installed package brings, as SCHEME:ADDRESS.")]
    supabase_url: Annotated[str | None, Field(_supabase_url, "",
        "Keep conversations in this Supabase project.")]
    supabase_key: Annotated[str | None, Field(_key, "",
        "Its secret key (sb_secret_…).", secret=True)]
    database: Annotated[Path, Field(_database, "", "The SQLite file used without Supabase.")]
    host: Annotated[str, Field(_host, "127.0.0.1", "Address that `genpy serve` listens on.")]
    port: Annotated[int, Field(_within(int, 0, 65_535), "8001",
        "Port that `genpy serve` listens on.")]
    tokens: Annotated[Mapping[str, str], Field(_tokens, "",
        "Token that clients must send; several users as alice:TOKEN,bob:TOKEN.",
        secret=True, variable="GENPY_TOKEN")]
    """User ids by token; empty when no token is required."""
    server: Annotated[str | None, Field(_server_url, "",
        "Server that commands use instead of a local store.")]
    user: Annotated[str, Field(_user, "local", "Owner of conversations where no token names one.")]
    origins: Annotated[tuple[str, ...], Field(_words, "",
        "Origins of web pages that may connect as well.")]
    hosts: Annotated[tuple[str, ...], Field(_words, "",
        "Host names this server answers to as well.")]
    proxies: Annotated[tuple[str, ...], Field(_networks, "",
        "Addresses or networks of proxies whose X-Forwarded-For is believed.")]
    grace_seconds: Annotated[float, Field(_within(float, 0.05, 86_400), "30",
        "Seconds after the last client left until a session ends.")]
    sync_seconds: Annotated[float, Field(_within(float, 0.05, 60), "10",
        "Seconds until clients see what another server on the same database changed.")]
    context_tokens: Annotated[int, Field(_within(int, 500, 1_000_000), "5000",
        "Tokens of conversation sent to the model at most; unset, what a known context window "
        "takes.")]
    reply_tokens: Annotated[int, Field(_within(int, 16, 100_000), "2048",
        "Tokens of one reply at most.")]
    temperature: Annotated[float, Field(_within(float, 0, HOTTEST), "0.7",
        "How varied the replies are, 0 to 2.")]
    reasoning_effort: Annotated[Effort | None, Field(_EFFORT, "",
        "How much the model thinks: off, low, medium or high; empty leaves it to the model.")]
    seed: Annotated[int | None, Field(_optional(_within(int, SEEDS[0], SEEDS[-1])), "",
        "A number from which the model draws its replies.")]
    stop: Annotated[tuple[str, ...] | None, Field(_stop, "",
        "A text before which a reply ends, or a JSON list of up to 4.")]
    recall: Annotated[bool, Field(_SWITCH, "on", "Use what was said in earlier conversations.")]
    tools: Annotated[Mapping[str, frozenset[str]], Field(_tools, "",
        "Acting tools that users of a server with tokens may use, as NAME or USER:NAME.")]
    """Names of tools that act, by the user who may use them."""
    log_level: Annotated[str, Field(_LEVEL, "INFO", "How much the server logs.")]
    theme: Annotated[str | None, Field(_optional(str), "",
        "Theme of the terminal chat; empty: the one chosen last.")]
    # fmt: on
    limits: Limits = Limits()
    sources: Mapping[str, str] = {}
    provider: str = GROQ
    """The provider of the configured model; empty for the address in GENPY_LLM_URL."""
    unknown: tuple[str, ...] = ()
    """Variables that begin with GENPY_ and are not settings."""

    @property
    def context_set(self) -> bool:
        """Whether `context_tokens` is set; else it depends on the model's context window."""
        return "GENPY_CONTEXT_TOKENS" in self.sources

    @property
    def params(self) -> Params:
        """The parameters of a reply where a conversation sets none."""
        return Params(
            self.temperature, self.reply_tokens, self.reasoning_effort, self.seed, self.stop
        )

    @property
    def chosen_params(self) -> Params:
        """`params` without the defaults that nobody set."""
        defaults = {"temperature": "GENPY_TEMPERATURE", "max_tokens": "GENPY_REPLY_TOKENS"}
        unset = {name: None for name, row in defaults.items() if row not in self.sources}
        return msgspec.structs.replace(self.params, **unset)

    @property
    def folder_address(self) -> str | None:
        """The address of the server, or else of the model, if an untrusted .env may have set it."""
        url: str | None
        if self.server is not None:
            named, url = "GENPY_SERVER", self.server
        elif self.llm_url is not None:
            named, url = "GENPY_LLM_URL", self.llm_url
        else:
            named, url = "GROQ_BASE_URL", self.groq_base_url
        return url if self.sources.get(named, "").startswith(DOTENV) else None


def _rows(settings: type[msgspec.Struct]) -> Iterator[Field]:
    for name, hint in settings.__annotations__.items():  # evaluated when the class is made
        for row in getattr(hint, "__metadata__", ()):
            yield row._replace(name=name, variable=row.variable or variable(name))


FIELDS = tuple(_rows(Settings))


def without_password(text: str) -> str:
    """A value for display: without the user and password of a URL, and without a key in its query."""
    text = re.sub(r"(?<=://).*@", "…@", text, flags=re.DOTALL)
    return re.sub(r"(?i)([?&][^=&]*(?:key|token|secret|sig|pass|auth)[^=&]*=)[^&]+", r"\1…", text)


LIMIT = "GENPY_LIMIT_"
ESCAPED_BYTES = 12
"""Most bytes of one character in JSON: two escaped surrogates."""
FRAME_BYTES = 4 * KIB
"""Most bytes of a frame without the text of its message."""


@cache
def limit_fields() -> tuple[Field, ...]:
    """The rows of the limits; the variables are GENPY_LIMIT_ and the name in capital letters."""
    rows = []
    defaults = Limits()
    for name, hint in get_type_hints(Limits, include_extras=True).items():
        (bound,) = hint.__metadata__
        whole = hint.__origin__ is int
        parse = _within(int if whole else float, bound.low, bound.high)
        default = f"{getattr(defaults, name):{'d' if whole else 'g'}}"
        rows.append(Field(parse, default, bound.help, variable=LIMIT + name.upper(), name=name))
    return tuple(rows)


OPTION, ENVIRONMENT, DOTENV = "option", "environment", ".env"
"""Origins of a value, by precedence; the user's config files come after them."""
PAIRS = {
    "GROQ_BASE_URL": "GROQ_API_KEY",
    "GENPY_LLM_URL": "GENPY_LLM_KEY",
    "SUPABASE_URL": "SUPABASE_KEY",
    "GENPY_SERVER": "GENPY_TOKEN",
}
"""Each address with the secret that is sent to it."""


class Environment(dict[str, str]):
    """Variables by name, with the source of each; a `.env` is in `directory`."""

    def __init__(
        self,
        values: Mapping[str, str],
        sources: Mapping[str, str] | None = None,
        config: UserConfig | None = None,
        directory: Path | None = None,
    ) -> None:
        super().__init__(values)
        self.sources = sources or {}
        self.config = config or UserConfig(providers=known_providers({}, {}))
        self.directory = directory or Path()


def read_environment(
    directory: Path | None = None, config: UserConfig | None = None
) -> Environment:
    """Read the environment, then the `.env` of `directory` (default: the working directory), then the config.

    Raises `ConfigError` for a file that cannot be read, and for a `.env` with an address whose
    secret is set elsewhere.
    """
    config = read_config() if config is None else config
    try:
        directory = directory or Path.cwd()
    except FileNotFoundError:
        raise ConfigError(
            "The working directory was deleted. Change to another one, for example `cd ~`."
        ) from None
    path = directory / DOTENV
    file, lines = _dotenv(path) if path.is_file() else ({}, {})
    values = {**config.values, **file, **os.environ}
    sources = {
        **config.sources,
        **{name: f"{DOTENV} line {line}" for name, line in lines.items()},
        **dict.fromkeys(os.environ, ENVIRONMENT),
    }
    _keep_secrets(values, sources, file, path)
    return Environment(values, sources, config, directory)


def _dotenv(path: Path) -> tuple[dict[str, str], dict[str, int]]:
    """Parse a .env file into values and their line numbers; raises `ConfigError` for an invalid line."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - only where there is a .env

    try:
        with path.open(encoding="utf-8-sig") as file:
            # ${NAME} is not expanded: a folder could insert a secret into an address.
            bindings = list(parse_stream(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as UTF-8 text: {error}.") from None
    wrong = [str(_line(one)) for one in bindings if one.error]
    if wrong:
        raise ConfigError(f"{path} line {', '.join(wrong)}: not of the form NAME=VALUE.")
    kept = [one for one in bindings if one.key and one.value]
    return (
        {str(one.key): str(one.value) for one in kept},
        {str(one.key): _line(one) for one in kept},
    )


def _line(binding: "Binding") -> int:
    """The line number of a binding, whose text begins with the empty lines before it."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _keep_secrets(
    values: dict[str, str], sources: dict[str, str], file: Mapping[str, str], path: Path
) -> None:
    """Do not send a secret to an address of a .env, unless the same file sets the secret."""
    for address, secret in PAIRS.items():
        if not sources.get(address, "").startswith(DOTENV) or not values.get(secret, "").strip():
            continue
        if values[secret].strip() == file.get(secret, "").strip():
            continue
        if address == "GENPY_LLM_URL":  # its key is optional: use the file's own, or none
            values[secret] = file.get(secret, "")
            sources[secret] = f"{sources[secret]}, not sent to an address of .env"
            continue
        raise ConfigError(
            f"{address} comes from {path} and {secret} from {sources[secret]}: a folder could send "
            "your secret to an address of its own. Name both in one place."
        )


def load(
    environment: Mapping[str, str] | None = None, *, options: Mapping[str, str] | None = None
) -> Settings:
    """Read the settings; raises one `ConfigError` with every wrong value and its file and line.

    `options` are variables from the command line.
    """
    if environment is None:
        environment = read_environment()
    if not isinstance(environment, Environment):
        environment = Environment(environment)
    environment.update(options or {})
    environment.sources = {**environment.sources, **dict.fromkeys(options or (), OPTION)}
    values = _Values(environment)
    settings = values.parsed(FIELDS)
    limits = values.limits()
    unknown = values.unknown()
    _choose_model(settings, values.sources, environment.config.providers)
    if not values.wrong and (settings["supabase_url"] is None) != (
        settings["supabase_key"] is None
    ):
        missing = "SUPABASE_URL" if settings["supabase_url"] is None else "SUPABASE_KEY"
        values.refuse(missing, "must be set when the other of SUPABASE_URL and SUPABASE_KEY is")
    if values.wrong:
        raise ConfigError("These settings cannot work:\n  " + "\n  ".join(values.wrong))
    tokens = settings.pop("tokens")
    tables = {name: getattr(environment.config, name) for name in UserTables.__struct_fields__}
    return Settings(
        **settings,
        **tables,
        tokens={token: user or settings["user"] for token, user in tokens.items()},
        limits=limits,
        sources=values.sources,
        unknown=unknown,
    )


def _choose_model(
    settings: dict[str, Any], sources: dict[str, str], providers: Mapping[str, Provider]
) -> None:
    """Apply GENPY_MODEL to the settings of the model, unless those have precedence over it."""
    settings["provider"] = GROQ if settings.get("llm_url") is None else ""
    chosen = settings.get("model")
    if chosen is None:
        return
    other = min(("GENPY_LLM_URL", "GROQ_MODEL"), key=lambda name: _rank(sources.get(name)))
    if _rank(sources["GENPY_MODEL"]) > _rank(sources.get(other)):
        sources["GENPY_MODEL"] += f"; {other} is used"
        return
    name, slash, model = chosen.partition("/")
    if slash and name == GROQ:
        settings |= {"llm_url": None, "llm_key": None, "provider": GROQ}
        if model:
            settings["groq_model"], sources["GROQ_MODEL"] = model, "GENPY_MODEL"
    elif slash and name in providers:
        provider = providers[name]
        settings |= {"llm_url": provider.url, "llm_key": provider.key, "llm_model": model or None}
        settings["provider"] = name
        sources["GENPY_LLM_URL"] = sources["GENPY_LLM_KEY"] = f"provider {name}"
        sources["GENPY_LLM_MODEL"] = "GENPY_MODEL"
    elif settings["llm_url"] is not None:
        settings["llm_model"], sources["GENPY_LLM_MODEL"] = chosen, "GENPY_MODEL"
    else:
        settings["groq_model"], sources["GROQ_MODEL"] = chosen, "GENPY_MODEL"


def _rank(source: str | None) -> int:
    """The precedence of a source; 0 is the highest."""
    order = (OPTION, ENVIRONMENT, DOTENV, "")
    if source is None:
        return len(order)
    return next(number for number, name in enumerate(order) if source.startswith(name))


class _Values(msgspec.Struct):
    """Parses values of the environment, and collects the errors."""

    texts: Environment
    wrong: list[str] = []
    sources: dict[str, str] = {}

    def refuse(self, variable: str, reason: str, shown: str = "") -> None:
        source = self.texts.sources.get(variable, ENVIRONMENT)
        if source.startswith(DOTENV):
            source = str(self.texts.directory / source)
        place = "" if source in {OPTION, ENVIRONMENT} else f"{source}: "
        self.wrong.append(f"{place}{variable}{shown}: {reason}")

    def parsed(self, rows: tuple[Field, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for row in rows:
            text = self.texts.get(row.variable, "").strip()
            if text:
                self.sources[row.variable] = self.texts.sources.get(row.variable, ENVIRONMENT)
            try:
                values[row.name] = row.parse(text or row.default)
            except ValueError as error:
                shown = "" if row.secret else f"={without_password(text)}"
                self.refuse(row.variable, str(error), shown)
        return values

    def unknown(self) -> tuple[str, ...]:
        """GENPY_ variables that are not settings; in config.toml they are errors, as are secrets."""
        secrets = {row.variable for row in FIELDS if row.secret}
        known = {row.variable for row in FIELDS}
        unknown = []
        for name in self.texts:
            is_unknown = name not in known and not name.startswith(LIMIT)
            if self.texts.sources.get(name) == CONFIG and (is_unknown or name in secrets):
                reason = "unknown setting" if is_unknown else f"belongs into {KEYS}"
                self.wrong.append(f"{CONFIG}: {config_name(name)}: {reason}")
            elif is_unknown and name.startswith("GENPY_"):
                unknown.append(name)
        return tuple(sorted(unknown))

    def limits(self) -> Limits:
        named = {name for name, text in self.texts.items() if name.startswith(LIMIT) and text}
        if not named:
            return Limits()
        for name in sorted(named - {row.variable for row in limit_fields()}):
            self.refuse(name, "unknown limit")
        values = self.parsed(limit_fields())
        limits = Limits(**values)
        needed = limits.message_chars * ESCAPED_BYTES + FRAME_BYTES
        if limits.frame_bytes < needed:
            what = f"must be {needed} or more for messages of {limits.message_chars} characters"
            self.refuse(f"{LIMIT}FRAME_BYTES", what, f"={limits.frame_bytes}")
        if limits.queue_bytes < 2 * limits.history_bytes:
            self.refuse(f"{LIMIT}QUEUE_BYTES", "must be twice the bytes of the history, or more")
        return limits


def check_exposure(settings: Settings) -> None:
    """Raise `ConfigError` for listening beyond this machine without a token."""
    if not settings.tokens and not is_loopback(settings.host):
        raise ConfigError(
            f"Listening on {settings.host} lets others reach every conversation. "
            f"Set GENPY_TOKEN to a secret of at least {TOKEN_LENGTH} characters "
            "and give it to each client, or listen on 127.0.0.1."
        )
