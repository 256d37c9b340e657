"""Loads the built-in modes, those of installed packages, and the person's own.

The built-in ones are the Markdown files in this folder. Later sources replace modes with the same
name: the entry points `genpy.modes` (a `Mode`, a list of them, or the path of a file or a folder),
the files of `modes/` in the config folder, and those that a program passes to its `App`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genpy_server.core.modes import Mode, Modes, parse_mode
from genpy_server.errors import ConfigError
from genpy_server.plugins import loaded, points

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

GROUP = "genpy.modes"
FOLDER = "modes"
SUFFIX = ".md"

log = logging.getLogger("genpy.modes")


@cache
def own_modes() -> Modes:
    """The modes of the package."""
    return Modes(_read(Path(__file__).parent))


def open_modes(
    folder: Path | None = None,
    extra: Iterable[Mode] = (),
    failed: Callable[[str], None] = log.warning,
) -> Modes:
    """All modes, `extra` last; `folder` is the person's config folder, if any.

    Raises `ConfigError` with the name of an invalid file of theirs. Invalid modes of a package are
    left out, and the reason is passed to `failed`.
    """
    of_packages = _of_packages(failed)
    place = None if folder is None else folder / FOLDER
    person = _read(place) if place is not None and place.is_dir() else ()
    return Modes((*own_modes().values(), *of_packages, *person, *extra))


def _of_packages(failed: Callable[[str], None]) -> Iterator[Mode]:
    for point in points(GROUP):
        try:
            source, value = loaded(point)
            found = list(_modes(value, source))
        except ConfigError as error:
            failed(error.message)
        else:
            yield from found


def _modes(value: Any, source: str) -> Iterator[Mode]:
    """The modes in the object of an entry point."""
    from importlib.resources.abc import Traversable  # noqa: PLC0415 - only for those of packages

    if isinstance(value, Mode):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _modes(item, source)
    elif isinstance(value, str | Path | Traversable):
        place = Path(value) if isinstance(value, str) else value
        if not place.is_dir() and not place.is_file():
            raise ConfigError(f"{source} names {place}, where no file and no folder is.")
        yield from _read(place)
    else:
        kind = type(value).__name__
        raise ConfigError(f"{source} is a {kind}. It must be a Mode, a list of them, or a path.")


def _read(place: "Path | Traversable") -> Iterator[Mode]:
    """The modes of a Markdown file, or of those in a folder in the order of their names."""
    if place.is_dir():
        for file in sorted(place.iterdir(), key=lambda file: file.name):
            if file.name.endswith(SUFFIX) and file.is_file():
                yield from _read(file)
        return
    name = place.name.removesuffix(SUFFIX).lower().replace("-", "_").replace(" ", "_")
    try:
        yield parse_mode(place.read_text("utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place} cannot be read as UTF-8 text: {error}.") from None
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}.") from None
