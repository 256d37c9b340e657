"""Messages of widgets to the screen."""

from textual.message import Message


class ToEnd(Message):
    """The person wants to see the newest message."""


class ConnectionLost(Message):
    """The connection to the server is lost; the server may be gone."""


class Submitted(Message):
    """The person sends the text in the prompt."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
