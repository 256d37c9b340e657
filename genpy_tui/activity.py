"""What the program is doing, in words: one pure function of the connection and the transcript."""

from typing import TYPE_CHECKING, NamedTuple

from genpy_server.client.transcript import Entry, Transcript

if TYPE_CHECKING:
    from genpy_server.client.reconnect import Link


class Doing(NamedTuple):
    """A state with its glyph and colour; `detail` is what belongs to it."""

    words: str
    glyph: str
    style: str
    detail: str = ""


STARTING = Doing("starting", "◌", "$genpy-text-warning")
CONNECTING = Doing("connecting", "◌", "$genpy-text-warning")
READY = Doing("ready", "●", "$genpy-text-success")
SENDING = Doing("sending", "◍", "$genpy-text-warning")
THINKING = Doing("thinking", "◍", "$primary", "esc stops")
STREAMING = Doing("replying", "▶", "$genpy-text-success", "esc stops")
TOOL = Doing("asking", "⚙", "$primary")
STOPPING = Doing("stopping", "■", "$genpy-text-warning")
RECONNECTING = Doing("reconnecting", "↻", "$genpy-text-warning")
OFFLINE = Doing("offline", "○", "$genpy-text-error")
REPLAYING = Doing("replaying", "»", "$genpy-text-warning")
SERVER_ERROR = Doing("server error", "✗", "$genpy-text-error", "ctrl+r tries again")
LIMITED = Doing("rate limited", "◷", "$genpy-text-warning")
REFUSED = Doing("refused", "✗", "$genpy-text-error")
CLOSED = Doing("closed", "■", "$genpy-text-warning", "ctrl+n begins a new conversation")
ENDING = Doing("ending", "◍", "$genpy-text-warning", "writing the summary…")
PATIENT_ATTEMPTS = 3
"""Attempts after which a server that does not answer is called offline."""


class Moment(NamedTuple):
    """What the state is made of, beside the transcript."""

    link: "Link | None" = None
    since: float = 0.0
    """Seconds since the connection changed last."""
    pending: int = 0
    """Messages that are not acknowledged."""
    stopping: bool = False
    limited: float = 0.0
    """Seconds left of a rate limit."""
    behind: int = 0
    """Events that a connection which came back still brings of what was missed."""
    failure: str = ""
    """Why the message or retry that was asked for last came to nothing so far."""


def doing(moment: Moment, transcript: Transcript) -> Doing:
    """The state to show."""
    link = moment.link
    if link is None:
        return STARTING
    if link.state != "open":
        return _away(link, moment, transcript)
    return _open(moment, transcript)


def _away(link: "Link", moment: Moment, transcript: Transcript) -> Doing:
    if link.state == "refused":
        return REFUSED._replace(detail=link.reason)
    if link.state == "closed":
        return CLOSED
    if not link.attempt:
        return CONNECTING
    wait = max(0.0, link.delay - moment.since)
    details = [f"attempt {link.attempt}" + (f" in {wait:.0f} s" if wait >= 1 else "")]
    if transcript.running is not None:
        details.append("reply kept")
    if moment.pending:
        details.append(f"{moment.pending} waiting to be sent")
    state = RECONNECTING if link.attempt <= PATIENT_ATTEMPTS else OFFLINE
    return state._replace(detail=" · ".join(details))


def _open(moment: Moment, transcript: Transcript) -> Doing:
    running = transcript.running
    if running is not None and moment.stopping:
        state = STOPPING
    elif moment.limited > 0:
        state = LIMITED._replace(detail=f"goes on in {moment.limited:.0f} s")
    elif moment.behind > 0:
        state = REPLAYING._replace(detail=f"{moment.behind} still to come")
    elif running is not None:
        state = _running(running)
    elif moment.failure:
        state = SERVER_ERROR._replace(detail=moment.failure)
    elif moment.pending:
        state = SENDING
    elif transcript.entries and transcript.entries[-1].status == "error":
        state = SERVER_ERROR
    else:
        state = READY
    return state


def _running(running: Entry) -> Doing:
    tool = next((tool for tool in running.tools if tool.ok is None), None)
    if tool is not None:
        return TOOL._replace(detail=tool.name)
    return STREAMING if running.length else THINKING


def newer(server: str, client: str) -> bool:
    """Whether a server's version is newer than a client's; what is no version is not."""
    try:
        theirs, ours = ([int(part) for part in v.split(".")[:3]] for v in (server, client))
    except ValueError:
        return False
    return theirs > ours
