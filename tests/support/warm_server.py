"""Servers forked from a process that has imported GenPy: each starts in a tenth of the time."""

import asyncio
import encodings.idna  # noqa: F401 - these are imported here so that no server has to
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop  # noqa: F401 - as above

from genpy_server import app
from genpy_server.llm import groq  # noqa: F401 - as above
from genpy_server.settings import load
from genpy_server.stores.sqlite import store  # noqa: F401 - as above
from genpy_server.web import server  # noqa: F401 - as above


class Template:
    """The process that has imported GenPy; closing its input ends it."""

    async def start(self) -> None:
        """Start it."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )

    async def fork(self, **environment: str) -> tuple[int, str]:
        """Start a server with these variables; its process id and its address."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(environment).encode() + b"\n")
        pid, url = json.loads(await self.process.stdout.readline())
        return pid, url

    async def stop(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self.process.wait()


class WarmServer:
    """`python -m genpy_server`, forked, which can be killed."""

    def __init__(self, template: Template, database: Path, **variables: str) -> None:
        own = {"GENPY_DATABASE": str(database), "GENPY_PORT": "0", "GENPY_GRACE_SECONDS": "600"}
        self._variables = {**own, **variables}
        self._template = template
        self.url = ""

    async def start(self) -> None:
        """Start and wait until it says where it listens."""
        self._pid, self.url = await self._template.fork(**self._variables)

    async def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it as a power cut would."""
        os.kill(self._pid, how)
        while True:
            try:
                os.kill(self._pid, 0)
            except ProcessLookupError:
                return
            await asyncio.sleep(0.001)

    async def stop(self) -> None:
        """Ask it to stop, and wait until it has."""
        await self.kill(signal.SIGTERM)


def _serve(environment: dict[str, Any]) -> None:
    for name in [name for name in os.environ if name.startswith(("GENPY", "GROQ"))]:
        del os.environ[name]
    os.environ.update(environment)
    os.chdir(Path(environment["GENPY_DATABASE"]).parent)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    random.seed()

    def announce(url: str) -> None:
        os.write(1, json.dumps([os.getpid(), url]).encode() + b"\n")

    app.run(app.App(load()).serve(announce))


def _main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while line := os.read(0, 65_536):
        if os.fork() == 0:
            os.close(0)
            os.open(os.devnull, os.O_RDONLY)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            _serve(json.loads(line))
            os._exit(0)


if __name__ == "__main__":
    _main()
