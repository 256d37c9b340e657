"""The tools there are, and how one is called: arguments checked, failure in words."""

from typing import Any

import msgspec

from genpy_server.core.models import ToolSpec
from genpy_server.errors import BadRequest
from genpy_server.tools import all_sessions, chat_history, session_stats
from genpy_server.tools.base import Asker, Tool, ToolResult

TOOLS: dict[str, Tool] = {
    tool.spec.name: tool for tool in (session_stats.TOOL, chat_history.TOOL, all_sessions.TOOL)
}
SPECS: tuple[ToolSpec, ...] = tuple(tool.spec for tool in TOOLS.values())


def parse_arguments(text: str) -> dict[str, Any]:
    """A model's arguments as an object; an empty text is an empty object."""
    try:
        return msgspec.json.decode(text.strip() or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise BadRequest("The arguments are no JSON object.") from None


async def call(name: str, arguments: dict[str, Any], asker: Asker) -> ToolResult:
    """Call a tool; raises `BadRequest` for an unknown tool or arguments that do not fit."""
    tool = TOOLS.get(name)
    if tool is None:
        raise BadRequest(f"There is no tool {name[:60]!r}; there are {', '.join(TOOLS)}.")
    try:
        checked = msgspec.convert(arguments, tool.arguments)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The arguments of {name} do not fit: {error}.") from None
    return await tool.ask(asker, checked)
