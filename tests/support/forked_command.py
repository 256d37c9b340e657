"""Programs of GenPy in processes forked from one that has imported it, which is quick."""

import multiprocessing
import os
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from genpy_cli.__main__ import main
from genpy_server.__main__ import main as serve

__all__ = ["can_be_forked", "run", "serve", "start"]

IMPORTED = (
    "asyncio",
    "genpy_cli.app",
    "genpy_cli.backend",
    "genpy_cli.output",
    "genpy_cli.reply",
    "encodings.idna",
    "genpy_server.__main__",
    "genpy_server.app",
    "genpy_server.client.session_client",
    "genpy_server.client.socket",
    "genpy_server.embedded",
    "genpy_server.llm.groq",
    "genpy_server.local",
    "genpy_server.stores.sqlite.store",
    "genpy_server.web.server",
    "rich.table",
    "urllib.request",
    "websockets.asyncio.client",
)
_OF_THE_INTERPRETER = ("PYTHON", "LANG", "LC_")


def can_be_forked(environment: Mapping[str, str]) -> bool:
    """Whether this system forks, and Python would start here with the variables it has there."""
    warn = {"PYTHONWARNINGS": "error"}
    same = all(
        (os.environ | warn).get(name) == value
        for name, value in environment.items()
        if name.startswith(_OF_THE_INTERPRETER)
    )
    return same and "forkserver" in multiprocessing.get_all_start_methods()


def _program(
    run: Callable[[], int],
    words: Sequence[str],
    environment: Mapping[str, str],
    home: Path,
    pipes: Any,
    own_session: bool,
) -> None:
    if own_session:
        os.setsid()
    for number, pipe in enumerate(pipes):
        os.dup2(pipe.detach(), number)
    sys.stdin, sys.stdout = open(0, encoding="utf-8"), open(1, "w", encoding="utf-8")  # noqa: SIM115 - of the process
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - of the process
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(home)
    random.seed()
    if environment.get("PYTHONWARNINGS") == "error":
        warnings.simplefilter("error")
    sys.argv = ["genpy", *words]
    sys.exit(run())


def start(
    run: Callable[[], int],
    words: Sequence[str],
    environment: Mapping[str, str],
    home: Path,
    files: Sequence[int],
    *,
    own_session: bool = False,
) -> BaseProcess:
    """Start a program with these files as its standard input, output and error output."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    process = context.Process(
        target=_program, args=(run, words, environment, home, _Pipes(*files), own_session)
    )
    process.start()
    return process


def run(
    words: Sequence[str], environment: Mapping[str, str], home: Path, given: bytes, seconds: float
) -> tuple[int, bytes, bytes]:
    """The exit code, and what was written to standard output and standard error."""
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        stdin.write(given)
        stdin.seek(0)
        files = (stdin.fileno(), out.fileno(), err.fileno())
        process = start(main, words, environment, home, files)
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"{words} went on for {seconds:.0f} s")
        out.seek(0)
        err.seek(0)
        return process.exitcode, out.read(), err.read()


class _Pipes:
    """File descriptors that are passed on to the process when it starts."""

    def __init__(self, *descriptors: int) -> None:
        self.descriptors = descriptors

    def __reduce__(self) -> Any:
        return _passed, tuple(DupFd(number) for number in self.descriptors)


def _passed(*descriptors: Any) -> Any:
    return descriptors
