"""The handlers of the pages, their files and the documentation.

But for the messages in the chat page, a page reads from the API what is private. A document is
generated once, when it is first asked for.
"""

from functools import cache

import msgspec

from genpy_server.core.identity import checked_ref
from genpy_server.web.messages import JSON, Response
from genpy_server.web.pages import assets
from genpy_server.web.pages.preload import preloaded
from genpy_server.web.pages.still import still
from genpy_server.web.router import Call

ID_DIGITS = 19
"""Digits of an id that a database cannot have."""


async def chat(call: Call[None, None]) -> Response:
    """The chat page; `?session=REF` says which conversation.

    Where a browser shows its token only to the page's script, the page comes without messages.
    """
    page, request = assets.page("chat.html"), call.request
    if request.user is None or not (ref := request.query.get("session")):
        return assets.packed(page, request)
    wanted = request.query.get("message", "")
    number = int(wanted) if wanted.isdecimal() and len(wanted) < ID_DIGITS else None
    preload = await preloaded(call.app, request.user, ref, number)
    if preload is None:
        return assets.packed(page, request)
    shown = "" if wanted else still(preload.frames)
    return assets.chat_with_data(msgspec.json.encode(preload), preload.title, shown)


async def summary(call: Call[None, None]) -> Response:
    """The summary page of a session."""
    checked_ref(call.ref)
    return assets.packed(assets.page("summary.html", "../"), call.request)


async def asset(call: Call[None, None]) -> Response:
    """A file of the pages."""
    found = assets.asset_response(call.params["name"], call.params["version"])
    return assets.packed(found, call.request)


async def docs(call: Call[None, None]) -> Response:
    """Every endpoint and frame with an example."""
    return assets.packed(_docs(), call.request)


async def openapi(call: Call[None, None]) -> Response:
    """The HTTP side as OpenAPI."""
    return assets.packed(_openapi(bool(call.app.server.settings.tokens)), call.request)


async def asyncapi(call: Call[None, None]) -> Response:
    """The WebSocket side as AsyncAPI."""
    return assets.packed(_asyncapi(), call.request)


@cache
def _docs() -> Response:
    from genpy_server.web.docs.page import docs_page  # noqa: PLC0415 - when first needed

    return assets.page_response(docs_page())


@cache
def _openapi(tokens: bool) -> Response:  # noqa: FBT001 - one of two documents
    from genpy_server.web.docs.documents import openapi  # noqa: PLC0415 - when first needed

    return Response.file(msgspec.json.encode(openapi(tokens=tokens)), JSON)


@cache
def _asyncapi() -> Response:
    from genpy_server.web.docs.documents import asyncapi  # noqa: PLC0415 - when first needed

    return Response.file(msgspec.json.encode(asyncapi()), JSON)
