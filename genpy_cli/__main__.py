"""`genpy`: runs one command line; every failure becomes one sentence and an exit code."""

import gc
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path


def main() -> int:
    """Run the command line of this process; returns the exit code."""
    # A small command leaves nothing to collect, and looking for it takes a quarter of its time,
    # at exit once more. Commands that last turn the collector on.
    gc.disable()
    code = run(sys.argv[1:])
    gc.freeze()
    return code


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code."""
    _prepare_output()
    # A byte that is not UTF-8 arrives as a lone surrogate, which no store or terminal takes.
    words = [word.encode("utf-8", "replace").decode() for word in arguments]
    from genpy_cli import exit_codes
    from genpy_cli.app import app

    try:
        code: int | None = app(words or ["--help"], prog_name="genpy", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        exit_codes.discard(1)  # the reader has seen enough, as `head` has
        return 0
    except KeyboardInterrupt:
        return exit_codes.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the one place where failures become sentences
        return exit_codes.report(error)
    return code or 0


def _prepare_output() -> None:
    """Never fail for a character that a terminal cannot show; a pipe gets UTF-8."""
    # Closed streams are None, and what is written to them goes nowhere.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for good
    sys.stderr = sys.stderr or sys.stdout
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="replace")


if __name__ == "__main__":
    sys.exit(main())
