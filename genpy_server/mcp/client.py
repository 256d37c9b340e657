"""Connects to the MCP servers of the config, registers their tools, and reconnects."""

import asyncio
import logging
import os
import re
import threading
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any, TextIO

import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client import ClientRequestContext
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.shared._httpx_utils import create_mcp_http_client

from genpy_server import __version__
from genpy_server.config import McpEntry
from genpy_server.core.backoff import Backoff
from genpy_server.core.models import ListedPrompt, PromptArgument, ToolSource, ToolSpec
from genpy_server.errors import BadRequest, ConfigError, NotFound, description
from genpy_server.runs.tool_access import ToolServers
from genpy_server.tools.base import UNUSABLE, Tool, ToolContext, ToolResult
from genpy_server.tools.registry import ToolRegistry

RESTART = Backoff(first=0.5, longest=60.0)
"""The delays between attempts to connect again."""
ANSWER_SECONDS = 30.0
START_SECONDS = 300.0
"""How long a server may take to start; a package manager may download the program first."""
READY_SECONDS = 5.0
"""How long a reply waits for servers that are connecting; later replies do not."""
STEADY_SECONDS = 10.0
"""After a connection that lasted longer, the back-off starts over, and a reply waits again."""
NAME_CHARS = 64
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")

FIRST_ERROR, KEY_REFUSED = 400, {401, 403}
KB, MB = 1000, 1_000_000
LINES, LINE_CHARS = 20, 300
"""The last lines of a program's standard error that are kept, and their longest."""
_ERROR = re.compile(r"[\w.]*(Error|Exception)\b.*:")
"""A line with the error that ended a program; others may follow it."""

log = logging.getLogger("genpy.mcp")
logging.getLogger("mcp.client").addHandler(logging.NullHandler())  # else it writes to stderr


class McpServers(ToolServers):
    """All MCP servers of the config."""

    def __init__(self, entries: Mapping[str, McpEntry], registry: ToolRegistry) -> None:
        self._servers = [McpServer(name, entry, registry) for name, entry in entries.items()]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start to connect in the background."""
        self._tasks = [asyncio.create_task(server.run()) for server in self._servers]

    def states(self) -> list[ToolSource]:
        """The state of each server."""
        return [ToolSource(s.origin, s.state, s.message) for s in self._servers]

    async def ready(self) -> None:
        """Wait, at most `READY_SECONDS`, until each server is connected or has failed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_SECONDS):
                for server in self._servers:
                    await server.tried.wait()
        for server in self._servers:
            server.tried.set()

    async def prompts(self) -> list[ListedPrompt]:
        """The prompts of all connected servers."""
        return [prompt for server in self._servers for prompt in await server.prompts()]

    async def prompt(self, name: str, values: dict[str, str]) -> str:
        """The text of a prompt with its arguments.

        Raises `NotFound` for an unknown prompt, `BadRequest` for invalid arguments.
        """
        for server in self._servers:
            if any(one.name == name for one in await server.prompts()):
                return await server.prompt(name, values)
        raise NotFound(f"Unknown prompt {name}.")

    async def close(self) -> None:
        """Disconnect from all servers; this ends the programs that were started."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


class McpServer:
    """One server; `state` is "connecting", "connected" or "failed", the last with a `message`."""

    def __init__(self, name: str, entry: McpEntry, registry: ToolRegistry) -> None:
        self.origin = f"mcp {name}"
        self.state = "connecting"
        self.message = ""
        self.tried = asyncio.Event()
        """Whether replies need not wait: an attempt to connect has ended, or a reply has waited.

        Cleared when a connection ends that lasted longer than `STEADY_SECONDS`."""
        self._name = name
        self._entry = entry
        self._registry = registry
        self._client: Client | None = None
        self._connected_at: float | None = None
        self._prompts: dict[str, str] = {}
        self._gone = asyncio.Event()
        self._changed = asyncio.Event()
        self._stderr: deque[str] = deque(maxlen=LINES)
        self._status = 0
        """The HTTP status of the last response."""
        self._running: list[ToolContext] = []

    async def run(self) -> None:
        """Stay connected until cancelled."""
        attempt = 0
        while True:
            try:
                await self._connect()
                self.message = self._with_stderr("The server ended.")
            except Exception as error:  # noqa: BLE001 - whatever the SDK or the server does
                self.message = self._failure(error)
            finally:
                self._client = None
                self._registry.remove(self.origin)
            self.state = "failed"
            log.warning("%s", UNUSABLE.format(origin=self.origin, message=self.message))
            if self._connected_at is not None and monotonic() - self._connected_at > STEADY_SECONDS:
                attempt = 0
                self.tried.clear()
            else:
                self.tried.set()
            await asyncio.sleep(RESTART.delay(attempt))
            attempt += 1

    async def _connect(self) -> None:
        """Connect and keep the tools up to date; returns when the connection has ended."""
        self._gone.clear()
        self._connected_at = None
        info = types.Implementation(name="genpy", version=__version__)
        client = Client(
            self._transport(),
            client_info=info,
            read_timeout_seconds=START_SECONDS,
            message_handler=self._on_message,
            elicitation_callback=self._answer_elicitation,
        )
        async with client:
            self._client = client
            await self._register_tools(client)
            self._connected_at = monotonic()
            self.state, self.message = "connected", ""
            self.tried.set()
            listening = asyncio.create_task(self._listen(client))
            try:
                while not self._gone.is_set():
                    await self._changed.wait()
                    if not self._gone.is_set():
                        await self._register_tools(client)
            finally:
                listening.cancel()

    async def _listen(self, client: Client) -> None:
        """Subscribe to changes of the tools; servers of protocols before 2026 send them anyway."""
        attempt = 0
        while True:
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    attempt = 0
                    async for _ in changes:
                        self._changed.set()
            except (ListenNotSupportedError, MCPError):
                return
            except (SubscriptionLost, TimeoutError) as error:
                log.debug("%s: %s", self.origin, error)
            await asyncio.sleep(RESTART.delay(attempt))
            attempt += 1
            self._changed.set()

    @asynccontextmanager
    async def _transport(self) -> AsyncIterator[TransportStreams]:
        """The streams to the server; the end of the incoming one sets `_gone`, and `_changed`."""
        entry = self._entry
        if entry.url is not None:
            self._status = 0
            async with (
                create_mcp_http_client(dict(entry.headers)) as http,
                streamable_http_client(entry.url, http_client=http) as (read, write),
            ):
                http.event_hooks = {"response": [self._note_status]}
                yield _Watched(read, self._gone, self._changed), write
            return
        parameters = StdioServerParameters(
            command=entry.command or "",
            args=list(entry.args),
            env=dict(entry.env),
            encoding_error_handler="replace",
        )
        self._stderr.clear()
        async with (
            _standard_error(self._stderr) as errors,
            stdio_client(parameters, errlog=errors) as (read, write),
        ):
            yield _Watched(read, self._gone, self._changed), write

    def _failure(self, error: BaseException) -> str:
        """A sentence on why the connection failed or ended."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        reason = str(error) if isinstance(error, MCPError) else description(error)
        if self._status in KEY_REFUSED:
            return (
                f"{self._entry.url} refuses the key ({self._status}). "
                f"Keep a valid one: genpy keys set mcp.{self._name}."
            )
        if self._entry.url is not None:
            reason = f"status {self._status}." if self._status >= FIRST_ERROR else reason
            return f"{self._entry.url} gave no MCP connection: {reason}"
        if isinstance(error, OSError) and self._client is None:
            return f"{self._entry.command} cannot be started: {error.strerror or error}."
        return self._with_stderr("The server ended." if self._gone.is_set() else f"{reason}.")

    async def _note_status(self, response: Any) -> None:
        self._status = response.status_code

    def _with_stderr(self, sentence: str) -> str:
        """A sentence with the last line that names an error, else with the last line."""
        lines = [line for line in reversed(self._stderr) if line]
        line = next((line for line in lines if _ERROR.match(line)), lines[0] if lines else "")
        return f"{sentence} It wrote: {line}" if line else sentence

    async def _on_message(self, message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._changed.set()

    async def _answer_elicitation(
        self,
        context: ClientRequestContext,  # noqa: ARG002 - the SDK passes it
        params: types.ElicitRequestParams,
    ) -> types.ElicitResult:
        """Ask the person of the running call, if a server's question can be answered by yes or no.

        That are forms with only booleans and fields with defaults, which are accepted with these;
        any other is declined.
        """
        declined = types.ElicitResult(action="decline")
        schema = getattr(params, "requested_schema", None) or {}
        content: dict[str, Any] = {}
        lines = [params.message]
        for name, field in schema.get("properties", {}).items():
            if field.get("type") == "boolean":
                content[name] = True
                lines.append(field.get("description") or field.get("title") or name)
            elif "default" in field:
                content[name] = field["default"]
                lines.append(f"{name}: {field['default']}")
            elif name in schema.get("required", ()):
                return declined
        one_asks = len(self._running) == 1 and not isinstance(params, types.ElicitRequestURLParams)
        if not (one_asks and await self._running[0].ask("\n".join(lines))):
            return declined
        return types.ElicitResult(action="accept", content=content)

    async def _register_tools(self, client: Client) -> None:
        self._changed.clear()
        found: list[types.Tool] = []
        cursor: str | None = None
        while client.server_capabilities.tools is not None:
            page = await client.list_tools(cursor=cursor, cache_mode="refresh")
            found += page.tools
            cursor = page.next_cursor
            if cursor is None:
                break
        self._registry.remove(self.origin)
        for tool in found:
            try:
                self._registry.add(self._tool(tool))
            except ConfigError as error:  # two names that differ only in replaced characters
                log.warning("%s: %s", self.origin, error.message)

    def _tool(self, tool: types.Tool) -> Tool:
        """The registry's form of a tool. Its own annotations do not prove that it only reads."""
        name, schema = self._own_name(tool.name), dict(tool.input_schema)
        return Tool(
            ToolSpec(name, tool.description or tool.name, schema),
            None,
            partial(self._call, tool.name),
            seconds=self._entry.seconds,
            origin=self.origin,
            source=repr((self._entry.command, self._entry.args, self._entry.url)),
        )

    async def _call(self, name: str, context: ToolContext, arguments: dict[str, Any]) -> ToolResult:
        async def show(progress: float, total: float | None, message: str | None) -> None:
            context.progress(message or "", progress / total if total else None)

        client = self._client
        if client is None:
            raise BadRequest(f"The MCP server {self._name} is not connected: {self.message}")
        self._running.append(context)
        try:
            result = await client.call_tool(
                name,
                arguments,
                # The tool's own limit is shorter, and does not run while the person is asked.
                read_timeout_seconds=self._entry.seconds + START_SECONDS,
                progress_callback=show,
            )
        except MCPError as error:
            reason = "the server ended." if self._gone.is_set() else error
            raise BadRequest(f"{self._name}: {reason}") from error
        finally:
            self._running.remove(context)
        text = "\n\n".join(_shown(block) for block in result.content)
        if result.is_error:
            raise BadRequest(text or "The tool failed.")
        structured = result.structured_content
        return ToolResult(text if structured is None else structured, text or "Done.")

    # Prompts

    async def prompts(self) -> list[ListedPrompt]:
        """The prompts of the server; none while it is not connected."""
        client = self._client
        if client is None or client.server_capabilities.prompts is None:
            return []
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = (await client.list_prompts()).prompts
        except (MCPError, TimeoutError) as error:
            log.warning("%s: %s", self.origin, description(error))
            return []
        self._prompts = {self._own_name(prompt.name).lower(): prompt.name for prompt in found}
        return [
            ListedPrompt(
                self._own_name(prompt.name).lower(),
                prompt.description or prompt.name,
                tuple(
                    PromptArgument(one.name, one.description or "", bool(one.required))
                    for one in prompt.arguments or ()
                ),
            )
            for prompt in found
        ]

    async def prompt(self, name: str, values: dict[str, str]) -> str:
        """The text of a listed prompt with its arguments."""
        client = self._client
        if client is None:
            raise NotFound(f"The MCP server {self._name} is not connected.")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                result = await client.get_prompt(self._prompts[name], values)
        except (MCPError, TimeoutError) as error:
            raise BadRequest(f"{self._name}: {description(error)}") from error
        return "\n\n".join(_shown(message.content) for message in result.messages)

    def _own_name(self, name: str) -> str:
        return _NOT_IN_NAMES.sub("_", f"{self._name}_{name}")[:NAME_CHARS]


@asynccontextmanager
async def _standard_error(kept: deque[str]) -> AsyncIterator[TextIO]:
    """A file for a program to write to; its lines are appended to `kept`."""
    read, write = os.pipe()

    def collect() -> None:
        with os.fdopen(read, encoding="utf-8", errors="replace") as lines:
            for line in iter(lambda: lines.readline(LINE_CHARS), ""):
                kept.append(line.strip())

    thread = threading.Thread(target=collect, daemon=True)
    thread.start()
    try:
        with os.fdopen(write, "w", encoding="utf-8") as file:
            yield file
    finally:  # wait for the last lines, but not long: a child of the program may keep the file open
        await asyncio.to_thread(thread.join, 1.0)


class _Watched:
    """A stream of messages that sets events when its reader leaves it, as at its end."""

    def __init__(self, stream: Any, *ended: asyncio.Event) -> None:
        self._stream, self._ended = stream, ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __aiter__(self) -> Any:
        return aiter(self._stream)

    async def __aenter__(self) -> Any:
        return await self._stream.__aenter__()

    async def __aexit__(self, *error: object) -> Any:
        for event in self._ended:
            event.set()
        return await self._stream.__aexit__(*error)


def _shown(block: Any) -> str:
    """A part of a result as text; for other media, their kind, media type and size."""
    if isinstance(block, types.TextContent):
        return block.text
    if isinstance(block, types.EmbeddedResource):
        resource = block.resource
        if isinstance(resource, types.TextResourceContents):
            return resource.text
        return _described("resource", resource.uri, resource.mime_type, _decoded(resource.blob))
    if isinstance(block, types.ResourceLink):
        link = _described("resource", block.uri, block.mime_type, block.size)
        return "\n".join(filter(None, (link, block.title or block.name, block.description)))
    if isinstance(block, types.ImageContent | types.AudioContent):
        return _described(block.type, "", block.mime_type, _decoded(block.data))
    return f"({getattr(block, 'type', 'data')})"


def _described(kind: str, uri: object, media_type: str | None, size: int | None) -> str:
    amount = ""
    if size is not None:
        amount = f"{size / KB:.0f} kB" if size < MB else f"{size / MB:.1f} MB"
        amount = f"{size} bytes" if size < KB else amount
    return f"({', '.join(filter(None, (kind, str(uri), media_type, amount)))})"


def _decoded(data: str) -> int:
    """The size of base64 data in bytes when decoded."""
    return len(data.rstrip("=")) * 3 // 4
