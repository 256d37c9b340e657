"""The health of the server, its store and its model, cached for a few seconds."""

import asyncio
from collections.abc import Awaitable
from typing import Literal

import msgspec

from genpy_server import __version__
from genpy_server.core.models import PartHealth, ServerHealth
from genpy_server.errors import GenPyError
from genpy_server.llm.providers import Providers
from genpy_server.stores.base import Store

CACHE_SECONDS = 5.0
CHECK_SECONDS = 5.0


class HealthCheck:
    """Checks the store and the model; concurrent callers share one result."""

    def __init__(self, store: Store, models: Providers) -> None:
        self._store, self._models = store, models
        self.users = 0
        """Users with conversations, at the last check."""
        self._last: ServerHealth | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def __call__(self) -> ServerHealth:
        """The health, at most `CACHE_SECONDS` old."""
        async with self._lock:
            now = asyncio.get_running_loop().time
            if self._last is None or now() >= self._until:
                llm = self._models.default.llm
                store, model = await asyncio.gather(
                    _checked(
                        "store", self._store_health(), PartHealth(ok=False, kind=self._store.kind)
                    ),
                    _checked(
                        "model",
                        self._model_health(),
                        PartHealth(ok=False, kind=llm.kind, model=llm.model),
                    ),
                )
                status: Literal["ok", "degraded", "unavailable"] = (
                    "unavailable" if not store.ok else "ok" if model.ok else "degraded"
                )
                self._last = ServerHealth(status, __version__, store, model)
                self._until = now() + CACHE_SECONDS
            return self._last

    async def _store_health(self) -> PartHealth:
        seen = await self._store.check()
        await self._store.touch({}, 0)  # changes nothing, refused where no write is possible
        self.users = seen.users
        return PartHealth(ok=seen.full is None, kind=seen.kind, where=seen.where, error=seen.full)

    async def _model_health(self) -> PartHealth:
        seen = await self._models.default.llm.check()
        return PartHealth(
            ok=True, kind=seen.kind, model=seen.model, where=seen.where, left_out=seen.left_out
        )


async def _checked(part: str, check: Awaitable[PartHealth], failed: PartHealth) -> PartHealth:
    """The result of a check, or `failed` with the error."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check
    except GenPyError as error:
        message = error.message
    except TimeoutError:
        message = f"The {part} did not answer in time."
    return msgspec.structs.replace(failed, error=message)
