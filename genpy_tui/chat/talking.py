"""Actions that say something: send, stop, rate and end."""

from genpy_server.core.display import stars
from genpy_tui.chat.answering import Answering, choose
from genpy_tui.messages import Submitted

NOT_SENT = "Your message is not sent; ctrl+n begins a new conversation."
RATINGS = {str(n): f"{stars(n)}  {n} of 5" for n in range(5, 0, -1)}


class Talking(Answering):
    """The part of the chat screen that speaks."""

    def __init__(self) -> None:
        super().__init__()
        self.refusal = ""
        """Why there will be no connection."""
        self.stopping = False
        self.ending = False
        """The end of the conversation was asked for since the last message."""

    @property
    def was_ended(self) -> bool:
        """Whether the conversation was ended, or will be in a moment."""
        client = self.client
        return client is not None and (self.ending or client.transcript.status == "completed")

    def on_submitted(self, message: Submitted) -> None:
        """Send what was typed."""
        link = self.client.link if self.client is not None else None
        over = link is not None and link.state in {"closed", "refused"}
        if self.client is None or over:
            if self.prompt.text:
                self.prompt.keep(message.text)
            else:
                self.prompt.write(message.text)
            told = f"{link.reason} {NOT_SENT}" if link is not None and over else self.refusal
            self.notify(told or "Still starting. Press enter again in a moment.")
            return
        client_id = self.client.send(message.text, intent=self.intent, replaces=self.finish_edit())
        self.intent, self.ending = None, False
        self.view.sent(client_id, message.text)
        self.facts()

    def action_stop(self) -> None:
        """Leave what is edited; else stop the reply and keep what came; else go on writing."""
        client = self.client
        if self.cancel_edit():
            self.prompt.focus()
        elif client is not None and client.transcript.running is not None:
            self.stopping = True
            client.cancel()
            self.facts()
        else:
            self.prompt.focus()

    def action_rate(self, value: str = "") -> None:
        """Rate this conversation."""
        client = self.client
        if client is None or not client.transcript.entries:
            self.notify("Say something first; then it can be rated.")
        elif value.strip() in RATINGS:
            client.rate(int(value))
            self._asked("rated", f"Rated {value.strip()} of 5.")
        else:
            self.app.push_screen(
                choose("How was this conversation?", RATINGS),
                lambda answer: self.action_rate(answer) if answer else None,
            )

    def action_end(self) -> None:
        """End this conversation and write its summary."""
        if self.client is not None and self.client.transcript.entries:
            self.client.end()
            self.ending = True
            self._asked("ended", "Ending the conversation; its summary is being written.")

    def _asked(self, what: str, text: str) -> None:
        """Say what was asked for, or that it still will be."""
        here = self.client is not None and self.client.link.state == "open"
        self.notify(text if here else f"The conversation is {what} once the connection is back.")

    async def action_leave(self) -> None:
        """Leave GenPy."""
        await self.app.action_quit()

    async def action_editor(self) -> None:
        """Write the message in the person's editor."""
        from genpy_tui.terminal.editor import written_in_editor  # noqa: PLC0415 - when first needed

        written = await written_in_editor(self.app, self.prompt.full_text)
        if written is not None:
            self.prompt.write(written)
