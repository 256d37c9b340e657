"""Tools as a model is offered them, and their calls."""

from typing import Any

from genpy_server.tools.base import ToolContext, ToolResult
from genpy_server.tools.registry import BUILT_IN, ToolRegistry, call, checked_arguments

SPECS = tuple(tool.spec for tool in BUILT_IN)


async def call_tool(
    registry: ToolRegistry, name: str, arguments: dict[str, Any], context: ToolContext
) -> ToolResult:
    """Call a tool as a run does."""
    tool = registry.find(name)
    return await call(tool, checked_arguments(tool, arguments), context)
