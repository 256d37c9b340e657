"""The handlers of the pages, their files and the documentation.

But for the messages in the chat page, a page reads from the API what is private. The chat page shows
the newest messages of a conversation without another round trip; its socket goes on behind them, as
after a cut. A document is generated once, when it is first asked for.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import msgspec

from genpy_server.core.identity import checked_ref
from genpy_server.core.models import MessagePage
from genpy_server.errors import GenPyError
from genpy_server.sessions.audience import Place
from genpy_server.web.api import MessagesQuery, message_page
from genpy_server.web.messages import JSON, Response
from genpy_server.web.pages import assets
from genpy_server.web.pages.still import still
from genpy_server.web.router import Call
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
        session = await app.hub.attach(user, ref, reader, Place(MESSAGES))
        app.hub.detach(session, reader)
    ids = [one.message_id for one in reader.frames if isinstance(one, MessageEvent)]
    if not ids:
        return None
    for frame in tuple(reader.frames):
        if isinstance(frame, Delta):
            app.feed.watch(reader, frame)  # its blocks, and its beginning for the next request
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

    is_open = False
    features: tuple[str, ...] = ()
    allowed = frozenset[str]()

    def __init__(self, user: str) -> None:
        self.user = user
        self.frames: list[Frame] = []

    def offer(self, frame: Frame, _: bytes | None = None) -> None:
        self.frames.append(frame)

    def close(self, code: int, reason: str) -> None:
        pass


def _result(task: "asyncio.Task[T]") -> "T | None":
    """What a task made; None where it is late, or failed, which is logged."""
    made = task.done() and not task.cancelled() and task.exception() is None
    return task.result() if made else None


ID_DIGITS = 19
"""Digits of an id that a database cannot have."""


async def chat(call: Call[None, None]) -> Response:
    """The chat page; `?session=REF` says which conversation.

    Where a browser shows its token only to the page's script, the page comes without messages.
    """
    page, request = assets.page("chat.html"), call.request
    if request.user is None or not (ref := request.query.get("session")):
        return page
    wanted = request.query.get("message", "")
    number = int(wanted) if wanted.isdecimal() and len(wanted) < ID_DIGITS else None
    preload = await preloaded(call.app, request.user, ref, number)
    if preload is None:
        return page
    shown = "" if wanted else still(preload.frames)
    return assets.chat_with_data(msgspec.json.encode(preload), preload.title, shown)


async def summary(call: Call[None, None]) -> Response:
    """The summary page of a session."""
    checked_ref(call.ref)
    return assets.page("summary.html", "../")


async def asset(call: Call[None, None]) -> Response:
    """A file of the pages."""
    return assets.asset_response(call.params["name"], call.params["version"])


async def docs(_: Call[None, None]) -> Response:
    """Every endpoint and frame with an example."""
    return _document("docs")


async def openapi(call: Call[None, None]) -> Response:
    """The HTTP side as OpenAPI."""
    return _document("openapi", tokens=bool(call.app.server.settings.tokens))


async def asyncapi(_: Call[None, None]) -> Response:
    """The WebSocket side as AsyncAPI."""
    return _document("asyncapi")


@cache
def _document(name: str, **options: bool) -> Response:
    from genpy_server.web.docs import documents, page  # noqa: PLC0415 - when first needed

    if name == "docs":
        return assets.page_response(page.docs_page())
    document = getattr(documents, name)(**options)
    return Response.file(msgspec.json.encode(document), JSON)
