"""What tells of the records only: it is no answer when the records are searched."""

from collections.abc import Iterable

from genpy_server.core.models import Hit, Message
from genpy_server.core.tool_requests import find_tool_request

OFFLINE = "offline"
"""The model of replies that no model made."""


def told_by_people(hits: Iterable[Hit]) -> list[Hit]:
    """The hits without earlier questions about the records and the answers to them."""
    return [hit for hit in hits if not _of_records(hit.message)]


def _of_records(message: Message) -> bool:
    if message.role == "assistant":
        searched = any(tool.name == "search_chat_history" for tool in message.meta.tools)
        return searched or message.meta.model == OFFLINE
    return find_tool_request(message.text) is not None
