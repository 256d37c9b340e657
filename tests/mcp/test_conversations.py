"""`genpy mcp`: a person's conversations for any agent, driven by the SDK's own client."""

import sys

import pytest
from mcp import Client, StdioServerParameters

from genpy_server.stores.sqlite.store import SqliteStore

ROME = "aaaa0000-0000-4000-8000-000000000001"
OTHER = "bbbb0000-0000-4000-8000-000000000002"


@pytest.fixture
async def parameters(tmp_path):
    store = SqliteStore(tmp_path / "genpy.db")
    await store.open()
    await store.append("local", ROME, "user", "We fly to Rome in May", title="Rome")
    await store.append("local", ROME, "assistant", "Pack light.", title="Rome")
    await store.append("bob", OTHER, "user", "Rome is mine alone", title="Secret")
    await store.close()
    environment = {"GENPY_DATABASE": str(tmp_path / "genpy.db"), "HOME": str(tmp_path)}
    return StdioServerParameters(
        command=sys.executable, args=["-m", "genpy_cli", "mcp"], env=environment, cwd=tmp_path
    )


async def rows(client, tool, **arguments):
    """The structured result of a tool."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    found = result.structured_content
    return found["result"] if set(found) == {"result"} else found


async def test_an_agent_reads_conversations(parameters):
    """Five tools that only read, over one person's sessions; a mistake is told in a sentence."""
    async with Client(parameters, read_timeout_seconds=60) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools} == {
            "search",
            "sessions",
            "messages",
            "summary",
            "statistics",
        }
        assert all(tool.annotations.read_only_hint for tool in tools)
        (session,) = await rows(client, "sessions")
        assert (session["id"], session["title"], session["messages"]) == (ROME, "Rome", 2)
        (hit,) = await rows(client, "search", words="flying")
        assert (hit["text"], hit["near"][0]["text"]) == ("We fly to Rome in May", "Pack light.")
        said = await rows(client, "messages", session="last", limit=1)
        assert [message["text"] for message in said] == ["Pack light."]
        assert (await rows(client, "summary", session=ROME[:8]))["status"] == "active"
        assert (await rows(client, "statistics", session=ROME))["messages"] == 2
        missing = await client.call_tool("summary", {"session": OTHER})
        assert missing.is_error
        assert "No conversation has the id" in missing.content[0].text
