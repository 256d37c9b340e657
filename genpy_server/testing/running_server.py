"""A server in the process of a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from genpy_server.app import App
from genpy_server.settings import load


@asynccontextmanager
async def serving(folder: Path, app: App | None = None, **variables: str) -> AsyncIterator[str]:
    """The address of a server on a free port, whose database is in `folder`.

    `app` may have tools, modes, a store or a model. Settings are only those in `variables`, such as
    GENPY_LLM_URL; the environment and the user's config are not read.
    """
    own = {"GENPY_DATABASE": str(folder / "genpy.db"), "GENPY_PORT": "0"}
    running = await (app or App()).open(load({**own, **variables}))
    try:
        server = await running.listen()
        try:
            yield server.url
        finally:
            server.close()
            await running.hub.close()
            await server.wait_closed()
    finally:
        await running.close()
