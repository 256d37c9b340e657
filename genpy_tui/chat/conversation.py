"""The open conversation: the client that follows it and the records of its server."""

import asyncio
from typing import TYPE_CHECKING

from genpy_server.client.transcript import Entry, Transcript

if TYPE_CHECKING:
    from genpy_server.client.session_client import RemoteRecords, SessionClient

REJOINABLE = frozenset({"connecting", "open", "reconnecting"})
"""States of a connection that is open or reconnects, so that there is no need to open it again."""


class OpenConversation:
    """The open conversation for all controllers of the chat screen; only the screen changes it."""

    def __init__(self) -> None:
        self.client: SessionClient | None = None
        self.records: RemoteRecords | None = None
        self.address = ""
        """Host and port of the server."""
        self.arrived = asyncio.Event()
        """Set when a frame was received."""
        self.ended = asyncio.Event()
        """Set when a requested end was carried out or refused."""
        self._nothing = Transcript()

    @property
    def transcript(self) -> Transcript:
        """The transcript of the client; an empty one without a client."""
        return self._nothing if self.client is None else self.client.transcript

    @property
    def session(self) -> str:
        """The id of the session; empty without a client."""
        return self.transcript.session

    @property
    def begun(self) -> bool:
        """Whether it has a message, and so is stored."""
        return bool(self.transcript.entries)

    @property
    def running(self) -> Entry | None:
        """The reply that is being written."""
        return self.transcript.running

    @property
    def pending(self) -> int:
        """The number of messages that are not acknowledged."""
        return 0 if self.client is None else len(self.client.pending)

    @property
    def online(self) -> bool:
        """Whether the connection is open."""
        return self.client is not None and self.client.link.state == "open"

    @property
    def rejoinable(self) -> bool:
        """Whether the connection is open or reconnects by itself."""
        return self.client is not None and self.client.link.state in REJOINABLE

    @property
    def last_message(self) -> Entry | None:
        """The person's last message."""
        entries = self.transcript.entries
        return next((entry for entry in reversed(entries) if entry.role == "user"), None)

    @property
    def last_turn(self) -> list[Entry]:
        """The person's last message and the replies to it."""
        last, entries = self.last_message, self.transcript.entries
        return [] if last is None else entries[entries.index(last) :]
