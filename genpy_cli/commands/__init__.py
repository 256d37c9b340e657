"""One command per file, named as it is typed.

Each is a function that Typer reads; heavy imports are inside it.
"""
