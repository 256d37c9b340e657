"""The state of the chat screen as one value, shown in the heading and the status line."""

from time import monotonic
from typing import Any

from textual.widgets import Static

from genpy_tui.activity import STARTING, Activity, doing
from genpy_tui.chat.conversation import OpenConversation
from genpy_tui.render.message import spoken
from genpy_tui.text import one_line
from genpy_tui.widgets.status import StatusLine


class StatusControl:
    """Holds the `Activity` of the screen and shows it."""

    def __init__(self, conversation: OpenConversation) -> None:
        self.heading = Static(id="title")
        self.line = StatusLine()
        self.activity = Activity()
        self._conversation = conversation

    def update(self, **changes: Any) -> None:
        """Change fields of the `Activity`, and show it."""
        self.activity = self.activity._replace(**changes)
        self.refresh()

    def reset(self) -> None:
        """Forget what was known of a conversation; the chosen kind of help stays chosen."""
        self.activity = Activity(intent=self.activity.intent)
        self.refresh()

    def limit(self, seconds: float | None) -> None:
        """Count down a rate limit; none or zero seconds end the countdown."""
        self.update(limited_until=monotonic() + seconds if seconds else 0.0)

    @property
    def was_ended(self) -> bool:
        """Whether the conversation was ended, or will be in a moment."""
        return self.activity.ending or self._conversation.transcript.status == "completed"

    @property
    def missed(self) -> int:
        """Events that were missed while offline and are still to come."""
        return max(0, self.activity.replay_until - self._conversation.transcript.seq)

    def refresh(self) -> None:
        """Bring title, state and facts up to date."""
        conversation, transcript = self._conversation, self._conversation.transcript
        if conversation.client is None and not self.activity.over:
            self.line.doing = STARTING
            return
        self.line.doing = doing(self.activity, transcript, conversation.pending, monotonic())
        if conversation.client is None:
            return
        width = max(20, self.heading.size.width)
        title = one_line(transcript.title or "New conversation", width)
        if title != self.heading.content:  # or the whole screen would be laid out at every tick
            self.heading.update(title, layout=False)
        self.line.facts = self._facts()

    def _facts(self) -> tuple[str, ...]:
        transcript, client = self._conversation.transcript, self._conversation.client
        last = transcript.entries[-1] if transcript.entries else None
        intent = spoken(last.meta.intent) if last is not None and last.meta.intent else ""
        if self.activity.intent is not None:
            intent = f"next: {spoken(self.activity.intent)}"
        counted = (e.meta.usage.total for e in reversed(transcript.entries) if e.meta.usage)
        used = next(counted, 0)
        left = transcript.quota.get("tokens_left")
        delay = None if client is None else client.latency_ms
        return (
            intent,
            transcript.model,
            transcript.store,
            f"{used:,} tokens" if used else "",
            f"{left:,} left" if left is not None else "",
            f"{delay:.0f} ms" if delay is not None else "",
        )
