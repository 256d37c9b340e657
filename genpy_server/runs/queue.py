"""The replies of one session: one at a time, in order, each stored in the end."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from itertools import count
from typing import Any

from genpy_server.core.models import Message, RunStatus
from genpy_server.errors import GenPyError, NotFound
from genpy_server.runs.context import Chat
from genpy_server.runs.history import Conversation
from genpy_server.runs.memory import MemoryKeeper
from genpy_server.runs.remembering import Remembering
from genpy_server.runs.run import Run
from genpy_server.runs.turn import Control, Emit, Turn

SAVE_WAITS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds between attempts to store a reply while the database is away; the last one repeats."""

log = logging.getLogger("genpy.runs")

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class RunQueue:
    """Runs turns; `emit` tells of them, `stored` of a reply that was stored late.

    `spawn` starts work in the background; `idle` is called when nothing may be going on any more,
    and `gone` when a reply found that its session was deleted.
    """

    def __init__(
        self,
        *,
        chat: Chat,
        keeper: MemoryKeeper,
        conversation: Conversation,
        emit: Emit,
        stored: Callable[[Message], None],
        spawn: Spawn,
        idle: Callable[[], None],
        gone: Callable[[], None],
    ) -> None:
        self._chat = chat
        self._remembering = Remembering(keeper, conversation)
        self._conversation = conversation
        self._emit = emit
        self._stored = stored
        self._spawn = spawn
        self._idle = idle
        self._gone = gone
        self._waiting: deque[Turn] = deque()
        self._task: asyncio.Task[None] | None = None
        self._run: Run | None = None
        self._control = Control()
        self._unwanted: RunStatus | None = None
        """The status of the next run, which was cancelled before it began."""
        self._stopping: RunStatus | None = None
        """The status of every run that would begin while all are being stopped."""
        self._unsaved = 0
        self._forgotten = False

    @property
    def waiting(self) -> int:
        """How many messages wait for the reply before theirs."""
        return len(self._waiting)

    @property
    def running(self) -> bool:
        """Whether a reply is running or waiting."""
        return self._task is not None

    @property
    def busy(self) -> bool:
        """Whether a reply is running, waiting, or not stored yet."""
        return self.running or self._unsaved > 0

    def add(self, *turns: Turn) -> None:
        """Answer turns, after those that wait; none in a session that was deleted."""
        if not self._forgotten:
            self._waiting.extend(turns)
        if self._waiting and self._task is None:
            self._start()

    async def _work(self) -> None:
        while self._waiting:
            await self._answer(self._waiting.popleft())

    def _start(self) -> None:
        self._task = asyncio.create_task(self._work())
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task, self._unwanted = None, None
        if not task.cancelled() and task.exception() is not None:
            log.error("the queue of runs failed", exc_info=task.exception())
        if self._waiting:  # added after the last look and before this
            self._start()
        else:
            self._idle()

    async def _answer(self, turn: Turn) -> None:
        unwanted = self._stopping or self._unwanted
        self._control = Control(unwanted or "stopped", unwanted=unwanted is not None)
        self._unwanted = None
        turn = replace(
            turn,
            history=tuple(self._conversation.messages),
            memory=self._conversation.memory,
            previous_intent=self._conversation.intent(),
        )
        self._run = Run(self._chat, turn, self._emit)
        try:
            reply = await self._run.answer(self._control)
        finally:
            self._run = None
        if reply.deleted:
            self._gone()
            return
        self._conversation.add(reply.message)
        if not reply.message.id:
            self._unsaved += 1
            self._spawn(self._save(turn, reply.message))
        dropped = reply.dropped_upto
        if self._remembering.due(dropped):
            self._spawn(self._remembering.extend(turn.user_id, turn.session_id, dropped))

    def cancel(self, run: str | None = None) -> bool:
        """Stop the current reply and keep what came; False when there is none, or another."""
        if self._task is None or (run is not None and (self._run is None or run != self._run.id)):
            return False
        self._cancel("stopped")
        return True

    def _cancel(self, status: RunStatus) -> None:
        if self._run is None:  # its task has not had its first turn yet
            self._unwanted = status
        elif self._task is not None and not self._control.closing:
            self._control.status = status
            self._task.cancel()

    async def stop(self, status: RunStatus) -> None:
        """Stop every run and wait until what came is kept."""
        try:
            while self._task is not None:
                self._waiting.clear()
                self._stopping = status
                self._cancel(status)
                await asyncio.wait([self._task])
                await asyncio.sleep(0)
        finally:
            self._stopping = None

    async def withdraw(self, question_id: int) -> list[Turn]:
        """Answer the last message no more; what came of its running reply is kept on return.

        Returns the turns that waited for it.
        """
        withdrawn = [turn for turn in self._waiting if turn.question.id == question_id]
        self._waiting = deque(t for t in self._waiting if t.question.id != question_id)
        if self._task is not None and self._run is not None and self._run.answers(question_id):
            self._cancel("stopped")
            await asyncio.wait([self._task])
        return withdrawn

    def forget(self) -> None:
        """Answer nothing and store nothing any more that waits: the session is deleted."""
        self._forgotten = True
        self._waiting.clear()

    async def _save(self, turn: Turn, reply: Message) -> None:
        """Store a reply as soon as the database is back."""
        try:
            for attempt in count():
                await asyncio.sleep(SAVE_WAITS[min(attempt, len(SAVE_WAITS) - 1)])
                if self._forgotten or await self._saved(turn, reply):
                    return
        finally:
            self._unsaved -= 1
            self._idle()

    async def _saved(self, turn: Turn, reply: Message) -> bool:
        try:
            stored = await self._chat.keep(turn, reply)
        except NotFound:
            self._gone()
            return True
        except GenPyError as error:
            log.warning("a reply is not stored yet: %s", error.code)
            return not error.retryable
        self._conversation.replace(reply, stored)
        self._stored(stored)
        return True
