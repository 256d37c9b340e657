"""What commands take: markers in the signature of a `run`, read by both parsers of the line.

    def run(*, ref: Ref, limit: Annotated[int, Option("Rows at most.", low=1)] = 20) -> None:

A parameter without a default must be given. One with an `Argument` is known by its place; one with
an `Option` by its name, `--limit`, and is a switch when it is a bool.
"""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

if TYPE_CHECKING:
    from genpy_cli.table import Run


class Argument(NamedTuple):
    """A word of the line. A parameter that is a list takes all words that are left."""

    help: str
    metavar: str
    low: int | None = None
    high: int | None = None
    completes: bool = False
    """Whether the shell can complete it with the sessions there are."""


class Option(NamedTuple):
    """`--name VALUE`, or a switch."""

    help: str
    name: str = ""
    """Where it is not the parameter's own, as for `--json`."""
    metavar: str | None = None
    low: int | None = None
    high: int | None = None
    completes: bool = False


class Parameter(NamedTuple):
    """One parameter of a command."""

    name: str
    type: Any
    """bool, int, str or list: what a value is turned into."""
    choices: tuple[str, ...]
    """The words that are allowed; empty for any."""
    marker: Argument | Option
    required: bool
    default: Any

    @property
    def option(self) -> str:
        """How an option is typed."""
        given = self.marker.name if isinstance(self.marker, Option) else ""
        return given or "--" + self.name.replace("_", "-")


def parameters(run: "Run") -> Iterator[Parameter]:
    """The parameters of a command, in their order."""
    defaults = run.__kwdefaults__ or {}
    for name, hint in run.__annotations__.items():
        if name == "return":
            continue
        hinted, marker = get_args(hint)
        kind, choices = _kind(hinted)
        yield Parameter(name, kind, choices, marker, name not in defaults, defaults.get(name))


def _kind(hinted: Any) -> tuple[Any, tuple[str, ...]]:
    """What a value is turned into, and which words are allowed; `str | None` need not be given."""
    if get_origin(hinted) in {Union, UnionType}:
        hinted = next(kind for kind in get_args(hinted) if kind is not NoneType)
    if get_origin(hinted) is Literal:
        return str, get_args(hinted)
    return get_origin(hinted) or hinted, ()


Ref = Annotated[
    str,
    Argument(
        "An id, any unambiguous beginning of it, a name, or `last`.", "SESSION", completes=True
    ),
]
OptionalRef = Annotated[
    str | None,
    Argument("An id, any unambiguous beginning of it, a name, or `last`.", "[SESSION]", completes=True),
]  # fmt: skip
Server = Annotated[str | None, Option("Server to use instead of the local store.", metavar="URL")]
Json = Annotated[bool, Option("One JSON document, for programs.", name="--json")]
