"""`python -m genpy_server`: runs the server."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

import msgspec

from genpy_server import __version__
from genpy_server.app import App, run
from genpy_server.errors import GenPyError
from genpy_server.settings import Settings, load

PORTS = range(65_536)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; exit codes: 0 success, 1 error, 2 wrong usage, 130 interrupted."""
    try:
        app = App(_with_options(load(), arguments))
        announce = partial(print, "GenPy listens on", flush=True)
        return 0 if run(app.serve(announce)) else 130
    except GenPyError as error:
        print(error.message, file=sys.stderr)  # noqa: T201 - output of the program
        return 1
    except KeyboardInterrupt:
        return 130


def _with_options(settings: Settings, arguments: Sequence[str] | None) -> Settings:
    parser = argparse.ArgumentParser(prog="python -m genpy_server", description=__doc__)
    parser.add_argument("--host", default=settings.host, help="address to listen on")
    parser.add_argument("--port", default=settings.port, type=_port, help="port; 0 takes any")
    parser.add_argument("--version", action="version", version=__version__)
    options = parser.parse_args(arguments)
    return msgspec.structs.replace(settings, host=options.host, port=options.port)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) not in PORTS:
        raise argparse.ArgumentTypeError("must be a whole number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
