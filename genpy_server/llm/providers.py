"""The model services of one server, side by side; each is opened when it is first asked.

A model is named `provider/name`. A name without a provider's is a model of the configured service.
"""

import math
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from difflib import get_close_matches
from functools import partial
from typing import TypeVar

import msgspec

from genpy_server.config import GROQ, Provider
from genpy_server.errors import LlmError, LlmKeyRejected, LlmModelUnknown, LlmUnavailable
from genpy_server.llm.base import ChatMessage, ChatRequest, Llm, LlmEvent, Quota
from genpy_server.llm.catalog import (
    UNLISTED,
    Catalog,
    ProviderModels,
    default_file,
    full_name,
    known_providers,
)
from genpy_server.llm.foreign import ForeignLlm
from genpy_server.llm.models import is_listed, named_for_chat
from genpy_server.llm.offline import OfflineLlm
from genpy_server.plugins import made, points
from genpy_server.settings import DOTENV, Settings, without_password

T = TypeVar("T")

GROUP = "genpy.models"
"""Entry points named like a provider: functions that take the settings and make an `Llm`."""
OWN = ""
"""Stands for the service at GENPY_LLM_URL, or for none: its models are named without a provider."""


MOST_CONTEXT_TOKENS = 32_000
"""Of a request, however large the model's window is: unless set, more would cost more than it helps."""
LEAST_CONTEXT_TOKENS = 500
ASKED_SECONDS = 10.0
"""For so long a provider that was asked whether it answers is not asked again."""
WHAT_TO_DO = "Messages are kept, but get no reply: see `genpy doctor`, or choose another model."
MINUTE_SHARE = 0.85
"""Of the tokens that a service takes in a minute, what one request may be, its reply aside."""


class ChosenModel(msgspec.Struct, frozen=True):
    """A model of one service, as a reply uses it."""

    llm: Llm
    provider: str
    id: str | None = None
    """As the service names it; None: the one it is configured with, or its first."""

    @property
    def name(self) -> str:
        """`provider/name`; empty until a service was asked for its first model."""
        model = self.id or self.llm.model
        return full_name(self.provider, model) if model else ""

    def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        """See `Llm.stream`."""
        return self.llm.stream(msgspec.structs.replace(request, model=self.id))

    async def structured(self, messages: Sequence[ChatMessage], schema: type[T]) -> T:
        """See `Llm.structured`."""
        return await self.llm.structured(messages, schema, model=self.id)


class Providers:
    """The services that the settings know, by name; `default` is the configured model.

    With `llm` that is the default, whatever the settings say.
    """

    def __init__(self, settings: Settings, llm: Llm | None = None) -> None:
        # A program that reads no files of the user keeps none either.
        self._catalog = Catalog(None if settings.folder is None else default_file())
        self._opened: dict[str, Llm] = {}
        self._before: list[Llm] = []
        self.use(settings, llm)

    def use(self, settings: Settings, llm: Llm | None = None) -> None:
        """Answer with the models of these settings from the next request on.

        What runs goes on with the one before.
        """
        self._before += self._opened.values()
        self._minute_tokens: dict[str, int] = {}
        self._troubles: dict[str, tuple[float, str]] = {}
        self._verified: set[str] = set()
        self._settings = settings
        self._known = known_providers(settings)
        self._default = settings.provider
        self._opened = {}
        self._openers: dict[str, Callable[[], Llm]] = {
            name: partial(self._open_provider, provider)
            for name, provider in settings.providers.items()
        }
        self._openers[GROQ] = self._open_groq
        self._openers[OWN] = self._open_own
        self._brought = brought = {point.name for point in points(GROUP)}
        for name in brought:
            self._openers.setdefault(name, partial(self._open_brought, name))
        provider, slash, _ = (settings.model or "").partition("/")
        if llm is None and slash and provider in brought:
            self._default = provider
        elif llm is not None or (self._default == GROQ and settings.groq_key is None):
            self._default = OWN
            self._opened[OWN] = OfflineLlm() if llm is None else llm
            if llm is None and settings.model:
                try:
                    self.find(settings.model)
                except LlmError as error:
                    self._opened[OWN] = OfflineLlm(error.message)

    def prepare(self) -> None:
        """Import what the configured model is asked with: a quarter of a second, in any thread."""
        if self._default not in self._opened.keys() | self._brought:
            import genpy_server.llm.groq  # noqa: F401, PLC0415 - for those who ask later

    @property
    def default(self) -> ChosenModel:
        """The configured model."""
        return self.get(None)

    @property
    def is_offline(self) -> bool:
        """Whether no model is configured."""
        return isinstance(self._opened.get(self._default), OfflineLlm)

    def get(self, name: str | None) -> ChosenModel:
        """The model of a name, None for the configured one; raises the `LlmError` that it has not."""
        provider, model = self.find(name)
        if provider not in self._opened:
            self._opened[provider] = self._openers[provider]()
        return ChosenModel(self._opened[provider], provider, model)

    def find(self, name: str | None) -> tuple[str, str | None]:
        """The provider of a model and its name there; opens nothing, and raises as `get` does."""
        if not name:
            return self._default, None
        provider, slash, model = name.partition("/")
        if slash and provider in self._openers and provider != OWN:
            self._check(provider)
            return provider, model or None
        if self.is_offline:
            raise LlmModelUnknown(
                f"No provider has the model {name!r}. Name one as provider/name, with one "
                f"of {self._names()}."
            )
        return self._default, name

    async def verify(self, name: str | None) -> None:
        """Raise `LlmModelUnknown` for a name that begins with no provider's and is nobody's model.

        Such a name may be a model of the configured service, so that its list is looked at; a
        service without a list is believed.
        """
        own = self._settings
        said = name or (own.model if own.model in {own.llm_model, own.groq_model} else None) or ""
        first, slash, _ = said.partition("/")
        named = [p for p in self._known if p.name == self._default]
        own_name = slash and first not in self._openers and named_for_chat(said)
        if not own_name or not named or said in self._verified or self.is_offline:
            return
        (found,) = await self._catalog.listed(named)
        if found.age_seconds and not found.error and not _lists(found, said):
            (found,) = await self._catalog.listed(named, refresh=True)
        if found.error or not found.models or _lists(found, said):
            self._verified.add(said)
            return
        meant = get_close_matches(first, self._openers, 1)
        raise LlmModelUnknown(
            f"Unknown provider {first!r}, and {without_password(named[0].url)} lists no model "
            f"{said!r}. {f'Did you mean {meant[0]}? ' if meant else ''}"
            f"Known: {self._names()}; `genpy models` lists what they have."
        )

    def _names(self) -> str:
        return ", ".join(sorted(filter(None, self._openers)))

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
        """The context window of a model, as far as its provider's kept list says."""
        url = next((p.url for p in self._known if p.name == model.provider), "")
        return self._catalog.window(url, model.id or model.llm.model)

    def context_tokens(self, model: ChosenModel) -> int:
        """Tokens that a request to a model may have: what is set, or else what it takes."""
        own = self._settings
        window, minute = self.window(model), self._minute_tokens.get(model.provider)
        # What Groq takes in a minute is far below its windows, and known from its first answer on.
        unknown = window is None or (minute is None and model.llm.kind == "groq")
        most = own.context_tokens
        if not own.context_set:
            if window is not None and not unknown:
                most = min(window - own.reply_tokens, MOST_CONTEXT_TOKENS)
            if minute is not None:
                most = min(most, int((minute - own.reply_tokens) * MINUTE_SHARE))
        return max(most, LEAST_CONTEXT_TOKENS)

    async def trouble(self, name: str | None) -> LlmError | None:
        """Why a model cannot answer now, as far as its provider's list shows; None where it may.

        The list is asked for again where it is older than `ASKED_SECONDS`.
        """
        try:
            model = self.get(name)
            await self.verify(name)
        except LlmError as error:
            return error
        named = [p for p in self._known if p.name == model.provider]
        if model.llm.kind == "offline" or not named:
            return None
        asked, said = self._troubles.get(model.provider, (-math.inf, ""))
        if time.monotonic() - asked > ASKED_SECONDS:
            (found,) = await self._catalog.listed(named[:1], refresh=True)
            said = "" if found.error.startswith(UNLISTED) else found.error
            self._troubles[model.provider] = time.monotonic(), said
        if not said:
            return None
        where = without_password(named[0].url)
        shown = model.name or model.provider or "The model"
        return LlmUnavailable(f"{shown} at {where}: {said} {WHAT_TO_DO}")

    def learn(self, model: ChosenModel, quota: Quota | None) -> None:
        """Take in what a service said of its limits."""
        if quota is not None and quota.tokens_limit:
            self._minute_tokens[model.provider] = quota.tokens_limit

    async def listed(self) -> list[ProviderModels]:
        """The models of every provider that is known; a list is kept for a while."""
        return await self._catalog.listed(self._known)

    async def close(self) -> None:
        """Close every service that was opened."""
        for llm in (*self._opened.values(), *self._before):
            await llm.close()

    # How each is opened; the SDK is imported here and not before

    @property
    def _waits(self) -> tuple[float | None, float | None, float | None]:
        own = self._settings
        return own.llm_connect_seconds, own.llm_first_token_seconds, own.llm_token_seconds

    def _open_groq(self) -> Llm:
        from genpy_server.llm.groq import GroqLlm  # noqa: PLC0415 - a quarter of a second

        own = self._settings
        return GroqLlm(
            key=own.groq_key, model=own.groq_model, groq_url=own.groq_base_url, waits=self._waits
        )

    def _open_own(self) -> Llm:
        from genpy_server.llm.groq import GroqLlm  # noqa: PLC0415 - a quarter of a second

        own = self._settings
        return GroqLlm(key=own.llm_key, model=own.llm_model, url=own.llm_url, waits=self._waits)

    def _open_brought(self, name: str) -> Llm:
        """The service of an installed package, whose function takes the settings."""
        return ForeignLlm(f"The model {name}", lambda: made(GROUP, name, self._settings))

    def _open_provider(self, provider: Provider) -> Llm:
        from genpy_server.llm.groq import GroqLlm  # noqa: PLC0415 - a quarter of a second

        model = self._settings.llm_model if provider.name == self._default else None
        return GroqLlm(
            key=provider.key,
            model=model,
            url=provider.url,
            provider=provider.name,
            waits=self._waits,
        )


def _lists(found: ProviderModels, model: str) -> bool:
    return is_listed(model, [one.name for one in found.models])
