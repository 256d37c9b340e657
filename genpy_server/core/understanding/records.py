"""What tells of the records only: it is no answer when the records are searched."""

from collections.abc import Iterable

import msgspec

from genpy_server.core.models import Hit, Message
from genpy_server.core.understanding.tool_requests import find_tool_request

OFFLINE = "offline"
"""The model of replies that no model made."""


def told_by_people(hits: Iterable[Hit]) -> list[Hit]:
    """The hits without earlier questions about the records and the answers, also beside them."""
    return [
        msgspec.structs.replace(hit, before=_of_people(hit.before), after=_of_people(hit.after))
        for hit in hits
        if _of_people(hit.message)
    ]


def _of_people(message: Message | None) -> Message | None:
    return None if message is None or _of_records(message) else message


def _of_records(message: Message) -> bool:
    if message.role == "assistant":
        searched = any(tool.name == "search_chat_history" for tool in message.meta.tools)
        return searched or message.meta.model == OFFLINE
    return find_tool_request(message.text) is not None
