"""The tool calls of one run: their results, events and records."""

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec

from genpy_server.core.models import STOPPED, ChatMessage, ToolCall, ToolRecord
from genpy_server.core.text import storable
from genpy_server.core.understanding.tool_requests import find_tool_request
from genpy_server.errors import BadRequest, Forbidden, StoreError
from genpy_server.runs.approvals import Approvals
from genpy_server.runs.context import Chat, Publisher, RunRequest
from genpy_server.tools.base import Tool, ToolContext, ToolResult
from genpy_server.tools.registry import call as run_tool
from genpy_server.tools.registry import checked_arguments, parse_arguments
from genpy_server.wire import ToolFinished, ToolProgress, ToolStarted

PROGRESS_CHARS = 200
QUESTION_CHARS = 1_000
REPEATED = '{"note": "This was called before with the same arguments; its result is above."}'


class ToolCalls:
    """The tool calls of a run; `records` are the finished ones, `failures` counts failed ones."""

    def __init__(
        self,
        chat: Chat,
        request: RunRequest,
        run: str,
        publisher: Publisher,
        approvals: Approvals | None = None,
        *,
        model: str = "",
    ) -> None:
        self.records: list[ToolRecord] = []
        self.failures = 0
        self._run = run
        self._publisher = publisher
        self._approvals = approvals
        self._tools = chat.tools
        self._hooks = chat.hooks
        self._question = request.question.text
        self._ids = set[str]()
        self._running_id = ""
        self._answered = set[str]()
        left_out = frozenset({request.question.id}) | request.replaced_ids
        self._context = ToolContext(
            chat.store, request.user_id, request.session_id, left_out, model
        )

    async def requested(self) -> list[ChatMessage]:
        """Call the tool that the message itself asks for; returns the call and its result."""
        found = find_tool_request(self._question)
        if found is None:
            return []
        arguments = msgspec.json.encode(found.args).decode()
        call = ToolCall(f"call_{self._run[:12]}", found.name, arguments)
        return [ChatMessage("assistant", "", tool_calls=(call,)), await self.call(call)]

    async def call(self, call: ToolCall) -> ChatMessage:
        """Call one tool and publish its start and its result; a failure is a result too.

        A repeated call is not run: its result only refers to the first one.
        """
        shown: dict[str, Any] = {}
        error: str | None = None
        display = ""
        with suppress(BadRequest):  # reported below, like every other failure
            shown = parse_arguments(call.arguments)
        same = self._key(call.name, shown)
        if same in self._answered:
            return ChatMessage("tool", REPEATED, tool_call_id=call.id, name=call.name)
        call_id = self._own_id(call.id)
        self._publisher.publish(
            ToolStarted(seq=0, run=self._run, call=call_id, name=call.name, args=shown)
        )
        began = time.monotonic()
        try:
            tool = self._tools.find(self._context.user_id, call.name)
            arguments = checked_arguments(tool, parse_arguments(call.arguments))
            await self._check_allowed(tool, call_id, shown)
            began = time.monotonic()
            result = await self._result(tool, call_id, arguments)
            content = msgspec.json.encode(result.data).decode()
            display = result.display
            self._answered.add(same)
        except (BadRequest, Forbidden, StoreError) as failed:
            self.failures += 1
            error = failed.message
            content = msgspec.json.encode({"error": error}).decode()
            display = f"The tool {call.name} failed: {error}"
        except asyncio.CancelledError:
            error = STOPPED
            raise
        finally:
            ms = round((time.monotonic() - began) * 1000, 1)
            self._publisher.publish(
                ToolFinished(
                    seq=0,
                    run=self._run,
                    call=call_id,
                    ok=error is None,
                    ms=ms,
                    result=display if error is None else None,
                    error=error,
                )
            )
            record = ToolRecord(call.name, shown, error is None, ms, error or display)
            self.records.append(record)
        context = self._context
        await self._hooks.notify("on_tool", context.user_id, context.session_id, record)
        return ChatMessage("tool", content, tool_call_id=call.id, name=call.name, display=display)

    def _key(self, name: str, shown: dict[str, Any]) -> str:
        """A key that equal calls share, with default arguments filled in."""
        arguments: Any = shown
        with suppress(BadRequest):
            arguments = checked_arguments(self._tools.find(self._context.user_id, name), shown)
        return msgspec.json.encode([name, arguments], order="deterministic").decode()

    def _own_id(self, call_id: str) -> str:
        """A unique id of a call for the clients: some models repeat ids."""
        own, number = call_id, 1
        while own in self._ids:
            number += 1
            own = f"{call_id}-{number}"
        self._ids.add(own)
        return own

    async def _check_allowed(self, tool: Tool, call_id: str, shown: dict[str, Any]) -> None:
        if tool.reads_only:
            return
        approvals = self._approvals
        if approvals is None or not await approvals.may_run(tool, self._run, call_id, shown):
            raise Forbidden("The person did not allow this call.")

    async def _result(self, tool: Tool, call_id: str, arguments: Any) -> ToolResult:
        approvals, loop = self._approvals, asyncio.get_running_loop()
        here = threading.get_ident()

        def progress(text: str, fraction: float | None) -> None:
            part = None if fraction is None else min(max(float(fraction), 0.0), 1.0)
            shown = storable(str(text)[:PROGRESS_CHARS])
            frame = ToolProgress(seq=0, run=self._run, call=call_id, text=shown, fraction=part)
            if threading.get_ident() == here:
                self._progress(frame)
            else:
                loop.call_soon_threadsafe(self._progress, frame)

        async def ask(question: str) -> bool:
            name = tool.spec.name
            return approvals is not None and await approvals.ask(
                storable(question[:QUESTION_CHARS]), name, self._run, call_id
            )

        self._running_id = call_id
        try:
            context = replace(self._context, on_progress=progress, on_ask=ask)
            return await run_tool(tool, arguments, context)
        finally:
            self._running_id = ""

    def _progress(self, frame: ToolProgress) -> None:
        """Publish progress, unless its call has ended: an abandoned thread may still report."""
        if frame.call == self._running_id:
            self._publisher.publish(frame)
