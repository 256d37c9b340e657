"""One command a file, named as it is typed.

Each is a function that Typer reads; what is heavy is imported inside it.
"""
