"""Markdown to lines of a terminal, piece by piece, so that a long reply costs what is new in it."""
