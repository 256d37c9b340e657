"""Messages of widgets to the screen: they travel up."""

from textual.message import Message


class ToEnd(Message):
    """The person wants to see the newest."""


class ConnectionLost(Message):
    """There is no connection to the server, which may be gone."""


class Submitted(Message):
    """The person sends what stands in the prompt."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
