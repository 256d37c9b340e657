"""`python -m genpy_server.tools.child`: the process in which `process` runs a tool."""

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from genpy_server.core.text import storable
from genpy_server.errors import description, place
from genpy_server.tools.base import ToolContext
from genpy_server.tools.functions import as_result, parameters
from genpy_server.tools.process import FILE_MODULE, ProcessCall, load_file


class _NoStore:
    """Stands for the store in the child process."""

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
        given = {field: getattr(values, field) for field in values.__struct_fields__}
        report(result=as_result(function(*((context,) if wants_context else ()), **given)))
    except BaseException as error:  # noqa: BLE001 - reported to the parent
        failed = f"{type(error).__name__} in {place(error)}"
        report(error=storable(description(error)), failed=failed)


if __name__ == "__main__":
    main()
