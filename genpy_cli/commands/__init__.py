"""The commands, one a file.

A command imports what is heavy inside its function, so that the others do not pay for it.
"""
