"""The state of the chat screen as one value, shown by the heading and the frame of the prompt."""

from time import monotonic
from typing import TYPE_CHECKING, Any

from genpy_server.core.models import shown_model
from genpy_tui.activity import Activity, shown_state
from genpy_tui.chat.conversation import OpenConversation
from genpy_tui.commands import Keys
from genpy_tui.text import plain
from genpy_tui.widgets.header import Heading
from genpy_tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from genpy_server.client.reconnect import Link

THOUSAND = 1_000
AUTOMATIC = "automatic"
"""The name for no chosen mode: the server detects the mode of each message."""


class StatusControl:
    """Holds the `Activity` of the screen and shows it."""

    def __init__(
        self,
        conversation: OpenConversation,
        prompt: Prompt,
        keys: Keys,
        mode: str | None = None,
    ) -> None:
        self.heading = Heading(id="heading")
        self.activity = Activity(mode=mode)
        self._conversation = conversation
        self._prompt = prompt
        self._keys = keys
        self._frame: tuple[tuple[str, ...], str] = ((), "")

    def update(self, **changes: Any) -> None:
        """Change fields of the `Activity`, and show it."""
        self.activity = self.activity._replace(**changes)
        self.refresh()

    def reset(self) -> None:
        """Reset everything but the chosen mode."""
        self.activity = Activity(mode=self.activity.mode)
        self.refresh()

    def follow(self, link: "Link") -> None:
        """The connection changed."""
        self.update(link=link, link_at=monotonic())

    def limit(self, seconds: float | None) -> None:
        """Count down a rate limit; none or zero seconds end the countdown."""
        self.update(limited_until=monotonic() + seconds if seconds else 0.0)

    @property
    def was_ended(self) -> bool:
        """Whether the conversation was ended, or will be in a moment."""
        return self.activity.ending or self._conversation.transcript.status == "completed"

    @property
    def missed(self) -> int:
        """The number of missed events that are still to be replayed."""
        return max(0, self.activity.replay_until - self._conversation.transcript.seq)

    def refresh(self) -> None:
        """Bring title, state and the frame of the prompt up to date."""
        conversation, transcript = self._conversation, self._conversation.transcript
        self.heading.state = shown_state(self.activity, conversation, monotonic(), self._keys)
        if conversation.client is not None:
            self.heading.title = transcript.title or (
                "New conversation" if transcript.epoch else ""
            )
        frame = (self._title(), self._hint())
        if frame != self._frame:  # Textual draws the prompt again for each assigned title
            self._frame = frame
            self._prompt.show_facts(frame[0])
            self._prompt.border_subtitle = plain(frame[1])

    def _title(self) -> tuple[str, ...]:
        """The model, the mode of the next reply, the size of its context, and the remaining quota."""
        if self.activity.editing:
            return ("✎ editing your last message",)
        transcript = self._conversation.transcript
        if not transcript.epoch:
            return ()
        chosen = self.activity.mode
        labels = {mode.name: mode.label for mode in transcript.modes}
        mode = AUTOMATIC if chosen is None else labels.get(chosen, chosen)
        model = transcript.next_model
        facts = [shown_model(model), mode] if model else [mode]
        size, left = transcript.context, transcript.quota.get("tokens_left")
        if size is not None and size.used:
            facts.append(f"{short(size.used)}/{short(size.budget)}")
        if left is not None:
            facts.append(f"{left:,} tokens left")
        return tuple(facts)

    def _hint(self) -> str:
        """What enter does."""
        conversation, chosen = self._conversation, self._prompt.menu.chosen
        keys = self._keys
        if chosen is not None:
            hint = f"enter runs /{chosen.slash} · tab completes · esc closes"
        elif self.activity.editing:
            hint = f"enter replaces it · {keys.way('stop')} cancels"
        elif too_long := self._too_long():
            hint = too_long
        elif conversation.client is not None and not conversation.rejoinable:
            hint = f"{keys.way('new')} begins a new conversation"
        elif not conversation.online:
            hint = "enter sends once there is a connection"
        elif conversation.running is not None:
            hint = f"enter sends after this reply · {keys.way('stop')} stops it"
        else:
            hint = "enter sends · ctrl+j new line"
        return hint

    def _too_long(self) -> str:
        """How much of a too long text the model would receive; empty if it is not too long."""
        transcript, text = self._conversation.transcript, self._prompt.full_text
        most, room = transcript.message_chars, transcript.message_bytes
        if most and len(text) > most:
            return f"too long to send: {len(text):,} characters, at most {most:,}"
        size = len(text.encode(errors="replace"))
        if not room or size <= room:
            return ""
        return f"too long: about {len(text) * room // size:,} of {len(text):,} characters reach the model"


def short(tokens: int) -> str:
    """A number of tokens in few cells: 940, 3.2k, 131k."""
    if tokens < THOUSAND:
        return str(tokens)
    thousands = tokens / THOUSAND
    return f"{thousands:.0f}k" if thousands >= 10 else f"{thousands:.1f}k"  # noqa: PLR2004 - digits
