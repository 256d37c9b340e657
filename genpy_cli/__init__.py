"""The command line: `genpy` and its commands.

It prints and asks; everything it shows comes from `genpy_server`.
"""
