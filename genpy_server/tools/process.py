"""Runs a synchronous tool that acts in its own process, which can be killed.

`python -m genpy_server.tools.process` is that process: it is sent the module and name of the function,
loads it and writes JSON lines: `progress`, then one `result` or `error`.
"""

import asyncio
import importlib
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

from genpy_server.core.text import storable
from genpy_server.errors import BadRequest, description, place
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
        __name__,
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
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):  # its children too
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        await process.wait()


def load_file(file: Path, name: str) -> ModuleType:
    """Load a Python file as a module with this name."""
    found = importlib.util.spec_from_file_location(name, file)
    if found is None or found.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


class _NoStore:
    """Stands for the store in the process of a tool."""

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
    """Call the function of the `ProcessCall` on standard input."""
    from genpy_server.tools.functions import as_result, parameters  # noqa: PLC0415 - imports this module

    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of the tool is not its result

    def report(**fields: Any) -> None:
        out.write(msgspec.json.encode(fields) + b"\n")
        out.flush()

    call = msgspec.json.decode(sys.stdin.buffer.readline(), type=ProcessCall)
    sys.path[:] = call.path
    no_store: Any = _NoStore()
    context = ToolContext(
        no_store,
        call.user_id,
        call.session_id,
        model=call.model,
        on_progress=lambda text, fraction: report(progress=storable(str(text)), fraction=fraction),
    )
    try:
        function: Any = _module(call)
        for name in call.function.split("."):
            function = getattr(function, name)
        wants_context, arguments = parameters(function, call.function)
        values = msgspec.convert(call.arguments, arguments)
        first = (context,) if wants_context else ()
        report(result=as_result(function(*first, **msgspec.structs.asdict(values))))
    except BaseException as error:  # noqa: BLE001 - reported to the parent
        failed = f"{type(error).__name__} in {place(error)}"
        report(error=storable(description(error)), failed=failed)


if __name__ == "__main__":
    main()
