"""Python functions as tools: name, docstring and annotated parameters become the model's schema."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints, overload

import msgspec

from genpy_server.core.text import storable
from genpy_server.errors import BadRequest, ConfigError, description
from genpy_server.tools.base import TOOL_SECONDS, Tool, ToolContext, ToolResult, check_name, spec
from genpy_server.tools.process import can_be_found, run_in_process

F = TypeVar("F", bound=Callable[..., Any])
MARK = "__genpy_tool__"


@dataclass(frozen=True)
class ToolOptions:
    """The options of `@tool`."""

    name: str | None = None
    reads_only: bool = False
    seconds: float = TOOL_SECONDS


@overload
def tool(function: F) -> F: ...
@overload
def tool(
    *, name: str | None = None, reads_only: bool = False, seconds: float = TOOL_SECONDS
) -> Callable[[F], F]: ...
def tool(
    function: Any = None,
    *,
    name: str | None = None,
    reads_only: bool = False,
    seconds: float = TOOL_SECONDS,
) -> Any:
    """Mark a function as a tool; the function itself is not changed.

        @tool(reads_only=True, seconds=5)
        def weather(city: Annotated[str, Meta(description="A city's name.")]) -> dict[str, float]:
            "The weather of a city now."

    The model reads the docstring. Parameters take any type that msgspec reads from JSON;
    `Annotated[str, "A city's name."]` describes one too. The result is a text or anything msgspec
    writes as JSON. A first parameter annotated `Context` gets the user and session of the call.
    `seconds` limits a call. A tool that is not `reads_only` acts: each call is shown to the person
    first, who allows it or not. A synchronous one that acts runs in its own process, so that it
    can be stopped, and must therefore be defined at the top of a module.
    """
    options = ToolOptions(name, reads_only, seconds)

    def marked(function: F) -> F:
        setattr(function, MARK, options)
        return function

    return marked if function is None else marked(function)


def is_marked(value: object) -> bool:
    """Whether a value is a function with `@tool`."""
    return isinstance(getattr(value, MARK, None), ToolOptions)


def as_tool(function: Callable[..., Any] | Tool, origin: str = "app") -> Tool:
    """Convert a function, with `@tool` or without; raises `ConfigError` where it cannot be a tool."""
    if isinstance(function, Tool):
        return function
    if not inspect.isroutine(function):
        raise ConfigError(f"A tool is a function or a Tool, which {function!r} is not.")
    options: ToolOptions = getattr(function, MARK, ToolOptions())
    name: str = options.name or function.__name__
    check_name(name)
    if not options.seconds > 0:
        raise ConfigError(f"The tool {name}: its time limit must be more than 0 seconds.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ConfigError(f"The tool {name} yields its results: return them as a list instead.")
    description = inspect.getdoc(function)
    if not description:
        raise ConfigError(f"The tool {name} needs a docstring: it is what the model reads.")
    wants_context, arguments = parameters(function, name)
    is_async = inspect.iscoroutinefunction(function)
    if not is_async and not options.reads_only and not can_be_found(function):
        raise ConfigError(
            f"The tool {name} acts and is synchronous, so it runs in its own process: "
            "define it at the top of a module, or make it async."
        )

    async def run(context: ToolContext, values: msgspec.Struct) -> ToolResult:
        if not is_async and not options.reads_only:
            return await run_in_process(function, msgspec.to_builtins(values), context)
        first = (context,) if wants_context else ()
        called = partial(function, *first, **msgspec.structs.asdict(values))
        return as_result(await called() if is_async else await _in_thread(called))

    source = ""
    with suppress(OSError, TypeError):  # defined in a shell
        source = inspect.getsource(function)
    return Tool(
        spec(name, description, arguments),
        arguments,
        run,
        reads_only=options.reads_only,
        seconds=options.seconds,
        origin=origin,
        source=source,
    )


def parameters(function: Callable[..., Any], name: str) -> tuple[bool, type[msgspec.Struct]]:
    """Whether a function takes a `Context` first, and a struct type of its other parameters."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        raise ConfigError(f"The tool {name}: {error} in its annotations.") from None
    parameters = list(inspect.signature(function).parameters.values())
    wants_context = bool(parameters) and hints.get(parameters[0].name) is ToolContext
    fields: list[Any] = []
    for one in parameters[wants_context:]:
        if one.kind in {one.POSITIONAL_ONLY, one.VAR_POSITIONAL, one.VAR_KEYWORD}:
            raise ConfigError(f"The tool {name}: its parameter {one.name} cannot be named.")
        if one.name not in hints:
            raise ConfigError(f"The tool {name}: its parameter {one.name} has no annotation.")
        if ToolContext in (hints[one.name], *get_args(hints[one.name])):
            raise ConfigError(f"The tool {name}: only a first parameter can be a Context.")
        default = () if one.default is one.empty else (_default(one.default),)
        fields.append((one.name, _documented(hints[one.name]), *default))
    try:
        arguments = msgspec.defstruct(
            f"{name}_arguments",
            fields,
            kw_only=True,
            forbid_unknown_fields=True,
            omit_defaults=True,
        )
        msgspec.json.schema(arguments)
    except Exception as error:  # noqa: BLE001 - msgspec raises several kinds for a strange annotation
        reason = str(error).splitlines()[-1]
        raise ConfigError(f"The tool {name}: its parameters have no JSON form: {reason}.") from None
    return wants_context, arguments


def _documented(hint: Any) -> Any:
    """A type with its texts as descriptions: `Annotated[int, "How many."]`."""
    if get_origin(hint) is not Annotated:
        return hint
    kind, *notes = get_args(hint)
    metas = [msgspec.Meta(description=n) if isinstance(n, str) else n for n in notes]
    return Annotated[(kind, *metas)]


def _default(value: Any) -> Any:
    """A default for msgspec: a mutable one is copied for each call."""
    if isinstance(value, list | dict | set | msgspec.Struct) and value:
        return msgspec.field(default_factory=partial(copy, value))
    return value


def as_result(value: Any) -> ToolResult:
    """Convert what a function returned to a result for the model and for the person."""
    if isinstance(value, ToolResult):
        return value
    if value is None:
        return ToolResult("done", "Done.")
    if isinstance(value, str):
        text = storable(value)
        return ToolResult(text, text)
    try:
        data = msgspec.to_builtins(value, enc_hook=_as_text)
        if isinstance(data, str):
            return as_result(data)
        text = msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
    except (TypeError, ValueError):
        return as_result(str(value))
    return ToolResult(data, f"```json\n{text}\n```")


def _as_text(value: Any) -> str:
    """A value without a JSON type as text: a path, a fraction, a table."""
    if isinstance(value, Coroutine):
        value.close()  # avoids the warning that it was not awaited
    if isinstance(value, Iterator | AsyncIterator | Awaitable):
        raise BadRequest(
            f"It returned a {type(value).__name__}, which holds no result yet. "
            "A tool returns a list, and an asynchronous one is an `async def`."
        )
    return str(value)


async def _in_thread(work: Callable[[], Any]) -> Any:
    """Run `work` in a new thread; if cancelled, the thread runs on and its result is dropped."""
    done = Future[Any]()
    done.set_running_or_notify_cancel()  # from now on it cannot be cancelled

    def run() -> None:
        try:
            done.set_result(work())
        except StopIteration as stopped:  # a future refuses this type
            done.set_exception(RuntimeError(description(stopped)))
        except BaseException as raised:  # noqa: BLE001 - passed to the caller
            done.set_exception(raised)

    threading.Thread(target=run, name="genpy-tool", daemon=True).start()
    return await asyncio.wrap_future(done)
