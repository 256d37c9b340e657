"""The model adapter of the examples passes the kit, against a service of its own format."""

import asyncio
import json
from typing import Any

from examples.messages_model import MessagesModel
from genpy_server.testing import ModelSuite, ScriptedModel
from genpy_server.testing.scripted_model import Script, event


def named(kind: str, **fields: Any) -> bytes:
    """One event of a stream."""
    return event({"type": kind, **fields}, kind)


BEGIN = named("message_start", message={"usage": {"input_tokens": 11, "output_tokens": 1}})


def end(reason: str) -> list[bytes]:
    """The last events of a reply."""
    delta = named("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": 7})
    return [delta, named("message_stop")]


def text_block(text: str) -> bytes:
    """A piece of text."""
    return named("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


class ScriptedMessages(ScriptedModel):
    """The scripted service in the format of content blocks."""

    def pieces_before(self, text: int) -> int:
        """See `ScriptedModel`."""
        return text + 2

    def say(self, *texts: str, finish: str = "stop", paused_at: int | None = None) -> asyncio.Event:
        """See `ScriptedModel`."""
        gate = asyncio.Event()
        start = named("content_block_start", index=0, content_block={"type": "text", "text": ""})
        reasons = {"stop": "end_turn", "length": "max_tokens"}
        pieces = [BEGIN, start, *map(text_block, texts), *end(reasons[finish])]
        self.script(Script(pieces=pieces, gates={} if paused_at is None else {paused_at: gate}))
        return gate

    def call(self, name: str, arguments: Any, call_id: str = "call_1") -> None:
        """See `ScriptedModel`."""
        self.script(Script(pieces=self._call(name, arguments, call_id)))

    def _call(self, name: str, arguments: Any, call_id: str) -> list[bytes]:
        block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        text = json.dumps(arguments)
        parts = [
            named(
                "content_block_delta",
                index=1,
                delta={"type": "input_json_delta", "partial_json": p},
            )
            for p in (text[:3], text[3:])
        ]
        start = named("content_block_start", index=1, content_block=block)
        return [BEGIN, start, *parts, *end("tool_use")]

    def cut(self, *texts: str, hang_up: bool = True) -> None:
        """See `ScriptedModel`."""
        self.script(Script(pieces=[BEGIN, *map(text_block, texts)], hang_up=hang_up))

    async def _play(self, request: Any) -> Any:
        if self.answer is not None and "tool_choice" in self.requests[-1]["body"]:
            self.script(Script(pieces=self._call("answer", self.answer, "call_1")))
        return await super()._play(request)


class TestMessagesModel(ModelSuite):
    """The adapter passes the suite."""

    def make_service(self):
        """See `ModelSuite`."""
        return ScriptedMessages()

    def make_model(self, service):
        """See `ModelSuite`."""
        return MessagesModel(service.root, "some-model", "key")
