"""Exit codes, and the error sentence of a command that failed.

0 success, 1 failure, 2 wrong usage, 3 no server answers, 130 interrupted.
"""

import os
import platform
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import typer

from genpy_cli import output
from genpy_cli.options import WrongUsageError
from genpy_server import __version__, errors, files

FAILED = 1
WRONG_USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130


def report(error: Exception) -> int:
    """Write one sentence about a failure to standard error; returns the exit code."""
    if isinstance(error, typer.Abort):  # ctrl+d at a question
        return INTERRUPTED
    code, sentence = _described(error)
    if isinstance(error, OSError):
        discard(1)  # buffered output would fail again at exit
    output.note(sentence)
    return code


def _described(error: Exception) -> tuple[int, str]:
    match error:
        case typer.TyperException():
            message = error.format_message().replace("a valid int range", "a whole number")
            if not message.startswith("Usage:"):  # the help of a group without a command
                context = getattr(error, "ctx", None)
                hint = f"\nTry `{context.command_path} --help`." if context is not None else ""
                message = f"Error: {message}{hint}"
            return error.exit_code, message
        case WrongUsageError():
            return WRONG_USAGE, str(error)
        case errors.Unreachable():
            return UNREACHABLE, error.message
        case errors.GenPyError():
            return FAILED, error.message
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return FAILED, f"{where}{error.strerror or error}."
    return FAILED, keep_bug_report(error)


def keep_bug_report(error: Exception) -> str:
    """Write versions and traceback to a file of the user; returns the sentence that names it."""
    trace = "".join(traceback.format_exception(error))
    text = (
        f"GenPy {__version__}, Python {platform.python_version()}, {platform.platform()}\n\n{trace}"
    )
    path = state_folder() / f"bug-{datetime.now(UTC):%Y%m%d-%H%M%S}.log"
    try:
        files.write_private(path, text)
    except OSError:
        sys.stderr.write(text)
        return "This is a bug in GenPy. The report could not be written to a file."
    return f"This is a bug in GenPy. The report is in {path}."


def state_folder() -> Path:
    """The folder for bug reports and allowed addresses."""
    from platformdirs import user_state_path

    return user_state_path("genpy", appauthor=False)


def discard(descriptor: int) -> None:
    """Redirect a file descriptor to the null device."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
