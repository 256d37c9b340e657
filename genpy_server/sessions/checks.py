"""What is wrong with a frame whatever the state of its session: no waiting mends it."""

from genpy_server.core.understanding.intents import INTENTS
from genpy_server.errors import BadRequest, TooLarge
from genpy_server.settings import Limits
from genpy_server.wire import Send

CLIENT_ID_CHARS = 64


def check_send(frame: Send, limits: Limits) -> None:
    """Raise for a message that is too long, or is none."""
    if len(frame.text) > limits.message_chars:
        raise TooLarge(
            f"A message has at most {limits.message_chars:,} characters; "
            f"this one has {len(frame.text):,}. Send it in parts."
        )
    if not frame.text.strip():
        raise BadRequest("A message needs some text.")
    if not 1 <= len(frame.id) <= CLIENT_ID_CHARS:
        raise BadRequest(f"A message's id has 1 to {CLIENT_ID_CHARS} characters.")
    check_intent(frame.intent)
    check_intent(frame.corrected_from)


def check_intent(intent: str | None) -> None:
    """Raise for a name that no intent has."""
    if intent is not None and intent not in INTENTS:
        raise BadRequest(f"An intent is one of {', '.join(INTENTS)}.")
