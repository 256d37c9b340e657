"""A server in front of a scripted model."""

from support.fixtures import database, upstream

__all__ = ["database", "upstream"]
