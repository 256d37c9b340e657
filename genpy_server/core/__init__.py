"""Pure functions and values.

Without clock, socket, task or environment; only the standard library and msgspec are imported here.
"""
