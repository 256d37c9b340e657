"""The state of the chat screen as one value, shown by the heading and the frame of the prompt."""

from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from genpy_server.core.models import shown_model
from genpy_tui.text import plain
from genpy_tui.widgets.header import STARTING, Heading, ShownState

if TYPE_CHECKING:
    from genpy_server.client.reconnect import Link
    from genpy_server.client.transcript import Entry
    from genpy_tui.chat.screen import ChatScreen

THOUSAND = 1_000
AUTOMATIC = "automatic"
"""The name for no chosen mode: the server detects the mode of each message."""
QUIET_ATTEMPTS = 3
"""Failed attempts after which the state shows "no connection" with the address."""
DONE, WAITS, FAILED = "$genpy-text-success", "$genpy-text-warning", "$genpy-text-error"


class Edit(NamedTuple):
    """The message that is edited, and the text of the prompt before."""

    message_id: int
    draft: str


class Activity(NamedTuple):
    """The state of the chat screen beyond the transcript; times are of `time.monotonic`."""

    link: "Link | None" = None
    link_at: float = 0.0
    replay_until: int = 0
    """The `seq` of the last event that a resumed connection must replay."""
    limited_until: float = 0.0
    stopping: bool = False
    held: bool = False
    """Whether the running reply waits until what was shown of it is stored."""
    ending: bool = False
    """Whether the end of the conversation was requested since the last message."""
    leaving: bool = False
    """The program waits for the end of the conversation, then exits."""
    failure: str = ""
    """Why the last message or retry failed so far."""
    refusal: str = ""
    """Why no connection is possible."""
    edit: Edit | None = None
    mode: str | None = None
    """The mode that was chosen for the next messages; None leaves the choice to the server."""


class StatusControl:
    """Holds the `Activity` of the screen and shows it."""

    def __init__(self, chat: "ChatScreen", mode: str | None = None) -> None:
        self.heading = Heading(id="heading")
        self.activity = Activity(mode=mode)
        self._conversation = chat.conversation
        self._prompt = chat.prompt
        self._keys = chat.keys
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
        self.heading.state = self._state(monotonic())
        if conversation.client is not None:
            self.heading.title = transcript.title or (
                "New conversation" if transcript.epoch else ""
            )
        frame = (self._title(), self._hint())
        if frame != self._frame:  # Textual draws the prompt again for each assigned title
            self._frame = frame
            self._prompt.show_facts(frame[0])
            self._prompt.border_subtitle = plain(frame[1])

    # The state in words

    def _state(self, now: float) -> ShownState:
        activity, link = self.activity, self.activity.link
        if activity.leaving:
            return ShownState("ending", "◍", WAITS, "writing the summary…")
        if activity.refusal:
            return ShownState("refused", "✗", FAILED, activity.refusal)
        if link is None:
            return STARTING
        return self._connected(now) if link.state == "open" else self._disconnected(link, now)

    def _disconnected(self, link: "Link", now: float) -> ShownState:
        conversation = self._conversation
        if link.state == "refused":
            return ShownState("refused", "✗", FAILED, link.reason)
        if link.state == "closed":
            new = self._keys.way("new")
            return ShownState("closed", "■", WAITS, f"{new} begins a new conversation")
        if not link.attempt:
            return ShownState("connecting", "◌", WAITS)
        wait = link.delay - (now - self.activity.link_at)
        details = [f"attempt {link.attempt}" + (f" in {wait:.0f} s" if wait >= 1 else "")]
        if conversation.running is not None:
            details.append("reply kept")
        if conversation.pending:
            details.append(f"{conversation.pending} waiting to be sent")
        detail = " · ".join(details)
        if link.attempt <= QUIET_ATTEMPTS:
            return ShownState("reconnecting", "↻", WAITS, detail)
        return ShownState(f"no connection to {conversation.address}", "○", FAILED, detail)

    def _connected(self, now: float) -> ShownState:
        activity, conversation = self.activity, self._conversation
        transcript, running = conversation.transcript, conversation.running
        if running is not None and activity.stopping:
            state = ShownState("stopping", "■", WAITS)
        elif (left := activity.limited_until - now) > 0:
            state = ShownState("rate limited", "◷", WAITS, f"goes on in {left:.0f} s")
        elif self.missed:
            state = ShownState("replaying", "»", WAITS, f"{self.missed} still to come")
        elif running is not None and activity.held:
            state = ShownState("waiting", "◌", WAITS, "for the database")
        elif running is not None:
            state = self._running(running)
        elif activity.failure:
            state = ShownState("server error", "✗", FAILED, activity.failure)
        elif conversation.pending:
            state = ShownState("sending", "◍", WAITS)
        elif transcript.entries and transcript.entries[-1].status == "error":
            again = f"{self._keys.way('retry')} tries again"
            state = ShownState("server error", "✗", FAILED, again)
        else:
            elsewhere = "also open on another server" if transcript.elsewhere else ""
            state = ShownState("ready", "●", DONE, elsewhere)
        return state

    def _running(self, running: "Entry") -> ShownState:
        tool = next((tool for tool in running.tools if tool.ok is None), None)
        if tool is None:
            answers = ShownState("replying", "▶", DONE)
            return answers if running.length else ShownState("thinking", "◍", "$primary")
        if tool.request is not None:
            detail = f"{tool.name} · {self._keys.way('approve')} answers"
            return ShownState("waits for you", "?", WAITS, detail)
        return ShownState(
            "asking", "⚙", "$primary", " · ".join(filter(None, (tool.name, tool.progress)))
        )

    # The frame of the prompt

    def _title(self) -> tuple[str, ...]:
        """The model, the mode of the next reply, the size of its context, and the remaining quota."""
        if self.activity.edit:
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
        conversation, chosen, keys = self._conversation, self._prompt.menu.chosen, self._keys
        if chosen is not None:
            hint = f"enter runs /{chosen.slash} · tab completes · esc closes"
        elif self.activity.edit:
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
