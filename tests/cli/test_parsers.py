"""Two parsers of one table: the quick one agrees with Typer wherever it answers."""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genpy_cli import app, straight
from genpy_cli.parameters import Argument, parameters
from genpy_cli.table import COMMANDS, find

PLAIN = (
    ["sessions", "list"],
    ["sessions", "list", "--limit", "5", "--json"],
    ["sessions", "list", "--limit=5", "--status", "active"],
    ["sessions", "show", "last"],
    ["sessions", "show", "--json", "last"],
    ["sessions", "rename", "last", "Trip to Rome"],
    ["sessions", "delete", "last", "--yes"],
    ["sessions", "export", "--all"],
    ["summary", "last"],
    ["rate", "last", "5"],
    ["search", "hotel", "rome"],
    ["search", "hotel", "--json", "rome"],
    ["ask", "What is this?"],
    ["chat"],
    ["export", "--all"],
    ["export", "last", "--format", "json"],
    ["explain", "hello there"],
    ["doctor", "--json"],
)
WORDS = [
    "last",
    "5",
    "0",
    "-1",
    "abc",
    "",
    "-",
    "--",
    "--help",
    "active",
    "json",
    "md",
    "two words",
]
OPTIONS = sorted(
    {
        p.option
        for name in COMMANDS
        for p in parameters(find(name))
        if not isinstance(p.marker, Argument)
    }
)


def by_typer(line: list[str]) -> straight.Invocation | int:
    """What Typer makes of a line: a command, or its exit code."""
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            return app.parse(line)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


@pytest.mark.parametrize("line", PLAIN, ids=" ".join)
def test_plain_lines_are_read_quickly(line):
    """A line that leaves no question is answered by the quick parser, as Typer does."""
    quick = straight.parse(line)
    assert quick is not None
    assert quick == by_typer(line)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([name.split() for name in COMMANDS]),
    st.lists(
        st.sampled_from([*WORDS, *OPTIONS, *(f"{option}=5" for option in OPTIONS)]), max_size=5
    ),
)
def test_both_agree(command, words):
    """Whatever the quick parser answers, Typer answers the same; the rest it leaves to Typer."""
    line = [*command, *words]
    quick = straight.parse(line)
    if quick is not None:
        assert quick == by_typer(line)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    """Every command and every parameter of it has a help text, each a sentence."""
    run = find(name)
    assert run.__doc__
    assert run.__doc__.splitlines()[0].endswith(".")
    assert run.__doc__ == COMMANDS[name].help
    for parameter in parameters(run):
        assert parameter.marker.help.rstrip("`").endswith((".", "?")), parameter.name
