"""GenPy against llama-cpp-python's own server, with a tiny model of random weights.

    make test-servers        builds the server from source, which takes minutes; run by hand

Once with a chat template that refuses roles that do not alternate, once with chatml. What the
model says means nothing; that every turn is taken, and how it ends, is what is looked at.
"""

import asyncio
import itertools
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from support import raw_client  # noqa: E402 - found by the line above
from support.model_servers import started  # noqa: E402 - found by the path above
from support.raw_client import Peer  # noqa: E402 - found by the path above
from support.running_server import serving  # noqa: E402 - found by the path above

from genpy_server.llm import groq  # noqa: E402 - found by the path above
from genpy_server.wire import Cancel, End, Send  # noqa: E402 - found by the path above

groq.ANSWER_TOKENS = 128  # a summary of random letters goes on to its limit
raw_client.PATIENCE = 600.0
numbers = itertools.count(1)


async def turn(peer: Peer, text: str, *, stop: bool = False) -> str:
    """One message and its reply, stopped at once or not; how it ended.

    Random weights can end a reply with its first token: such a message is sent again, as a person would.
    """
    for _ in range(4):
        await peer.say(Send(f"m{next(numbers)}", text))
        if stop:
            await peer.until("run_started")
            await peer.say(Cancel())
        finished = await peer.until("run_finished")
        errors = [f for f in peer.of("error") if f.get("run") == finished["run"]]
        if not errors:
            return str(finished["status"])
        if not errors[0]["message"].startswith("The model returned an empty reply"):
            break
    return f"{finished['status']}: {errors[0]['message']}"


async def look(python: str, name: str, model: Path, *options: str) -> bool:
    """Talk to one server, and print what comes of each step as it ends; whether all ended well."""
    command = (python, "-m", "llama_cpp.server", "--model", str(model), "--host", "127.0.0.1",
               "--port", "PORT", "--n_ctx", "8192", *options)  # fmt: skip
    waits = {"GENPY_REPLY_TOKENS": "48", "GENPY_CONTEXT_TOKENS": "1500"}
    began = time.monotonic()

    def ended(what: str, how: str) -> str:
        seconds = time.monotonic() - began
        sys.stdout.write(f"{name:>8} | {seconds:6.1f} s | {what:<26} | {how}\n")
        sys.stdout.flush()
        return how

    async with started(*command) as url:
        async with serving(model.parent / f"{name}.db", GENPY_LLM_URL=url, **waits) as server:
            async with Peer(server.url, "talk") as peer:
                turns = [
                    ended("chat", await turn(peer, "Hello, who are you?")),
                    ended("stopped", await turn(peer, "Tell a long story.", stop=True)),
                    ended("stopped again", await turn(peer, "And another.", stop=True)),
                    ended("a good turn then", await turn(peer, "And what is Rome?")),
                    ended("question about the records",
                          await turn(peer, "How many messages are in this chat?")),
                ]  # fmt: skip
                used = ended("tools used", ", ".join(f["name"] for f in peer.of("tool_started")))
                await peer.say(End())
                summary = await peer.until("summary")
                ended("end", repr((summary.get("summary") or summary.get("note") or "")[:60]))
                health = await server.app.llm.check()
                ended("left out", ", ".join(health.left_out) or "nothing")
    return used != "" and all(how in {"done", "length", "stopped"} for how in turns)


async def main(python: str) -> None:
    """Make the models, and look at each."""
    with tempfile.TemporaryDirectory() as folder:
        results = []
        for name, options in (("strict", ()), ("chatml", ("--chat_format", "chatml"))):
            model = Path(folder) / f"{name}.gguf"
            template = "strict" if name == "strict" else "none"
            writes = (python, str(HERE / "llama_model.py"), str(model), template)
            assert await (await asyncio.create_subprocess_exec(*writes)).wait() == 0
            results.append(await look(python, name, model, *options))
    sys.exit(not all(results))


asyncio.run(main(sys.argv[1]))
