"""`genpy ask`."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from genpy_cli import backend, options, output
from genpy_cli.standard_input import piped_text
from genpy_server.core.identity import question_id
from genpy_server.errors import Unreachable
from genpy_server.settings import Settings

if TYPE_CHECKING:
    from genpy_cli.reply import ReplyPrinter

HISTORY = 10
"""Stored messages that the client fetches on connecting."""
STARTING_SECONDS = 0.25
"""Time between two looks at an MCP server that is starting."""
WAITING = "Waiting for standard input to end; with --no-stdin (-n) it is not read."


class Question(NamedTuple):
    """What is asked in a session, which may be a `fresh` one; `allow` are tools that may act."""

    text: str
    session: str
    fresh: bool = True
    mode: str | None = None
    model: str | None = None
    system: str | None = None
    allow: Sequence[str] = ()


def ask(
    *,
    question: Annotated[
        list[str] | None, typer.Argument(help="What to ask; the text on standard input follows it.")
    ] = None,
    session: Annotated[
        str | None, options.session_option("Ask in this conversation instead of a new one.")
    ] = None,
    mode: options.Mode = None,
    system: options.System = None,
    no_stdin: Annotated[
        bool, typer.Option("--no-stdin", "-n", help="Do not read standard input.")
    ] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="A tool that may act without being asked about.", metavar="TOOL"),
    ] = None,
    model: options.Model = None,
    think: Annotated[
        bool, typer.Option("--think", help="Print what the model thinks to standard error.")
    ] = False,
    trust: options.Trust = False,
    server: options.Server = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="The frames of genpy.v1 as they come, one JSON line each."),
    ] = False,
) -> None:
    """Ask one question; the reply is printed as it arrives."""
    read = "" if no_stdin else piped_text(WAITING).strip("\n")
    parts = [" ".join(question or ()), read]
    text = "\n\n".join(part for part in parts if part.strip())
    if not text:
        raise options.WrongUsageError('Ask something: genpy ask "What is a monad?"')
    settings = backend.settings_with(server, model)
    backend.check_mode(settings, mode)
    backend.ensure_trusted(settings, trust=trust)
    from secrets import randbits

    from genpy_cli.reply import ReplyPrinter

    # The id of a session for one question has a form that lists show apart.
    new = question_id(time.time_ns() // 1_000_000, randbits(74))
    ref = new if session is None else backend.session_to_open(session, server)
    reply = ReplyPrinter(as_json=as_json, think=think)
    asked = model if settings.server is not None else None
    backend.run(
        _ask(
            settings, Question(text, ref, session is None, mode, asked, system, allow or ()), reply
        )
    )
    raise typer.Exit(reply.code)


async def _ask(settings: Settings, question: Question, reply: "ReplyPrinter") -> None:
    import asyncio

    from genpy_server.client.session_client import Link, SessionClient
    from genpy_server.wire import Set

    if settings.server is None:
        backend.print_warnings()
    allow = question.allow
    async with backend.server_access(settings, direct=not allow) as (url, token, local, connect):
        if allow:
            await _check_tools(url, token, allow)
        async with SessionClient(
            url,
            question.session,
            token=token,
            history=HISTORY,
            allow=allow,
            fresh=question.fresh,
            connect=connect,
        ) as client:
            if question.system is not None:
                client.set(Set(system=question.system))
            sent = client.send(question.text, question.mode, model=question.model)
            reply.follow(client.transcript, sent)
            try:
                async with asyncio.timeout(None) as patience:
                    async for event in client:
                        lost = isinstance(event, Link) and event.state == "reconnecting"
                        if local is not None and lost:
                            await local.take_over()
                        if reply.take(event):
                            break
                        patience.reschedule(reply.gives_up_at)
            except TimeoutError:
                raise reply.refusal or Unreachable("The connection was closed.") from None


async def _check_tools(url: str, token: str | None, names: Sequence[str]) -> None:
    """Raise `WrongUsageError` for an unknown tool, which the server would ignore.

    Waits for an MCP server that is starting, if a name may be one of its tools.
    """
    import asyncio

    from genpy_server.client.session_client import RemoteRecords

    async with RemoteRecords(url, token) as records:
        while True:
            found = await records.tools()
            known = [tool.name for tool in found.tools]
            unknown = [name for name in names if name not in known]
            starting = [
                one.origin
                for one in found.sources
                if one.state == "connecting" and any(map(one.names, unknown))
            ]
            if not starting:
                break
            output.note_once(f"Waiting for {', '.join(starting)} to start.")
            await asyncio.sleep(STARTING_SECONDS)
    if unknown:
        failed = "".join(f" {one.origin} has {one.state}." for one in found.sources if one.message)
        raise options.WrongUsageError(
            f"Unknown tool: {', '.join(unknown)}. Available tools: {', '.join(known)}.{failed}"
        )
