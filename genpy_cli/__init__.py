"""The command line: `genpy` and its commands.

It parses, prints and asks; the work is done in `genpy_server`.
"""
