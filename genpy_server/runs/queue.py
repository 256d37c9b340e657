"""The queue of replies of one session: one at a time, in order, each stored when it ends."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from itertools import count
from typing import Any, Protocol, TypeVar

import msgspec

from genpy_server.core.backoff import Backoff
from genpy_server.core.models import Message, RunStatus
from genpy_server.errors import GenPyError, NotFound
from genpy_server.runs.approvals import ApprovalAudience, Approvals
from genpy_server.runs.background import BackgroundTasks
from genpy_server.runs.context import Chat, Publisher, RunRequest
from genpy_server.runs.history import Conversation
from genpy_server.runs.journal import FAILS, ReplyJournal, RunProgress
from genpy_server.runs.memory import MemorySchedule
from genpy_server.runs.run import ReplyRun, RunControl
from genpy_server.wire import Notice, message_event

T = TypeVar("T")

SAVE = Backoff(first=0.5, longest=30.0, jitter=0.2)
"""Retries of storing a reply while the database is unavailable."""

WAITS = "Your message will be answered when the database is back."
"""Of one that another server may have taken over."""

log = logging.getLogger("genpy.runs")


class RunOwner(Publisher, Protocol):
    """The live session of a queue."""

    def runs_idle(self) -> None:
        """Called when nothing runs or waits."""

    def replied(self, reply: Message) -> None:
        """Called when a reply is complete, stored or not."""

    @property
    def lapsed(self) -> bool:
        """Whether another server may have taken over messages that wait here."""

    async def taken_over(self, questions: set[int]) -> set[int]:
        """Those of these messages that another server has; `lapsed` begins again."""

    def session_deleted(self) -> None:
        """Called when the session is missing in the store."""


class RunServices(msgspec.Struct, frozen=True):
    """The services that all queues share."""

    chat: Chat
    tasks: BackgroundTasks
    journal: ReplyJournal
    admission: "Admission"


class Admission:
    """Limits how many replies are prepared at once, until the model is asked; first come, first served.

    Otherwise replies that begin together would delay each other at every step.
    """

    def __init__(self, at_once: int, most_waiting: int) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._at_once = at_once
        self._prepared = set[asyncio.Task[Any]]()
        self._most = most_waiting
        self._waiting = 0
        self.running: Counter[str] = Counter()
        """Sessions with a running or waiting reply, by user."""

    @property
    def full(self) -> bool:
        """Whether the limit of waiting replies is reached."""
        return self._waiting >= self._most

    @property
    def idle(self) -> bool:
        """Whether more may be prepared for a reply that is still to begin."""
        return not self._waiting and len(self._prepared) < self._at_once

    def prepare(self, task: asyncio.Task[T]) -> asyncio.Task[T]:
        """Count what is prepared for a reply that is still to begin, for as long as it runs."""
        self._prepared.add(task)
        task.add_done_callback(self._prepared.discard)
        return task

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Callable[[], None]]:
        """Wait for a slot; it is released by the given function, or with the context."""
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        with ExitStack() as held:
            held.callback(self._free.release)
            yield held.close


class RunQueue:
    """Runs the requests of one session, one at a time, and stores their replies."""

    def __init__(
        self,
        services: RunServices,
        conversation: Conversation,
        owner: RunOwner,
        audience: ApprovalAudience,
    ) -> None:
        self._chat = services.chat
        self._tasks = services.tasks
        self._journal = services.journal
        self._admission = services.admission
        self._memory = MemorySchedule(conversation, self._chat.settings.context_tokens)
        self._conversation = conversation
        self._owner = owner
        seconds = self._chat.settings.limits.approval_seconds
        self.approvals = Approvals(self._chat.store, conversation.user_id, audience, seconds)
        self._waiting: list[RunRequest] = []
        self._task: asyncio.Task[None] | None = None
        self._run: ReplyRun | None = None
        self._control = RunControl()
        """That of the running reply, or else of the next one."""
        self._stopping: RunStatus | None = None
        """The status of every run that begins while all are being stopped."""
        self._unsaved: dict[str, tuple[ReplyRun, Message]] = {}
        """Replies that are not stored yet, by the ids of their runs."""
        self._asking = False
        """Whether the store is asked which messages still wait here."""
        self._closed = False
        self._sent_notices = set[str]()

    @property
    def waiting(self) -> int:
        """How many messages wait for an earlier reply."""
        return len(self._waiting)

    @property
    def running(self) -> bool:
        """Whether a reply is running or waiting."""
        return self._task is not None

    @property
    def busy(self) -> bool:
        """Whether a reply is running, waiting, or not stored yet."""
        return self.running or bool(self._unsaved)

    def add(self, *requests: RunRequest) -> None:
        """Queue requests; ignored in a deleted session."""
        if not self._closed:
            self._waiting.extend(requests)
        if self._waiting and self._task is None:
            self._start()

    async def _work(self) -> None:
        while self._waiting:
            if self._unsure:
                await self._leave_out_taken()
            async with self._admission.slot() as leave:
                if self._waiting and not self._unsure:  # withdrawn, or asleep, meanwhile
                    await self._answer(self._waiting.pop(0), leave)

    @property
    def _unsure(self) -> bool:
        """Whether another server may have the next message; one that is stopped needs no answer."""
        stopped = self._control.cancelled or self._stopping is not None
        return self._owner.lapsed and not stopped

    async def _leave_out_taken(self) -> None:
        """Leave out what another server has taken over, as soon as the store says it."""
        self._asking = True
        try:
            for attempt in count():
                try:
                    asked = {r.question.id for r in self._waiting if not r.again}
                    taken = await self._owner.taken_over(asked)
                except Exception as error:  # else the queue would end and begin without rest
                    trouble = error if isinstance(error, GenPyError) else FAILS
                    bug = None if error is trouble else error
                    log.warning("messages wait for the database: %s", trouble.code, exc_info=bug)
                    if not attempt:
                        text = f"{trouble.message} {WAITS}"
                        self._owner.publish(Notice(seq=0, code=trouble.code, text=text))
                else:
                    self._waiting = [
                        r for r in self._waiting if r.again or r.question.id not in taken
                    ]
                    return
                await asyncio.sleep(SAVE.delay(attempt, chance=random.random()))  # noqa: S311 - no secret
        except asyncio.CancelledError:
            if self._task is None or not self._control.cancelled:
                raise
            self._task.uncancel()  # the reply is stored as stopped
        finally:
            self._asking = False

    def _start(self) -> None:
        self._admission.running[self._conversation.user_id] += 1
        self._task = asyncio.create_task(self._work())
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task, self._control = None, RunControl()
        running, user_id = self._admission.running, self._conversation.user_id
        running[user_id] -= 1
        if not running[user_id]:
            del running[user_id]
        if not task.cancelled() and task.exception() is not None:
            log.error("the queue of runs failed", exc_info=task.exception())
        if self._waiting:  # added after the loop ended
            self._start()
        else:
            self._owner.runs_idle()

    async def _answer(self, request: RunRequest, model_asked: Callable[[], None]) -> None:
        """Run one request; `model_asked` is called when the model is asked."""
        if self._stopping is not None:
            self._control.cancel(self._stopping)
        request = msgspec.structs.replace(
            request,
            history=tuple(self._conversation.messages),
            memory=self._conversation.memory,
            previous_intent=self._conversation.intent(),
        )
        self._run = run = ReplyRun(
            self._chat,
            request,
            self._owner,
            self.approvals,
            store=self._store_reply,
            journal=self._journal,
            sent_notices=self._sent_notices,
        )
        self._conversation.being_written.add(run.id)
        progress = RunProgress(run)
        try:
            with self._journal.following(progress):
                reply = await run.answer(self._control, model_asked)
        finally:
            self._run, self._control = None, RunControl()
            self._conversation.being_written.discard(run.id)
        if reply is None:
            self._owner.session_deleted()
            return
        self._conversation.add(reply)
        self._owner.replied(reply)
        if reply.id:
            await self._chat.hooks.notify("on_reply", request.user_id, reply)
        else:
            self._conversation.being_written.add(run.id)
            self._unsaved[run.id] = run, reply
            self._tasks.spawn(self._save(progress))
        if run.model is not None and self._memory.due(run.dropped_upto):
            self._tasks.spawn(self._memory.extend(run.dropped_upto, run.model))

    def cancel(self, run: str | None = None) -> bool:
        """Stop the running reply, which is stored; False where none runs, or another than `run`."""
        if self._task is None or (run is not None and (self._run is None or run != self._run.id)):
            return False
        self._cancel("stopped")
        return True

    def _cancel(self, status: RunStatus) -> None:
        if not self._control.closing:
            self._control.cancel(status)
            if self._task is not None and (self._asking or self._run is not None):
                self._task.cancel()

    async def stop(self, status: RunStatus) -> None:
        """Stop every run and wait until its reply is stored.

        Waiting requests get a stopped reply too; after an interruption another server answers them.
        """
        try:
            while self._task is not None:
                if status == "interrupted":
                    self._waiting.clear()
                self._stopping = status
                self._cancel(status)
                await asyncio.wait([self._task])
                await asyncio.sleep(0)
        finally:
            self._stopping = None

    async def withdraw(self, question_id: int) -> list[RunRequest]:
        """Stop the reply to a message, or remove its requests from the queue.

        Returns the removed requests; a running reply is stored as stopped.
        """
        withdrawn = [r for r in self._waiting if r.question.id == question_id]
        self._waiting = [r for r in self._waiting if r.question.id != question_id]
        task, run = self._task, self._run
        if task is not None and run is not None and run.request.question.id == question_id:
            self._cancel("stopped")
            await asyncio.wait([task])
        return withdrawn

    def forget(self) -> None:
        """Drop waiting requests and unsaved replies: the session was deleted."""
        self._closed = True
        self._waiting.clear()

    async def _save(self, progress: RunProgress) -> None:
        """Store a reply as soon as the database is available."""
        run = progress.run
        try:
            with self._journal.following(progress):
                for attempt in count():
                    await asyncio.sleep(SAVE.delay(attempt, chance=random.random()))  # noqa: S311 - no secret
                    if self._closed:
                        return
                    try:
                        await self.store_unsaved()
                    except GenPyError as error:
                        log.warning("a reply is not stored yet: %s", error.code)
                    else:
                        return
        finally:
            self._conversation.being_written.discard(run.id)
            self._unsaved.pop(run.id, None)
            self._owner.runs_idle()

    async def _store_reply(self, request: RunRequest, reply: Message) -> Message:
        """Store a reply after earlier ones, in the order of their questions."""
        await self.store_unsaved()
        return await self._stored(request, reply)

    async def _stored(self, request: RunRequest, reply: Message) -> Message:
        appended = await self._chat.store_reply(request, reply)
        self._conversation.stored(appended)
        return appended.message

    async def store_unsaved(self) -> None:
        """Store unsaved replies in order, before the next message is stored.

        Raises the `StoreError` of a database that is still unavailable.
        """
        for run, reply in tuple(self._unsaved.values()):
            if run.id not in self._unsaved:  # stored meanwhile
                continue
            try:
                stored = await self._stored(run.request, reply)
            except NotFound:
                self._owner.session_deleted()
                continue
            except GenPyError as error:
                if error.retryable:
                    raise
                continue
            if self._unsaved.pop(run.id, None) is not None:
                self._conversation.replace(reply, stored)
                self._owner.publish(message_event(stored))
                await self._chat.hooks.notify("on_reply", run.request.user_id, stored)
