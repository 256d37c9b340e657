"""What the program is doing, in words: one pure function of the connection and the transcript."""

from typing import TYPE_CHECKING, NamedTuple

from genpy_server.core.transcript import Transcript

if TYPE_CHECKING:
    from genpy_server.client import Link


class Doing(NamedTuple):
    """A state with its glyph and colour; `detail` is what belongs to it."""

    words: str
    glyph: str
    style: str
    detail: str = ""


CONNECTING = Doing("connecting", "◌", "$genpy-text-warning")
READY = Doing("ready", "●", "$genpy-text-success")
WAITING = Doing("sending", "◍", "$genpy-text-warning")
THINKING = Doing("thinking", "◍", "$primary")
STREAMING = Doing("replying", "▶", "$genpy-text-success", "esc stops")
TOOL = Doing("asking a tool", "⚙", "$primary")
STOPPING = Doing("stopping", "■", "$genpy-text-warning")
RECONNECTING = Doing("reconnecting", "↻", "$genpy-text-warning")
LIMITED = Doing("rate limited", "◷", "$genpy-text-warning")
REFUSED = Doing("refused", "✗", "$genpy-text-error")
ENDING = Doing("ending", "◍", "$genpy-text-warning", "writing the summary…")


def doing(
    link: "Link | None", transcript: Transcript, *, pending: int, stopping: bool, limited: float
) -> Doing:
    """The state to show; `limited` are seconds left of a rate limit."""
    if link is None or link.state != "open":
        return CONNECTING
    running = transcript.running
    if stopping and running is not None:
        return STOPPING
    if limited > 0:
        return LIMITED._replace(detail=f"goes on in {limited:.0f} s")
    if running is not None:
        tool = next((tool for tool in running.tools if tool.ok is None), None)
        if tool is not None:
            return TOOL._replace(detail=tool.name)
        return STREAMING if running.length else THINKING
    return WAITING if pending else READY
