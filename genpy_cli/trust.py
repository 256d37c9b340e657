"""Whether what is written may be sent to an address that a folder's .env names."""

import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from genpy_cli import output
from genpy_server.errors import ConfigError
from genpy_server.files import write_private
from genpy_server.settings import Settings, without_password


def ensure_trusted(settings: Settings, *, trust: bool) -> None:
    """Ask once per folder and address; raises `ConfigError` where the answer is no, or nobody is asked."""
    address = settings.folder_address
    if address is None or trust or is_trusted(settings):
        return
    folder = str(Path.cwd().resolve())
    what = f"The .env in {folder} sends your messages to {without_password(address)}."
    if not output.is_terminal(sys.stdin):
        raise ConfigError(f"{what} Without a terminal to ask on, allow it with --trust.")
    if not output.confirmed(f"{what} Allow this?"):
        raise ConfigError("Nothing was sent.")
    kept = [*_kept(), [folder, address]]
    with suppress(OSError):  # it is asked again then
        write_private(_file(), msgspec.json.format(msgspec.json.encode(kept)).decode() + "\n")


def is_trusted(settings: Settings) -> bool:
    """Whether the model's address is the person's own, or was allowed for this folder."""
    address = settings.folder_address
    return address is None or [str(Path.cwd().resolve()), address] in _kept()


def _file() -> Path:
    from platformdirs import user_state_path

    return user_state_path("genpy", appauthor=False) / "trusted.json"


def _kept() -> list[list[str]]:
    with suppress(OSError, ValueError):  # with a file that cannot be read, it is asked again
        kept = msgspec.json.decode(_file().read_bytes())
        return [one for one in kept if isinstance(one, list)] if isinstance(kept, list) else []
    return []
