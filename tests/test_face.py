"""The public face of `genpy_server`: a small list of names for programs of others."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import genpy_server
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.testing import serving

REFERENCE = (Path(__file__).parents[1] / "docs" / "reference.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", REFERENCE, re.DOTALL | re.MULTILINE)
NAMES = """
App ApprovalRequested ChatMessage ChatRequest Client Context Delta Finish GenPyError Hooks Limits Link
Llm Message MessageEvent MessageMeta Mode ReasoningDelta RemoteRecords RunFinished Session Settings
Store TextDelta Tool ToolCall ToolResult ToolSpec Usage load_settings tool
"""

PROGRAM = '''
import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, TypeVar

import msgspec

from genpy_server import (
    App, ChatMessage, ChatRequest, Client, Context, Delta, Finish, Hooks, Limits, Message, Mode,
    RunFinished, Session, TextDelta, load_settings, tool,
)
from genpy_server.llm.base import LlmEvent, LlmHealth

T = TypeVar("T")


@tool(reads_only=True, seconds=2)
def weather(city: Annotated[str, msgspec.Meta(description="A city.")], days: int = 1) -> list[str]:
    """The weather of some days."""
    return [f"sun in {city}"] * days


@tool
async def order(context: Context, item: str) -> str:
    """Order something."""
    context.progress("asking", 0.5)
    return "ordered" if await context.ask(f"Really order {item}?") else "not ordered"


class Audit(Hooks):
    async def on_reply(self, user_id: str, reply: Message) -> None:
        print(user_id, reply.meta.usage, weather("Rome")[0].upper())

    async def on_session_end(self, user_id: str, session: Session) -> None:
        print(session.summary)


class Echo:
    kind = "echo"
    local = True
    first_token_seconds = 1.0
    model = "echo"

    async def stream(self, request: ChatRequest) -> AsyncGenerator[LlmEvent, None]:
        yield TextDelta(request.messages[-1].content)
        yield Finish("stop")

    async def structured(
        self, messages: Sequence[ChatMessage], schema: type[T], *, model: str | None = None
    ) -> T:
        return msgspec.convert({}, schema)

    async def check(self) -> LlmHealth:
        return LlmHealth("echo", "here", "echo")

    async def probe(self) -> LlmHealth:
        return await self.check()

    async def close(self) -> None:
        pass


settings = msgspec.structs.replace(load_settings({}), limits=Limits(tool_rounds=2), port=0)
cooking = Mode(name="cooking", prompt="Give amounts.")
app = App(settings, tools=[weather, order], modes=[cooking], on=[Audit()], llm=Echo())


async def talk(url: str) -> str:
    text = ""
    async with Client(url, "trip") as client:
        client.send("Hello")
        async for event in client:
            if isinstance(event, Delta):
                text += event.text
            elif isinstance(event, RunFinished):
                break
    return text


if __name__ == "__main__":
    asyncio.run(app.serve())
'''


def test_the_names_are_these():
    """The list is stable: a name is added on purpose, and none goes."""
    assert genpy_server.__all__ == sorted(NAMES.split(), key=genpy_server.__all__.index)
    assert sorted(genpy_server.__all__) == sorted(NAMES.split())


def test_every_name_is_there_and_documented():
    """Each is what it says, with a docstring, and stands in the directory of the module."""
    for name in NAMES.split():
        assert getattr(genpy_server, name).__doc__, name
        assert name in dir(genpy_server)
    assert not hasattr(genpy_server, "nothing")


def test_the_reference_has_every_name():
    """Each stands in the text, and in an example."""
    imported = {
        alias.name
        for node in ast.walk(ast.parse("\n".join(BLOCKS)))
        if isinstance(node, ast.ImportFrom) and node.module == "genpy_server"
        for alias in node.names
    }
    assert imported == set(NAMES.split())
    text = "".join(re.split(r"^```python\n.*?^```$", REFERENCE, flags=re.DOTALL | re.MULTILINE))
    assert [name for name in NAMES.split() if f"`{name}`" not in text] == []


async def test_the_reference_runs(tmp_path: Path, monkeypatch, capsys):
    """The program of the reference serves a conversation, and its clients read it."""
    (tmp_path / "reference.py").write_text("\n".join(BLOCKS))
    monkeypatch.syspath_prepend(str(tmp_path))
    reference = importlib.import_module("reference")
    assert "GENPY_PORT" in capsys.readouterr().out
    async with serving(tmp_path, reference.app) as url:
        reply = await reference.ask(url, "Is Emma here?")
        assert reply.startswith('Found: {"title":"Emma","shelf":"A3"}')
        assert await reference.titles(url) == ["books"]
    assert "kept 1" in capsys.readouterr().out
    store = SqliteStore(tmp_path / "genpy.db")
    await store.open()
    (session,) = await store.sessions("local", limit=1)
    (meta,) = await reference.replies(store, "local", session.id)
    assert (meta.model, meta.tools[0].name, meta.usage.prompt_tokens) == ("librarian-1", "shelf", 6)
    await store.close()
    sys.modules.pop("reference")


def test_importing_the_face_imports_nothing():
    """A name is imported when it is first used."""
    code = (
        "import sys, genpy_server; print(sorted(m for m in sys.modules if 'genpy' in m));"
        "genpy_server.tool; print('genpy_server.app' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:2] == ["['genpy_server']", "False"]


def test_a_program_of_others_is_typed(tmp_path: Path, pytestconfig: pytest.Config):
    """Mypy --strict finds nothing in a program that uses tools, hooks, a mode and the client."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "reference.py").write_text("\n".join(BLOCKS))
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--follow-imports=silent",
            f"--cache-dir={pytestconfig.cache.mkdir('mypy')}",
            "program.py",
            "reference.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
