"""`genpy serve`."""

from typing import Annotated

import typer

from genpy_cli import output
from genpy_cli.exit_codes import INTERRUPTED
from genpy_server.settings import load


def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, instead of GENPY_HOST.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port, instead of GENPY_PORT; 0 takes any.", min=0, max=65_535),
    ] = None,
) -> None:
    """Run the server, for browsers and terminals elsewhere."""
    import asyncio
    import gc

    import msgspec

    from genpy_server import app

    settings = load()
    settings = msgspec.structs.replace(
        settings, host=host or settings.host, port=settings.port if port is None else port
    )

    def announce(address: str) -> None:
        output.piece(f"GenPy listens on {address}\n")

    gc.enable()
    if not asyncio.run(app.serve(settings, announce)):
        raise typer.Exit(INTERRUPTED)
