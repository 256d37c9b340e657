"""The model services of one server, side by side; each is opened when it is first asked.

A model is named `provider/name`. A name without a provider's is a model of the configured service.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

from genpy_server.config import GROQ, Provider
from genpy_server.core.models import ChatMessage
from genpy_server.errors import LlmError, LlmKeyRejected, LlmModelUnknown, LlmUnavailable
from genpy_server.llm import catalog
from genpy_server.llm.base import ChatRequest, Llm, LlmEvent, Quota
from genpy_server.llm.foreign import ForeignLlm
from genpy_server.llm.offline import OfflineLlm
from genpy_server.plugins import made, points
from genpy_server.settings import DOTENV, Settings, without_password

T = TypeVar("T")

GROUP = "genpy.models"
"""Entry points named like a provider: functions that take the settings and make an `Llm`."""
OWN = ""
"""The name of the service at GENPY_LLM_URL, or of none: its models are named without a provider."""
MAX_CONTEXT_TOKENS = 32_000
"""The default limit of a request, whatever the model's window: more would cost more than it helps."""
MIN_CONTEXT_TOKENS = 500
FIRST_LIST_SECONDS = 1.0
"""How long a reply waits for the first list of its model's provider."""
ASKED_SECONDS = 10.0
"""How long the answer to a check of a provider is used before it is checked again."""
WHAT_TO_DO = "Messages are kept, but get no reply: see `genpy doctor`, or choose another model."
MINUTE_SHARE = 0.85
"""The share of a service's tokens per minute that one request may have, without its reply."""


class ChosenModel(msgspec.Struct, frozen=True):
    """A model of one service, as a reply uses it."""

    llm: Llm
    provider: str
    id: str | None = None
    """The service's name for it; None for the configured model, or else the service's first."""

    @property
    def name(self) -> str:
        """`provider/name`; empty until a service was asked for its first model."""
        model = self.id or self.llm.model
        return catalog.full_name(self.provider, model) if model else ""

    def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        """See `Llm.stream`."""
        return self.llm.stream(msgspec.structs.replace(request, model=self.id))

    async def structured(self, messages: Sequence[ChatMessage], schema: type[T]) -> T:
        """See `Llm.structured`."""
        return await self.llm.structured(messages, schema, model=self.id)


class Providers:
    """The services of the settings, by name; `default` is the configured model.

    With `llm`, that is the default, whatever the settings are.
    """

    def __init__(self, settings: Settings, llm: Llm | None = None) -> None:
        # A program that does not read the user's files does not write any either.
        self._catalog = catalog.Catalog(None if settings.folder is None else catalog.default_file())
        self._opened: dict[str, Llm] = {}
        self._before: list[Llm] = []
        self._first_lists: dict[str, asyncio.Task[None]] = {}
        self.use(settings, llm)

    def use(self, settings: Settings, llm: Llm | None = None) -> None:
        """Use the models of these settings from the next request on.

        Replies that are being written keep their model.
        """
        self._before += self._opened.values()
        self._minute_tokens: dict[str, int] = {}
        self._troubles: dict[str, tuple[float, str]] = {}
        self._verified: set[str] = set()
        self._settings = settings
        self._known = catalog.providers_to_ask(settings)
        self._named = {one.name: one for one in reversed(self._known)}
        self._default = settings.provider
        self._opened = {}
        self._plugin_names = plugin_names = {point.name for point in points(GROUP)}
        provider, slash, _ = (settings.model or "").partition("/")
        if llm is None and slash and provider in plugin_names:
            self._default = provider
        elif llm is not None or (self._default == GROQ and settings.groq_key is None):
            self._default = OWN
            self._opened[OWN] = OfflineLlm() if llm is None else llm
        self._names = {GROQ, *settings.providers, *plugin_names}
        if llm is None and self.is_offline and settings.model:
            try:
                self.find(settings.model)
            except LlmError as error:
                self._opened[OWN] = OfflineLlm(error.message)

    def prepare(self, name: str | None = None) -> None:
        """Import the SDK for a model, in about 0.25 s; may be called in any thread."""
        provider, _ = self.find(name)
        if provider not in self._opened.keys() | self._plugin_names:
            import genpy_server.llm.groq  # noqa: F401, PLC0415 - a later import then takes no time

    @property
    def default(self) -> ChosenModel:
        """The configured model."""
        return self.get(None)

    @property
    def is_offline(self) -> bool:
        """Whether no model is configured."""
        return isinstance(self._opened.get(self._default), OfflineLlm)

    def get(self, name: str | None) -> ChosenModel:
        """The model of a name, None for the configured one; raises `LlmError` for an unknown one."""
        provider, model = self.find(name)
        if provider not in self._opened:
            self._opened[provider] = self._open(provider)
        return ChosenModel(self._opened[provider], provider, model)

    def find(self, name: str | None) -> tuple[str, str | None]:
        """The provider of a model and its name there; opens nothing, and raises as `get` does."""
        if not name:
            return self._default, None
        provider, slash, model = name.partition("/")
        if slash and provider in self._names:
            self._check(provider)
            return provider, model or None
        if self.is_offline:
            raise LlmModelUnknown(
                f"No provider has the model {name!r}. Name one as provider/name, with one "
                f"of {self._shown_names}."
            )
        return self._default, name

    async def verify(self, name: str | None) -> None:
        """Raise `LlmModelUnknown` for a name that has an unknown provider and is not a model either.

        A name with a slash may be a model of the configured service, so its list of models is read;
        without a list, the name is accepted.
        """
        own = self._settings
        name = name or (own.model if own.model in {own.llm_model, own.groq_model} else None) or ""
        first, slash, _ = name.partition("/")
        if not slash or not first or first in self._names or not catalog.named_for_chat(name):
            return
        own_provider = self._named.get(self._default)
        if own_provider is None or name in self._verified or self.is_offline:
            return
        (found,) = await self._catalog.listed([own_provider])
        if found.age_seconds and not found.error and not _lists(found, name):
            (found,) = await self._catalog.listed([own_provider], refresh=True)
        if found.error or not found.models or _lists(found, name):
            self._verified.add(name)
            return
        meant = get_close_matches(first, self._names, 1)
        raise LlmModelUnknown(
            f"Unknown provider {first!r}, and {found.url} lists no model "
            f"{name!r}. {f'Did you mean {meant[0]}? ' if meant else ''}"
            f"Known: {self._shown_names}; `genpy models` lists what they have."
        )

    @property
    def _shown_names(self) -> str:
        return ", ".join(sorted(self._names))

    def _check(self, provider: str) -> None:
        if provider != GROQ or provider == self._default:
            return
        if self._settings.groq_key is None:
            raise LlmKeyRejected("The key for groq is missing. Set one with `genpy keys set groq`.")
        if self._settings.sources.get("GROQ_BASE_URL", "").startswith(DOTENV):
            raise LlmModelUnknown(
                "GROQ_BASE_URL of this folder's .env is not the configured model's address, and "
                "was not allowed. Choose one of groq's models as GENPY_MODEL."
            )

    def window(self, model: ChosenModel) -> int | None:
        """The context window of a model in tokens; None if its provider's stored list has none."""
        named = self._named.get(model.provider)
        url = "" if named is None else named.url
        return self._catalog.window(url, model.id or model.llm.model)

    def context_tokens(self, model: ChosenModel, reply_tokens: int | None = None) -> int:
        """Tokens that a request to a model may have: the setting, or else what the model accepts.

        `reply_tokens` are kept free for the reply; None: those of the setting.
        """
        own = self._settings
        reply = reply_tokens or own.reply_tokens
        window, minute = self.window(model), self._minute_tokens.get(model.provider)
        # Groq's limit per minute is far below its windows, and is in the headers of its first reply.
        unknown = window is None or (minute is None and model.llm.kind == "groq")
        most = own.context_tokens
        if not own.context_set:
            if window is not None and not unknown:
                most = min(window - reply, MAX_CONTEXT_TOKENS)
            if minute is not None:
                most = min(most, int((minute - reply) * MINUTE_SHARE))
        return max(most, MIN_CONTEXT_TOKENS)

    async def find_window(self, name: str | None) -> None:
        """Request the list of a model's provider if its context window is not known.

        Not in a program with settings of its own, which decides what is requested, and not from an
        address of a folder's .env, which the person may not have allowed.
        """
        own = self._settings
        if own.folder is None or own.folder_address is not None:
            return
        with suppress(LlmError):  # the next reply says it
            await asyncio.to_thread(self.prepare, name)
            if self.window(self.get(name)) is None:
                await self.trouble(name)

    async def await_window(self, model: ChosenModel) -> None:
        """Wait shortly for the first list of a provider, if the size of a request depends on it.

        Not in a program with settings of its own, which decides what is requested.
        """
        own, named = self._settings, self._named.get(model.provider)
        sized = own.context_set or model.llm.kind != "compatible"
        if own.folder is None or sized or named is None:
            return
        if model.name and self._catalog.has(named.url):
            return
        if named.url not in self._first_lists:
            self._first_lists[named.url] = asyncio.create_task(self._first_list(named, model))
        await asyncio.wait({self._first_lists[named.url]}, timeout=FIRST_LIST_SECONDS)

    async def trouble(self, name: str | None) -> LlmError | None:
        """Why a model cannot answer now, by its provider's list of models; None if it may answer.

        A list older than `ASKED_SECONDS` is requested again.
        """
        try:
            await asyncio.to_thread(self.prepare, name)
            model = self.get(name)
            await self.verify(name)
        except LlmError as error:
            return error
        named = self._named.get(model.provider)
        if model.llm.kind == "offline" or named is None:
            return None
        asked, failure = self._troubles.get(model.provider, (-math.inf, ""))
        if time.monotonic() - asked > ASKED_SECONDS:
            (found,) = await self._catalog.listed([named], refresh=True)
            failure = "" if found.error.startswith(catalog.UNLISTED) else found.error
            self._troubles[model.provider] = time.monotonic(), failure
        if not failure:
            await self._find_name(model)
            return None
        where = without_password(named.url)
        shown = model.name or model.provider or "The model"
        return LlmUnavailable(f"{shown} at {where}: {failure} {WHAT_TO_DO}")

    async def _first_list(self, provider: Provider, model: ChosenModel) -> None:
        await self._catalog.listed([provider])
        await self._find_name(model)

    @staticmethod
    async def _find_name(model: ChosenModel) -> None:
        """Ask a service without a configured model for its first, whose name is then known."""
        if not model.name:
            with suppress(LlmError):  # the next reply says it
                await model.llm.check()

    def learn(self, model: ChosenModel, quota: Quota | None) -> None:
        """Remember the limits that a service reported."""
        if quota is not None and quota.tokens_limit:
            self._minute_tokens[model.provider] = quota.tokens_limit

    async def listed(self) -> list[catalog.ProviderModels]:
        """The models of every known provider; lists are cached for a while."""
        return await self._catalog.listed(self._known)

    async def close(self) -> None:
        """Close every service that was opened."""
        for task in self._first_lists.values():
            task.cancel()
        for llm in (*self._opened.values(), *self._before):
            await llm.close()

    def _open(self, name: str) -> Llm:
        own, service = self._settings, dict[str, Any]()
        if name == GROQ:
            service |= {"key": own.groq_key, "model": own.groq_model, "groq_url": own.groq_base_url}
        elif name == OWN:
            service |= {"key": own.llm_key, "model": own.llm_model, "url": own.llm_url}
        elif (one := own.providers.get(name)) is not None:
            model = own.llm_model if name == self._default else None
            service |= {"key": one.key, "model": model, "url": one.url, "provider": name}
        else:  # of an installed package, whose function takes the settings
            return ForeignLlm(f"The model {name}", lambda: made(GROUP, name, own))
        from genpy_server.llm.groq import GroqLlm  # noqa: PLC0415 - the SDK takes a quarter of a second

        waits = own.llm_connect_seconds, own.llm_first_token_seconds, own.llm_token_seconds
        return GroqLlm(**service, waits=waits)


def _lists(found: catalog.ProviderModels, model: str) -> bool:
    return catalog.is_listed(model, [one.name for one in found.models])
