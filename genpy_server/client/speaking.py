"""What a person does in a session, put into the outbox of a client. None of it waits."""

import asyncio
from uuid import uuid4

from genpy_server.client.outbox import Outbox
from genpy_server.client.transcript import Transcript
from genpy_server.core.text import storable
from genpy_server.wire import Cancel, ClientFrame, End, Rate, Retry, Send


class Speaking:
    """The half of a client that speaks; `SessionClient` adds the connection."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self._outbox = Outbox()
        self._wake = asyncio.Event()

    def send(
        self,
        text: str,
        intent: str | None = None,
        corrected_from: str | None = None,
        *,
        replaces: int | None = None,
    ) -> str:
        """Say something; the id that its `MessageEvent` will carry as `client_id`.

        `replaces` is the message id of the person's last message, which this one stands for.
        """
        frame = Send(uuid4().hex, storable(text), intent, corrected_from, replaces)
        self._say(frame)
        return frame.id

    def cancel(self) -> None:
        """Stop the reply in progress and keep what came of it."""
        running = self.transcript.running
        self._say(Cancel(None if running is None else running.run))

    def end(self) -> None:
        """End the session and write its summary."""
        self._say(End())

    def rate(self, rating: int) -> None:
        """Rate the session, 1 to 5."""
        self._say(Rate(rating))

    def retry(self, intent: str | None = None) -> None:
        """Answer the last message again, perhaps as another intent."""
        self._say(Retry(intent))

    @property
    def pending(self) -> tuple[Send, ...]:
        """What was said and is not known to be kept, oldest first."""
        return self._outbox.messages

    @property
    def unsaid(self) -> int:
        """How much waits to be said, or to be known as kept."""
        return len(self._outbox)

    def _say(self, frame: ClientFrame) -> None:
        self._outbox.add(frame)
        self._wake.set()
