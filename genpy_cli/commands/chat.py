"""`genpy chat`."""

import gc
import sys
from functools import partial
from typing import Annotated

import typer

from genpy_cli import backend, options, output
from genpy_server.errors import ConfigError


def chat(
    *,
    session: Annotated[
        str | None,
        options.session_option("Continue this conversation, or start one with this name."),
    ] = None,
    model: options.Model = None,
    mode: options.Mode = None,
    system: options.System = None,
    trust: options.Trust = False,
    server: options.Server = None,
    app: options.OwnApp = None,
) -> None:
    """Open the terminal chat."""
    if not (output.is_terminal(sys.stdin) and output.is_terminal(sys.stdout)):
        raise ConfigError("The chat needs a terminal. In a script, use `genpy ask`.")
    settings = backend.settings_with(server, model)
    url = settings.server
    if app is not None and url is not None:
        raise options.WrongUsageError(
            "--app runs a server of its own. Leave out --app, or the server."
        )
    if app is None:
        backend.check_mode(settings, mode)
    backend.ensure_trusted(settings, trust=trust)
    if url is not None:
        from genpy_server.client.address import Address

        Address.parse(url)  # raises for a wrong address before the screen is opened
    ref = None if session is None else backend.session_to_open(session, server)

    gc.disable()  # a tenth of the time to the first paint; the client enables it then
    from genpy_tui.app import GenPyApp, run_chat

    own = None if app is None else backend.load_app(app)
    first = model if url is not None else None  # else it is in the settings
    make = partial(GenPyApp, settings, session=ref, own=own, mode=mode, model=first, system=system)
    raise typer.Exit(run_chat(make))
