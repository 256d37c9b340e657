"""Doors to the database."""
