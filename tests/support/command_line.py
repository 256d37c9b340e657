"""`genpy` as a person runs it: a process of its own, in a home of its own."""

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from support import forked_command
from support.conditions import PATIENCE
from typer.main import get_command

from genpy_cli.__main__ import main, run
from genpy_cli.app import application

CTRL_C = "\x03"


def commands(group: Any = None, prefix: str = "") -> dict[str, Any]:
    """Every command by the words that name it, as Typer built it."""
    found: dict[str, Any] = {}
    for name, command in (group or get_command(application())).commands.items():
        if hasattr(command, "commands"):
            found |= commands(command, f"{prefix}{name} ")
        else:
            found[prefix + name] = command
    return found


COMMANDS = commands()


def _until_it_waits(process: int) -> None:
    """Wait until a process that has shown a question reads the answer.

    Python notices a signal between two steps and while it reads, not in the moment between them.
    """
    state = Path(f"/proc/{process}/stat")
    while state.exists() and state.read_text().rpartition(")")[2].split()[0] in "RD":
        time.sleep(0.001)


@dataclass
class Ran:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Its JSON documents, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def parsed(*words: str) -> Ran:
    """What a line prints, run in this process, which is quick."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(words)
    return Ran(code, out.getvalue(), err.getvalue())


class Genpy:
    """The command in one home, with one database."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.database = home / "genpy.db"
        kept = {k: v for k, v in os.environ.items() if k in {"PATH", "SYSTEMROOT", "TEMP", "LANG"}}
        self.environment = {
            **kept,
            "HOME": str(home),
            "USERPROFILE": str(home),
            "LOCALAPPDATA": str(home / "local"),
            **{
                f"XDG_{kind}_HOME": str(home / kind)
                for kind in ("DATA", "STATE", "CACHE", "CONFIG")
            },
            "GENPY_DATABASE": str(self.database),
            "PYTHONWARNINGS": "error",
            **variables,
        }

    def __call__(
        self, *words: str, given: str | bytes = "", code: int = 0, **variables: str
    ) -> Ran:
        """Run it; fails when it ends with another code."""
        ran = self.run(*words, given=given, **variables)
        assert ran.code == code, f"{words} ended with {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    def run(self, *words: str, given: str | bytes = "", **variables: str) -> Ran:
        """Run it, however it ends."""
        data = given if isinstance(given, bytes) else given.encode()
        environment = {**self.environment, **variables}
        if forked_command.can_be_forked(environment):
            code, out, err = forked_command.run(words, environment, self.home, data, PATIENCE)
            return Ran(code, out.decode(), err.decode())
        ended = subprocess.run(
            self.words(*words),
            input=data,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            env=environment,
            cwd=self.home,
        )
        return Ran(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def typed(
        self, *words: str, keys: str = "", after: str = "", columns: int = 80, **variables: str
    ) -> Ran:
        """Run it in a terminal of its own, type `keys` once it has shown `after`. Not on Windows.

        The output is what the terminal was sent.
        """
        return self.dialogue(*words, answers=[(after, keys)], columns=columns, **variables)

    def dialogue(
        self, *words: str, answers: list[tuple[str, str]], columns: int = 80, **variables: str
    ) -> Ran:
        """The same with several answers, each typed once the text before it was shown."""
        import pty  # noqa: PLC0415 - Windows has none

        terminal, end = pty.openpty()
        environment = {**self.environment, "TERM": "xterm", "COLUMNS": str(columns), **variables}
        assert forked_command.can_be_forked(environment)
        process = forked_command.start(
            main, words, environment, self.home, (end, end, end), own_session=True
        )
        assert process.pid is not None
        os.close(end)
        sent, seen, left = b"", 0, list(answers)
        try:
            while True:
                if left and (place := sent.find(left[0][0].encode(), seen)) >= 0:
                    seen = place + len(left[0][0].encode())
                    typed = left.pop(0)[1]
                    if typed == CTRL_C:
                        _until_it_waits(process.pid)
                        os.kill(process.pid, signal.SIGINT)  # it has no terminal that controls it
                    else:
                        os.write(terminal, typed.encode())
                ready, _, _ = select.select([terminal], [], [], PATIENCE)
                if not ready:
                    process.kill()
                    raise AssertionError(f"{words} went on after {sent!r}")
                sent += os.read(terminal, 65_536)
        except OSError:
            pass  # how Linux tells that the other end is closed
        os.close(terminal)
        process.join(PATIENCE)
        assert process.exitcode is not None, f"{words} went on without a terminal"
        return Ran(process.exitcode, sent.decode(), "")

    async def beside(
        self, *words: str, given: str | bytes = "", code: int = 0, **variables: str
    ) -> Ran:
        """The same while this process goes on, to answer it for example."""
        return await asyncio.to_thread(self, *words, given=given, code=code, **variables)

    @staticmethod
    def words(*words: str) -> list[str]:
        """The line that starts it."""
        return [sys.executable, "-m", "genpy_cli", *words]
