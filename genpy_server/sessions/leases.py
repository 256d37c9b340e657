"""The leases of a server's live sessions.

A server renews them every few seconds, and so finds out what other servers changed. The sessions of
servers that are gone are recovered and ended.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from genpy_server.errors import GenPyError
from genpy_server.sessions.live_session import LiveSession, recover
from genpy_server.sessions.presence import Presence
from genpy_server.sessions.summaries import Summaries
from genpy_server.settings import Settings
from genpy_server.stores.base import Hosted, Store

SWEEP_SESSIONS = 100
TOUCH_SESSIONS = 500
"""Sessions whose leases are renewed in one call."""
REFRESH_SECONDS = 2.0
"""How long a client that joins a live session waits for the newest state of the database."""

log = logging.getLogger("genpy.sessions")


class Leases:
    """Keeps the leases of the sessions in `live`, which the hub opens and ends."""

    def __init__(
        self,
        live: Mapping[tuple[str, str], LiveSession],
        store: Store,
        summaries: Summaries,
        presence: Presence,
        settings: Settings,
    ) -> None:
        self._live = live
        self._store = store
        self._summaries = summaries
        self._presence = presence
        self._sync_seconds = min(presence.beat_seconds, settings.sync_seconds)
        self._users = sorted({settings.user, *settings.tokens.values()})

    def upkeep(self, *, brief: bool) -> tuple[Coroutine[Any, Any, None], ...]:
        """The work that goes on in the background; a `brief` server does not sweep at once."""
        beat, sweeping = self._presence.beat_seconds, "looking for abandoned sessions"
        return (
            _every(self._sync_seconds, "renewing the leases of sessions", self.renew),
            _every(beat, sweeping, self.sweep, at_once=not brief),
        )

    async def refresh(self, session: LiveSession) -> None:
        """Update a session from the database; leave it as it is if the database does not answer."""
        try:
            async with asyncio.timeout(REFRESH_SECONDS):
                await self._touch([session])
        except (GenPyError, TimeoutError) as error:
            log.info("a session was joined without an update: %s", type(error).__name__)

    async def renew(self) -> None:
        """Renew the leases of the live sessions, and apply changes that others made to them."""
        if self._live or self._presence.is_needed:
            await self.show()
            await self._touch_all()

    async def show(self) -> None:
        """Show that this server is alive; where it is late, renew the leases of its sessions before.

        Otherwise another server could end them in between.
        """
        if self._presence.is_late:
            await self._touch_all()
        await self._presence.show()

    async def _touch_all(self) -> None:
        live = [live for live in self._live.values() if not live.is_loading]
        for start in range(0, len(live), TOUCH_SESSIONS):
            await self._touch(live[start : start + TOUCH_SESSIONS])

    async def _touch(self, sessions: Sequence[LiveSession]) -> None:
        own = await asyncio.gather(*map(self._is_own, sessions))
        known = {live.id: live.known for live, is_own in zip(sessions, own, strict=True) if is_own}
        server, seconds = self._presence.server, self._presence.live_seconds
        found = await self._store.touch(known, seconds, server) if known else []
        news = {hosted.session_id: hosted for hosted in found}
        for live in sessions:
            await live.follow(news.get(live.id) or Hosted(live.id))

    async def _is_own(self, live: LiveSession) -> bool:
        """Whether its user has it: the id of a new session may be that of another user's."""
        return live.status != "new" or await self._store.session(*live.key) is not None

    async def sweep(self) -> None:
        """Store the replies, and end the sessions, of servers that are gone, for this server's users."""
        await self._presence.begin()
        interrupted = await self._store.interrupted(SWEEP_SESSIONS, users=self._users)
        abandoned = await self._store.abandoned(SWEEP_SESSIONS, users=self._users)
        if interrupted or abandoned:
            await self._presence.beat()  # which finds out who is gone
        for key in interrupted:
            live = self._live.get(key)
            if live is not None and live.loading is not None:
                await asyncio.wait([live.loading])  # else it would miss what is recovered here
            live = self._live.get(key)
            if live is None:
                left = await self._store.take_over(*key)
                await recover(self._store, *key, left.replies)
            else:
                await live.take_over()
        for key in abandoned:
            if key not in self._live:
                await self._end_abandoned(*key)

    async def _end_abandoned(self, user_id: str, session_id: str) -> None:
        try:
            session = await self._summaries.end(user_id, session_id, abandoned_only=True)
        except GenPyError as error:  # it is retried
            log.warning("an abandoned session could not be ended: %s", error.code)
        except Exception:  # the other sessions are ended anyway
            log.exception("an abandoned session could not be ended")
        else:
            if session is not None:
                log.info("ended an abandoned session")


async def _every(
    seconds: float,
    upkeep: str,
    work: Callable[[], Awaitable[None]],
    *,
    at_once: bool = True,
) -> None:
    if not at_once:
        await asyncio.sleep(seconds)
    while True:
        try:
            await work()
        except GenPyError as error:
            log.warning("%s failed: %s", upkeep, error.code)
        except Exception:  # without renewed leases other servers would end our sessions
            log.exception("%s failed", upkeep)
        await asyncio.sleep(seconds)
