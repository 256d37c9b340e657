"""The environment that settings are read from: the process's own, over a folder's `.env`."""

import os
from collections.abc import Mapping
from pathlib import Path

from genpy_server.errors import ConfigError


def read_environment(directory: Path | None = None) -> dict[str, str]:
    """The environment over the `.env` of `directory` (default: where the program was started).

    Raises `ConfigError` for a file that is no text, and for one that names a server where the
    environment names the token.
    """
    path = (directory or Path.cwd()) / ".env"
    if not path.is_file():
        return dict(os.environ)
    from dotenv import dotenv_values  # noqa: PLC0415 - only for who has a .env

    try:
        # Nothing is put in for ${NAME}: a folder could have a secret written into an address.
        read = dotenv_values(path, encoding="utf-8-sig", interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as UTF-8 text: {error}.") from None
    values = {name: value for name, value in read.items() if value}
    if _sends_the_token_elsewhere(values):
        raise ConfigError(
            f"GENPY_SERVER comes from {path} and GENPY_TOKEN from the environment: a folder could "
            "send your token to a server of its own. Name both in one place."
        )
    return {**values, **os.environ}


def _sends_the_token_elsewhere(file: Mapping[str, str]) -> bool:
    """Whether a server that only the file names would get a token that it does not know."""
    token = os.environ.get("GENPY_TOKEN", "").strip()
    named = "GENPY_SERVER" in file and "GENPY_SERVER" not in os.environ
    return named and token not in {"", file.get("GENPY_TOKEN", "").strip()}
