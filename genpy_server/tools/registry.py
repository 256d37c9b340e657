"""The tools of a server: built-in ones, those of packages, and those of the person's files.

A source that fails is reported; the other sources are used. The call of one has checked arguments,
time and size limits, and errors as text.
"""

import asyncio
import dataclasses
import hashlib
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from genpy_server.core.models import ToolSource
from genpy_server.core.text import storable
from genpy_server.errors import BadRequest, ConfigError, GenPyError, description, place
from genpy_server.plugins import package_of, points
from genpy_server.tools import all_sessions, chat_history, session_stats
from genpy_server.tools.base import UNUSABLE, Tool, ToolContext, ToolResult, check_name
from genpy_server.tools.functions import as_tool, is_marked
from genpy_server.tools.process import FILE_MODULE, load_file

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "genpy.tools"
"""Entry points whose object is a function, a `Tool`, or a list of them."""

FOLDER = "tools"
"""The folder of tool files in the person's config folder."""


def _of_file(file: Path) -> Iterator[Any]:
    name = f"{FILE_MODULE}{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    module = load_file(file, name)
    for value in vars(module).values():
        if isinstance(value, Tool) or (is_marked(value) and value.__module__ == name):
            yield value


def _of_entry(entry: "EntryPoint") -> Iterator[Any]:
    loaded = entry.load()
    values = loaded if isinstance(loaded, list | tuple) else [loaded]
    for value in values:
        if not callable(value) and not isinstance(value, Tool):
            raise ConfigError(f"{entry.value} is neither a function nor a list of functions.")
        yield value


BUILT_IN: tuple[Tool, ...] = (session_stats.TOOL, chat_history.TOOL, all_sessions.TOOL)
RESULT_BYTES = 64 * 1024
"""Most bytes of a result's data, and of its display."""

log = logging.getLogger("genpy.tools")


class ToolRegistry:
    """The tools by name, the built-in ones first."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        self.add(*BUILT_IN, *tools)

    def add(self, *tools: Tool) -> None:
        """Add tools, all or none; raises `ConfigError` for a name that is taken or invalid."""
        added = dict(self._tools)
        for tool in tools:
            name, known = tool.spec.name, added.get(tool.spec.name)
            check_name(name)
            if known is not None:
                raise ConfigError(
                    f"Two tools are called {name}: one of {known.origin} and one of {tool.origin}."
                )
            added[name] = tool
        self._tools = added

    def add_packages(self) -> list[ToolSource]:
        """Add the tools of installed packages; returns what failed."""
        found = points(GROUP)
        return self._add_sources((f"package {package_of(point)}", point) for point in found)

    def add_files(self, directory: Path) -> list[ToolSource]:
        """Add the functions with `@tool` in the files of a folder; returns what failed."""
        files = sorted(directory.glob("*.py")) if directory.is_dir() else []
        return self._add_sources((f"file {file.name}", file) for file in files)

    def _add_sources(self, sources: "Iterable[tuple[str, Path | EntryPoint]]") -> list[ToolSource]:
        failed = []
        for origin, source in sources:
            try:
                found = _of_file(source) if isinstance(source, Path) else _of_entry(source)
                tools = [as_tool(one, origin) for one in found]
                if isinstance(source, Path):  # a tool may call other functions of its file
                    text = source.read_text(encoding="utf-8")
                    tools = [dataclasses.replace(tool, source=text) for tool in tools]
                self.add(*tools)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - foreign code
                text = description(error)
                log.warning("%s", UNUSABLE.format(origin=origin, message=text))
                failed.append(ToolSource(origin, "failed", text))
        return failed

    def remove(self, origin: str) -> None:
        """Remove the tools of an origin."""
        self._tools = {name: tool for name, tool in self._tools.items() if tool.origin != origin}

    @property
    def tools(self) -> tuple[Tool, ...]:
        """Every tool."""
        return tuple(self._tools.values())

    def find(self, name: str) -> Tool:
        """The tool of a name; raises `BadRequest` for an unknown one."""
        tool = self._tools.get(name)
        if tool is None:
            raise BadRequest(f"Unknown tool {name[:60]!r}. Known: {', '.join(self._tools)}.")
        return tool


def parse_arguments(text: str) -> dict[str, Any]:
    """Decode a model's arguments, a JSON object; an empty text is an empty object."""
    try:
        return msgspec.json.decode(text.strip() or "{}", type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise BadRequest("The arguments are not a JSON object.") from None


def checked_arguments(tool: Tool, arguments: dict[str, Any]) -> Any:
    """Convert arguments to the type of the tool; raises `BadRequest` where they do not fit."""
    if tool.arguments is None:
        return arguments
    try:
        return msgspec.convert(arguments, tool.arguments)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The arguments of {tool.spec.name} do not fit: {error}.") from None


async def call(tool: Tool, arguments: Any, context: ToolContext) -> ToolResult:
    """Call a tool with checked arguments, within its time limit and the size limit.

    Raises `BadRequest` with a message for the model when the tool fails.
    """
    try:
        async with asyncio.timeout(tool.seconds) as limit:
            result = await tool.run(_pausing(context, limit), arguments)
        return bounded(result)
    except GenPyError:
        raise
    except TimeoutError:
        if limit.expired():
            raise BadRequest(f"No result within {tool.seconds:g} seconds.") from None
        raise BadRequest("TimeoutError") from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise BadRequest("The tool cancelled itself.") from None
    except BaseException as error:  # a tool must not end the server, even with KeyboardInterrupt
        log.warning("%s failed: %s in %s", tool.spec.name, type(error).__name__, place(error))
        raise BadRequest(storable(description(error)[:RESULT_BYTES])) from error


def _pausing(context: ToolContext, limit: asyncio.Timeout) -> ToolContext:
    """The context with an `ask` that pauses the time limit of the call."""
    ask = context.on_ask

    async def on_ask(question: str) -> bool:
        loop = asyncio.get_running_loop()
        left = (limit.when() or loop.time()) - loop.time()
        limit.reschedule(None)
        try:
            return await ask(question)
        finally:
            limit.reschedule(loop.time() + left)

    return dataclasses.replace(context, on_ask=on_ask)


def bounded(result: ToolResult) -> ToolResult:
    """A result within the size limit; a larger one is cut, with a note."""
    data = msgspec.json.encode(result.data)
    if len(data) > RESULT_BYTES:
        text = result.data if isinstance(result.data, str) else data.decode()
        kept = text.encode()[:RESULT_BYTES].decode(errors="ignore")
        note = f"The result has {len(data):,} bytes; this is its beginning."
        result = msgspec.structs.replace(result, data={"note": note, "beginning": kept})
    if len(result.display.encode()) > RESULT_BYTES:
        kept = result.display.encode()[:RESULT_BYTES].decode(errors="ignore")
        result = msgspec.structs.replace(result, display=f"{kept}\n\n… (the result is longer)")
    return result
