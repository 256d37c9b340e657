"""The terminal client with a scripted server in its own loop, for pictures in which nothing moves."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from support import running_server
from support.scripted_server import SESSION, ScriptedServer
from support.terminal import Terminal

from genpy_tui.app import GenPyApp

SESSIONS = [
    (SESSION, "Generators in Python", "active", None, None),
    ("22222222-2222-4222-8222-222222222222", "Docker build cache", "completed", 4, "Layers."),
    (
        "33333333-3333-4333-8333-333333333333",
        "A trip to Rome in spring",
        "completed",
        5,
        "A week in Rome was planned, with the Forum first.",
    ),
]


def a_session(identity: str, title: str, status: str, rating: Any, summary: Any) -> dict[str, Any]:
    """A session as the server lists it."""
    at = "2026-01-02T10:00:00+00:00"
    return {
        "session_id": identity,
        "user_id": "local",
        "title": title,
        "status": status,
        "start_time": at,
        "updated_at": at,
        "last_message_id": 2,
        "message_count": 4,
        "user_rating": rating,
        "summary": summary,
    }


async def nothing(tui: Terminal, server: ScriptedServer) -> None:
    """Only wait until it is ready."""
    await tui.says("ready")


@dataclass(frozen=True)
class Case:
    """A state of the client: what the server has, and what the person does."""

    name: str
    prepare: Callable[[ScriptedServer], None] = lambda _: None
    play: Callable[[Terminal, ScriptedServer], Awaitable[None]] = nothing


class Staged(GenPyApp):
    """The application with a scripted server in its own loop."""

    def __init__(self, case: Case, folder: Path) -> None:
        super().__init__(replace(running_server.configure(folder / "genpy.db"), server=""))
        self.case = case
        self.context: AbstractAsyncContextManager[ScriptedServer] | None = None
        self.scripted = ScriptedServer()
        self.scripted.status = "completed" if case.name == "resumed" else "active"
        listed = [a_session(*session) for session in SESSIONS]
        if case.name == "replying-elsewhere":
            listed[1]["running"] = True
        rome = {
            "message": {
                "id": 2,
                "session_id": SESSIONS[2][0],
                "role": "assistant",
                "text": "The Forum is best in the morning; Rome wakes late in spring.",
                "at": "2026-01-02T10:00:00+00:00",
            },
            "session_title": "A trip to Rome in spring",
            "score": 2.0,
        }
        metrics = {
            "total_messages": 4,
            "user_messages": 2,
            "ai_messages": 2,
            "user_words": 9,
            "assistant_words": 120,
            "duration_seconds": 184.0,
            "tools": {"search_chat_history": 1},
            "intents": {"tutorial": 2},
        }
        told = a_session(SESSION, "Generators in Python", "completed", 4, "How generators work.")
        told |= {
            "topics": ["Python", "generators"],
            "sentiment": "positive",
            "key_outcomes": ["The person knows when a generator ends."],
            "metrics": metrics,
        }
        asked = rome | {
            "message": rome["message"] | {"role": "user", "text": "What is Rome like in spring?"}
        }
        self.scripted.api = {
            "/api/sessions": {"sessions": listed},
            "/api/search": {"hits": [rome, asked]},
        }
        if case.name in {"resumed", "summary"}:
            listed[0] = self.scripted.api[f"/api/session/{SESSION}"] = told
        case.prepare(self.scripted)

    async def _connect(self) -> None:
        if self.case.name == "starting":
            return
        context = self.scripted.running()
        running = await context.__aenter__()
        self.context = context
        self.server = running.url
        await super()._connect()

    async def on_unmount(self) -> None:
        """Stop the server."""
        if self.context is not None:
            await self.context.__aexit__(None, None, None)
