"""Typer as the parser of everything that is not straightforward: help, mistakes, completion.

It builds its commands from the same signatures as `straight`. It only parses: the command runs
after it has returned, where one handler sees every error.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from inspect import Parameter as SignatureParameter
from inspect import Signature
from typing import Annotated, Any, Literal

import typer

from genpy_cli.parameters import Argument, Parameter, parameters
from genpy_cli.straight import Invocation
from genpy_cli.table import COMMANDS, GROUPS, Run, find

HELP = "GenPy: an AI chat you live in from your terminal. Begin with `genpy chat`."

COMPLETING = "_GENPY_COMPLETE"
"""The variable by which a shell asks for completion."""


class _Chosen(Exception):
    """Carries out of Typer what was typed."""

    def __init__(self, invocation: Invocation) -> None:
        super().__init__()
        self.invocation = invocation


def parse(line: Sequence[str]) -> Invocation:
    """What a line asks for. Raises `SystemExit` when Typer answered it itself (0 or 2)."""
    try:
        _build(line)(args=list(line), prog_name="genpy")
    except _Chosen as chosen:
        return chosen.invocation
    raise SystemExit(0)


def _build(line: Sequence[str]) -> typer.Typer:
    """The command line. The modules of commands that the line does not name are not imported."""
    app = _typer(HELP, add_completion=True)
    app.callback()(_options)
    groups: dict[str, typer.Typer] = {}
    for name, command in COMMANDS.items():
        group, _, last = name.rpartition(" ")
        if group and group not in groups:
            groups[group] = _typer(GROUPS[group])
            app.add_typer(groups[group], name=group)
        named = COMPLETING in os.environ or set(name.split()) <= set(line)
        callback = _callback(find(name)) if named else _unnamed
        groups.get(group, app).command(last, help=command.help)(callback)
    return app


def _unnamed() -> None:
    """Stands for a command in the help of others."""


def _typer(text: str, *, add_completion: bool = False) -> typer.Typer:
    return typer.Typer(
        help=text,
        no_args_is_help=True,
        add_completion=add_completion,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def _options(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Only shown in the help: `__main__` answers it before it comes here."""


def _callback(run: Run) -> Callable[..., None]:
    """A function that Typer takes for the command."""

    def choose(**values: Any) -> None:
        raise _Chosen(Invocation(run, values))

    signature = Signature(list(_signature(run)))
    choose.__signature__ = signature  # type: ignore[attr-defined]  # read by inspect.signature
    choose.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return choose


def _signature(run: Run) -> Iterator[SignatureParameter]:
    for parameter in parameters(run):
        yield SignatureParameter(
            parameter.name,
            SignatureParameter.KEYWORD_ONLY,
            default=SignatureParameter.empty if parameter.required else parameter.default,
            annotation=Annotated[_type(parameter), _info(parameter)],
        )


def _complete(incomplete: str) -> list[tuple[str, str]]:
    from genpy_cli.completion import complete_session  # noqa: PLC0415 - only to complete

    return complete_session(incomplete)


def _type(parameter: Parameter) -> Any:
    if parameter.choices:
        kind: Any = Literal[parameter.choices]
    else:
        kind = list[str] if parameter.type is list else parameter.type
    return kind if parameter.required or parameter.default is not None else kind | None


def _info(parameter: Parameter) -> Any:
    marker = parameter.marker
    common: dict[str, Any] = {
        "help": marker.help,
        "metavar": marker.metavar,
        "min": marker.low,
        "max": marker.high,
        "autocompletion": _complete if marker.completes else None,
        "show_default": parameter.default not in {None, False},
    }
    if isinstance(marker, Argument):
        return typer.Argument(**common)
    return typer.Option(parameter.option, **common)
