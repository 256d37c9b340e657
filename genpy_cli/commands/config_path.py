"""`genpy config path`."""

from genpy_cli import output
from genpy_server.config import CONFIG, folder


def path() -> None:
    """Print where config.toml stands, whether or not it exists."""
    output.text(str(folder() / CONFIG))
