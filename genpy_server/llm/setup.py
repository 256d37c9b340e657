"""Setting up a model: finding providers, trying a model, and saving it in the user's files."""

import asyncio
import re
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from genpy_server import config
from genpy_server.config import GROQ, LOCAL_PROVIDERS, Provider
from genpy_server.core.identity import is_near
from genpy_server.core.models import ChosenSetup, ModelChoice
from genpy_server.errors import ConfigError, LlmError
from genpy_server.llm.catalog import ProviderModels, list_models
from genpy_server.llm.providers import Providers
from genpy_server.settings import DEFAULT_MODEL, DOTENV, ENVIRONMENT, Settings, load

ADDRESS = "An address begins with http:// or https:// and mostly ends in /v1."
_WITHOUT_SCHEME = re.compile(
    r"(localhost|\[[0-9a-f:]+\]|(?:\d+\.){3}\d+)(:\d+)?(/\S*)?"
    r"|((?:[\w-]+\.)+[a-z]{2,})(:\d+(/\S*)?|/\S*)",
    re.IGNORECASE,
)
NOT_ASCII = "A key consists of ASCII characters."


async def local_servers() -> list[ProviderModels]:
    """The model servers that answer on the usual ports of this machine."""
    local = [Provider(name, url) for name, url in LOCAL_PROVIDERS.items()]
    return [one for one in await list_models(local, refresh=True) if not one.error]


def groq_provider(settings: Settings, key: str) -> Provider:
    """Groq, at another address only if the user's own settings name one."""
    url = settings.groq_base_url
    if url is None or settings.sources.get("GROQ_BASE_URL", "").startswith(DOTENV):
        return Provider(GROQ, config.GROQ_URL, key)
    return Provider(GROQ, f"{url}/openai/v1", key)


def typed_address(text: str) -> str:
    """A text; one that is an address without its scheme gets that, and TLS beyond this network."""
    text = config.typed_value(text)
    if not _WITHOUT_SCHEME.fullmatch(text):
        return text
    host = urlsplit(f"//{text}").hostname or ""
    return f"{'http' if is_near(host) else 'https'}://{text}"


def provider_at(url: str, key: str | None = None) -> Provider:
    """A provider of an address, named after its host; raises `ConfigError` for an invalid address."""
    url = typed_address(url).rstrip("/")
    try:
        load({"GENPY_LLM_URL": url or "-"})
    except ConfigError:
        raise ConfigError(ADDRESS) from None
    host = (urlsplit(url).hostname or "").removeprefix("api.").removeprefix("www.")
    name = host.partition(".")[0].lower()
    taken = name in {GROQ, *LOCAL_PROVIDERS}
    if taken or name.isdigit() or not config.NAME.fullmatch(name):
        name = "own"
    return Provider(name, url, key)


def checked_key(text: str) -> str:
    """A key without surrounding spaces; raises `ConfigError` for characters that no key has."""
    key = text.strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(NOT_ASCII)
    return key


async def models_of(provider: Provider) -> list[str]:
    """The models of a provider, GenPy's default first; raises `LlmError` if it lists none."""
    (listed,) = await list_models([provider], refresh=True)
    if listed.error:
        raise LlmError(f"{provider.url}: {listed.error}")
    names = [model.name for model in listed.models]
    return sorted(names, key=lambda name: name != DEFAULT_MODEL)


def with_model(settings: Settings, provider: Provider, model: str) -> Settings:
    """The settings as they will be once the model is saved."""
    changes: dict[str, object] = {"model": f"{provider.name}/{model}", "provider": provider.name}
    if provider.name == GROQ:
        changes |= {"groq_key": provider.key, "groq_model": model, "llm_url": None, "llm_key": None}
        if groq_provider(settings, "").url == config.GROQ_URL:
            changes["groq_base_url"] = None
    else:
        changes |= {"llm_url": provider.url, "llm_model": model, "llm_key": provider.key}
    providers = {**settings.providers, provider.name: provider}
    return msgspec.structs.replace(settings, providers=providers, **changes)


async def try_model(settings: Settings) -> None:
    """Ask the model of these settings for one word; raises `LlmError` if it does not answer."""
    models = Providers(settings)
    try:
        await models.default.llm.probe()
    finally:
        await models.close()


async def set_up(settings: Settings, choice: ModelChoice) -> tuple[ChosenSetup, Settings | None]:
    """Try a model and save it; returns the result and the settings with the model.

    If the choice names no model, the provider's only one is tried; of several, the list is returned,
    with no settings. Raises `ConfigError` for an invalid choice or `LlmError` for a failed try.
    """
    provider = chosen_provider(settings, choice)
    names = [choice.model] if choice.model else await models_of(provider)
    if len(names) != 1:
        return ChosenSetup(models=names), None
    chosen = with_model(settings, provider, names[0])
    await try_model(chosen)
    path = await asyncio.to_thread(keep, provider, names[0])
    name = f"{provider.name}/{names[0]}"
    notes = [f"{name} answers. Kept in {path}.", *overruled(settings)]
    return ChosenSetup(name, notes=notes), chosen


def settings_with(settings: Settings, choice: ModelChoice) -> Settings:
    """The settings with a choice that names its model."""
    return with_model(settings, chosen_provider(settings, choice), choice.model)


def chosen_provider(settings: Settings, choice: ModelChoice) -> Provider:
    """The provider of a choice; raises `ConfigError` if it is invalid."""
    key = checked_key(choice.key)
    if choice.url:
        return provider_at(choice.url, key or None)
    if choice.provider == GROQ:
        if not key:
            raise ConfigError("A key is missing: console.groq.com/keys has free ones.")
        return groq_provider(settings, key)
    if choice.provider not in LOCAL_PROVIDERS:
        raise ConfigError(ADDRESS)
    return Provider(choice.provider, LOCAL_PROVIDERS[choice.provider])


def keep(provider: Provider, model: str) -> Path:
    """Write the choice to config.toml and its key to keys.toml; returns the path of the first."""
    if provider.name not in LOCAL_PROVIDERS and provider.name != GROQ:
        config.set_value(f"providers.{provider.name}.url", provider.url)
    if provider.key:
        config.set_key(provider.name, provider.key)
    return config.set_value("model", f"{provider.name}/{model}")


def overruled(settings: Settings) -> list[str]:
    """Notes on variables of the environment or a .env file that override the saved choice."""
    names = ("GENPY_MODEL", "GENPY_LLM_URL", "GROQ_MODEL")
    return [
        f"{name} is set in {settings.sources[name]} too, which is used before it."
        for name in names
        if settings.sources.get(name, "").startswith((ENVIRONMENT, DOTENV))
    ]
