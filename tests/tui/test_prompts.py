"""Prompts of MCP servers as slash commands."""

from pathlib import Path

import pytest
from support.mcp_prompts import mcp_prompts
from support.running_server import serving
from support.terminal import terminal

from genpy_server.mcp import client


async def test_a_prompt_is_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts stand in the menu; with arguments, the text comes into the prompt and is not sent."""
    monkeypatch.setattr(client, "READY_SECONDS", 60.0)
    async with serving(tmp_path / "genpy.db", mcp=mcp_prompts(tmp_path)) as server:
        async with terminal(tmp_path, server=server.url, session="t") as tui:
            await tui.says("ready")
            prompt = tui.chat.prompt
            prompt.insert("/notes")
            await tui.shows("/notes_review CODE  Review some code.", "/notes_compare")
            await tui.press("tab", "x", "=", "1", "enter")
            await tui.until(lambda: prompt.text == "Review this code: x=1")
            prompt.text = ""
            await tui.type("/notes_compare 'one two'")
            assert tui.notices[-1].startswith("Usage: /notes_compare FIRST SECOND")
            prompt.text = ""
            await tui.type("/notes_compare 'one two' three")
            await tui.until(lambda: prompt.text == "Compare one two with three")
            assert "You" not in tui.transcript
