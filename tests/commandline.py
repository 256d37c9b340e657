"""`genpy` as a person runs it: a process of its own, in a home of its own."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 30.0


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

    def __call__(self, *words: str, given: str = "", code: int = 0, **variables: str) -> Ran:
        """Run it; fails when it ends with another code."""
        ran = self.run(*words, given=given, **variables)
        assert ran.code == code, f"{words} ended with {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    def run(self, *words: str, given: str = "", **variables: str) -> Ran:
        """Run it, however it ends."""
        ended = subprocess.run(
            self.words(*words),
            input=given.encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            env={**self.environment, **variables},
            cwd=self.home,
        )
        return Ran(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    async def beside(self, *words: str, given: str = "", code: int = 0, **variables: str) -> Ran:
        """The same while this process goes on, to answer it for example."""
        return await asyncio.to_thread(self, *words, given=given, code=code, **variables)

    @staticmethod
    def words(*words: str) -> list[str]:
        """The line that starts it."""
        return [sys.executable, "-m", "genpy_cli", *words]
