"""How a command ends when it does not end well."""

FAILED = 1
WRONG_USAGE = 2
UNREACHABLE = 3
INTERRUPTED = 130


class Misused(Exception):
    """The line can be parsed and still makes no sense; says what would."""
