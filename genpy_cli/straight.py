"""The parser of straightforward lines: a known command and its parameters, spelled out.

Typer takes longer to import than most commands to run. So a line that leaves no question is read
here, and every other one (help, a mistake, completion, an option given twice) by Typer, which a
test shows to agree wherever this one answers.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from genpy_cli.parameters import Argument, Parameter, parameters
from genpy_cli.table import COMMANDS, Run, find


class Invocation(NamedTuple):
    """A command and what it is given."""

    run: Run
    values: dict[str, Any]


class _Unclear(Exception):
    """A line for Typer."""


def parse(line: Sequence[str]) -> Invocation | None:
    """What a line asks for, or None where it leaves any question."""
    for length in (2, 1):
        name = " ".join(line[:length])
        if name in COMMANDS and len(line) >= length:
            run = find(name)
            try:
                return Invocation(run, _values(tuple(parameters(run)), iter(line[length:])))
            except _Unclear:
                return None
    return None


def _values(wanted: tuple[Parameter, ...], words: Iterator[str]) -> dict[str, Any]:
    options = {p.option: p for p in wanted if not isinstance(p.marker, Argument)}
    given: dict[str, Any] = {}
    places: list[str] = []
    for word in words:
        if not word.startswith("-") or word == "-":
            places.append(word)
            continue
        name, equals, value = word.partition("=")
        option = options.get(name)
        if option is None or option.name in given:
            raise _Unclear
        if option.type is bool:
            if equals:
                raise _Unclear
            given[option.name] = True
        else:
            given[option.name] = _value(option, value if equals else next(words, ""))
    arguments = (p for p in wanted if isinstance(p.marker, Argument))
    given |= _placed(list(arguments), places)
    if any(p.required and p.name not in given for p in wanted):
        raise _Unclear
    return {p.name: given.get(p.name, p.default) for p in wanted}


def _placed(arguments: list[Parameter], words: list[str]) -> dict[str, Any]:
    placed: dict[str, Any] = {}
    for argument in arguments:
        if words and argument.type is list:
            placed[argument.name], words = words, []
        elif words:
            placed[argument.name] = _value(argument, words[0])
            words = words[1:]
    if words:
        raise _Unclear
    return placed


def _value(parameter: Parameter, text: str) -> Any:
    if not text or text.startswith("-"):
        raise _Unclear
    if parameter.choices and text not in parameter.choices:
        raise _Unclear
    if parameter.type is not int:
        return text
    low, high = parameter.marker.low, parameter.marker.high
    if not (text.isascii() and text.isdecimal()):
        raise _Unclear
    number = int(text)
    if (low is not None and number < low) or (high is not None and number > high):
        raise _Unclear
    return number
