"""The log of a server: one line an event on standard error, nothing of what was said in it."""

import logging


def configure_logging(level: str) -> None:
    """Log ours from `level` on, and of libraries warnings alone.

    At lower levels the libraries' own loggers print tokens, keys and messages.
    """
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("genpy").setLevel(level)
