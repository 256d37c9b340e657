"""The command line: one command a file, parsed without Typer where the line is straightforward."""
