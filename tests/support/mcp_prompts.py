"""An MCP server that has two prompts, as a program."""

import sys
from pathlib import Path

from genpy_server.config import McpEntry

SERVER = '''
from mcp.server.mcpserver import MCPServer

server = MCPServer("notes")

@server.prompt()
def review(code: str) -> str:
    """Review some code."""
    return f"Review this code: {code}"

@server.prompt()
def compare(first: str, second: str) -> str:
    """Compare two things."""
    return f"Compare {first} with {second}"

server.run()
'''


def mcp_prompts(folder: Path) -> dict[str, McpEntry]:
    """The entry that starts it, under the name `notes`."""
    program = folder / "server.py"
    program.write_text(SERVER, "utf-8")
    return {"notes": McpEntry(sys.executable, (str(program),))}
