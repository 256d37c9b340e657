"""The clients of one live session, and the log of the events that they are sent."""

from typing import NamedTuple, Protocol
from uuid import uuid4

from genpy_server import wire
from genpy_server.sessions.event_log import EventLog


class Subscriber(Protocol):
    """A client of a session; its methods never block and never fail."""

    @property
    def is_open(self) -> bool:
        """Whether events still reach the client; False as soon as it is closing."""

    def offer(self, frame: wire.Frame, data: bytes | None = None) -> None:
        """Send a frame; `data` is the encoded one, if it is encoded already."""

    @property
    def features(self) -> tuple[str, ...]:
        """What the server offers here; with `APPROVALS` a person can answer approval requests."""

    @property
    def allowed(self) -> frozenset[str]:
        """The names of tools that may act without a request."""

    def close(self, code: int, reason: str) -> None:
        """Close the subscription."""


class Place(NamedTuple):
    """Where a client resumes: after the event `after` of an `epoch`, or with so many messages."""

    history: int
    epoch: str | None = None
    after: int | None = None
    fresh: bool = False
    """Whether the client has just created the session's id, so that it is not looked up."""


class Audience:
    """Sends each event to every subscriber, in the same order."""

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self.epoch = uuid4().hex
        self.subscribers: set[Subscriber] = set()
        self.log = EventLog(max_events, max_bytes)

    @property
    def present(self) -> int:
        """The number of subscribers that events still reach."""
        return sum(subscriber.is_open for subscriber in self.subscribers)

    def publish(self, frame: wire.SessionFrame | wire.ErrorFrame) -> None:
        """Log an event and send it to every subscriber."""
        data = self.log.add(frame)
        for subscriber in tuple(self.subscribers):
            subscriber.offer(frame, data)

    def close(self, reason: str) -> None:
        """Close all subscriptions."""
        for subscriber in tuple(self.subscribers):
            subscriber.close(1000, reason)

    def can_approve(self) -> bool:
        """See `ApprovalAudience`."""
        return any(wire.APPROVALS in one.features and one.is_open for one in self.subscribers)

    def allowed(self, name: str) -> bool:
        """See `ApprovalAudience`."""
        return any(name in one.allowed and one.is_open for one in self.subscribers)
