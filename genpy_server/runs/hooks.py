"""Hooks: methods of a program that are called at five points of a conversation."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from genpy_server.core.models import Message, Session, ToolRecord
from genpy_server.errors import place
from genpy_server.llm.base import ChatRequest

POINTS = ("on_message", "on_context", "on_reply", "on_session_end", "on_tool")

log = logging.getLogger("genpy.hooks")


class Hooks:
    """Override the methods you need, and pass an object of your class to `App(on=[…])`.

        class Audit(Hooks):
            async def on_reply(self, user_id: str, reply: Message) -> None:
                print(user_id, reply.meta.usage)

    Several are called in their order, each within `GENPY_LIMIT_HOOK_SECONDS`. A hook that raises or
    takes longer is logged by its name and has no effect.
    """

    async def on_message(self, user_id: str, message: Message) -> None:
        """A person's message is stored; the reply begins afterwards."""

    async def on_context(
        self, user_id: str, session_id: str, request: ChatRequest
    ) -> ChatRequest | None:
        """A request is about to be sent to the model; returns what is sent instead, if anything."""

    async def on_reply(self, user_id: str, reply: Message) -> None:
        """A reply is stored, complete or partial; `reply.meta.status` says how it ended."""

    async def on_session_end(self, user_id: str, session: Session) -> None:
        """A session was ended; it has its summary, or a note why there is none."""

    async def on_tool(self, user_id: str, session_id: str, call: ToolRecord) -> None:
        """A tool call is over; one that was stopped is not reported."""


class HookRunner:
    """Calls the methods that hooks override, and no others."""

    def __init__(self, hooks: Sequence[Hooks] = (), seconds: float = 5.0) -> None:
        self._seconds = seconds
        self._used: dict[str, list[Callable[..., Awaitable[Any]]]] = {
            point: [
                getattr(hook, point)
                for hook in hooks
                if getattr(type(hook), point) is not getattr(Hooks, point)
            ]
            for point in POINTS
        }

    async def notify(self, point: str, *values: Any) -> None:
        """Call the hooks of a point other than `on_context`, with the values of its method."""
        for hook in self._used[point]:
            await self._call(hook, *values)

    async def context(self, user_id: str, session_id: str, request: ChatRequest) -> ChatRequest:
        """See `Hooks.on_context`; each is given what the one before it returned."""
        for hook in self._used["on_context"]:
            changed = await self._call(hook, user_id, session_id, request)
            if isinstance(changed, ChatRequest):
                request = changed
            elif changed is not None:
                log.error("%s returned no ChatRequest", _name(hook))
        return request

    async def _call(self, hook: Callable[..., Awaitable[Any]], *values: Any) -> Any:
        try:
            async with asyncio.timeout(self._seconds):
                return await hook(*values)
        except BaseException as error:  # foreign code must not end the server
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise  # the run is stopped; the hook did not cancel itself
            kind = type(error).__name__
            log.error("%s failed: %s in %s", _name(hook), kind, place(error))  # noqa: TRY400 - a traceback could hold messages
        return None


def _name(hook: Callable[..., Any]) -> str:
    return f"{type(getattr(hook, '__self__', None)).__name__}.{hook.__name__}"
