"""`genpy serve`."""

from typing import Annotated

import typer

from genpy_cli import backend, exit_codes, options, output


def serve(
    *,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on, instead of GENPY_HOST.", metavar="HOST"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port, instead of GENPY_PORT; 0 takes any.", metavar="PORT", min=0, max=65_535
        ),
    ] = None,
    app: options.OwnApp = None,
) -> None:
    """Run the server, for browsers and terminals elsewhere."""
    from genpy_server.app import run

    served = backend.load_app(app)

    def announce(address: str) -> None:
        output.piece(f"GenPy listens on {address}\n")

    if not run(served.serve(announce, host=host, port=port)):
        raise typer.Exit(exit_codes.INTERRUPTED)
