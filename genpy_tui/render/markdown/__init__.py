"""Renders Markdown as lines, piece by piece, while it is received.

Lines have names of styles, which are resolved to colours later.
"""
