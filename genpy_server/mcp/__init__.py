"""MCP, the Model Context Protocol: tools of MCP servers for GenPy, and conversations for other agents.

It needs the extra `genpy-chat[mcp]`.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from genpy_server.config import McpEntry
from genpy_server.tools.registry import ToolRegistry

if TYPE_CHECKING:
    from genpy_server.mcp.client import McpServers

MISSING = "MCP needs an extra: install genpy-chat[mcp]."


def is_installed() -> bool:
    """Whether the extra is installed."""
    return find_spec("mcp") is not None


def servers_of(entries: Mapping[str, McpEntry], registry: ToolRegistry) -> "McpServers":
    """The MCP servers of the config, before they connect; they add their tools to the registry."""
    from genpy_server.mcp.client import McpServers  # noqa: PLC0415 - the SDK takes half a second

    return McpServers(entries, registry)
