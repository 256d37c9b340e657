"""A bot for a team's chat: each channel is one conversation of a GenPy server.

    tail -f chat.log | python examples/team_bot.py http://127.0.0.1:8001 [TOKEN]

It reads lines `CHANNEL NAME: TEXT` and answers those that begin with `@genpy`. A channel has one
client, which comes back by itself after a cut and loses nothing.
"""

import asyncio
import re
import sys

from genpy_server import Client, RunFinished

LINE = re.compile(r"(?P<channel>[\w.-]{1,40}) (?P<name>[^:]{1,40}): @genpy (?P<text>.+)")


class TeamBot:
    """Answers in any number of channels at once."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url = url
        self._token = token
        self._clients: dict[str, Client] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def answer(self, channel: str, name: str, text: str) -> str:
        """The reply to what somebody said in a channel, whole."""
        async with self._turns.setdefault(channel, asyncio.Lock()):
            client = self._clients.get(channel)
            if client is None:
                client = Client(self._url, f"team-{channel}", token=self._token, history=0)
                self._clients[channel] = client
            client.send(f"{name} asks: {text}")
            async for event in client:
                if isinstance(event, RunFinished):
                    replies = [entry for entry in client.transcript.entries if entry.meta.run]
                    reply = next(entry for entry in replies if entry.meta.run == event.run)
                    return reply.text or f"({event.status})"
        return f"(no connection: {client.link.reason})"

    async def close(self) -> None:
        """Leave every channel; the conversations stay."""
        for client in self._clients.values():
            await client.close()


async def main(url: str, token: str | None = None) -> None:
    """Answer the lines of standard input until it ends."""
    bot, asked = TeamBot(url, token), set[asyncio.Task[None]]()

    async def say(channel: str, name: str, text: str) -> None:
        print(f"{channel} genpy: {await bot.answer(channel, name, text)}", flush=True)

    while line := await asyncio.to_thread(sys.stdin.readline):
        if found := LINE.fullmatch(line.strip()):
            task = asyncio.create_task(say(**found.groupdict()))
            asked.add(task)
            task.add_done_callback(asked.discard)
    await asyncio.gather(*asked)
    await bot.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
