"""Objects of installed packages, found by the entry points `genpy.tools`, `genpy.modes` and others."""

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genpy_server.errors import ConfigError, GenPyError, description

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def points(group: str) -> "list[EntryPoint]":
    """The entry points of a group, sorted by name; nothing of theirs is imported."""
    installed = _installed()
    found = [] if installed is None else installed.select(group=group)
    return sorted(found, key=lambda point: (point.name, package_of(point)))


@cache
def _installed() -> Any:
    """The entry points of all groups, or None where no package extends GenPy; cached.

    An `EntryPoints`; in Python 3.11 another type with the same `select`.
    """
    if not _is_extended():
        return None
    from importlib.metadata import entry_points  # noqa: PLC0415 - a tenth of the time of `genpy ask`

    return entry_points()


def _is_extended() -> bool:
    """Whether a package may have entry points for GenPy; a zip file is not looked into."""
    for place in map(Path, sys.path):
        files = place.glob("*-info/entry_points.txt")
        with suppress(OSError):  # importlib finds nothing either in what cannot be read
            if place.is_file() or any(b"[genpy." in file.read_bytes() for file in files):
                return True
    return False


def loaded(point: "EntryPoint") -> tuple[str, Any]:
    """What names an entry point and its package in errors, and its object; raises `ConfigError`."""
    source = f"{package_of(point)} ({point.group}: {point.name})"
    try:
        return source, point.load()
    except (Exception, SystemExit) as error:  # foreign code
        what = description(error).rstrip(".")
        raise ConfigError(f"{source} cannot be loaded: {what}.") from error


def made(group: str, name: str, *values: Any) -> Any:
    """Call the function of the entry point of a name, and return its result.

    Raises `ConfigError` where no package has that name, where two have it, and where it fails.
    """
    found = [point for point in points(group) if point.name == name]
    if not found:
        raise ConfigError(f"No installed package brings {name} ({group}).")
    if len(found) > 1:
        packages = " and ".join(map(package_of, found))
        raise ConfigError(f"Two packages bring {name} ({group}), {packages}. Uninstall one.")
    source, function = loaded(found[0])
    return called(source, function, *values)


def called(source: str, function: Callable[..., Any], *values: Any) -> Any:
    """Call a foreign function; raises `ConfigError` with its `source` where it fails."""
    try:
        return function(*values)
    except GenPyError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{source} failed: {description(error).rstrip('.')}.") from error


def package_of(point: "EntryPoint") -> str:
    """The name of the package of an entry point."""
    return point.dist.name if point.dist is not None else point.module
