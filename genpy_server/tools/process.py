"""A synchronous tool that acts, in a process of its own, which can be ended in the middle.

The parent names the function by module and file; the child loads it and writes JSON lines:
`progress`, then one `result` or `error`.
"""

import asyncio
import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from genpy_server.core.text import storable
from genpy_server.errors import BadRequest, description
from genpy_server.tools.base import ToolContext, ToolResult

LINE_BYTES = 64 * 1024 * 1024
"""Bytes of one line from the child at most; its result is cut to the usual limit afterwards."""
FILE_MODULE = "genpy_file_"
"""What the names of modules begin with that are files of their own."""


class ProcessCall(msgspec.Struct):
    """Which function to call, with what."""

    module: str
    file: str | None
    function: str
    arguments: dict[str, Any]
    user_id: str
    session_id: str
    model: str
    path: list[str]


def can_be_found(function: Callable[..., Any]) -> bool:
    """Whether another process finds a function by its module and name, as the one it is."""
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
    """What a function returns, called in a new process that ends with this call."""
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
        "genpy_server.tools.process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=LINE_BYTES,
        start_new_session=True,
    )
    try:
        assert process.stdin is not None  # noqa: S101 - it was asked for
        assert process.stdout is not None  # noqa: S101 - it was asked for
        with suppress(ConnectionError):  # it ended at once, which the missing result shows
            process.stdin.write(msgspec.json.encode(call) + b"\n")
            await process.stdin.drain()
            process.stdin.close()
        while line := await process.stdout.readline():
            said = msgspec.json.decode(line, type=dict[str, Any])
            if "progress" in said:
                context.progress(said["progress"], said.get("fraction"))
            elif "error" in said:
                raise BadRequest(said["error"])
            else:
                return msgspec.convert(said["result"], ToolResult)
        code = await process.wait()
        raise BadRequest(f"Its process ended with exit code {code} and no result.")
    finally:
        _end(process)
        await process.wait()


def _end(process: asyncio.subprocess.Process) -> None:
    """End a process and what it started, if it still runs."""
    with suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def load_file(file: Path, name: str) -> ModuleType:
    """A Python file as a module of a name of its own."""
    found = importlib.util.spec_from_file_location(name, file)
    if found is None or found.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


class _Absent:
    """What a process of its own does not have."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(
            "A synchronous tool that acts has no store: make the function async to use it."
        )


def _module(call: ProcessCall) -> ModuleType:
    if call.module == "__main__":
        return load_file(Path(call.file or ""), "__mp_main__")
    if call.module.startswith(FILE_MODULE):
        return load_file(Path(call.file or ""), call.module)
    return importlib.import_module(call.module)


def main() -> None:
    """Call the function that standard input names."""
    from genpy_server.tools.functions import as_result, parameters  # noqa: PLC0415 - imports this

    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the tool prints is not its result

    def say(**fields: Any) -> None:
        out.write(msgspec.json.encode(fields) + b"\n")
        out.flush()

    call = msgspec.json.decode(sys.stdin.buffer.readline(), type=ProcessCall)
    sys.path[:] = call.path
    absent: Any = _Absent()
    context = ToolContext(
        absent,
        call.user_id,
        call.session_id,
        model=call.model,
        on_progress=lambda text, fraction: say(progress=storable(str(text)), fraction=fraction),
    )
    try:
        function: Any = _module(call)
        for name in call.function.split("."):
            function = getattr(function, name)
        wants_context, arguments = parameters(function, call.function)
        values = msgspec.convert(call.arguments, arguments)
        given = {field: getattr(values, field) for field in values.__struct_fields__}
        say(result=as_result(function(*((context,) if wants_context else ()), **given)))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the model is told
        say(error=storable(description(error)))


if __name__ == "__main__":
    main()
