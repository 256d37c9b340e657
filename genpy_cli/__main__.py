"""`genpy`: runs one command line; every failure becomes one sentence and an exit code."""

import gc
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

# Imports leave nothing to collect, and looking for it takes a tenth of a small command.
gc.set_threshold(50_000, 20, 100)

from genpy_cli import exit_codes  # noqa: E402 - see above
from genpy_cli.app import app  # noqa: E402


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code."""
    _prepare_output()
    words = sys.argv[1:] if arguments is None else list(arguments)
    # A byte that is not UTF-8 arrives as a lone surrogate, which no store or terminal takes.
    words = [word.encode("utf-8", "replace").decode() for word in words]
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
    finally:
        gc.freeze()  # or the interpreter looks through everything once more when it ends
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
