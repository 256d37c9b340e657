"""A client of genpy.v1 in sixty lines: what it asks is answered once, whatever cuts the line.

python examples/small_client.py http://127.0.0.1:8001 trip-to-rome "Where were we?"
"""

import asyncio
import json
import sys
import uuid
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol


class SmallClient:
    """One session; `replies` has the text of each reply by the id of the message it answers."""

    def __init__(self, url: str, session: str) -> None:
        self.address = f"{url.replace('http', 'ws', 1)}/ws/session/{session}"
        self.epoch, self.seq, self.is_whole = "", 0, False
        self.unsent: dict[str, str] = {}
        self.ids: dict[str, int] = {}
        self.runs: dict[str, int] = {}
        self.replies: dict[int, str] = {}
        self.finished: set[int] = set()

    async def ask(self, text: str) -> str:
        """Send a message and wait for its whole reply, over as many connections as it takes."""
        id_ = uuid.uuid4().hex
        self.unsent[id_] = text
        while self.ids.get(id_) not in self.finished:
            place = f"?epoch={self.epoch}&after={self.seq}" if self.epoch else ""
            try:
                protocol = [Subprotocol("genpy.v1")]
                async with connect(self.address + place, subprotocols=protocol) as socket:
                    while self.ids.get(id_) not in self.finished:
                        await self.take(socket, json.loads(await socket.recv()))
            except (ConnectionClosed, OSError, EOFError):
                await asyncio.sleep(0.2)
        return self.replies[self.ids[id_]]

    async def take(self, socket: ClientConnection, frame: dict[str, Any]) -> None:
        """Take in one frame; kinds and fields that are not known are skipped."""
        kind, run = frame["type"], self.runs.get(frame.get("run", ""), 0)
        if kind == "ready":
            self.is_whole = frame["replay"] == "complete"
            if not self.is_whole:  # a snapshot follows; its numbers count from its end on
                self.seq, self.replies, self.finished = 0, {}, set()
            self.epoch = frame["epoch"]
            for id_, text in self.unsent.items():
                await socket.send(json.dumps({"type": "send", "id": id_, "text": text}))
        elif kind == "message" and frame["role"] == "assistant":
            self.replies[frame["meta"]["reply_to"]] = frame["text"]
            self.finished.add(frame["meta"]["reply_to"])
        elif kind in {"ack", "message"}:
            id_ = frame.get("id") or frame.get("client_id") or ""
            self.ids[id_] = frame["message_id"]
            self.unsent.pop(id_, None)
        elif kind == "run_started":
            self.runs[frame["run"]] = frame["reply_to"]
            self.replies[frame["reply_to"]] = ""
        elif kind == "delta":  # `offset` counts characters: what comes twice is written once
            self.replies[run] = self.replies[run][: frame["offset"]] + frame["text"]
        elif kind == "run_finished":
            self.finished.add(run)
        elif kind == "error" and frame.get("re") in self.unsent:
            raise SystemExit(frame["message"])
        self.is_whole = self.is_whole or kind == "snapshot_end"
        if self.is_whole and kind != "ready":
            self.seq = max(self.seq, frame.get("seq") or 0)


if __name__ == "__main__":
    print(asyncio.run(SmallClient(*sys.argv[1:3]).ask(sys.argv[3])))
