"""Prompts of MCP servers as slash commands."""

import sys
from pathlib import Path

import pytest
from support.running_server import serving
from support.terminal import terminal

from genpy_server.config import McpEntry
from genpy_server.mcp import client

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


async def test_a_prompt_is_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts stand in the menu; with arguments, the text comes into the prompt and is not sent."""
    monkeypatch.setattr(client, "READY_SECONDS", 60.0)
    program = tmp_path / "server.py"
    program.write_text(SERVER)
    notes = McpEntry(sys.executable, (str(program),))
    async with serving(tmp_path / "genpy.db", mcp={"notes": notes}) as server:
        async with terminal(tmp_path, server=server.url, session="t") as tui:
            await tui.says("ready")
            prompt = tui.chat.prompt
            prompt.insert("/notes")
            await tui.shows("/notes_review CODE", "Review some code.", "/notes_compare")
            await tui.press("tab", "x", "=", "1", "enter")
            await tui.until(lambda: prompt.text == "Review this code: x=1")
            prompt.text = ""
            await tui.type("/notes_compare 'one two'")
            assert tui.notices[-1].startswith("Usage: /notes_compare FIRST SECOND")
            prompt.text = ""
            await tui.type("/notes_compare 'one two' three")
            await tui.until(lambda: prompt.text == "Compare one two with three")
            assert "You" not in tui.transcript
