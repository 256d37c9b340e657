"""Handles the signals that end the program in the event loop."""

import asyncio
import signal
from collections.abc import Callable

_NAMES = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT")
EXIT_BASE = 128
"""Exit code of a program that a signal ended, minus the number of the signal."""


def watch(ended: Callable[[int], None]) -> None:
    """Call `ended` with the number of each signal."""
    loop = asyncio.get_running_loop()
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, ended, int(number))
        except (NotImplementedError, RuntimeError, ValueError):
            return  # Windows, or a loop that is not in the main thread
