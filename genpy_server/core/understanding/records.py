"""Which messages are questions about the records, or answers to them: they answer no other question."""

from genpy_server.core.models import Message
from genpy_server.core.understanding.tool_requests import find_tool_request

OFFLINE = "offline"
"""The model of replies that no model made."""


def is_about_records(message: Message) -> bool:
    """Whether a message asks for what was said before, or repeats it."""
    if message.role == "assistant":
        searched = any(tool.name == "search_chat_history" for tool in message.meta.tools)
        return searched or message.meta.model == OFFLINE
    return find_tool_request(message.text) is not None
