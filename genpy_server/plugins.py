"""What installed packages bring by the entry points `genpy.tools`, `genpy.modes` and the like."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from genpy_server.errors import ConfigError, description


class Plugin(NamedTuple):
    """An object of an entry point; `source` names the package for messages."""

    name: str
    source: str
    value: Any


def plugins(group: str, name: str | None = None) -> Iterator[Plugin]:
    """The objects of a group, in the order of their names; of one name alone where it is given.

    Raises `ConfigError` for a package whose object cannot be imported.
    """
    found = entry_points(group=group) if name is None else entry_points(group=group, name=name)
    for point in sorted(found, key=lambda point: point.name):
        yield Plugin(point.name, _source(point), _loaded(point))


def plugin_names(group: str) -> list[str]:
    """The names of a group's entry points, in order; nothing is imported."""
    return sorted({point.name for point in entry_points(group=group)})


def _loaded(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # whatever a foreign module raises
        what = description(error).rstrip(".")
        raise ConfigError(f"{_source(point)} cannot be loaded: {what}.") from error


def package_of(point: EntryPoint) -> str:
    """The name of the package that an entry point is of."""
    return point.dist.name if point.dist is not None else point.module


def _source(point: EntryPoint) -> str:
    return f"{package_of(point)} ({point.group}: {point.name})"
