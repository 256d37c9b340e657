"""The live sessions of a server: opens them, attaches sockets, and ends them.

A session is opened by its first socket, and ended when no client has been attached and no reply
has been running for the grace period. A server renews the leases of its live sessions every few
seconds, so that others do not end them, and so finds out what other servers changed. The sessions of
servers that are gone are recovered and ended.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from genpy_server import errors
from genpy_server.core.identity import is_named_id
from genpy_server.runs.queue import RunServices
from genpy_server.sessions.audience import Place, Subscriber
from genpy_server.sessions.live_session import LiveSession, check_send, recover
from genpy_server.sessions.names import SessionNames
from genpy_server.sessions.presence import Presence
from genpy_server.sessions.rate_limit import Rates
from genpy_server.sessions.summaries import Summaries
from genpy_server.settings import Settings
from genpy_server.stores.base import Hosted
from genpy_server.wire import Ack, Notice, Retry, Send, Set

STORE_SECONDS = 2.0
"""`retry_after` of a message that the database did not store."""
BUSY_SECONDS = 5.0
"""`retry_after` of a message that the server has no room for."""
SWEEP_SESSIONS = 100
TOUCH_SESSIONS = 500
"""Sessions whose leases are renewed in one call."""
REFRESH_SECONDS = 2.0
"""How long a client that joins a live session waits for the newest state of the database."""

log = logging.getLogger("genpy.sessions")

Key = tuple[str, str]


class SessionHub:
    """Opens, finds and ends live sessions."""

    def __init__(
        self,
        services: RunServices,
        summaries: Summaries,
        rates: Rates,
        presence: Presence,
        settings: Settings,
    ) -> None:
        self._services = services
        self._store = services.chat.store
        self.tasks = services.tasks
        self._summaries = summaries
        self._rates = rates
        self._settings = settings
        self.limits = settings.limits
        self._presence = presence
        self._names = SessionNames(self._store)
        self._live: dict[Key, LiveSession] = {}
        self._users = sorted({settings.user, *settings.tokens.values()})
        self._sockets: Counter[str] = Counter()
        self._closing = False

    def start(self, *, brief: bool = False) -> None:
        """Start to renew leases, follow other servers, journal replies and end abandoned sessions.

        A `brief` server, for one question, does not look for abandoned sessions at once.
        """
        beat = self._presence.beat_seconds
        sync = min(beat, self._settings.sync_seconds)
        self.tasks.spawn(_every(sync, "renewing the leases of sessions", self.renew))
        self.tasks.spawn(
            _every(beat, "looking for abandoned sessions", self.sweep, at_once=not brief)
        )
        self.tasks.spawn(self._services.journal.keep())

    # Sockets

    async def attach(
        self, user_id: str, ref: str, subscriber: Subscriber, place: Place
    ) -> LiveSession:
        """Open a session for a socket, or join it."""
        self._check_open()
        if self._sockets[user_id] >= self.limits.sockets_per_user:
            raise errors.TooMany("Too many connections are open for this user. Close one first.")
        self._sockets[user_id] += 1
        try:
            while True:
                session = await self._open(user_id, ref, fresh=place.fresh)
                earlier = await session.before(place)
                if self._live.get(session.key) is session:  # else it ended meanwhile
                    break
        except BaseException:
            self._sockets[user_id] -= 1
            raise
        _stop_grace(session)
        session.attach(subscriber, place, earlier)
        return session

    def _check_open(self) -> None:
        if self._closing:
            raise errors.ShuttingDown("The server is about to stop. Come back in a moment.")

    async def _open(self, user_id: str, ref: str, *, fresh: bool) -> LiveSession:
        identity = await self._names.identify(user_id, ref)
        key = (user_id, identity.id)
        if key not in self._live and not fresh:
            with suppress(errors.StoreForbidden):  # what takes no changes can be read
                # This finds servers that have ended, and what they left.
                await self.show()
        if key in self._live:
            _stop_grace(self._live[key])
            if not self._live[key].is_loading:
                await self._refresh(self._live[key])
        if key not in self._live:
            self._live[key] = LiveSession(
                user_id=user_id,
                session_id=identity.id,
                name=identity.name,
                services=self._services,
                summaries=self._summaries,
                owner=self,
            )
            self._presence.hosting = True
            if not fresh or is_named_id(identity.id):
                self._live[key].loading = asyncio.create_task(self._load(self._live[key]))
        session = self._live[key]
        if session.loading is not None:
            await asyncio.shield(session.loading)
        return session

    async def _load(self, session: LiveSession) -> None:
        try:
            await session.load()
        except BaseException:
            self._drop(session)
            raise

    def detach(self, session: LiveSession, subscriber: Subscriber) -> None:
        """Remove a closed socket; the session stays for the grace period."""
        self._sockets[session.user_id] -= 1
        session.audience.subscribers.discard(subscriber)
        self.end_if_left(session)

    async def send(self, session: LiveSession, frame: Send) -> Ack:
        """Store a message and queue its reply, within the limits of the user.

        A limit never refuses a message that is stored already: it is acknowledged again.
        """
        self._check_open()
        chat = self._services.chat
        check_send(frame, self.limits, chat.modes, chat.models)
        refusal = self._refusal(session)
        if refusal is not None and not await session.was_sent(frame.id):
            raise refusal
        try:
            return await session.send(frame)
        except errors.StoreError as error:  # a message that is not stored is not charged
            if refusal is None:
                self._rates.give_back(session.user_id)
            if error.retryable and error.retry_after is None:
                error.retry_after = STORE_SECONDS
            raise

    def charge(self, session: LiveSession) -> None:
        """Count a change towards the rate limit of the session's user."""
        self._rates.charge(session.user_id)

    async def configure(self, session: LiveSession, change: Set) -> None:
        """Change the settings of a session, and look up the context window of its model."""
        self.charge(session)
        await session.configure(change)
        self.tasks.spawn(self.find_window(session.settings.model))

    async def send_model_state(self, session: LiveSession, subscriber: Subscriber) -> None:
        """Send a subscriber a notice if the model of its session does not answer."""
        trouble = await self._services.chat.models.trouble(session.settings.model)
        self._refresh_budgets()
        if trouble is not None and subscriber in session.audience.subscribers:
            subscriber.offer(Notice(seq=0, code=trouble.code, text=trouble.message))

    def retry(self, session: LiveSession, frame: Retry) -> None:
        """Answer a session's last message again, within the limits of its user."""
        self._check_open()
        refusal = self._refusal(session)
        if refusal is not None:
            raise refusal
        session.retry(frame)

    def _refusal(self, session: LiveSession) -> errors.GenPyError | None:
        limits, user_id = self.limits, session.user_id
        if session.runs.waiting >= limits.waiting_per_session:
            return errors.TooMany("Too many messages wait for a reply here. Wait for the next one.")
        others = self._services.admission.running[user_id] - session.runs.running
        if others >= limits.runs_per_user:
            return errors.TooMany("Too many replies are running at once. Wait for one to finish.")
        if self._services.admission.full:
            return errors.Busy(
                "The server has too many messages to answer.", retry_after=BUSY_SECONDS
            )
        return self._rates.refusal(user_id)

    def running(self, user_id: str) -> frozenset[str]:
        """The ids of a user's sessions in which a reply is running or waiting."""
        mine = (live for live in self._live.values() if live.user_id == user_id)
        return frozenset(live.id for live in mine if live.runs.running)

    # Changes by HTTP

    def find(self, user_id: str, session_id: str) -> LiveSession | None:
        """The live session of an id; None where it is not live."""
        return self._live.get((user_id, session_id))

    async def remove(self, user_id: str, session_id: str) -> None:
        """Stop the replies of a session that is about to be deleted, and close its subscriptions."""
        live = self._live.get((user_id, session_id))
        if live is not None:
            self.forget(live)
            await live.runs.stop("stopped")

    async def find_window(self, model: str | None) -> None:
        """Look up a model's context window, and publish the context sizes that change with it."""
        await self._services.chat.models.find_window(model)
        self._refresh_budgets()

    def _refresh_budgets(self) -> None:
        """Publish the context sizes that changed, because more is known of a model."""
        for session in self._live.values():
            if session.audience.subscribers:
                session.refresh_budget()

    def forget(self, session: LiveSession) -> None:
        """Drop a deleted session and close its subscriptions."""
        self._drop(session)
        session.delete()

    def _drop(self, session: LiveSession) -> None:
        if self._live.get(session.key) is session:
            del self._live[session.key]

    # Leases

    def lapsed_since(self, since: float) -> bool:
        """See `Presence.lapsed_since`."""
        return self._presence.lapsed_since(since)

    async def _refresh(self, session: LiveSession) -> None:
        """Update a session from the database; leave it as it is if the database does not answer."""
        try:
            async with asyncio.timeout(REFRESH_SECONDS):
                await self._touch([session])
        except (errors.GenPyError, TimeoutError) as error:
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
                with _logged("an abandoned session could not be ended"):  # it is retried
                    session = await self._summaries.end(*key, abandoned_only=True)
                    if session is not None:
                        log.info("ended an abandoned session")

    # Endings

    def end_if_left(self, session: LiveSession) -> None:
        """Start the grace period of a session that has no client and no running reply."""
        if self._closing or session.grace is not None or not self._is_left(session):
            return
        if session.is_empty:  # nothing to end, and names alone could fill the memory
            self._drop(session)
        else:
            loop = asyncio.get_running_loop()
            session.grace = loop.call_later(
                self._settings.grace_seconds, lambda: self.tasks.spawn(self._leave(session))
            )

    def _is_left(self, session: LiveSession) -> bool:
        here = self._live.get(session.key) is session
        return here and not session.audience.subscribers and not session.runs.busy

    async def _leave(self, session: LiveSession) -> None:
        """End a session whose grace period is over, unless a client has come back."""
        session.grace = None
        if self._is_left(session):
            await self._end(session)
            if self._is_left(session):
                self._drop(session)

    def attended(self) -> frozenset[tuple[str, str]]:
        """User and id of each session that a client is attached to."""
        return frozenset(key for key, session in self._live.items() if session.audience.present)

    def watchers(self, user_id: str, session_id: str) -> int:
        """The number of attached clients; those of another server count as one."""
        session = self._live.get((user_id, session_id))
        if session is None:
            return 0
        return session.audience.present + session.elsewhere

    async def close(
        self, *, end_sessions: bool = False, spared: frozenset[tuple[str, str]] = frozenset()
    ) -> None:
        """Stop and store every reply, and with `end_sessions` end the sessions that are not `spared`."""
        self._closing = True
        sessions = list(self._live.values())
        for session in sessions:
            _stop_grace(session)
        await asyncio.gather(*(session.runs.stop("interrupted") for session in sessions))
        if end_sessions:
            await self._end_all([s for s in sessions if s.key not in spared])
        await self.tasks.cancel()
        await self._presence.leave()

    async def _end_all(self, sessions: list[LiveSession]) -> None:
        """End sessions within `leave_seconds`; the next sweep ends the others.

        On return every claim was used or released.
        """
        endings = (self._end(session) for session in sessions)
        try:
            async with asyncio.timeout(self.limits.leave_seconds):
                await asyncio.gather(*endings, return_exceptions=True)
        except TimeoutError:
            log.warning("the model was too slow for a summary; the next start asks it again")

    async def _end(self, session: LiveSession) -> None:
        with _logged("a session could not be ended"):
            if session.status == "active":
                await session.end(leaving=True)


async def _every(
    seconds: float, upkeep: str, work: Callable[[], Awaitable[None]], *, at_once: bool = True
) -> None:
    if not at_once:
        await asyncio.sleep(seconds)
    while True:
        with _logged(f"{upkeep} failed"):
            await work()
        await asyncio.sleep(seconds)


@contextmanager
def _logged(what: str) -> Iterator[None]:
    """Log an error of the block: the other sessions are kept and ended anyway."""
    try:
        yield
    except errors.GenPyError as error:
        log.warning("%s: %s", what, error.code)
    except Exception:
        log.exception(what)


def _stop_grace(session: LiveSession) -> None:
    if session.grace is not None:
        session.grace.cancel()
        session.grace = None
