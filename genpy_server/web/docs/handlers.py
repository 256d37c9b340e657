"""The handlers of the documentation; each document is generated once, when it is asked for."""

from collections.abc import Callable, Sequence
from functools import cached_property

from genpy_server.web.messages import JSON, Response
from genpy_server.web.pages.assets import packed, page_response
from genpy_server.web.router import Call, Route


class Docs:
    """The documentation of a route table."""

    def __init__(self, routes: Callable[[], Sequence[Route]], *, tokens: bool) -> None:
        self._routes = routes
        self._tokens = tokens

    async def page(self, call: Call[None, None]) -> Response:
        """Every endpoint and frame with an example."""
        return packed(self._page, call.request)

    async def openapi(self, call: Call[None, None]) -> Response:
        """The HTTP side as OpenAPI."""
        return packed(self._openapi, call.request)

    async def asyncapi(self, call: Call[None, None]) -> Response:
        """The WebSocket side as AsyncAPI."""
        return packed(self._asyncapi, call.request)

    @cached_property
    def _page(self) -> Response:
        from genpy_server.web.docs.page import docs_page  # noqa: PLC0415 - when first needed

        return page_response(docs_page(self._routes()))

    @cached_property
    def _openapi(self) -> Response:
        from genpy_server.web.docs.openapi import openapi  # noqa: PLC0415 - when first needed

        return Response.file(Response.json(openapi(self._routes(), tokens=self._tokens)).body, JSON)

    @cached_property
    def _asyncapi(self) -> Response:
        from genpy_server.web.docs.asyncapi import asyncapi  # noqa: PLC0415 - when first needed

        return Response.file(Response.json(asyncapi()).body, JSON)
