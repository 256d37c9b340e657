"""The tool calls of one run: their results, events and records."""

import time
from contextlib import suppress
from typing import Any

import msgspec

from genpy_server.core.models import ChatMessage, ToolCall, ToolRecord
from genpy_server.core.understanding.tool_requests import find_tool_request
from genpy_server.errors import BadRequest, StoreError
from genpy_server.runs.context import Chat, Publisher, RunRequest
from genpy_server.tools import registry
from genpy_server.tools.base import Asker
from genpy_server.wire import ToolFinished, ToolStarted

REPEATED = '{"note": "This was called before with the same arguments; its result is above."}'


class ToolCalls:
    """Calls the tools of a run; `records` are its calls so far, `failures` counts failed ones."""

    def __init__(self, chat: Chat, request: RunRequest, run: str, publisher: Publisher) -> None:
        self.records: list[ToolRecord] = []
        self.failures = 0
        self._run = run
        self._publisher = publisher
        self._question = request.question.text
        self._answered = set[str]()
        left_out = frozenset({request.question.id}) | request.replaced_ids
        self._asker = Asker(chat.store, request.user_id, request.session_id, left_out)

    async def requested(self) -> list[ChatMessage]:
        """The tool that the message itself asks for, as a call with its result."""
        found = find_tool_request(self._question)
        if found is None:
            return []
        arguments = msgspec.json.encode(found.args).decode()
        call = ToolCall(f"call_{self._run[:12]}", found.name, arguments)
        return [ChatMessage("assistant", "", tool_calls=(call,)), await self.call(call)]

    async def call(self, call: ToolCall) -> ChatMessage:
        """Call one tool and publish its start and its result; a failure is a result too.

        The same call again only refers to the result that is there already.
        """
        began = time.monotonic()
        shown: dict[str, Any] = {}
        error: str | None = None
        with suppress(BadRequest):  # reported below, like every other failure
            shown = registry.parse_arguments(call.arguments)
        same = msgspec.json.encode([call.name, shown], order="deterministic").decode()
        if same in self._answered:
            return ChatMessage("tool", REPEATED, tool_call_id=call.id, name=call.name)
        self._publisher.publish(
            ToolStarted(seq=0, run=self._run, call=call.id, name=call.name, args=shown)
        )
        try:
            arguments = registry.parse_arguments(call.arguments)
            result = await registry.call(call.name, arguments, self._asker)
            content = msgspec.json.encode(result.data).decode()
            display = result.display
            self._answered.add(same)
        except (BadRequest, StoreError) as failed:
            self.failures += 1
            error = failed.message
            content = msgspec.json.encode({"error": error}).decode()
            display = f"The tool {call.name} failed: {error}"
        ms = round((time.monotonic() - began) * 1000, 1)
        self._publisher.publish(
            ToolFinished(
                seq=0,
                run=self._run,
                call=call.id,
                ok=error is None,
                ms=ms,
                result=display if error is None else None,
                error=error,
            )
        )
        self.records.append(ToolRecord(call.name, shown, error is None, ms, error or display))
        return ChatMessage("tool", content, tool_call_id=call.id, name=call.name, display=display)
