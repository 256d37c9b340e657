"""`genpy config path`."""

from genpy_cli import output
from genpy_server.config import CONFIG, folder


def config_path() -> None:
    """Print the path of config.toml, whether or not it exists."""
    output.text(str(folder() / CONFIG))
