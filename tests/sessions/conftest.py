"""A server in front of a scripted model, and one client on it."""

from support.fixtures import database, peer, server, store, upstream

__all__ = ["database", "peer", "server", "store", "upstream"]
