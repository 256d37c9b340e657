"""The handlers of the two pages and their files."""

from genpy_server.core.identity import checked_ref
from genpy_server.web.messages import Response
from genpy_server.web.pages import assets
from genpy_server.web.router import Call


class Pages:
    """The pages; they contain nothing private and read it from the API."""

    async def chat(self, call: Call[None, None]) -> Response:
        """The chat page; the address says which session."""
        return assets.packed(assets.page("chat.html"), call.request)

    async def summary(self, call: Call[None, None]) -> Response:
        """The summary page; its script looks up the session."""
        checked_ref(call.params["ref"])
        return assets.packed(assets.page("summary.html", "../"), call.request)

    async def asset(self, call: Call[None, None]) -> Response:
        """A script, a style sheet or a picture."""
        found = assets.asset_response(call.params["name"], call.params["version"])
        return assets.packed(found, call.request)
