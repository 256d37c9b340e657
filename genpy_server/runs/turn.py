"""What a run answers, and what comes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from genpy_server.core.context.replaced import replaced_ids
from genpy_server.core.models import Memory, Message, RunStatus
from genpy_server.wire import ErrorFrame, SessionFrame

Emit = Callable[[SessionFrame | ErrorFrame], None]
"""Tells everybody who watches a session of an event."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A message to answer, and what is known around it."""

    user_id: str
    session_id: str
    title: str
    question: Message
    history: Sequence[Message] = ()
    memory: Memory | None = None
    previous_intent: str | None = None
    intent: str | None = None
    """The person's own choice, instead of finding one."""
    corrected_from: str | None = None
    live_seconds: float = 0.0

    @property
    def replaced_ids(self) -> set[int]:
        """The ids of what does not count any more, as far as these messages tell."""
        return replaced_ids((*self.history, self.question))


@dataclass(slots=True)
class Control:
    """How a cancelled run is to be marked, and whether it can be cancelled at all any more."""

    status: RunStatus = "stopped"
    unwanted: bool = False
    """It was cancelled before it began."""
    closing: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished run: its reply, not stored while `message.id` is 0, and what found no room."""

    message: Message
    dropped_upto: int = 0
    deleted: bool = False
    """Whether the session was deleted meanwhile, at another server, and has no place for it."""
