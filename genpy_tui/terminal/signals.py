"""Signals that end the program, given to the loop of the application."""

import asyncio
import signal
from collections.abc import Callable

_NAMES = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT")
EXIT_BASE = 128
"""What a shell adds to the number of the signal that ended a program."""


def watch(ended: Callable[[int], None]) -> None:
    """Call `ended` with the number of a signal, at the first one and at each after it."""
    loop = asyncio.get_running_loop()
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, ended, int(number))
        except (NotImplementedError, RuntimeError, ValueError):
            return  # Windows, or a loop that is not in the main thread
