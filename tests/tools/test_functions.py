"""Python functions as tools: their schema, how they are called, and how they are stopped."""

import asyncio
import dataclasses
import enum
import functools
import os
import re
import threading
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import msgspec
import pytest
from support.conditions import PATIENCE
from support.tools import call_tool

from genpy_server.errors import BadRequest, ConfigError
from genpy_server.tools import registry as tool_registry
from genpy_server.tools.base import ToolContext, ToolResult
from genpy_server.tools.functions import as_tool, tool
from genpy_server.tools.registry import RESULT_BYTES, ToolRegistry, bounded


class Place(msgspec.Struct):
    """Where."""

    city: str
    zone: int = 1


@dataclasses.dataclass
class Unit:
    """A unit."""

    name: str
    factor: int = 1


class Pair(NamedTuple):
    """Two."""

    a: int
    b: str = "x"


class Row(TypedDict):
    """A row."""

    a: int
    b: NotRequired[str]


class Tree(msgspec.Struct):
    """A tree."""

    name: str
    below: "list[Tree]" = []


@tool(reads_only=True)
def weather(
    place: Place,
    day: Annotated[date, msgspec.Meta(description="The day.")],
    unit: Literal["c", "f"] = "c",
) -> dict[str, str]:
    """The weather of a place."""
    return {"city": place.city, "day": day.isoformat(), "unit": unit}


@tool
def write_file(context: ToolContext, name: str, text: str) -> str:
    """Write a file."""
    context.progress("writing\udcff", 0.5)
    print("a tool may print")  # noqa: T201 - this is what is tested
    Path(name).write_text(text)
    return f"process {os.getpid()} of {context.user_id}"


@tool
def wait_in(name: str) -> None:
    """Say that it runs, and never end."""
    Path(name).write_text(str(os.getpid()))
    threading.Event().wait()


@tool
def wants_store(context: ToolContext) -> int:
    """Count."""
    return len(context.store.kind)


class Kind(enum.Enum):
    """How large."""

    SMALL = "s"
    LARGE = "l"


@tool
def defaults(
    kind: Kind = Kind.SMALL,
    pair: tuple[int, int] = (1, 2),
    limit: int = None,  # noqa: RUF013 - as people write it
    place: Place = Place("Rome"),  # noqa: B008 - a value of its own for each call
    many: list[int] = [3],  # noqa: B006 - the same
) -> str:
    """Show what was given."""
    return repr((kind, pair, limit, place, many))


class Odd(BaseException):
    """Something that is no `Exception`."""


class Unprintable(Exception):
    """Something whose text cannot be had."""

    def __str__(self):
        raise RuntimeError("no text")


@tool
def fails(kind: str) -> None:
    """Fail."""
    raise {"exit": SystemExit(3), "interrupt": KeyboardInterrupt(), "unprintable": Unprintable()}[
        kind
    ]


class Desk:
    """Has tools as methods."""

    @tool
    def act(self, title: str) -> str:
        """Act."""
        return title

    @tool(reads_only=True)
    def read(self, title: str) -> str:
        """Read."""
        return f"{title} is here"

    @classmethod
    @tool
    def reserve(cls, title: str) -> str:
        """Reserve."""
        return f"{title} at the {cls.__name__}"


@pytest.fixture
def context():
    return ToolContext(None, "ann", "s")


def test_annotations_and_docstring_make_the_schema():
    """Name, docstring, types, defaults and descriptions reach the model."""
    spec = as_tool(weather).spec
    assert (spec.name, spec.description) == ("weather", "The weather of a place.")
    properties = spec.parameters["properties"]
    assert spec.parameters["required"] == ["place", "day"]
    assert properties["day"] == {"type": "string", "format": "date", "description": "The day."}
    assert properties["unit"]["enum"] == ["c", "f"]
    assert properties["place"] == {"$ref": "#/$defs/Place"}
    assert spec.parameters["$defs"]["Place"]["properties"]["city"] == {"type": "string"}


def test_a_text_in_an_annotation_is_a_description():
    """`Annotated[int, "How many."]` describes a parameter, as msgspec's `Meta` does."""

    @tool(reads_only=True)
    def count(
        number: Annotated[int, msgspec.Meta(ge=1), "How many."],
        unit: Annotated[str, "Of what."] = "",
    ) -> int:
        """Count."""
        return number

    assert as_tool(count).spec.parameters["properties"] == {
        "number": {"type": "integer", "minimum": 1, "description": "How many."},
        "unit": {"type": "string", "description": "Of what.", "default": ""},
    }


@pytest.mark.parametrize(
    ("kind", "given", "shown"),
    [
        (Kind, "s", "<Kind.SMALL: 's'>"),
        (Unit, {"name": "m"}, "Unit(name='m', factor=1)"),
        (Pair, [1], "Pair(a=1, b='x')"),
        (Row, {"a": 1}, "{'a': 1}"),
        (Tree, {"name": "a", "below": [{"name": "b"}]},
         "Tree(name='a', below=[Tree(name='b', below=[])])"),
        (int | str | None, None, "None"),
        (Literal[1, "a"], "a", "'a'"),
        (set[int], [2], "{2}"),
        (dict[str, list[Place]], {"k": [{"city": "Rome"}]}, "{'k': [Place(city='Rome', zone=1)]}"),
        (bytes, "aGk=", "b'hi'"),
        (Decimal, "1.50", "Decimal('1.50')"),
        (timedelta, "PT1H", "datetime.timedelta(seconds=3600)"),
        (Any, {"a": [None]}, "{'a': [None]}"),
    ],
)  # fmt: skip
async def test_parameters_of_any_type_of_msgspec(context, kind, given, shown):
    """Enumerations, dataclasses, structs, typed dicts, unions and the rest arrive as themselves."""

    @tool(reads_only=True)
    def show(value: kind) -> str:
        """Show it."""
        return repr(value)

    assert (
        await call_tool(ToolRegistry([as_tool(show)]), "show", {"value": given}, context)
    ).data == shown


async def test_methods_are_tools(context):
    """A method that reads is called on its object, an acting class method in a process of its own."""
    registry = ToolRegistry([as_tool(Desk().read), as_tool(Desk.reserve)])
    assert (await call_tool(registry, "read", {"title": "Emma"}, context)).data == "Emma is here"
    assert (
        await call_tool(registry, "reserve", {"title": "Emma"}, context)
    ).data == "Emma at the Desk"


async def test_arguments_are_converted(context):
    """A function gets values of its annotated types, and its result is data and text."""
    registry = ToolRegistry([as_tool(weather)])
    arguments = {"place": {"city": "Rome"}, "day": "2026-05-01"}
    result = await call_tool(registry, "weather", arguments, context)
    assert result.data == {"city": "Rome", "day": "2026-05-01", "unit": "c"}
    assert result.display.startswith("```json\n{")
    with pytest.raises(BadRequest, match=r"do not fit: .*day"):
        await call_tool(registry, "weather", {"place": {"city": "Rome"}, "day": "soon"}, context)


async def test_a_tool_that_raises_tells_the_model(context, caplog):
    """The exception is the answer; the log has its type and place, and no text."""

    @tool(reads_only=True)
    async def broken() -> str:
        """Fail."""
        raise ValueError("the secret word")

    with pytest.raises(BadRequest, match="ValueError: the secret word"):
        await call_tool(ToolRegistry([as_tool(broken)]), "broken", {}, context)
    assert f"broken failed: ValueError in {__file__}:" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "thread"])
@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (SystemExit(3), "SystemExit: 3"),
        (asyncio.CancelledError(), "cancelled itself|CancelledError"),
        (OSError("a\udcff"), "OSError: a\ufffd$"),
        (KeyboardInterrupt(), "KeyboardInterrupt$"),
        (Odd("strange"), "Odd: strange$"),
        (Unprintable(), "Unprintable$"),
        (StopIteration(3), "StopIteration"),
    ],
    ids=["exit", "cancel", "surrogate", "interrupt", "base", "unprintable", "stop"],
)
async def test_a_tool_cannot_end_the_server(context, is_async, failure, words):
    """Whatever a tool raises is a failed call, `sys.exit` and a cancelled task included."""

    @tool(reads_only=True)
    async def awaited() -> None:
        """Fail."""
        raise failure

    @tool(reads_only=True)
    def called() -> None:
        """Fail."""
        raise failure

    function = awaited if is_async else called
    with pytest.raises(BadRequest, match=words):
        await call_tool(ToolRegistry([as_tool(function)]), function.__name__, {}, context)


@pytest.mark.parametrize("kind", ["exit", "interrupt", "unprintable"])
async def test_a_process_of_a_tool_says_what_it_died_of(context, kind, caplog):
    """An acting tool that raises anything tells the model what it was, and the log where."""
    words = {
        "exit": "SystemExit: 3",
        "interrupt": "KeyboardInterrupt",
        "unprintable": "Unprintable",
    }
    with pytest.raises(BadRequest, match=f"^{words[kind]}$"):
        await call_tool(ToolRegistry([as_tool(fails)]), "fails", {"kind": kind}, context)
    raised = words[kind].partition(":")[0]
    assert re.search(
        rf"fails failed: {raised} in {re.escape(__file__)}:\d+$", caplog.text, re.MULTILINE
    )


async def test_a_default_is_the_functions_own(context):
    """What a model leaves out has the default, also in a process, also one of another type."""
    registry = ToolRegistry([as_tool(defaults)])
    shown = "(<Kind.SMALL: 's'>, (1, 2), None, Place(city='Rome', zone=1), [3])"
    assert (await call_tool(registry, "defaults", {}, context)).data == shown
    given = {"kind": "l", "pair": [3, 4], "limit": 5, "place": {"city": "Oslo"}, "many": []}
    shown = "(<Kind.LARGE: 'l'>, (3, 4), 5, Place(city='Oslo', zone=1), [])"
    assert (await call_tool(registry, "defaults", given, context)).data == shown


async def test_what_has_no_json_form_is_text(context):
    """A path or a fraction is its text, alone and within data; what is not computed yet is refused."""
    values = {
        "path": Path("a/b"),
        "data": {"path": Path("a/b"), "half": Fraction(1, 2), "raw": b"\xff"},
        "keys": {(1, 2): 3},
        "moment": datetime(2026, 5, 1, tzinfo=UTC),
    }

    @tool(reads_only=True)
    async def give(name: str) -> object:
        """Give it."""
        return values[name]

    registry = ToolRegistry([as_tool(give)])
    results = {name: await call_tool(registry, "give", {"name": name}, context) for name in values}
    assert results["path"] == ToolResult("a/b", "a/b")
    assert results["data"].data == {"path": "a/b", "half": "1/2", "raw": "/w=="}
    assert results["keys"].data == "{(1, 2): 3}"
    assert results["moment"].display == "2026-05-01T00:00:00Z"

    async def later() -> int:
        return 3

    for values["name"], words in (
        ((n for n in range(3)), "returned a generator, which holds no result"),
        (later(), "returned a coroutine"),
        ([iter([1])], "returned a list_iterator"),
    ):
        with pytest.raises(BadRequest, match=words):
            await call_tool(registry, "give", {"name": "name"}, context)


async def test_a_result_can_be_encoded(context):
    """A lone surrogate of a file's name is replaced; data that is no JSON is a failed call."""

    @tool(reads_only=True)
    async def name() -> str:
        """List."""
        return "a\udcff"

    @tool(reads_only=True)
    async def data() -> ToolResult:
        """Count."""
        return ToolResult(object(), "")

    registry = ToolRegistry([as_tool(name), as_tool(data)])
    assert await call_tool(registry, "name", {}, context) == ToolResult("a\ufffd", "a\ufffd")
    with pytest.raises(BadRequest, match="TypeError"):
        await call_tool(registry, "data", {}, context)


async def test_a_slow_tool_is_ended_by_its_limit(context):
    """A call ends after its seconds, also where a thread goes on; questions stop the clock."""
    over = threading.Event()

    @tool(reads_only=True, seconds=0.05)
    def slow() -> None:
        """Wait."""
        over.wait()

    @tool(reads_only=True, seconds=0.05)
    async def asks(context: ToolContext) -> bool:
        """Ask."""
        return await context.ask("Now?")

    async def answer(question: str) -> bool:
        await asyncio.sleep(0.2)
        return question == "Now?"

    registry = ToolRegistry([as_tool(slow), as_tool(asks)])
    with pytest.raises(BadRequest, match=r"No result within 0\.05 seconds"):
        await call_tool(registry, "slow", {}, context)
    over.set()
    asking = ToolContext(None, "ann", "s", on_ask=answer)
    assert (await call_tool(registry, "asks", {}, asking)).data is True


async def test_a_synchronous_tool_that_acts_runs_in_a_process_of_its_own(tmp_path):
    """It has who calls, reports progress, and what it prints is not a result."""
    seen = []
    context = ToolContext(
        None, "ann", "s", on_progress=lambda text, fraction: seen.append((text, fraction))
    )
    registry = ToolRegistry([as_tool(write_file), as_tool(wants_store)])
    name = str(tmp_path / "out.txt")
    result = await call_tool(registry, "write_file", {"name": name, "text": "é"}, context)
    assert result.data.startswith("process ")
    assert result.data.endswith(" of ann")
    assert str(os.getpid()) not in result.data
    assert Path(name).read_text() == "é"
    assert seen == [("writing\ufffd", 0.5)]
    with pytest.raises(BadRequest, match="has no store: make the function async"):
        await call_tool(registry, "wants_store", {}, context)


async def test_a_process_ends_with_its_call(context, tmp_path):
    """Cancelled, the process of a tool is gone."""
    name = tmp_path / "pid"
    registry = ToolRegistry([as_tool(wait_in)])
    call = asyncio.create_task(call_tool(registry, "wait_in", {"name": str(name)}, context))
    async with asyncio.timeout(PATIENCE):
        while not (name.exists() and name.read_text()):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
    call.cancel()
    await asyncio.wait([call])
    with pytest.raises(ProcessLookupError):
        os.kill(int(name.read_text()), 0)


def test_what_cannot_be_a_tool_is_refused():
    """The sentence says what a function lacks."""

    def bare() -> None:
        pass

    def unknown(x) -> None:
        """Do."""

    @tool
    def inner() -> None:
        """Act."""

    def many(*names: str) -> None:
        """Do."""

    def weather_of(city: str) -> str:
        """Say it."""
        return city

    def weather_in(city: str) -> str:
        """Say it."""
        return city

    async def stream() -> AsyncGenerator[str, None]:
        """Do."""
        yield ""

    async def late(city: str, context: ToolContext | None = None) -> None:
        """Do."""

    async def anything(value: object) -> None:
        """Do."""

    async def calls(back: Callable[[int], int]) -> None:
        """Do."""

    async def hidden(__x: int) -> None:  # noqa: PYI063 - a name that msgspec refuses
        """Do."""

    async def either(place: Place | Unit) -> None:
        """Do."""

    for function, words in (
        (bare, "needs a docstring"),
        (unknown, "parameter x has no annotation"),
        (inner, "at the top of a module"),
        (tool(reads_only=True)(many), "cannot be named"),
        (tool(name="a b", reads_only=True)(weather_in), "A tool's name has"),
        (tool(reads_only=True, seconds=-1)(weather_of), "more than 0 seconds"),
        (functools.partial(bare), "is a function or a Tool"),
        (stream, "return them as a list"),
        (late, "only a first parameter can be a Context"),
        (anything, "no JSON form: type <class 'object'> is not supported"),
        (calls, "no JSON form: type"),
        (hidden, "no JSON form"),
        (either, "more than one dict-like type"),
        (Desk().act, "at the top of a module"),
    ):
        with pytest.raises(ConfigError, match=words):
            as_tool(function)
    with pytest.raises(ConfigError, match="Two tools are called weather"):
        ToolRegistry([as_tool(weather), as_tool(weather, "file a.py")])


def test_a_digest_follows_the_definition():
    """The same definition has the same digest; another docstring, body or origin has another."""

    def first() -> Callable:
        @tool
        async def act() -> str:
            """Act."""
            return "a"

        return act

    def second() -> Callable:
        @tool
        async def act() -> str:
            """Act."""
            return "b"

        return act

    assert as_tool(first()).digest == as_tool(first()).digest
    assert as_tool(first()).digest != as_tool(second()).digest
    assert as_tool(first()).digest != as_tool(first(), "package x").digest


def test_a_large_result_is_cut():
    """Its beginning is kept, with its size."""
    text = "é" * RESULT_BYTES
    cut = bounded(tool_registry.ToolResult(text, text))
    assert "131,074 bytes" in cut.data["note"]
    assert len(cut.data["beginning"].encode()) <= RESULT_BYTES
    assert len(cut.display.encode()) < RESULT_BYTES + 100
