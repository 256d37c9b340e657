"""Record what the client and the server of a commit say to each other, as frames in two files.

    .venv/bin/python tests/client/record_streams.py COMMIT NAME

Run by hand once a version, and its files committed; `early` is 765feb6. It also lets the client of that commit talk to
today's server, and today's client to the server of that commit, and says what each of them showed.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.running_server import ServerProcess  # noqa: E402 - found by the path above - found by the line above
from support.scripted_model import Upstream  # noqa: E402 - found by the path above

STREAMS = Path(__file__).parent / "streams"
DRAFT = {
    "summary": "They counted messages.",
    "topics": ["counting"],
    "sentiment": "neutral",
    "outcomes": ["Two messages were counted."],
}
CLIENT = """
import asyncio, json, sys

try:
    from genpy_server.client.session_client import SessionClient
except ImportError:
    from genpy_server.client import SessionClient


async def main(url):
    shown = []
    async with SessionClient(url, "recorded") as client:
        steps = [
            lambda: client.send("Hello"),
            lambda: client.send("How many messages are in this chat?"),
            lambda: client.retry("tutorial"),
            lambda: client.send("Tell me a story"),
            lambda: (client.rate(4), client.end()),
        ]
        events = aiter(client)
        steps.pop(0)()
        async for event in events:
            kind = type(event).__name__
            if kind == "Delta" and event.text.startswith("Once"):
                client.cancel()
            if kind == "RunFinished":
                steps.pop(0)()
            if kind == "SummaryEvent" or kind == "ErrorFrame":
                break
        for entry in client.transcript.entries:
            shown.append([entry.role, entry.text])
    print(json.dumps([kind, shown]))


asyncio.run(main(sys.argv[1]))
"""


async def recorded(url: str, heard: list[str], said: list[str], stack: AsyncExitStack) -> str:
    """The address of a proxy that keeps the frames of both sides."""

    async def relay(side: ServerConnection) -> None:
        assert side.request is not None
        target = url.replace("http", "ws", 1) + side.request.path
        async with connect(target, subprotocols=["genpy.v1"], max_size=None) as other:

            async def pass_on(source: object, sink: object, kept: list[str]) -> None:
                with suppress(ConnectionClosed):
                    async for frame in source:
                        kept.append(str(frame))
                        await sink.send(frame)
                    await sink.close()

            await asyncio.gather(pass_on(side, other, said), pass_on(other, side, heard))

    proxy = await stack.enter_async_context(
        serve(relay, "127.0.0.1", 0, subprotocols=["genpy.v1"], max_size=None)
    )
    return f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"


async def talk(server_tree: Path, client_tree: Path) -> tuple[list[str], list[str], str]:
    """The frames of the server, those of the client, and what the client showed."""
    heard: list[str] = []
    said: list[str] = []
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(Upstream())
        for texts in (("Hello", " there."), ("Two messages.",), ("First,", " a lesson.")):
            upstream.say(*texts)
        upstream.say("Once", " upon a time", paused_at=1)
        upstream.answer = DRAFT
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = ServerProcess(
            folder / "genpy.db",
            PYTHONPATH=str(server_tree),
            GENPY_LLM_URL=upstream.url,
            GENPY_LLM_MODEL="m",
        )
        await server.start()
        stack.push_async_callback(server.stop)
        url = await recorded(server.url, heard, said, stack)
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            CLIENT,
            url,
            env={**os.environ, "PYTHONPATH": str(client_tree)},
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(program.communicate(), 120)
    return heard, said, out.decode().strip()


def main(commit: str, name: str) -> None:
    """Record one commit, and try it against the tree of this file."""
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            heard, said, shown = asyncio.run(talk(tree, tree))
            for side, frames in (("server", heard), ("client", said)):
                (STREAMS / f"{side}_{name}.jsonl").write_text("".join(f"{f}\n" for f in frames))
            sys.stdout.write(f"{name} client, {name} server: {shown}\n")
            sys.stdout.write(
                f"{name} client, server of today: {asyncio.run(talk(ROOT, tree))[2]}\n"
            )
            sys.stdout.write(
                f"client of today, {name} server: {asyncio.run(talk(tree, ROOT))[2]}\n"
            )
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
