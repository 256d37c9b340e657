"""Objects of installed packages, found by the entry points `genpy.tools`, `genpy.modes` and others."""

from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from genpy_server.errors import ConfigError, GenPyError, description


class Plugin(NamedTuple):
    """The object of an entry point; `source` names it and its package in errors."""

    source: str
    value: Any


def points(group: str) -> list[EntryPoint]:
    """The entry points of a group, sorted by name; nothing is imported."""
    found = _installed().select(group=group)
    return sorted(found, key=lambda point: (point.name, package_of(point)))


@cache
def _installed() -> Any:
    """The entry points of all groups; cached, since reading them opens a file of every package.

    An `EntryPoints`; in Python 3.11 another type with the same `select`.
    """
    return entry_points()


def loaded(point: EntryPoint) -> Plugin:
    """Import the object of an entry point; raises `ConfigError`."""
    source = f"{package_of(point)} ({point.group}: {point.name})"
    try:
        return Plugin(source, point.load())
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


def package_of(point: EntryPoint) -> str:
    """The name of the package of an entry point."""
    return point.dist.name if point.dist is not None else point.module
