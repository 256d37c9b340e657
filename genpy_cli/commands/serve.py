"""`genpy serve`."""

from typing import Annotated

from genpy_cli import output
from genpy_cli.failures import INTERRUPTED
from genpy_cli.parameters import Option
from genpy_server.settings import load


def run(
    *,
    host: Annotated[
        str | None, Option("Address to listen on; GENPY_HOST without it.", metavar="HOST")
    ] = None,
    port: Annotated[
        int | None,
        Option("Port; GENPY_PORT without it, 0 takes any.", metavar="PORT", low=0, high=65_535),
    ] = None,
) -> int:
    """Serve terminals and browsers until told to stop."""
    import asyncio  # noqa: PLC0415 - the whole server is heavy, and `--help` need not load it

    import msgspec  # noqa: PLC0415

    from genpy_server import app  # noqa: PLC0415

    settings = load()
    settings = msgspec.structs.replace(
        settings, host=host or settings.host, port=settings.port if port is None else port
    )

    def announce(address: str) -> None:
        output.piece(f"GenPy listens on {address}\n")

    return 0 if asyncio.run(app.serve(settings, announce)) else INTERRUPTED
