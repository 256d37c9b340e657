"""`genpy`: parse the line, run the command, turn every failure into one sentence and an exit code.

0 done, 1 failed, 2 wrong usage, 3 no server there, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from genpy_cli.failures import FAILED, INTERRUPTED, UNREACHABLE, WRONG_USAGE, Misused
from genpy_server.errors import GenPyError, Unreachable

EXPECTED = ((Misused, WRONG_USAGE), (Unreachable, UNREACHABLE), (GenPyError, FAILED))
"""The first that fits says the exit code; anything else is a bug."""


def main(line: Sequence[str] | None = None) -> int:
    """Run one line; the exit code."""
    words = sys.argv[1:] if line is None else line
    _prepare_output()
    try:
        code = _run([word.encode("utf-8", "replace").decode() for word in words])
        sys.stdout.flush()
    except BrokenPipeError:
        _drop(sys.stdout)
        return 0  # who read it has seen enough, as `head` does
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place where failures become sentences
        return _failed(error)
    return code


def _failed(error: Exception) -> int:
    """Say what went wrong; the exit code."""
    from genpy_server.core.display import visible  # noqa: PLC0415 - only for failures

    code = next((code for kind, code in EXPECTED if isinstance(error, kind)), None)
    if code is not None:
        sentence = str(error)
    elif isinstance(error, OSError):  # the machine's: a full disk, a folder that is not ours
        _drop(sys.stdout)
        where = f"{error.filename}: " if error.filename else ""
        sentence = f"{where}{error.strerror or error}."
    else:
        from genpy_cli.bug import keep  # noqa: PLC0415 - only for bugs

        sentence = keep(error)
    sys.stderr.write(visible(sentence) + "\n")
    return FAILED if code is None else code


def _run(line: list[str]) -> int:
    if line == ["--version"]:
        from genpy_server import __version__  # noqa: PLC0415

        sys.stdout.write(f"genpy {__version__}\n")
        return 0
    from genpy_cli import straight  # noqa: PLC0415

    invocation = None if "_GENPY_COMPLETE" in os.environ else straight.parse(line)
    if invocation is None:
        from genpy_cli import app  # noqa: PLC0415 - longer to import than most commands to run

        invocation = app.parse(line or ["--help"])
    return invocation.run(**invocation.values) or 0


def _prepare_output() -> None:
    """Never fail for a character that a terminal cannot show; a pipe gets UTF-8."""
    # Closed streams are None, and what is written to them goes nowhere.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for good
    sys.stderr = sys.stderr or sys.stdout
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace")


def _drop(stream: TextIO) -> None:
    """Nobody reads on: what is still buffered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
