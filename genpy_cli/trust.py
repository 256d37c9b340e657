"""Permission to send messages to the address of a model or a server that a folder's .env sets."""

import sys
from contextlib import suppress
from pathlib import Path

from genpy_cli import output
from genpy_cli.exit_codes import state_folder
from genpy_server.errors import ConfigError
from genpy_server.files import read_json, write_json
from genpy_server.settings import Settings, without_password

NAME = "trusted.json"


def ensure_trusted(settings: Settings, *, trust: bool) -> None:
    """Ask once per folder and address; raises `ConfigError` for "no" and without a terminal."""
    address = settings.folder_address
    if address is None or trust or is_trusted(settings):
        return
    folder = str(Path.cwd().resolve())
    what = f"The .env in {folder} sends your messages to {without_password(address)}."
    if not output.is_terminal(sys.stdin):
        raise ConfigError(f"{what} Without a terminal to ask on, allow it with --trust.")
    if not output.confirmed(f"{what} Allow this?"):
        raise ConfigError("Nothing was sent.")
    with suppress(OSError):  # the next command asks again
        write_json(state_folder() / NAME, [*_allowed(), [folder, address]])


def is_trusted(settings: Settings) -> bool:
    """Whether no .env sets the address, or it was allowed for this folder."""
    address = settings.folder_address
    return address is None or [str(Path.cwd().resolve()), address] in _allowed()


def _allowed() -> list[list[str]]:
    """Pairs of folder and address."""
    return read_json(state_folder() / NAME, list[list[str]]) or []
