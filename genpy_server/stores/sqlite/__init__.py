"""Conversations in one SQLite file; no other folder imports `sqlite3`.

Its SQL is in functions of a connection in a transaction: one named like a method of `Store` does what
that method says, with its arguments by name.
"""
