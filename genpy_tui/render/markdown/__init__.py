"""Markdown to lines, piece by piece, while it still grows.

Nothing here knows messages or colours by name; styles are named and resolved later.
"""
