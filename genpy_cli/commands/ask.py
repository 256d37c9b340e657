"""`genpy ask`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

from genpy_cli.backend import opened, token_of
from genpy_cli.failures import Misused
from genpy_cli.parameters import Argument, Option, Server
from genpy_server.settings import Settings, load

if TYPE_CHECKING:
    from genpy_cli.answer import Answer

HISTORY = 10
"""Messages of the conversation that are fetched with it; the server knows the others."""


def run(
    *,
    question: Annotated[
        list[str] | None,
        Argument("What to ask; what comes on standard input follows it.", "[QUESTION...]"),
    ] = None,
    session: Annotated[
        str | None,
        Option("Ask in this conversation instead of a new one.", metavar="SESSION", completes=True),
    ] = None,
    intent: Annotated[
        str | None, Option("The kind of help, instead of finding out.", metavar="INTENT")
    ] = None,
    server: Server = None,
    as_json: Annotated[
        bool, Option("The frames of genpy.v1 as they come, one JSON line each.", name="--json")
    ] = False,
) -> int:
    """Ask one question; the reply is printed as it comes."""
    parts = [" ".join(question or ()), _standard_input()]
    text = "\n\n".join(part for part in parts if part.strip())
    if not text:
        raise Misused('Ask something: genpy ask "What is a monad?"')
    settings = load()
    ref = str(uuid4()) if session is None else opened(session, server)

    import asyncio  # noqa: PLC0415 - with the client and the server heavy, and `--help` needs none

    from genpy_cli.answer import Answer  # noqa: PLC0415

    answer = Answer(as_json=as_json)
    work = _ask(settings, server or settings.server, ref, text, intent=intent, answer=answer)
    return asyncio.run(work)


def _standard_input() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    return sys.stdin.buffer.read().decode("utf-8", "replace").strip("\n")


async def _ask(
    settings: Settings,
    server: str | None,
    ref: str,
    text: str,
    *,
    intent: str | None,
    answer: "Answer",
) -> int:
    from genpy_server.client.session_client import SessionClient  # noqa: PLC0415 - see `run`

    async with _reached(settings, server) as (url, token):
        async with SessionClient(url, ref, token=token, history=HISTORY) as client:
            answer.begin(client, client.send(text, intent))
            async for event in client:
                if answer.take(event):
                    break
        return answer.code


@asynccontextmanager
async def _reached(settings: Settings, server: str | None) -> AsyncIterator[tuple[str, str | None]]:
    """Address and token of the server elsewhere, or of one of our own for as long as it takes."""
    if server is not None:
        yield server, token_of(settings)
        return
    from genpy_server.embedded import start_embedded  # noqa: PLC0415 - see `run`

    embedded = await start_embedded(settings)
    try:
        yield embedded.url, embedded.token
    finally:
        await embedded.stop()
