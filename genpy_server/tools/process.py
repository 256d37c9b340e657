"""Runs a synchronous tool that acts in its own process, which can be killed.

The process, `child`, is sent the module and name of the function; it loads it and writes JSON lines:
`progress`, then one `result` or `error`.
"""

import asyncio
import importlib.util
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from genpy_server.errors import BadRequest
from genpy_server.tools.base import ToolContext, ToolResult

log = logging.getLogger("genpy.tools")

LINE_BYTES = 64 * 1024 * 1024
"""Longest line from the child; its result is cut to the usual limit afterwards."""
FILE_MODULE = "genpy_file_"
"""Prefix of the names of modules that were loaded from a file."""


class ProcessCall(msgspec.Struct):
    """The function to call, its arguments and its context."""

    module: str
    file: str | None
    function: str
    arguments: dict[str, Any]
    user_id: str
    session_id: str
    model: str
    path: list[str]


def can_be_found(function: Callable[..., Any]) -> bool:
    """Whether another process finds the same function by its module and name."""
    module = sys.modules.get(function.__module__)
    if module is None:  # being loaded
        return "<locals>" not in function.__qualname__
    if function.__module__ == "__main__" and not hasattr(module, "__file__"):
        return False
    found: Any = module
    for name in function.__qualname__.split("."):
        found = getattr(found, name, None)
    return bool(found == function)


async def run_in_process(
    function: Callable[..., Any], arguments: dict[str, Any], context: ToolContext
) -> ToolResult:
    """Call a function in a new process and return its result; raises `BadRequest` with its error."""
    module = sys.modules.get(function.__module__)
    call = ProcessCall(
        function.__module__,
        getattr(module, "__file__", None),
        function.__qualname__,
        arguments,
        context.user_id,
        context.session_id,
        context.model,
        sys.path,
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # nothing is imported from the working directory
        "-m",
        "genpy_server.tools.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=LINE_BYTES,
        start_new_session=True,
    )
    try:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        assert process.stdout is not None  # noqa: S101 - it was asked for
        with suppress(ConnectionError):  # it has exited; the missing result is reported below
            process.stdin.write(msgspec.json.encode(call) + b"\n")
            await process.stdin.drain()
            process.stdin.close()
        while line := await process.stdout.readline():
            reported = msgspec.json.decode(line, type=dict[str, Any])
            if "progress" in reported:
                context.progress(reported["progress"], reported.get("fraction"))
            elif "error" in reported:
                log.warning("%s failed: %s", function.__qualname__, reported["failed"])
                raise BadRequest(reported["error"])
            else:
                return msgspec.convert(reported["result"], ToolResult)
        code = await process.wait()
        raise BadRequest(f"Its process ended with exit code {code} and no result.")
    finally:
        _end(process)
        await process.wait()


def _end(process: asyncio.subprocess.Process) -> None:
    """Kill a process and its children, if it still runs."""
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def load_file(file: Path, name: str) -> ModuleType:
    """Load a Python file as a module with this name."""
    found = importlib.util.spec_from_file_location(name, file)
    if found is None or found.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module
