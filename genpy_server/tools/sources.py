"""Tools of installed packages, and of files in the person's config folder.

A source that fails is reported; the other sources are used.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genpy_server.core.models import ToolSource
from genpy_server.errors import ConfigError, description
from genpy_server.plugins import package_of, points
from genpy_server.tools.base import UNUSABLE, Tool
from genpy_server.tools.functions import as_tool, is_marked
from genpy_server.tools.process import FILE_MODULE, load_file
from genpy_server.tools.registry import ToolRegistry

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "genpy.tools"
"""Entry points whose object is a function, a `Tool`, or a list of them."""

FOLDER = "tools"
"""The folder of tool files in the person's config folder."""

log = logging.getLogger("genpy.tools")


def add_packages(registry: ToolRegistry) -> list[ToolSource]:
    """Add the tools of installed packages; returns what failed."""
    found = points(GROUP)
    return _add(registry, ((f"package {package_of(point)}", point) for point in found))


def add_files(registry: ToolRegistry, directory: Path) -> list[ToolSource]:
    """Add the functions with `@tool` in the files of a folder; returns what failed."""
    files = sorted(directory.glob("*.py")) if directory.is_dir() else []
    return _add(registry, ((f"file {file.name}", file) for file in files))


def _add(
    registry: ToolRegistry, sources: "Iterable[tuple[str, Path | EntryPoint]]"
) -> list[ToolSource]:
    failed = []
    for origin, source in sources:
        try:
            found = _of_file(source) if isinstance(source, Path) else _of_entry(source)
            tools = [as_tool(one, origin) for one in found]
            if isinstance(source, Path):  # a tool may call other functions of its file
                text = source.read_text(encoding="utf-8")
                tools = [replace(tool, source=text) for tool in tools]
            registry.add(*tools)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - foreign code
            text = description(error)
            log.warning("%s", UNUSABLE.format(origin=origin, message=text))
            failed.append(ToolSource(origin, "failed", text))
    return failed


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
