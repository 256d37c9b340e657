"""Ports for servers that are started on a port that was chosen before."""

import socket
from random import SystemRandom

_BELOW_THOSE_OF_THE_SYSTEM = range(20_000, 32_000)


def free_port() -> int:
    """A port that nobody listens on, and that no system gives to a program that asks for any.

    Such a program may take any other port while its server is not started yet, or started again.
    """
    while True:
        port = SystemRandom().choice(_BELOW_THOSE_OF_THE_SYSTEM)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
