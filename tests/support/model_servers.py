"""Model servers of other makers, started on a free port of this machine."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from support.ports import free_port

START_SECONDS = 180.0
"""LiteLLM imports for many seconds, and for minutes on a machine that does other things too."""


@asynccontextmanager
async def started(*command: str, **variables: str) -> AsyncIterator[str]:
    """The address of a server that listens at the port PORT of its command or environment."""
    port = free_port()
    words = [word.replace("PORT", str(port)) for word in command]
    process = await asyncio.create_subprocess_exec(
        *words,
        env={**os.environ, "PORT": str(port), "HOST": "127.0.0.1", **variables},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while True:
                assert process.returncode is None, f"{words[0]} ended by itself"
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
