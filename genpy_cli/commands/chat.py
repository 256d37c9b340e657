"""`genpy chat`."""

import gc
import sys
from typing import Annotated

from genpy_cli import output
from genpy_cli.backend import opened, token_of
from genpy_cli.parameters import Option, Server
from genpy_server.client.address import Address
from genpy_server.errors import ConfigError
from genpy_server.settings import load


def run(
    *,
    session: Annotated[
        str | None,
        Option(
            "Go on with this conversation, or begin one of this name.",
            metavar="SESSION",
            completes=True,
        ),
    ] = None,
    server: Server = None,
) -> int:
    """Talk, in the terminal."""
    if not (output.is_terminal(sys.stdin) and output.is_terminal(sys.stdout)):
        raise ConfigError("The chat needs a terminal. In a script there is `genpy ask`.")
    settings = load()
    url = server or settings.server
    if url is not None:
        Address.parse(url)  # refuses what is none before the screen is taken
    ref = None if session is None else opened(session, server)
    gc.disable()  # a tenth of the time to the first paint; the client turns it on after that
    from genpy_tui.app import run_chat  # noqa: PLC0415 - Textual takes a quarter of a second

    return run_chat(
        settings=settings,
        session=ref,
        server=url,
        token=token_of(settings),
    )
