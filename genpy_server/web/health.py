"""Whether the server, its store and its model work, asked at most once in a few seconds."""

import asyncio
from typing import Literal

import msgspec

from genpy_server import __version__
from genpy_server.errors import GenPyError
from genpy_server.llm.providers import Providers
from genpy_server.stores.base import Store

CACHE_SECONDS = 5.0
CHECK_SECONDS = 5.0


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the store or the model is; `error` says what fails and what to do."""

    ok: bool
    kind: str
    model: str | None = None
    where: str | None = None
    error: str | None = None
    left_out: tuple[str, ...] = ()
    """Parts of a request that the model's service refuses, and which are left out."""


class Health(msgspec.Struct, frozen=True, omit_defaults=True):
    """How everything is; `degraded` means that the server works and its model may not."""

    status: Literal["ok", "degraded", "unavailable"]
    version: str
    store: Part
    model: Part
    user: str | None = None
    """Whose conversations you see, where the store holds others' too."""


class HealthCheck:
    """Asks the store and the model; callers at the same time share one answer."""

    def __init__(self, store: Store, models: Providers) -> None:
        self._store = store
        self._models = models
        self.users = 0
        """Users who have conversations, when the store was asked last."""
        self._last: Health | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def __call__(self) -> Health:
        """The health of a few seconds ago, or of now."""
        async with self._lock:
            now = asyncio.get_running_loop().time
            if self._last is None or now() >= self._until:
                store, model = await asyncio.gather(self._check_store(), self._check_model())
                status: Literal["ok", "degraded", "unavailable"] = (
                    "unavailable" if not store.ok else "ok" if model.ok else "degraded"
                )
                self._last = Health(status, __version__, store, model)
                self._until = now() + CACHE_SECONDS
            return self._last

    async def _check_store(self) -> Part:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                seen = await self._store.check()
                await self._store.touch(
                    {}, 0
                )  # changes nothing, refused where no write is possible
        except GenPyError as error:
            return Part(ok=False, kind=self._store.kind, error=error.message)
        except TimeoutError:
            return Part(ok=False, kind=self._store.kind, error="The store did not answer in time.")
        self.users = seen.users
        return Part(ok=seen.full is None, kind=seen.kind, where=seen.where, error=seen.full)

    async def _check_model(self) -> Part:
        llm = self._models.default.llm
        kind, model = llm.kind, llm.model
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                seen = await llm.check()
        except GenPyError as error:
            return Part(ok=False, kind=kind, model=model, error=error.message)
        except TimeoutError:
            return Part(ok=False, kind=kind, model=model, error="The model did not answer in time.")
        return Part(
            ok=True, kind=seen.kind, model=seen.model, where=seen.where, left_out=seen.left_out
        )
