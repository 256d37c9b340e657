"""Listening and stopping, the latter as a process of its own that gets signals."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.conditions import PATIENCE
from support.http_server import listening
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import genpy_server
from genpy_server.app import run
from genpy_server.errors import ConfigError

ROOT = Path(genpy_server.__file__).parent.parent

PROGRAM = """
import asyncio, sys
from genpy_server import settings
from genpy_server.web import server
from genpy_server.web.auth import Gate
from genpy_server.web.messages import Response
from genpy_server.web.router import Route, Router

draining = asyncio.Event()

async def slow(call):
    print("asked", flush=True)
    await draining.wait()
    return Response.json("answered")

async def connect(ws):
    async for message in ws:
        await ws.send(message)

async def drain():
    print("draining", flush=True)
    draining.set()
    if "stuck" in sys.argv:
        await asyncio.Event().wait()

async def main():
    configured = settings.load({"GENPY_PORT": "0"})
    routes = [Route("GET", "/slow", slow, "Wait.")]
    listening = await server.listen(
        settings=configured, gate=Gate(configured), router=Router(routes), connect=connect
    )
    announce = lambda address: print(address, flush=True)
    graceful = await server.serve_until_stopped(listening, drain, announce)
    print("graceful" if graceful else "cut short", flush=True)

if "hasty" in sys.argv:
    server.STOP_SECONDS = 0.2
if "fast" in sys.argv:
    from genpy_server.app import run
    run(main())
else:
    asyncio.run(main())
"""


@asynccontextmanager
async def running(
    directory: Path, *arguments: str, module: bool = False, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that serves; killed at the end if it still runs."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GENPY", "GROQ", "SUPA"))}
    program = ("-m", "genpy_server") if module else ("-c", PROGRAM)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        *program,
        *arguments,
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    """The next line of its output."""
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not made for Windows")
def test_the_server_runs_on_uvloop_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra `fast` the loop is uvloop's, without it asyncio's."""

    async def loop() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert run(loop()) == "uvloop"
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run(loop()) == "asyncio"


@pytest.mark.parametrize("loop", ["plain", "fast"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_gracefully(tmp_path: Path, number: signal.Signals, loop: str) -> None:
    """One signal closes the sockets with 1001, drains, and exits with 0."""
    async with running(tmp_path, loop) as process:
        address = await line(process)
        ws = await connect(address.replace("http", "ws") + "/ws/session/a", proxy=None)
        process.send_signal(number)
        with pytest.raises(ConnectionClosed) as closed:
            await ws.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        assert await line(process) == "draining"
        assert await line(process) == "graceful"
        assert await process.wait() == 0


async def test_a_request_in_progress_is_answered_before_the_stop(tmp_path: Path) -> None:
    """Who asked before the stop gets an answer; who comes after it finds nobody."""
    async with running(tmp_path) as process:
        port = int((await line(process)).rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await line(process) == "asked"
        process.terminate()
        assert (await reader.read()).endswith(b'"answered"')
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        assert await line(process) == "draining"
        assert await line(process) == "graceful"


async def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    """Who signals again does not wait for what is in progress."""
    async with running(tmp_path, "stuck") as process:
        await line(process)
        process.send_signal(signal.SIGINT)
        assert await line(process) == "draining"
        process.send_signal(signal.SIGINT)
        assert await line(process) == "cut short"
        assert await process.wait() == 0


async def test_a_stop_has_an_end(tmp_path: Path) -> None:
    """What hangs while stopping is left behind after a while."""
    async with running(tmp_path, "stuck", "hasty") as process:
        address = await line(process)
        port = int(address.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        process.send_signal(signal.SIGTERM)
        assert await line(process) == "draining"
        assert await line(process) == "cut short"
        assert await process.wait() == 0
        writer.close()


async def test_a_port_in_use_is_a_sentence() -> None:
    """Where another program listens, the server says so and what to do."""
    async with listening() as first:
        with pytest.raises(ConfigError, match="Another program listens on port") as failure:
            async with listening(GENPY_PORT=str(first.port)):
                pass
    assert "--port" in failure.value.message


async def test_an_address_of_another_machine_is_a_sentence() -> None:
    """An address that is not ours cannot be listened on."""
    with pytest.raises(ConfigError, match=r"Cannot listen on port 0 of 192\.0\.2\.1"):
        async with listening(GENPY_HOST="192.0.2.1", GENPY_TOKEN="t" * 20):
            pass


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "box.example.com"])
async def test_nothing_is_exposed_without_a_token(host: str) -> None:
    """Listening beyond this machine needs a token, and the refusal names the setting."""
    with pytest.raises(ConfigError, match="GENPY_TOKEN"):
        async with listening(GENPY_HOST=host):
            pass


async def test_everywhere_is_served_with_a_token() -> None:
    """With a token the server listens on every address."""
    async with listening(GENPY_HOST="0.0.0.0", GENPY_TOKEN="t" * 20) as front:
        assert front.url.startswith("http://0.0.0.0:")
        answer = await front.exchange(
            b"GET /page HTTP/1.1\r\nHost: 10.1.2.3\r\nConnection: close\r\n\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 200 ")


async def test_ipv6_has_brackets_in_its_address() -> None:
    """The address of a server on ::1 can be opened as it is."""
    async with listening(GENPY_HOST="::1") as front:
        assert front.url == f"http://[::1]:{front.port}"


async def test_a_program_announces_where_it_listens(tmp_path: Path) -> None:
    """`python -m genpy_server` prints one line with its address, and stops with 0."""
    database = str(tmp_path / "genpy.db")
    async with running(tmp_path, "--port", "0", module=True, GENPY_DATABASE=database) as process:
        announced = await line(process)
        assert announced.startswith("GenPy listens on http://127.0.0.1:")
        process.terminate()
        output, errors = await process.communicate()
        assert (process.returncode, output) == (0, b"")
        assert b"Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "said"),
    [
        (["--port", "x"], {}, 2, "--port"),
        (["--port", "65536"], {}, 2, "65535"),
        (["--nonsense"], {}, 2, "--nonsense"),
        (["--host", "0.0.0.0", "--port", "0"], {}, 1, "GENPY_TOKEN"),
        ([], {"GENPY_PORT": "many", "GENPY_RECALL": "perhaps"}, 1, "GENPY_RECALL"),
    ],
)
async def test_a_program_that_cannot_serve_says_why(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], code: int, said: str
) -> None:
    """A wrong option exits with 2, a wrong setting with 1, each with a sentence and no traceback."""
    environment |= {"GENPY_DATABASE": str(tmp_path / "genpy.db")}
    async with running(tmp_path, *arguments, module=True, **environment) as process:
        output, errors = await process.communicate()
    assert process.returncode == code
    assert said in errors.decode()
    assert b"Traceback" not in errors
    assert output == b""


async def test_a_program_whose_port_is_taken_says_so(tmp_path: Path) -> None:
    """A port in use is one sentence and exit code 1."""
    database = str(tmp_path / "genpy.db")
    async with listening() as front:
        port = str(front.port)
        async with running(
            tmp_path, "--port", port, module=True, GENPY_DATABASE=database
        ) as process:
            _, errors = await process.communicate()
    assert process.returncode == 1
    assert errors.decode().startswith("Another program listens on port")
    assert len(errors.decode().splitlines()) == 1
