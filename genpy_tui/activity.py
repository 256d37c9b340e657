"""The state that the heading shows: a pure function of the connection and the transcript."""

from typing import TYPE_CHECKING, NamedTuple

from genpy_server.client.transcript import Entry
from genpy_tui.commands import Keys

if TYPE_CHECKING:
    from genpy_server.client.reconnect import Link
    from genpy_tui.chat.conversation import OpenConversation


class ShownState(NamedTuple):
    """A state in words, with glyph and colour; `detail` is shown dim beside it."""

    words: str
    glyph: str
    style: str
    detail: str = ""


STARTING = ShownState("starting", "◌", "$genpy-text-warning")
CONNECTING = ShownState("connecting", "◌", "$genpy-text-warning")
READY = ShownState("ready", "●", "$genpy-text-success")
SENDING = ShownState("sending", "◍", "$genpy-text-warning")
THINKING = ShownState("thinking", "◍", "$primary")
STREAMING = ShownState("replying", "▶", "$genpy-text-success")
TOOL = ShownState("asking", "⚙", "$primary")
WAITING = ShownState("waits for you", "?", "$genpy-text-warning")
HELD = ShownState("waiting", "◌", "$genpy-text-warning", "for the database")
STOPPING = ShownState("stopping", "■", "$genpy-text-warning")
RECONNECTING = ShownState("reconnecting", "↻", "$genpy-text-warning")
NO_CONNECTION = ShownState("no connection", "○", "$genpy-text-error")
REPLAYING = ShownState("replaying", "»", "$genpy-text-warning")
SERVER_ERROR = ShownState("server error", "✗", "$genpy-text-error")
LIMITED = ShownState("rate limited", "◷", "$genpy-text-warning")
REFUSED = ShownState("refused", "✗", "$genpy-text-error")
CLOSED = ShownState("closed", "■", "$genpy-text-warning")
ENDING = ShownState("ending", "◍", "$genpy-text-warning", "writing the summary…")
ELSEWHERE = "also open on another server"
QUIET_ATTEMPTS = 3
"""Failed attempts after which the state shows "no connection" with the address."""


class Activity(NamedTuple):
    """The state of the chat screen beyond the transcript; times are of `time.monotonic`."""

    link: "Link | None" = None
    link_at: float = 0.0
    """When the connection changed last."""
    replay_until: int = 0
    """The `seq` of the last event that a resumed connection must replay."""
    limited_until: float = 0.0
    """When a rate limit ends."""
    stopping: bool = False
    """Whether the running reply was cancelled."""
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
    editing: bool = False
    """The last message is being edited."""
    mode: str | None = None
    """The mode that was chosen for the next messages; None leaves the choice to the server."""


def shown_state(
    activity: Activity, conversation: "OpenConversation", now: float, keys: Keys
) -> ShownState:
    """The state to show."""
    link = activity.link
    if activity.leaving:
        return ENDING
    if activity.refusal:
        return REFUSED._replace(detail=activity.refusal)
    if link is None:
        return STARTING
    if link.state != "open":
        return _disconnected(link, now - activity.link_at, conversation, keys)
    return _connected(activity, conversation, now, keys)


def _disconnected(
    link: "Link", since: float, conversation: "OpenConversation", keys: Keys
) -> ShownState:
    if link.state == "refused":
        return REFUSED._replace(detail=link.reason)
    if link.state == "closed":
        return CLOSED._replace(detail=f"{keys.way('new')} begins a new conversation")
    if not link.attempt:
        return CONNECTING
    wait = max(0.0, link.delay - since)
    details = [f"attempt {link.attempt}" + (f" in {wait:.0f} s" if wait >= 1 else "")]
    if conversation.running is not None:
        details.append("reply kept")
    if conversation.pending:
        details.append(f"{conversation.pending} waiting to be sent")
    if link.attempt <= QUIET_ATTEMPTS:
        return RECONNECTING._replace(detail=" · ".join(details))
    words = f"{NO_CONNECTION.words} to {conversation.address}"
    return NO_CONNECTION._replace(words=words, detail=" · ".join(details))


def _connected(
    activity: Activity, conversation: "OpenConversation", now: float, keys: Keys
) -> ShownState:
    transcript, running = conversation.transcript, conversation.running
    missed = activity.replay_until - transcript.seq
    if running is not None and activity.stopping:
        state = STOPPING
    elif activity.limited_until > now:
        state = LIMITED._replace(detail=f"goes on in {activity.limited_until - now:.0f} s")
    elif missed > 0:
        state = REPLAYING._replace(detail=f"{missed} still to come")
    elif running is not None:
        state = HELD if activity.held else _running(running, keys)
    elif activity.failure:
        state = SERVER_ERROR._replace(detail=activity.failure)
    elif conversation.pending:
        state = SENDING
    elif transcript.entries and transcript.entries[-1].status == "error":
        state = SERVER_ERROR._replace(detail=f"{keys.way('retry')} tries again")
    else:
        state = READY._replace(detail=ELSEWHERE if transcript.elsewhere else "")
    return state


def _running(running: Entry, keys: Keys) -> ShownState:
    tool = next((tool for tool in running.tools if tool.ok is None), None)
    if tool is not None:
        if tool.request is not None:
            return WAITING._replace(detail=f"{tool.name} · {keys.way('approve')} answers")
        return TOOL._replace(detail=" · ".join(filter(None, (tool.name, tool.progress))))
    return STREAMING if running.length else THINKING


def newer(server: str, client: str) -> bool:
    """Whether a server's version is newer than a client's; an invalid version is not."""
    try:
        theirs, ours = ([int(part) for part in v.split(".")[:3]] for v in (server, client))
    except ValueError:
        return False
    return theirs > ours
