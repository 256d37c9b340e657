"""Opening another conversation while something of the one before is still on its way."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support import running_server
from support.terminal import terminal

from genpy_server.client.session_client import RemoteRecords

OLD = "00000001-2222-4222-8222-222222222222"
OTHER = "00000002-2222-4222-8222-222222222222"


async def test_an_older_page_that_arrives_late_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of a conversation that was left in the meantime changes nothing on the screen."""
    read, asked, gate = RemoteRecords.messages, asyncio.Event(), asyncio.Event()

    async def late(records: RemoteRecords, ref: str, **arguments: Any) -> Any:
        page = await read(records, ref, **arguments)
        asked.set()
        await gate.wait()
        return page

    monkeypatch.setattr(RemoteRecords, "messages", late)
    async with running_server.serving(tmp_path / "genpy.db") as running:
        for number in range(120):
            await running.app.store.append("local", OLD, "user", f"Old {number}", title="Old")
        await running.app.store.append(
            "local", OTHER, "user", "The other conversation", title="Other"
        )
        async with terminal(tmp_path, server=running.url, session=OLD) as tui:
            await tui.until(lambda: "Old 119" in tui.transcript)
            client = tui.chat.conversation.client
            assert client is not None
            before = len(client.transcript.entries)
            await tui.press("ctrl+home")
            await asked.wait()
            await tui.chat.switch.go(OTHER)
            await tui.until(lambda: "The other conversation" in tui.transcript)
            gate.set()
            await tui.app.workers.wait_for_complete()
            assert len(client.transcript.entries) == before
            assert "Old" not in tui.transcript
