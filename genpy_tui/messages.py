"""Messages of widgets to the screen."""

from dataclasses import dataclass

from textual.message import Message


class ToEnd(Message):
    """The person wants to see the newest message."""


class ConnectionLost(Message):
    """The connection to the server is lost; the server may be gone."""


@dataclass
class Submitted(Message):
    """The person sends the text in the prompt."""

    text: str
