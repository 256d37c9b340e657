"""MCP, the Model Context Protocol: tools of MCP servers for GenPy, and conversations for other agents.

It needs the extra `genpy-chat[mcp]`.
"""

from importlib.util import find_spec

MISSING = "MCP needs an extra: install genpy-chat[mcp]."


def is_installed() -> bool:
    """Whether the extra is installed."""
    return find_spec("mcp") is not None
