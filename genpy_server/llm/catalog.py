"""The lists of models of all providers: requested concurrently, cached, and which can chat.

A list is cached for `FRESH_SECONDS`; an older one is used if its provider does not answer. The file
has ids and abilities, no keys.
"""

import asyncio
import math
import re
import time
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from genpy_server.config import GROQ, LOCAL_PROVIDERS, Provider
from genpy_server.core.identity import is_loopback
from genpy_server.files import read_json, write_json
from genpy_server.llm import field_names
from genpy_server.llm.field_names import PHRASES
from genpy_server.llm.lenient_json import loads
from genpy_server.settings import Settings, without_password

FRESH_SECONDS = 600.0
LOCAL_SECONDS = 2.0
REMOTE_SECONDS = 10.0
"""Time limits of local and remote providers."""
WINDOW_DEPTH = 2
"""How deep in a row the context window is looked for."""
UNLISTED = "It lists no models"
"""Start of the error of a provider without a list, which may still be able to chat."""
_ABILITIES = {
    "tools": ("tools", "tool", "function"),
    "pictures": ("vision", "image"),
    "reasoning": ("reason", "think"),
}


_NUMBER = re.compile(r"(\d{1,12}|\d{1,3}(?:,\d{3}){1,3})([km]?)")
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}
_NOT_CHAT = re.compile(PHRASES.any_of("not for chat"))
_NOT_CHAT_KINDS = re.compile(PHRASES.any_of("kinds not for chat"))


class CatalogModel(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model; values that its provider does not state are left out."""

    name: str
    context_tokens: int | None = None
    abilities: tuple[str, ...] = ()
    """Some of tools, pictures and reasoning."""


class ProviderModels(msgspec.Struct, frozen=True):
    """The models of one provider, or the error of asking for them."""

    provider: str
    """Empty for the address in GENPY_LLM_URL."""
    url: str
    """Without user and password."""
    models: tuple[CatalogModel, ...] = ()
    error: str = ""
    age_seconds: float = 0.0
    """Age of a cached list."""


class _Kept(msgspec.Struct, frozen=True):
    at: float
    models: tuple[CatalogModel, ...]


def default_file() -> Path:
    """The cache file."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - only to list models

    return user_cache_path("genpy", appauthor=False) / "models.json"


def providers_to_ask(settings: Settings) -> list[Provider]:
    """The providers to ask: those with a key or their own address, and the local ones."""
    groq = settings.providers[GROQ]
    own = None if settings.provider else settings.llm_url
    found = [
        provider
        for name, provider in settings.providers.items()
        if name != GROQ and (provider.url != own or name not in LOCAL_PROVIDERS)
    ]
    if settings.groq_key is not None:
        url = f"{settings.groq_base_url}/openai/v1" if settings.groq_base_url else groq.url
        found.insert(0, Provider(GROQ, url, settings.groq_key))
    if own is not None:
        found.insert(0, Provider("", own, settings.llm_key))
    return found


class Catalog:
    """The cached lists of all providers, in memory and in `file`, if given."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._kept = (file and read_json(file, dict[str, _Kept])) or {}
        self._asking = asyncio.Lock()

    async def listed(
        self, providers: Iterable[Provider], *, refresh: bool = False
    ) -> list[ProviderModels]:
        """The models of each provider, in their order."""
        async with self._asking:
            found = await asyncio.gather(
                *(
                    _of_provider(one, self._kept.get(without_password(one.url)), refresh=refresh)
                    for one in providers
                )
            )
            fresh = {
                one.url: _Kept(time.time(), one.models)
                for one in found
                if not one.error and not one.age_seconds
            }
            self._kept |= fresh
            if fresh and self._file is not None:
                with suppress(OSError):  # the cache is kept in memory
                    write_json(self._file, self._kept)
        return found

    def has(self, url: str) -> bool:
        """Whether a list of the provider is cached."""
        return without_password(url) in self._kept

    def window(self, url: str, model: str) -> int | None:
        """The context window of a model, if a cached list states it."""
        kept = self._kept.get(without_password(url))
        rows = kept.models if kept is not None else ()
        return next((row.context_tokens for row in rows if is_listed(model, [row.name])), None)

    def kept(self, providers: Iterable[Provider]) -> list[str]:
        """The models of the cached lists as PROVIDER/NAME, of any age."""
        return [
            full_name(one.name, model.name)
            for one in providers
            if (kept := self._kept.get(without_password(one.url)))
            for model in kept.models
        ]


def base_address(url: str, path: str = "") -> str:
    """A service's address, which may be that of its chat completions, with a path behind it."""
    parts = urlsplit(url)
    before = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return parts._replace(path=f"{before}{path}", fragment="").geturl()


def full_name(provider: str, model: str) -> str:
    """A model as PROVIDER/NAME."""
    return f"{provider}/{model}" if provider else model


async def list_models(
    providers: Iterable[Provider], file: Path | None = None, *, refresh: bool = False
) -> list[ProviderModels]:
    """The models of each provider, in their order, cached in `file` or the user's cache file."""
    return await Catalog(file or default_file()).listed(providers, refresh=refresh)


async def _of_provider(provider: Provider, kept: _Kept | None, *, refresh: bool) -> ProviderModels:
    url = without_password(provider.url)
    age = math.inf if kept is None else max(0.001, time.time() - kept.at)
    if kept is not None and age < FRESH_SECONDS and not refresh:
        return ProviderModels(provider.name, url, kept.models, age_seconds=age)
    models, error = await _ask(provider)
    if error and kept is not None:
        return ProviderModels(provider.name, url, kept.models, error, age)
    return ProviderModels(provider.name, url, models, error)


async def _ask(provider: Provider) -> tuple[tuple[CatalogModel, ...], str]:
    """The models, or why there are none."""
    import httpx  # noqa: PLC0415 - only to list models

    from genpy_server.llm.trouble import Complaint  # noqa: PLC0415 - imports httpx
    from genpy_server.network import BadVariable, http_client  # noqa: PLC0415 - imports httpx

    local = is_loopback(httpx.URL(provider.url).host)
    headers = {"Authorization": f"Bearer {provider.key}"} if provider.key else {}
    address = base_address(provider.url, "/models")
    try:
        async with http_client(
            provider.url, timeout=LOCAL_SECONDS if local else REMOTE_SECONDS, trust_env=not local
        ) as client:
            answer = await client.get(address, headers=headers)
    except httpx.TimeoutException:
        return (), "It did not answer in time."
    except BadVariable as error:
        return (), str(error)
    except httpx.HTTPError:
        return (), "Nothing answers there."
    if answer.status_code in {401, 403}:
        complaint = Complaint(_body(answer.content), answer.status_code)
        why = "It refuses the key." if provider.key else "It asks for a key."
        if complaint.refuses_access:
            why = f"It refuses access: {complaint.quoted}".rstrip(".") + "."
        return (), why
    rows = listed(answer.content) if answer.is_success else None
    if rows is None:
        return (), f"{UNLISTED} (status {answer.status_code})."
    return tuple(_model(name, rows[name]) for name in chatting(rows)), ""


def _body(answer: bytes) -> Any:
    try:
        return loads(answer)
    except ValueError:
        return answer.decode("utf-8", "replace")


def _model(name: str, row: Any) -> CatalogModel:
    if not isinstance(row, dict):
        return CatalogModel(name)
    window = _window(row)
    stated = " ".join(_words(row))
    abilities = tuple(
        ability for ability, words in _ABILITIES.items() if any(word in stated for word in words)
    )
    return CatalogModel(name, window, abilities)


def _window(row: dict[str, Any], depth: int = 0) -> int | None:
    """The context window in a row, or in an object inside it."""
    named = field_names.plain(row)
    sizes = (_size(named.get(name)) for name in field_names.WINDOWS)
    held = row.values() if depth < WINDOW_DEPTH else ()
    each = (one for part in held for one in (part if isinstance(part, list) else [part]))
    inside = (_window(one, depth + 1) for one in each if isinstance(one, dict))
    return next(filter(None, (*sizes, *inside)), None)


def _size(value: Any) -> int | None:
    if isinstance(value, str) and (found := _NUMBER.fullmatch(value.lower())):
        value = int(found[1].replace(",", "")) * _UNITS[found[2]]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if number and 0 < value < math.inf else None


def _words(row: dict[str, Any]) -> Iterable[str]:
    """The abilities that a provider states, in any of the usual fields."""
    yield from (name.lower() for name, able in row.items() if able is True)
    for part in ("architecture", "model_info"):
        if isinstance(row.get(part), dict):
            yield from _words(row[part])
    for key in field_names.ABILITIES:
        value = row.get(key)
        if isinstance(value, dict):
            yield from (name.lower() for name, able in value.items() if able)
        elif isinstance(value, list):
            yield from (str(item).lower() for item in value)


def chatting(models: Mapping[str, Any]) -> list[str]:
    """The ids of the models that can chat, by their names and rows."""
    return [name for name, row in models.items() if named_for_chat(name) and _may_chat(row)]


def named_for_chat(model: str) -> bool:
    """Whether a model may chat, judged by its name."""
    return not _NOT_CHAT.search(model.lower())


def is_listed(model: str, models: Iterable[str]) -> bool:
    """Whether a service has the model; Ollama also knows `name:latest` as `name`."""
    return not {model, f"{model}:latest", f"models/{model}"}.isdisjoint(models)


def listed(answer: bytes) -> dict[str, Any] | None:
    """The rows of an answer to GET /models by the ids of their models; None if it lists none."""
    try:
        found = loads(answer.removeprefix(BOM_UTF8))
    except ValueError:
        return None
    depth = 0
    while isinstance(found, dict):
        name = next((key for key in field_names.MODELS if key in found), None)
        if name is None and not depth:
            return None
        found, depth = found[name] if name else list(found), depth + 1
    models: dict[str, Any] = {}
    for row in found if isinstance(found, list) else ():
        id_ = field_names.first(row, field_names.MODEL_IDS) if isinstance(row, dict) else row
        if id_ and isinstance(id_, str):
            models.setdefault(id_, row)
    return models


def _may_chat(row: Any) -> bool:
    if not isinstance(row, dict):
        return True
    info = row.get("model_info")
    holders = (row, info) if isinstance(info, dict) else (row,)
    kinds = [one.get(key) for one in holders for key in field_names.MODEL_KINDS]
    kinds = [kind.get("name") if isinstance(kind, dict) else kind for kind in kinds]
    if row.get("active") is False or any(
        isinstance(kind, str) and _NOT_CHAT_KINDS.search(kind.lower()) for kind in kinds
    ):
        return False
    abilities, shape = row.get("capabilities"), row.get("architecture")
    if isinstance(abilities, list) and abilities:
        return not all(_NOT_CHAT_KINDS.search(str(ability).lower()) for ability in abilities)
    parts = [part for part in (row, abilities, shape) if isinstance(part, dict)]
    flags = [part[key] for part in parts for key in field_names.CHAT_FLAGS if key in part]
    lists = [
        word in part[key]
        for part in parts
        for key, word in field_names.CHAT_LISTS.items()
        if isinstance(part.get(key), list) and part[key]
    ]
    return all(flags) and all(lists)
