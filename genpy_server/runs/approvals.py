"""Permissions for tools that act: requested from the clients of a session, and remembered."""

import asyncio
from typing import Protocol

from genpy_server import wire
from genpy_server.errors import Conflict, StoreError
from genpy_server.runs.context import Publisher
from genpy_server.stores.base import Store
from genpy_server.tools.base import Tool

NOBODY = (
    "The tool {name} was not run: it acts, and no client here can allow it. "
    "Allow it in advance with --allow {name}."
)
NO_ANSWER = "The tool {name} asked a question that no client here can answer: the answer is no."


class ApprovalAudience(Publisher, Protocol):
    """The clients of a session."""

    def can_approve(self) -> bool:
        """Whether a client can answer a request."""

    def allowed(self, name: str) -> bool:
        """Whether a client allowed a tool in advance."""


class Approvals:
    """The approval requests of one session, one at a time, and the tools allowed in it."""

    def __init__(
        self, store: Store, user_id: str, audience: ApprovalAudience, seconds: float
    ) -> None:
        self._store = store
        self._user_id = user_id
        self._audience = audience
        self._seconds = seconds
        self._session = set[tuple[str, str]]()
        self._turn = asyncio.Lock()
        self._waiting: tuple[wire.ApprovalRequested, asyncio.Future[wire.Decision]] | None = None

    async def may_run(self, tool: Tool, run: str, call: str, args: dict[str, object]) -> bool:
        """Whether a tool that acts may run; asks the clients unless it was allowed before."""
        name = tool.spec.name
        kept = (name, tool.digest)
        if kept in self._session or await self._always(*kept):
            return True
        request = wire.ApprovalRequested(
            seq=0, run=run, call=call, name=name, args=args, digest=tool.digest
        )
        decision = await self._ask(request)
        if decision == "always":
            await self._store.approve_tool(self._user_id, *kept)
        elif decision == "session":
            self._session.add(kept)
        return decision != "no"

    async def _always(self, name: str, digest: str) -> bool:
        try:
            approved = await self._store.approved_tools(self._user_id)
        except StoreError:
            return False
        return any(one.name == name and one.digest == digest for one in approved)

    async def ask(self, question: str, name: str, run: str, call: str) -> bool:
        """Ask the clients a yes-or-no question of a running tool."""
        request = wire.ApprovalRequested(seq=0, run=run, call=call, name=name, question=question)
        return await self._ask(request) != "no"

    async def _ask(self, request: wire.ApprovalRequested) -> wire.Decision:
        name = request.name
        if request.question is None and self._audience.allowed(name):
            return "once"
        if not self._audience.can_approve():
            text = (NOBODY if request.question is None else NO_ANSWER).format(name=name)
            self._audience.publish(wire.Notice(seq=0, code=wire.APPROVAL_REFUSED, text=text))
            return "no"
        async with self._turn:  # a tool may ask several questions at once
            return await self._answered(request)

    async def _answered(self, request: wire.ApprovalRequested) -> wire.Decision:
        """The answer to a request; an `ApprovalResolved` is published in every case."""
        resolved = wire.ApprovalResolved(
            seq=0, run=request.run, call=request.call, decision="no", by="stopped"
        )
        answer: asyncio.Future[wire.Decision] = asyncio.get_running_loop().create_future()
        self._waiting = (request, answer)
        self._audience.publish(request)
        try:
            async with asyncio.timeout(self._seconds):
                resolved.decision = await answer
            resolved.by = "client"
        except TimeoutError:
            resolved.by = "timeout"
        finally:
            self._waiting = None
            self._audience.publish(resolved)
        return resolved.decision

    def answer(self, frame: wire.Approve) -> None:
        """Accept an answer; raises `Conflict` where the request of that call is not open."""
        waiting = self._waiting
        if (
            waiting is None
            or waiting[0].call != frame.call
            or frame.run not in {None, waiting[0].run}
            or waiting[1].done()
        ):
            raise Conflict("This request is not open: it was answered, or its time is over.")
        waiting[1].set_result(frame.decision)
