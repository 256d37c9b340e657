"""Python functions as tools: their schema, how they are called, and how they are stopped."""

import asyncio
import functools
import os
import threading
from collections.abc import AsyncGenerator, Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from genpy_server.errors import BadRequest, ConfigError
from genpy_server.tools import registry as tool_registry
from genpy_server.tools.base import ToolContext, ToolResult
from genpy_server.tools.functions import as_tool, tool
from genpy_server.tools.registry import RESULT_BYTES, ToolRegistry, bounded


class Place(msgspec.Struct):
    """Where."""

    city: str
    zone: int = 1


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
    print("a tool may print")  # noqa: T201
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


async def test_arguments_are_converted(context):
    """A function gets values of its annotated types, and its result is data and text."""
    registry = ToolRegistry([as_tool(weather)])
    arguments = {"place": {"city": "Rome"}, "day": "2026-05-01"}
    result = await registry.call("weather", arguments, context)
    assert result.data == {"city": "Rome", "day": "2026-05-01", "unit": "c"}
    assert result.display.startswith("```json\n{")
    with pytest.raises(BadRequest, match=r"do not fit: .*day"):
        await registry.call("weather", {"place": {"city": "Rome"}, "day": "soon"}, context)


async def test_a_tool_that_raises_tells_the_model(context, caplog):
    """The exception is the answer; the log has its type and place, and no text."""

    @tool(reads_only=True)
    async def broken() -> str:
        """Fail."""
        raise ValueError("the secret word")

    with pytest.raises(BadRequest, match="ValueError: the secret word"):
        await ToolRegistry([as_tool(broken)]).call("broken", {}, context)
    assert "broken failed: ValueError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("is_async", [True, False], ids=["async", "thread"])
@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (SystemExit(3), "SystemExit: 3"),
        (asyncio.CancelledError(), "cancelled itself|CancelledError"),
        (OSError("a\udcff"), "OSError: a\ufffd$"),
    ],
    ids=["exit", "cancel", "surrogate"],
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
        await ToolRegistry([as_tool(function)]).call(function.__name__, {}, context)


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
    assert await registry.call("name", {}, context) == ToolResult("a\ufffd", "a\ufffd")
    with pytest.raises(BadRequest, match="TypeError"):
        await registry.call("data", {}, context)


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
        await registry.call("slow", {}, context)
    over.set()
    asking = ToolContext(None, "ann", "s", on_ask=answer)
    assert (await registry.call("asks", {}, asking)).data is True


async def test_a_synchronous_tool_that_acts_runs_in_a_process_of_its_own(tmp_path):
    """It has who calls, reports progress, and what it prints is no result."""
    seen = []
    context = ToolContext(
        None, "ann", "s", on_progress=lambda text, fraction: seen.append((text, fraction))
    )
    registry = ToolRegistry([as_tool(write_file), as_tool(wants_store)])
    name = str(tmp_path / "out.txt")
    result = await registry.call("write_file", {"name": name, "text": "é"}, context)
    assert result.data.startswith("process ")
    assert result.data.endswith(" of ann")
    assert str(os.getpid()) not in result.data
    assert Path(name).read_text() == "é"
    assert seen == [("writing\ufffd", 0.5)]
    with pytest.raises(BadRequest, match="has no store: make the function async"):
        await registry.call("wants_store", {}, context)


async def test_a_process_ends_with_its_call(context, tmp_path):
    """Cancelled, the process of a tool is gone."""
    name = tmp_path / "pid"
    registry = ToolRegistry([as_tool(wait_in)])
    call = asyncio.create_task(registry.call("wait_in", {"name": str(name)}, context))
    async with asyncio.timeout(20):
        while not (name.exists() and name.read_text()):  # noqa: ASYNC110
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
