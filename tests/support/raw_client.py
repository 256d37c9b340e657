"""A raw genpy.v1 client for tests: frames in, frames out, with nothing clever between."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import msgspec
from support.conditions import PATIENCE
from websockets.asyncio.client import ClientConnection, connect

from genpy_server.wire import Frame, Send, encode

Message = dict[str, Any]


class Peer:
    """One socket on a session; received frames are kept in `frames` as plain objects."""

    def __init__(
        self, url: str, ref: str, *, token: str | None = None, **query: str | int | None
    ) -> None:
        asked = {key: value for key, value in query.items() if value is not None}
        base = url.replace("http", "ws", 1)
        self._url = f"{base}/ws/session/{ref}" + (f"?{urlencode(asked)}" if asked else "")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._read = 0
        self.frames: list[Message] = []
        self.ws: ClientConnection

    async def __aenter__(self) -> Self:
        """Connect; `ready` is the first of `frames` once it has come."""
        self.ws = await connect(
            self._url,
            subprotocols=["genpy.v1"],
            additional_headers=self._headers,
            compression=None,
            max_size=None,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Leave."""
        await self.ws.close()

    async def say(self, frame: Frame) -> None:
        """Send a frame."""
        await self.ws.send(encode(frame))

    async def ask(self, name: str, text: str, **fields: Any) -> Message:
        """Send a message, and wait for the end of its reply."""
        await self.say(Send(name, text, **fields))
        return await self.until("run_finished")

    async def next(self) -> Message:
        """The next frame."""
        async with asyncio.timeout(PATIENCE):
            frame: Message = msgspec.json.decode(await self.ws.recv())
        self.frames.append(frame)
        return frame

    async def until(self, kind: str, when: Callable[[Message], bool] = lambda _: True) -> Message:
        """Read up to the first frame of a type for which `when` holds."""
        while True:
            frame = await self.next()
            if frame["type"] == kind and when(frame):
                return frame

    def of(self, kind: str) -> list[Message]:
        """The received frames of a type."""
        return [frame for frame in self.frames if frame["type"] == kind]

    @property
    def text(self) -> str:
        """The text of all deltas received, each where its offset says."""
        text = ""
        for frame in self.of("delta"):
            text = text[: frame["offset"]] + frame["text"]
        return text
