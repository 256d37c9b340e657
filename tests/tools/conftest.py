"""A store of one SQLite file."""

from support.fixtures import database, store

__all__ = ["database", "store"]
