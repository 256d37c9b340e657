"""The handlers of the two pages and their files."""

import msgspec

from genpy_server.core.identity import checked_ref
from genpy_server.web.messages import Response
from genpy_server.web.pages import assets
from genpy_server.web.pages.preload import Preloader
from genpy_server.web.router import Call

ID_DIGITS = 19
"""Digits of an id that a database cannot have."""


class Pages:
    """The pages; but for the messages in the chat page, they read from the API what is private."""

    def __init__(self, preloader: Preloader) -> None:
        self._preloader = preloader

    async def chat(self, call: Call[None, None]) -> Response:
        """The chat page; `?session=REF` says which conversation.

        Where a browser shows its token only to the page's script, the page comes without messages.
        """
        page, request = assets.page("chat.html"), call.request
        if request.user is None or not (ref := request.query.get("session")):
            return assets.packed(page, request)
        wanted = request.query.get("message", "")
        number = int(wanted) if wanted.isdecimal() and len(wanted) < ID_DIGITS else None
        preload = await self._preloader(request.user, ref, number)
        if preload is None:
            return assets.packed(page, request)
        return assets.with_data(page, msgspec.json.encode(preload))

    async def summary(self, call: Call[None, None]) -> Response:
        """The summary page of a session."""
        checked_ref(call.params["ref"])
        return assets.packed(assets.page("summary.html", "../"), call.request)

    async def asset(self, call: Call[None, None]) -> Response:
        """A file of the pages."""
        found = assets.asset_response(call.params["name"], call.params["version"])
        return assets.packed(found, call.request)
