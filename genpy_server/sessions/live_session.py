"""One conversation while a client is attached or a reply is running.

Every change of state is one event of its log, sent to every subscriber in the same order. A reply
belongs to the session: it goes on after the socket that requested it is closed.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from genpy_server import __version__, wire
from genpy_server.core import models
from genpy_server.core.context.turns import replaced_ids
from genpy_server.core.identity import is_named_id
from genpy_server.core.modes import Modes
from genpy_server.core.understanding.tool_requests import find_tool_request
from genpy_server.errors import BadRequest, Conflict, NotFound, Refused, StoreError, TooLarge
from genpy_server.llm.providers import Providers
from genpy_server.runs.context import RunningRecall, RunRequest
from genpy_server.runs.queue import RunQueue, RunServices
from genpy_server.sessions.audience import Audience, Place, Subscriber
from genpy_server.sessions.summaries import Summaries, summary_event
from genpy_server.settings import Limits
from genpy_server.stores.base import (
    Appended,
    Hosted,
    JournaledReply,
    Store,
    known_state,
)

if TYPE_CHECKING:
    from genpy_server.sessions.hub import SessionHub

CLIENT_ID_CHARS = 64
NOT_ANSWERED = "Not answered: the server stopped."
CUT_SHORT = "The server stopped before this reply was complete."

log = logging.getLogger("genpy.sessions")


class LiveSession:
    """A session and its subscribers."""

    def __init__(
        self,
        *,
        user_id: str,
        session_id: str,
        name: str,
        services: RunServices,
        summaries: Summaries,
        owner: "SessionHub",
    ) -> None:
        self.user_id = user_id
        self.id = session_id
        self.key = (user_id, session_id)
        self.loading: asyncio.Task[None] | None = None
        """The task of `load`, if the session was looked up."""
        self.grace: asyncio.TimerHandle | None = None
        """The timer of the grace period, while it runs."""
        self._session = models.Session(session_id, user_id, name, "active", "", "", 0)
        """The session as far as it is known; its title and settings alone while `_new`."""
        self._new = True
        """Whether it has no message."""
        self._owner = owner
        self._chat = chat = services.chat
        self._tasks = services.tasks
        self._admission = services.admission
        self._summaries = summaries
        self._limits = chat.settings.limits
        self.audience = Audience(self._limits.log_events, self._limits.log_bytes)
        self._conversation = chat.conversation(user_id, session_id)
        self.runs = RunQueue(services, self._conversation, self, self.audience)
        self._sending = asyncio.Lock()
        self._ending = asyncio.Lock()
        self._deleted = False
        self.elsewhere = False
        """Whether another server hosts it too."""
        self._queued = set[int]()  # ids of the messages that are answered here
        self._uncertain = set[str]()  # client ids of messages whose commit may have failed
        self._asked_at = time.time()
        """When the store was last asked what waits here; nothing waited before the session was opened."""
        self._unanswered = False
        """Whether messages may wait here of which the store's answer was lost."""
        self._used = 0  # tokens of the last request
        self._known: tuple[models.ContextSize, str] | None = None
        """The context size and the default model, as they were published last."""

    async def load(self) -> None:
        """Read the stored session, and take over from a server that has ended.

        Raises `NotFound` for the id of a named session without a row: a server makes such an id only
        with its row, so it was guessed.
        """
        opened = await self._chat.store.attach(
            self.user_id,
            self.id,
            limit=self._conversation.window + 1,
            live_seconds=self._chat.live_seconds,
            server=self._chat.server,
        )
        if opened.session is None and not self._session.title and is_named_id(self.id):
            raise NotFound("Session not found.")
        if opened.session is not None:
            self._set_stored(opened.session)
        self._conversation.begin(opened)
        self.elsewhere = opened.elsewhere
        if self._conversation.messages:
            self.audience.log.begin_behind_history()
        if opened.left:
            await self.take_over()

    async def follow(self, hosted: Hosted) -> None:
        """Apply and publish changes that other servers and programs made to the stored session."""
        taken = hosted.session is not None and hosted.session.user_id != self.user_id
        if hosted.deleted or taken:
            self.session_deleted()
            return
        if hosted.session is not None:
            async with self._sending:
                if hosted.session.last_message_id > self._conversation.known_id:
                    await self._catch_up()
            self._conversation.memory = hosted.memory
            self._apply(hosted.session)
        if hosted.elsewhere != self.elsewhere:
            self.elsewhere = hosted.elsewhere
            self._publish_session()
        if hosted.left or self._unanswered:
            await self.take_over()

    @property
    def known(self) -> str:
        """See `known_state`."""
        return known_state("" if self._new else self._session.state, self._conversation.memory)

    @property
    def status(self) -> Literal["new", "active", "completed"]:
        """The status; new without a message."""
        return "new" if self._new else self._session.status

    @property
    def settings(self) -> models.SessionSettings:
        """The settings; those of a new session are stored with its first message."""
        return self._session.settings

    @property
    def is_loading(self) -> bool:
        """Whether the stored session is being read."""
        return self.loading is not None and not self.loading.done()

    def _apply(self, session: models.Session) -> None:
        if session.settings != self.settings:
            self._session = msgspec.structs.replace(self._session, settings=session.settings)
            self.publish_settings()
        if self._new or _shown(session) != _shown(self._session):
            self.changed(session)
        else:
            self._set_stored(session)

    async def take_over(self) -> None:
        """Store the unfinished replies of servers that have ended, and answer what waited there or here.

        What fails in the middle of it is done at the next `follow`.
        """
        self._unanswered = False
        try:
            left = await self._chat.store.take_over(self.user_id, self.id, self._chat.server)
            await recover(self._chat.store, self.user_id, self.id, left.replies)
            async with self._sending:
                await self._catch_up()
                for question in left.questions:
                    self._uncertain.discard(question.client_id or "")
                    if question.id not in self._queued:
                        meta = question.meta
                        self._answer(question, meta.intent, meta.intent_corrected_from, meta.model)
        except BaseException:
            self._unanswered = True
            raise

    @property
    def lapsed(self) -> bool:
        """See `RunOwner`."""
        return self._owner.lapsed_since(self._asked_at)

    async def taken_over(self, questions: set[int]) -> set[int]:
        """See `RunOwner`."""
        asked_at = time.time()
        await self._owner.show()
        left = await self._chat.store.take_over(self.user_id, self.id, self._chat.server)
        here = {question.id for question in left.questions}
        taken = questions - here if left.shared else set[int]()
        self._queued -= taken
        self._unanswered = self._unanswered or not here <= self._queued
        self._asked_at = asked_at
        return taken

    @property
    def is_empty(self) -> bool:
        """Whether it has no message and no setting."""
        return self._new and self.settings == models.SessionSettings()

    # Subscribers

    async def before(self, place: Place) -> list[models.Message]:
        """The messages that `attach` shows before those held here."""
        resumes = self._missed(place) is not None
        return [] if resumes else await self._conversation.before(place.history)

    def _missed(self, place: Place) -> list[wire.SessionFrame | wire.ErrorFrame] | None:
        """The events that a client has not seen; None where it needs a snapshot."""
        same = place.epoch == self.audience.epoch
        return self.audience.log.after(place.after) if same and place.after is not None else None

    def attach(
        self, subscriber: Subscriber, place: Place, earlier: Sequence[models.Message] = ()
    ) -> None:
        """Send a subscriber the events it missed, or a snapshot, and every event from now on.

        `earlier` are the messages of `before`, with nothing awaited in between.
        """
        log, missed = self.audience.log, self._missed(place)
        history, epoch, after, _ = place
        replay: Literal["complete", "truncated", "none"] = "none"
        if epoch is not None and after is not None:
            replay = "complete" if missed is not None else "truncated"
        messages = [*earlier, *self._conversation.messages]
        shown = self._newest(messages, history)
        whole = bool(earlier) and len(messages) < history
        older = len(shown) < len(messages) or (self._conversation.older and not whole)
        self.refresh_budget()
        size = self._chat.size(self.settings, self._used)
        self.audience.subscribers.add(subscriber)
        ready = wire.Ready(
            session=self.id,
            epoch=self.audience.epoch,
            seq=log.seq if missed is not None else 0,
            replay=replay,
            model=self.settings.model or self._chat.models.default.name,
            features=subscriber.features,
            store=self._chat.store.kind,
            title=self._session.title,
            status=self.status,
            server=__version__,
            user=self.user_id,
            before=next((e.message_id for e in shown if e.message_id), None) if older else None,
            message_bytes=self._chat.message_bytes(self.user_id, size.budget),
            message_chars=self._limits.message_chars,
            context=size,
            modes=self._chat.modes.listed,
            settings=self.settings,
            elsewhere=self.elsewhere,
        )
        subscriber.offer(ready)
        for event in (*shown, *log.run_so_far()) if missed is None else missed:
            subscriber.offer(event)
        if missed is None and log.seq:
            subscriber.offer(wire.SnapshotEnd(log.seq))
        self._conversation.trim()

    def _newest(self, messages: Sequence[models.Message], count: int) -> list[wire.MessageEvent]:
        """The newest messages, at most `count` and within the limit of bytes, but at least one."""
        shown, room = list[wire.MessageEvent](), self._limits.history_bytes
        for message in reversed(messages[-count:] if count else []):
            event = wire.message_event(message)
            room -= len(wire.encode_bytes(event))
            if room < 0 and shown:
                break
            shown.append(event)
        return shown[::-1]

    def publish(self, frame: wire.SessionFrame | wire.ErrorFrame) -> None:
        """Send an event to every subscriber; the end of a run may change the context size."""
        self.audience.publish(frame)
        if isinstance(frame, wire.RunFinished) and frame.context is not None:
            self._used = frame.context.used
            self.refresh_budget()  # its headers may have told a limit

    def publish_settings(self) -> None:
        """Publish the settings and the context size that follows from them."""
        size, default = self._known = self._state()
        self.publish(
            wire.settings_event(
                self.settings,
                default_model=default,
                message_bytes=self._chat.message_bytes(self.user_id, size.budget),
                context=msgspec.structs.replace(size, used=self._used),
            )
        )

    def _state(self) -> tuple[models.ContextSize, str]:
        return self._chat.size(self.settings), self._chat.models.default.name

    def refresh_budget(self) -> None:
        """Publish the context size and the default model if more is known of the model."""
        if self._known is None:
            self._known = self._state()
        elif self._known != self._state():
            self.publish_settings()

    def runs_idle(self) -> None:
        """See `RunOwner`."""
        self._owner.end_if_left(self)

    def replied(self, reply: models.Message) -> None:
        """See `RunOwner`."""
        self.audience.log.share(reply.meta.run or "", reply.text)

    def session_deleted(self) -> None:
        """See `RunOwner`."""
        self._owner.forget(self)

    def delete(self) -> None:
        """Close all subscriptions, and refuse changes that would create the session again."""
        self._deleted = True
        self.runs.forget()
        self.audience.close("The session was deleted.")

    # Requests of clients

    def _check_exists(self) -> None:
        if self._deleted:
            raise NotFound("The session was deleted.")

    async def was_sent(self, client_id: str) -> bool:
        """Whether a message with this client id is stored already."""
        return await self._chat.store.find_client_id(self.user_id, self.id, client_id) is not None

    async def send(self, frame: wire.Send) -> wire.Ack:
        """Store a checked message and queue its reply; the same id twice is answered once."""
        async with self._sending:
            self._check_exists()
            withdrawn = await self._withdraw_replaced(frame)
            self._check_exists()
            try:
                await self.runs.store_unsaved()
                recalled = self._recall(frame)
                appended = await self._append(frame)
            except BaseException:
                self.runs.add(*withdrawn)
                raise
            self._check_exists()
            new = not appended.duplicate or frame.id in self._uncertain
            self._uncertain.discard(frame.id)
            if new:
                await self._publish_message(appended, frame, recalled)
        return wire.Ack(frame.id, appended.message.id, duplicate=appended.duplicate)

    def _recall(self, frame: wire.Send) -> list[RunningRecall]:
        """Start the recall while the message is committed.

        Not for a message that waits for another reply, whose recall should find that one too; not
        while many replies begin, since the first ones would wait for the recall of all; and not
        for one that a tool answers.
        """
        if frame.replaces is not None or self.runs.running or not self._admission.idle:
            return []
        if find_tool_request(frame.text) is not None:
            return []
        left_out = sorted(replaced_ids(self._conversation.messages))
        recall = self._chat.recall(
            self.user_id, frame.text, left_out=left_out, asked=(self.id, frame.id)
        )
        return [self._admission.prepare(self._tasks.spawn(recall))]

    async def _withdraw_replaced(self, frame: wire.Send) -> list[RunRequest]:
        """Stop or withdraw the reply to the message that is replaced.

        Returns the withdrawn requests. Raises `Conflict` unless it is the person's last message.
        """
        if frame.replaces is None:
            return []
        await self._catch_up()
        last = self._conversation.question
        if last is not None and (last.id == frame.replaces or last.client_id == frame.id):
            return await self.runs.withdraw(frame.replaces)
        if await self.was_sent(frame.id):
            return []
        raise Conflict(
            "Only your last message in this conversation can be edited, and it is another one. "
            "Edit that one, or send this as a new message."
        )

    async def _append(self, frame: wire.Send) -> Appended:
        """Store a message; raises `NotFound` where another server deleted the session."""
        known = self._conversation.own_id
        try:
            return await self._chat.store.append(
                self.user_id,
                self.id,
                "user",
                frame.text,
                title=self._session.title or models.title_from(frame.text),
                client_id=frame.id,
                meta=models.MessageMeta(
                    intent=frame.intent,
                    intent_corrected_from=frame.corrected_from,
                    replaces=frame.replaces,
                    model=frame.model,
                ),
                live_seconds=self._chat.live_seconds,
                server=self._chat.server,
                known=known,
                settings=self.settings,
            )
        except NotFound:
            if known:
                self.session_deleted()
                self._check_exists()
            raise
        except StoreError:
            if not self._conversation.holds(frame.id):
                self._uncertain.add(frame.id)
                self._unanswered = True
            raise

    async def _publish_message(
        self,
        appended: Appended,
        frame: wire.Send,
        recalled: Sequence[RunningRecall],
    ) -> None:
        if not (appended.duplicate and self._conversation.holds(frame.id)):
            if appended.previous_id > self._conversation.known_id:
                await self._catch_up(appended.message.id)
            self._conversation.stored(appended)
            self._conversation.add(appended.message)
            self.publish(wire.message_event(appended.message))
            await self._chat.hooks.notify("on_message", self.user_id, appended.message)
        self._answer(
            appended.message, frame.intent, frame.corrected_from, frame.model, recalled=recalled
        )

    async def _catch_up(self, until: int | None = None) -> None:
        for message in await self._conversation.catch_up(until):
            self.publish(wire.message_event(message))

    def retry(self, frame: wire.Retry) -> None:
        """Answer the last message again, perhaps as another intent or with another model."""
        self._chat.modes.check(frame.intent)
        check_model(frame.model, self._chat.models)
        self._check_exists()
        if self.runs.running:
            raise Conflict("A reply is running. Stop it before trying again.")
        question = self._conversation.question
        if question is None:
            raise Conflict("Nothing to answer again: no message was sent.")
        found = self._conversation.detected(question.id)
        corrected = found if frame.intent and frame.intent != found else None
        model = frame.model or question.meta.model
        self._answer(question, frame.intent, corrected, model, again=True)

    async def configure(self, change: wire.Set) -> None:
        """Change and publish the settings; they are stored with the first message, or at once."""
        if isinstance(change.model, str):
            await self._chat.models.verify(change.model)
        async with self._sending:
            self._check_exists()
            settings = models.checked_settings(change.applied(self.settings))
            self._chat.models.find(settings.model)
            if not self._new:
                await self._chat.store.configure(self.user_id, self.id, settings)
                self._check_exists()
            self._session = msgspec.structs.replace(self._session, settings=settings)
            self.publish_settings()

    def _answer(
        self,
        question: models.Message,
        intent: str | None,
        corrected: str | None,
        model: str | None,
        *,
        recalled: Sequence[RunningRecall] = (),
        again: bool = False,
    ) -> None:
        if self.status != "active":
            title = self._session.title or models.title_from(question.text)
            active = msgspec.structs.replace(
                self._session, title=title, status="active", ended_at=None
            )
            self._set_stored(active)
            self._publish_session()
        self._queued.add(question.id)
        self.runs.add(
            RunRequest(
                user_id=self.user_id,
                session_id=self.id,
                question=question,
                intent=intent or question.meta.intent,
                corrected_from=corrected,
                settings=msgspec.structs.replace(self.settings, model=model or self.settings.model),
                recalled=[*recalled],
                again=again,
            )
        )

    async def rate(self, rating: int) -> None:
        """Store a rating and publish it."""
        self.changed(await self._chat.store.rate(self.user_id, self.id, rating))

    def changed(self, session: models.Session) -> None:
        """Apply and publish a change of the stored session; a new end comes with its summary."""
        if session.ended_at not in {None, self._session.ended_at}:
            self.publish(summary_event(session))
        self._set_stored(session)
        self._publish_session()

    def _set_stored(self, session: models.Session) -> None:
        self._session, self._new = session, False

    def remembered(self, memory: models.Memory) -> None:
        """Use a memory that a person changed."""
        self._conversation.memory = memory

    def _publish_session(self) -> None:
        session = self._session
        self.publish(
            wire.SessionEvent(
                seq=0,
                title=session.title,
                status=session.status,
                rating=session.rating,
                elsewhere=self.elsewhere,
            )
        )

    async def end(
        self, claimed: asyncio.Event | None = None, *, leaving: bool = False
    ) -> models.Session | None:
        """Stop replies, complete and summarise; None without messages or where another server ends it.

        `claimed` is set when the end is claimed: later messages start the session again. With
        `leaving`, a session that other servers host too is not ended.
        """
        async with self._ending:
            async with self._sending:
                await self.runs.stop("stopped")
                if self._new:
                    return None
                ending = await self._summaries.claim(self.user_id, self.id, leaving=leaving)
            if claimed is not None:
                claimed.set()
            session = (
                await self._summaries.write(ending, model=self.settings.model)
                if ending is not None
                else None
            )
            session = session or await self._chat.store.session(self.user_id, self.id)
            if session is not None and session.status == "completed":
                self.changed(session)
                return session
            return None


def _shown(session: models.Session) -> tuple[object, ...]:
    """What clients are shown of a session, without its settings."""
    return session.title, session.status, session.rating, session.ended_at


async def recover(
    store: Store, user_id: str, session_id: str, replies: Sequence[JournaledReply]
) -> None:
    """Store the journalled replies of servers that have ended; repeating it changes nothing."""
    for left in replies:
        meta = left.meta
        if meta.status is None:
            error = CUT_SHORT if left.text else NOT_ANSWERED
            meta = msgspec.structs.replace(meta, status="interrupted", error=error)
        try:
            await store.append(
                user_id,
                session_id,
                "assistant",
                left.text,
                title="",
                client_id=left.run,
                meta=meta,
            )
        except Refused as refused:  # the session or its journal was deleted meanwhile
            log.info("an unfinished reply was not recovered: %s", refused.code)


def check_send(frame: wire.Send, limits: Limits, modes: Modes, providers: Providers) -> None:
    """Raise `TooLarge` or `BadRequest` for an invalid message."""
    if len(frame.text) > limits.message_chars:
        raise TooLarge(
            f"A message has at most {limits.message_chars:,} characters; "
            f"this one has {len(frame.text):,}. Send it in parts."
        )
    if not frame.text.strip():
        raise BadRequest("A message needs some text.")
    if not 1 <= len(frame.id) <= CLIENT_ID_CHARS:
        raise BadRequest(f"A message's id has 1 to {CLIENT_ID_CHARS} characters.")
    modes.check(frame.intent)
    modes.check(frame.corrected_from)
    check_model(frame.model, providers)


def check_model(name: str | None, providers: Providers) -> None:
    """Raise `BadRequest` or an `LlmError` for a model that no provider can have."""
    if name is not None:
        providers.find(models.checked_model(name))
