"""`genpy`: runs one command; a failure is printed as one sentence and sets the exit code."""

import gc
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

COLLECT = 100_000
"""Threshold of the garbage collector, which else takes a quarter of the time of a short command."""


def main() -> int:
    """Run the command line of this process; returns the exit code."""
    gc.set_threshold(COLLECT)
    code = run(sys.argv[1:])
    gc.freeze()
    return code


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code."""
    _prepare_output()
    # A byte that is not UTF-8 arrives as a lone surrogate, which stores and terminals refuse.
    words = [word.encode("utf-8", "replace").decode() for word in arguments] or ["--help"]
    from genpy_cli import exit_codes
    from genpy_cli.app import application

    try:
        code: int | None = application(words)(words, prog_name="genpy", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        exit_codes.discard(1)  # the reader, such as `head`, has closed the pipe
        return 0
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place where failures become sentences
        return exit_codes.report(error)
    return code or 0


def _prepare_output() -> None:
    """Replace characters that a terminal cannot show; a pipe gets UTF-8."""
    # A closed stream is None; writing to it must not fail.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for good
    sys.stderr = sys.stderr or sys.stdout
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace")


if __name__ == "__main__":
    sys.exit(main())
