"""Conversations in one SQLite file.

All its SQL is here, and no other folder imports `sqlite3`.
"""
