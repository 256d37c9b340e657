"""The report of a bug: a file with versions and the traceback."""

import platform
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_state_path

from genpy_server import __version__


def keep(error: Exception) -> str:
    """Write the report; the sentence that says where it is."""
    trace = "".join(traceback.format_exception(error))
    text = (
        f"GenPy {__version__}, Python {platform.python_version()}, {platform.platform()}\n\n{trace}"
    )
    path = user_state_path("genpy", appauthor=False) / f"bug-{datetime.now(UTC):%Y%m%d-%H%M%S}.log"
    try:
        _write(path, text)
    except OSError:
        sys.stderr.write(text)
        return "This is a bug in GenPy, and its report could not be written to a file."
    return f"This is a bug in GenPy. What happened is written to {path}."


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
