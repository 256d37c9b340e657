"""MCP servers as sources of tools: real programs on the SDK, and one of npm."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from support.conditions import eventually
from support.ports import free_port
from support.raw_client import Peer
from support.running_server import serving
from support.scripted_model import Upstream

from genpy_cli.commands.ask import _check_tools as check_tools
from genpy_cli.options import WrongUsageError
from genpy_server.config import McpEntry, read
from genpy_server.errors import ConfigError
from genpy_server.mcp import client as mcp_client
from genpy_server.wire import Approve, Send

ROOT = Path(__file__).parents[2]
NPM = ROOT / "tests/servers/node_modules/@modelcontextprotocol"
EXAMPLES = ("sdk", "dist", "esm", "examples", "server")
SERVER = '''
import os
import sys
from pathlib import Path
from typing import Annotated

from mcp.server.mcpserver import Audio, Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp_types import BlobResourceContents, EmbeddedResource, ResourceLink, TextResourceContents
from pydantic import BaseModel

server = MCPServer("notes")

@server.tool()
def parts() -> list:
    """Results of every kind."""
    note = TextResourceContents(uri="file:///n.md", text="# Milk", mime_type="text/markdown")
    data = BlobResourceContents(uri="file:///n.zip", blob="MTIzNDU=", mime_type="application/zip")
    return [
        "Here:",
        Image(data=b"12345", format="png"),
        Audio(data=b"R" * 50_000, format="wav"),
        EmbeddedResource(type="resource", resource=note),
        EmbeddedResource(type="resource", resource=data),
        ResourceLink(type="resource_link", uri="file:///big.bin", name="big", size=3_400_000),
    ]

@server.tool()
def key(context: Context) -> str:
    """The secrets that came with the request."""
    headers = context.request_context.request.headers
    return f"{headers.get('authorization')} {headers.get('x-team')}"

@server.tool()
async def add_note(text: str, context: Context) -> str:
    """Keep a note."""
    await context.report_progress(1, 4, "writing")
    Path(sys.argv[1]).write_text(text)
    return f"kept {text} as {os.environ['OWNER']}"

@server.tool()
async def learn(context: Context) -> str:
    """Have one tool more."""
    server.add_tool(lambda: "extra", name="extra")
    await context.notify_tools_changed()
    return "learned"

@server.tool()
def process() -> int:
    """The id of the process."""
    return os.getpid()

@server.tool()
def leave() -> str:
    """End in the middle of the call."""
    os._exit(3)

class Sure(BaseModel):
    sure: bool

async def ask_first(context: Context) -> Elicit[Sure]:
    return Elicit("Burn the notes?", Sure)

@server.tool()
async def burn(sure: Annotated[Sure, Resolve(ask_first)]) -> str:
    """Ask in the way of the protocol of 2026."""
    return f"sure: {sure.sure}"

@server.tool()
async def tear(context: Context) -> str:
    """Ask in the way of the protocols before 2026."""
    return str(await context.elicit("Tear the notes?", Sure))

@server.tool()
def broken() -> str:
    """Fail."""
    raise ToolError("no paper")

@server.prompt()
def review(code: str) -> str:
    """Review some code."""
    return f"Review this code: {code}"

print("noise on standard error", file=sys.stderr)
if sys.argv[1] == "http":
    server.run("streamable-http", host="127.0.0.1", port=0)
else:
    server.run()
'''

BROKEN = """
import sys
sys.stdout.buffer.write(b"A banner\\n\\xff\\n")
sys.stdout.flush()
sys.excepthook = lambda kind, error, _: print(f"{kind.__name__}: {error}\\nbye", file=sys.stderr)
raise RuntimeError("out of ink")
"""
"""A program that is not a server: it writes what is not MCP, and ends with an error."""


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    monkeypatch.setattr(mcp_client, "READY_SECONDS", 60.0)


@pytest.fixture
def entry(tmp_path):
    program = tmp_path / "notes_server.py"
    program.write_text(SERVER)
    return McpEntry(sys.executable, (str(program), str(tmp_path / "note.txt")), {"OWNER": "ann"})


def names(registry):
    return {tool.spec.name for tool in registry.tools}


def told(upstream):
    """What the model was told of the last call."""
    return upstream.requests[-1]["body"]["messages"][-1]["content"]


async def call(peer, upstream, name, arguments, decision="once"):
    """Let the model call a tool that acts, and answer the request for it."""
    upstream.call(name, arguments)
    upstream.say("Well.")
    await peer.say(Send(f"{name}{len(peer.frames)}", f"Use {name} {len(peer.frames)}"))
    if decision is not None:
        request = await peer.until("approval_requested")
        await peer.say(Approve(request["call"], decision))
    finished = await peer.until("tool_finished")
    await peer.until("run_finished")
    return finished


async def test_tools_of_a_server_run_with_approval(database, upstream, entry, tmp_path):
    """They stand beside GenPy's own under the server's name, ask first, and tell of failures."""
    async with serving(database, mcp={"notes": entry}, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one", features="approvals") as peer:
            refused = await call(peer, upstream, "notes_add_note", {"text": "milk"}, "no")
            assert "did not allow" in refused["error"]
            assert not (tmp_path / "note.txt").exists()
            finished = await call(peer, upstream, "notes_add_note", {"text": "milk"})
            assert finished["result"] == "kept milk as ann"
            assert (tmp_path / "note.txt").read_text() == "milk"
            progress = peer.of("tool_progress")[-1]
            assert (progress["text"], progress["fraction"]) == ("writing", 0.25)
            parts = await call(peer, upstream, "notes_parts", {})
            assert parts["result"].split("\n\n") == [
                "Here:",
                "(image, image/png, 5 bytes)",
                "(audio, audio/wav, 50 kB)",
                "# Milk",
                "(resource, file:///n.zip, application/zip, 5 bytes)",
                "(resource, file:///big.bin, 3.4 MB)\nbig",
            ]
            await call(peer, upstream, "notes_learn", {})
            (notes,) = server.app.chat.tools.servers._servers
            await eventually(lambda: asyncio.sleep(0, "notes_extra" in names(notes._registry)))
            failed = await call(peer, upstream, "notes_broken", {})
            assert "no paper" in failed["error"]
            assert "no paper" in told(upstream)
        offered = {tool["function"]["name"]: tool["function"] for tool in
                   upstream.requests[-2]["body"]["tools"]}  # fmt: skip
        assert offered["notes_add_note"]["parameters"]["required"] == ["text"]
        listed = await server.app.chat.tools.listed("local")
        assert [(one.origin, one.state) for one in listed.sources] == [("mcp notes", "connected")]


async def test_forms_of_a_server_on_the_sdk(database, upstream, entry):
    """Its `Resolve` asks the person; its `ctx.elicit` fails, in GenPy as in the client of the SDK."""

    async def never(*_):
        raise AssertionError("a request without a way back")

    program = StdioServerParameters(command=sys.executable, args=list(entry.args))
    async with Client(stdio_client(program), elicitation_callback=never) as own:
        with pytest.raises(MCPError) as failed:
            await own.call_tool("tear", {})
    async with serving(database, mcp={"notes": entry}, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one", features="approvals") as peer:
            torn = await call(peer, upstream, "notes_tear", {})
            assert torn["error"] == f"notes: {failed.value}"
            assert "no back-channel" in torn["error"]
            for decision, result in (("once", "sure: True"), ("no", None)):
                upstream.call("notes_burn", {})
                upstream.say("Well.")
                await peer.say(Send(decision, f"Burn them {decision}"))
                await peer.say(Approve((await peer.until("approval_requested"))["call"], "once"))
                question = await peer.until("approval_requested")
                assert question["question"].startswith("Burn the notes?")
                await peer.say(Approve(question["call"], decision))
                finished = await peer.until("tool_finished")
                assert (finished["ok"], finished.get("result")) == (result is not None, result)
                await peer.until("run_finished")


async def test_a_server_that_runs_is_reached_by_its_url(database, upstream, entry):
    """An entry with a URL is a server over HTTP, with the same approval; its headers come with each call."""
    process = await asyncio.create_subprocess_exec(
        entry.command, entry.args[0], "http", stderr=asyncio.subprocess.PIPE
    )
    try:
        url = None
        while url is None:
            line = (await process.stderr.readline()).decode()
            assert line, "the server ended"
            url = re.search(r"http://127\.0\.0\.1:\d+", line)
        headers = {"Authorization": "Bearer s3cret", "X-Team": "red"}
        notes = McpEntry(url=f"{url[0]}/mcp", headers=headers)
        async with serving(database, mcp={"notes": notes}, GENPY_LLM_URL=upstream.url) as server:
            async with Peer(server.url, "one", features="approvals") as peer:
                finished = await call(peer, upstream, "notes_process", {})
                assert int(finished["result"]) == process.pid
                told_key = await call(peer, upstream, "notes_key", {})
                assert told_key["result"] == "Bearer s3cret red"
    finally:
        process.terminate()
        await process.communicate()


async def test_a_server_that_dies_is_started_again(database, upstream, entry, monkeypatch):
    """The next reply has its tools, of a new process, permitted as before; a call that it ends is told."""
    monkeypatch.setattr(mcp_client, "STEADY_SECONDS", 0.0)
    monkeypatch.setattr(mcp_client, "RESTART", mcp_client.Backoff(first=0.01, longest=0.1))
    entry = msgspec.structs.replace(entry, seconds=500.0)
    async with serving(database, mcp={"notes": entry}, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one", features="approvals") as peer:
            first = await call(peer, upstream, "notes_process", {}, "session")
            os.kill(int(first["result"]), signal.SIGKILL)
            (notes,) = server.app.chat.tools.servers._servers
            await eventually(lambda: asyncio.sleep(0, notes.state != "connected"))
            second = await call(peer, upstream, "notes_process", {}, None)
            assert second["ok"]
            assert second["result"] != first["result"]
            assert notes._registry.find("notes_process").seconds == 500.0
            last = await call(peer, upstream, "notes_leave", {})
            assert (last["ok"], last["error"]) == (False, "notes: the server ended.")


@pytest.fixture
async def locked():
    async with Upstream() as service:
        service.key = "right"
        yield service


@pytest.fixture
async def ill():
    async with Upstream() as service:
        yield service


async def test_a_server_that_does_not_start_is_named(
    database, upstream, locked, ill, monkeypatch, capfd
):
    """The others and the conversation go on; the list says what failed, a program in its own words."""
    monkeypatch.setattr(mcp_client, "RESTART", mcp_client.Backoff(first=60.0, longest=60.0))
    monkeypatch.setattr(mcp_client, "READY_SECONDS", 60.0)
    upstream.say("Hello.")
    servers = {
        "gone": McpEntry("genpy-no-such-program"),
        "away": McpEntry(url="http://127.0.0.1:9/mcp"),
        "locked": McpEntry(url=f"{locked.root}/mcp", headers={"Authorization": "Bearer old"}),
        "ill": McpEntry(url=f"{ill.root}/mcp"),
        "broken": McpEntry(sys.executable, ("-c", BROKEN)),
        "quiet": McpEntry(sys.executable, ("-c", "")),
    }
    async with serving(database, mcp=servers, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one") as peer:
            assert (await peer.ask("a", "Hello"))["status"] == "done"
            told_of = {frame["text"] for frame in peer.of("notice")}
        assert len(told_of) == len(servers)
        assert "The tools of mcp quiet cannot be used: The server ended." in told_of
        states = {one.origin: one for one in (await server.app.chat.tools.listed("local")).sources}
        assert {one.state for one in states.values()} == {"failed"}
        assert states["mcp gone"].message.startswith("genpy-no-such-program cannot be started: ")
        assert states["mcp away"].message.startswith(
            "http://127.0.0.1:9/mcp gave no MCP connection"
        )
        assert states["mcp locked"].message == (
            f"{locked.root}/mcp refuses the key (401). Keep a valid one: genpy keys set mcp.locked."
        )
        assert states["mcp ill"].message.endswith("gave no MCP connection: status 500.")
        wrote = "RuntimeError: out of ink"
        assert states["mcp broken"].message == f"The server ended. It wrote: {wrote}"
        assert states["mcp quiet"].message == "The server ended."
    assert capfd.readouterr().err == ""


LEGACY = """
import json
import sys
from pathlib import Path

FORM = {"type": "object", "properties": {"sure": {"type": "boolean", "description": "Really?"},
        "when": {"type": "string", "default": "now"}}, "required": ["sure"]}
OPEN = {"type": "object", "properties": {"why": {"type": "string"}}, "required": ["why"]}

def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

for line in sys.stdin:
    request = json.loads(line)
    method = request.get("method")
    if method == "initialize":
        Path(sys.argv[1]).read_text()
        send(id=request["id"], result={"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
             "serverInfo": {"name": "old", "version": "1"}})
    elif method == "tools/list":
        tools = [{"name": name, "inputSchema": {"type": "object"}} for name in ("form", "open")]
        send(id=request["id"], result={"tools": tools})
    elif method == "tools/call":
        call = request["id"]
        schema = FORM if request["params"]["name"] == "form" else OPEN
        send(id="e", method="elicitation/create",
             params={"message": "Erase everything?", "requestedSchema": schema})
    elif request.get("id") == "e":
        text = json.dumps(request["result"])
        send(id=call, result={"content": [{"type": "text", "text": text}]})
    elif "id" in request:
        send(id=request["id"], error={"code": -32601, "message": "unknown"})
"""
"""A server of the protocol before 2026 that starts once a pipe was written to, and asks the person in a call."""


async def test_a_server_that_starts_slowly_holds_up_one_reply(
    database, upstream, tmp_path, monkeypatch, capsys
):
    """That reply says so, later ones do not wait and have its tools; yes or no fills in its forms."""
    monkeypatch.setattr(mcp_client, "READY_SECONDS", 0.1)
    printed = list[str]()

    def told_person() -> str:
        printed.append(capsys.readouterr().err)
        return "".join(printed)

    ready = tmp_path / "ready"
    os.mkfifo(ready)
    entry = McpEntry(sys.executable, ("-c", LEGACY, str(ready)))
    async with serving(database, mcp={"old": entry}, GENPY_LLM_URL=upstream.url) as server:
        (old,) = server.app.chat.tools.servers._servers
        async with Peer(server.url, "one", features="approvals") as peer:
            for number in range(2):
                upstream.say("Hello.")
                await peer.ask(f"a{number}", "Hello")
            assert (old.state, old.tried.is_set()) == ("connecting", True)
            (notice,) = peer.of("notice")
            assert (notice["code"], notice["text"][:26]) == (
                "tools_missing",
                "mcp old is still starting;",
            )
            with pytest.raises(WrongUsageError, match="Unknown tool: formal"):
                await check_tools(server.url, None, ["formal"])
            allowed = asyncio.create_task(check_tools(server.url, None, ["old_form"]))
            await eventually(lambda: asyncio.sleep(0, "Waiting for mcp old" in told_person()))
            await asyncio.to_thread(ready.write_text, "now")
            await allowed
            await eventually(lambda: asyncio.sleep(0, old.state == "connected"))
            upstream.call("old_form", {})
            upstream.say("Well.")
            await peer.say(Send("b", "Use it"))
            await peer.say(Approve((await peer.until("approval_requested"))["call"], "once"))
            question = await peer.until("approval_requested")
            assert "Erase everything?\nReally?\nwhen: now" in json.dumps(question).replace(
                "\\n", "\n"
            )
            await peer.say(Approve(question["call"], "once"))
            answered = json.loads((await peer.until("tool_finished"))["result"])
            assert answered == {"action": "accept", "content": {"sure": True, "when": "now"}}
            await peer.until("run_finished")
            refused = await call(peer, upstream, "old_open", {})
            assert json.loads(refused["result"]) == {"action": "decline"}


def test_a_secret_of_keys_stands_in_its_place(tmp_path: Path):
    """It is the bearer token of its server's URL, or stands where the entry says; it belongs to no other."""
    (tmp_path / "keys.toml").write_text('"mcp.notes" = "s3cret"\n')
    config = tmp_path / "config.toml"
    config.write_text(
        '[mcp.notes]\nurl = "https://n.example/mcp"\n[mcp.other]\nurl = "https://o.example/mcp"\n'
    )
    found = read(tmp_path)
    assert found.mcp["notes"].headers == {"Authorization": "Bearer s3cret"}
    assert found.mcp["other"].headers == {}
    assert "mcp.notes" not in found.providers
    config.write_text(
        '[mcp.notes]\nurl = "https://n.example/mcp"\nheaders = { X-Key = "k {key}", A = "b" }\n'
    )
    assert read(tmp_path).mcp["notes"].headers == {"X-Key": "k s3cret", "A": "b"}
    config.write_text('[mcp.notes]\ncommand = "x"\nenv = { TOKEN = "{key}" }\n')
    assert read(tmp_path).mcp["notes"].env == {"TOKEN": "s3cret"}


def test_entries_of_the_config_are_checked(tmp_path: Path):
    """An entry has a command or a URL, and nothing that is not known."""
    config = tmp_path / "config.toml"
    config.write_text('[mcp.notes]\ncommand = "x"\nargs = ["-y"]\nenv = { KEY = "v" }\n')
    assert read(tmp_path).mcp == {"notes": McpEntry("x", ("-y",), {"KEY": "v"})}
    for wrong, words in (
        ('[mcp.notes]\nurl = "u"\ncommand = "x"', "one of command and url"),
        ("[mcp.Notes]\nurl = 'u'", "a name of a-z"),
        ("[mcp.notes]\ncomand = 'x'", "comand"),
        ("[mcp.notes]\nurl = 'localhost:80/mcp'", "http:// or https://"),
        ("[mcp.notes]\ncommand = 'x'\nseconds = 0", "seconds"),
        ("[mcp.notes]\ncommand = 'x'\nheaders = { A = 'b' }", "headers of mcp.notes need a url"),
        ("[mcp.notes]\nurl = 'http://x'\nheaders = { 'A b' = 'c' }", "header 'A b' of mcp.notes"),
        ("[mcp.notes]\nurl = 'http://x'\nheaders = { A = '{key}' }", "genpy keys set mcp.notes"),
        ("mcp = 3", "mcp must be a table"),
    ):
        config.write_text(wrong)
        with pytest.raises(ConfigError, match=words):
            read(tmp_path)


def npm(*parts: str) -> tuple[str, str]:
    """Node, and a program that npm installed; a test without it is skipped, in CI it fails."""
    program = NPM.joinpath(*parts)
    if not program.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{program} is missing: `make test` installs it")
        pytest.skip("the server is not installed: `make test` installs it")
    node = shutil.which("node", path=f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert node is not None
    return node, str(program)


async def test_examples_of_the_sdk_over_stdio(database, upstream):
    """Structured results and progress of the TypeScript SDK's own examples arrive, with approval."""
    weather, counter = (
        McpEntry(node, (program,))
        for node, program in (
            npm(*EXAMPLES, "mcpServerOutputSchema.js"),
            npm(*EXAMPLES, "progressExample.js"),
        )
    )
    servers = {"weather": weather, "counter": counter}
    async with serving(database, mcp=servers, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one", features="approvals") as peer:
            place = {"city": "Rome", "country": "IT"}
            refused = await call(peer, upstream, "weather_get_weather", place, "no")
            assert "did not allow" in refused["error"]
            found = await call(peer, upstream, "weather_get_weather", place)
            assert {"temperature", "conditions", "wind"} <= json.loads(told(upstream)).keys()
            assert "humidity" in found["result"]
            counted = await call(peer, upstream, "counter_count", {"n": 3})
            assert counted["result"] == "Counted to 3"
            seen = [(one["text"], one["fraction"]) for one in peer.of("tool_progress")]
            assert seen[-1] == ("Counting: 3/3", 1.0)
            wrong = await call(peer, upstream, "counter_count", {"n": 101})
            assert "100" in wrong["error"]


async def test_an_example_of_the_sdk_over_http(database, upstream):
    """Its tools run with approval while it sends notifications; its prompt is filled in."""
    node, program = npm(*EXAMPLES, "simpleStreamableHttp.js")
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        node,
        program,
        env={**os.environ, "MCP_PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        line = await process.stdout.readline()
        assert b"listening" in line
        entry = McpEntry(url=f"http://127.0.0.1:{port}/mcp")
        async with serving(database, mcp={"hello": entry}, GENPY_LLM_URL=upstream.url) as server:
            async with Peer(server.url, "one", features="approvals") as peer:
                refused = await call(peer, upstream, "hello_greet", {"name": "Ann"}, "no")
                assert "did not allow" in refused["error"]
                greeted = await call(peer, upstream, "hello_greet", {"name": "Ann"})
                assert greeted["result"] == "Hello, Ann!"
                several = await call(peer, upstream, "hello_multi-greet", {"name": "Bo"})
                assert several["result"] == "Good morning, Bo!"
            prompts = (await server.app.chat.tools.prompts()).prompts
            (name,) = (one.name for one in prompts)
            filled = await server.app.chat.tools.prompt(name, {"name": "Cy"})
            assert "Cy" in filled.text
    finally:
        process.terminate()
        await process.communicate()


async def test_a_server_of_npm_keeps_a_graph(database, upstream, tmp_path):
    """The memory server of the protocol's makers keeps what a model tells it, with approval."""
    node, memory = npm("server-memory", "dist", "index.js")
    graph = tmp_path / "graph.jsonl"
    entry = McpEntry(node, (memory,), {"MEMORY_FILE_PATH": str(graph)})
    entities = [{"name": "Ada", "entityType": "person", "observations": ["writes programs"]}]
    async with serving(database, mcp={"memory": entry}, GENPY_LLM_URL=upstream.url) as server:
        async with Peer(server.url, "one", features="approvals") as peer:
            name = "memory_create_entities"
            finished = await call(peer, upstream, name, {"entities": entities}, "session")
            assert finished["ok"], finished
            assert "writes programs" in graph.read_text()
            found = await call(peer, upstream, "memory_search_nodes", {"query": "Ada"})
            assert "writes programs" in found["result"]
