"""Values to lines of a terminal, so that a long reply costs what is new in it.

Nothing here is a widget or reads a key.
"""
