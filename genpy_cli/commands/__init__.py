"""The commands: each module has a `run` whose signature says what the command takes."""
