"""The newest messages of a conversation, which the document of the chat page brings along.

The page shows them without another round trip; its socket goes on behind them, as after a cut. What
fills a screen of them stands in it as HTML too (`still.py`).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import msgspec

from genpy_server.core.models import MessagePage
from genpy_server.errors import GenPyError
from genpy_server.web.api import MessagesQuery, message_page
from genpy_server.wire import Delta, Frame, Html, MessageEvent, Ready

if TYPE_CHECKING:
    from genpy_server.web.app import WebApp

MESSAGES = 50
"""Most messages; the page asks for as many at once."""
STORE_SECONDS = 0.5
"""After so long without an answer of the store the page comes without messages."""
RENDER_SECONDS = 0.25
"""How long their HTML is waited for; the page formats the rest itself, until it has asked for it."""

T = TypeVar("T")


class Preload(msgspec.Struct, omit_defaults=True):
    """What a socket would send first, and the page around a message that is asked for."""

    frames: list[Frame]
    around: MessagePage | None = None

    @property
    def title(self) -> str:
        """The title of the conversation."""
        return next((one.title for one in self.frames if isinstance(one, Ready)), "")


async def preloaded(app: "WebApp", user: str, ref: str, wanted: int | None) -> Preload | None:
    """The messages; None for a conversation without messages, or one that cannot be read now."""
    # Not cancelled when it is late: the socket of the page waits for the same.
    reading = app.hub.tasks.spawn(_read(app, user, ref, wanted))
    await asyncio.wait([reading], timeout=STORE_SECONDS)
    preload = _result(reading)
    if preload is None:
        return None
    stored = [frame for frame in preload.frames if isinstance(frame, MessageEvent)]
    around = preload.around
    texts = [one.text for one in (*stored, *(() if around is None else around.messages))]
    html = await _html(app, texts, user)
    for message, made in zip(stored, html, strict=False):
        if made is not None:
            preload.frames.append(Html(made, message_id=message.message_id))
    if around is not None:
        preload.around = msgspec.structs.replace(around, html=html[len(stored) :])
    return preload


async def _read(app: "WebApp", user: str, ref: str, wanted: int | None) -> Preload | None:
    reader = _Recorder(user)
    with suppress(GenPyError):
        session = await app.hub.attach(user, ref, reader, history=MESSAGES)
        app.hub.detach(session, reader)
    ids = [one.message_id for one in reader.frames if isinstance(one, MessageEvent)]
    if not ids:
        return None
    for frame in tuple(reader.frames):
        if isinstance(frame, Delta):
            app.feed.watch(reader, frame)  # its blocks, and the beginning for who comes next
    app.feed.left(reader)
    around = None
    if wanted is not None and wanted not in ids:
        query = MessagesQuery(around=wanted, limit=MESSAGES)
        with suppress(GenPyError):  # the page asks again, and says why not
            around = await message_page(app.records(user), ref, query)
    return Preload(reader.frames, around)


async def _html(app: "WebApp", texts: Sequence[str], user: str) -> list[str | None]:
    """The HTML of each text that is rendered in time, the last one first."""
    made = [app.hub.tasks.spawn(app.renderer.render_all([t], user)) for t in reversed(texts)]
    await asyncio.wait(made, timeout=RENDER_SECONDS)
    return [(_result(one) or [None])[0] for one in reversed(made)]


class _Recorder:
    """A client that keeps what it is sent."""

    is_open = approves = False
    allowed = frozenset[str]()

    def __init__(self, user: str) -> None:
        self.user = user
        self.frames: list[Frame] = []

    def answer(self, frame: Frame) -> None:
        self.frames.append(frame)

    def offer(self, frame: Frame, _: bytes) -> None:
        self.frames.append(frame)

    def close(self, code: int, reason: str) -> None:
        pass


def _result(task: "asyncio.Task[T]") -> "T | None":
    """What a task made; None where it is late, or failed, which is logged."""
    made = task.done() and not task.cancelled() and task.exception() is None
    return task.result() if made else None
