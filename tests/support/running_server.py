"""Real servers for tests: in this process on a free port, or as a process of their own."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

import msgspec
from support import forked_command
from support.conditions import PATIENCE
from support.ports import free_port

from genpy_server import settings
from genpy_server.app import App, OpenApp
from genpy_server.config import McpEntry, UserConfig, known_providers
from genpy_server.core.costs import Price
from genpy_server.settings import Limits, Settings
from genpy_server.web.server import HttpServer


@dataclass
class Running:
    """An application that listens."""

    app: OpenApp
    url: str
    server: HttpServer


def configure(
    database: Path,
    providers: Mapping[str, str] | None = None,
    prices: Mapping[str, Price] | None = None,
    **variables: str,
) -> Settings:
    """Settings from variables alone; the environment of the person who tests is not part of it.

    `providers` are addresses by name, each with the key `key-of-NAME`.
    """
    defaults = {"GENPY_DATABASE": str(database), "GENPY_PORT": "0", "GENPY_GRACE_SECONDS": "600"}
    urls = providers or {}
    named = known_providers(urls, {name: f"key-of-{name}" for name in urls})
    config = UserConfig(providers=named, prices=prices or {})
    return settings.load(settings.Environment({**defaults, **variables}, config=config))


@asynccontextmanager
async def serving(
    database: Path,
    *,
    limits: dict[str, Any] | None = None,
    own: App | None = None,
    providers: Mapping[str, str] | None = None,
    prices: Mapping[str, Price] | None = None,
    mcp: Mapping[str, McpEntry] | None = None,
    **variables: str,
) -> AsyncIterator[Running]:
    """A server in this process."""
    limited = Limits(**(limits or {}))
    configured = msgspec.structs.replace(
        configure(database, providers, prices, **variables), limits=limited, mcp=mcp or {}
    )
    async with running(configured, own, personal=mcp is not None) as server:
        yield server


@asynccontextmanager
async def running(
    configured: Settings, own: App | None = None, *, personal: bool = False
) -> AsyncIterator[Running]:
    """A server in this process with settings of the test's own."""
    app = await (own or App()).open(configured, personal=personal)
    server = await app.listen()
    try:
        yield Running(app, server.url, server)
    finally:
        server.close()
        await app.hub.close()
        await server.wait_closed()
        await app.close()


class ForkedServer:
    """A forked `python -m genpy_server` with what asyncio's process has."""

    def __init__(self, process: BaseProcess, stdout: asyncio.StreamReader) -> None:
        self._process = process
        self.stdout = stdout
        assert process.pid is not None
        self.pid, self.kill, self.terminate = process.pid, process.kill, process.terminate

    @classmethod
    async def start(cls, environment: Mapping[str, str], folder: Path) -> Self:
        """Start it; its output and its error output are one."""
        out, into = os.pipe()
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(out, "rb")
        )
        nothing = os.open(os.devnull, os.O_RDONLY)
        files = (nothing, into, into)
        process = forked_command.start(forked_command.serve, (), environment, folder, files)
        os.close(nothing)
        os.close(into)
        return cls(process, reader)

    @property
    def returncode(self) -> int | None:
        """The exit code, once it has ended."""
        return self._process.exitcode

    async def wait(self) -> None:
        """Wait until it has ended."""
        await asyncio.to_thread(self._process.join)


class ServerProcess:
    """`python -m genpy_server`, which can be killed."""

    def __init__(self, database: Path, **variables: str) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GENPY", "GROQ"))}
        port = str(free_port())  # also for a server that is started again on it
        own = {"GENPY_DATABASE": str(database), "GENPY_PORT": port, "GENPY_GRACE_SECONDS": "600"}
        self._environment = {**inherited, **own, **variables}
        self._process: asyncio.subprocess.Process | ForkedServer
        self._reading: asyncio.Task[None]
        self.output = bytearray()
        """What it printed since it listened; read all the while, as a full pipe would stop it."""
        self.url = ""

    async def start(self) -> None:
        """Start and wait until it says where it listens."""
        folder = Path(self._environment["GENPY_DATABASE"]).parent
        if forked_command.can_be_forked(self._environment):
            self._process = await ForkedServer.start(self._environment, folder)
        else:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "genpy_server",
                env=self._environment,
                cwd=folder,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        assert self._process.stdout is not None
        said = ""
        async with asyncio.timeout(PATIENCE):
            while not self.url:
                line = (await self._process.stdout.readline()).decode()
                said += line
                assert line, f"the server ended before it listened: {said}"
                found = re.search(r"http://[\d.]+:\d+", line)
                self.url = found.group() if found else ""
        self._reading = asyncio.create_task(self._read(self._process.stdout))

    async def _read(self, printed: asyncio.StreamReader) -> None:
        while data := await printed.read(65_536):
            self.output += data

    async def _ended(self) -> None:
        await self._process.wait()
        await self._reading
        self.url = ""

    async def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        await self._ended()

    async def stop(self) -> int:
        """Ask it to stop, and wait until it has."""
        self._process.terminate()
        await self._ended()
        assert self._process.returncode is not None
        return self._process.returncode
