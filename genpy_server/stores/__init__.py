"""Doors to the database: one Protocol in `base`, and an adapter in each folder.

Errors of a driver become ours here; nothing here knows sessions that are live.
"""
