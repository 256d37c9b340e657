"""The blocks of a conversation in order: its messages, and the notes between them."""

from collections.abc import Callable

from genpy_server.client.transcript import Entry, Transcript
from genpy_tui.commands import Keys
from genpy_tui.render.layout import Block
from genpy_tui.render.message import MessageBlock
from genpy_tui.render.notes import NoteBlock, greeting, older_waiting


class Stack:
    """The blocks as of the last `rebuild`; an entry keeps its block as long as it or its message exists."""

    def __init__(self, keys: Keys, changed: Callable[[], None], *, fresh: bool) -> None:
        """`changed` is called after every change but a `rebuild`."""
        self._keys = keys
        self._changed = changed
        self.transcript = Transcript()
        self.blocks: list[Block] = []
        self.by_entry: dict[int, MessageBlock] = {}
        """By the `id` of the entry."""
        self.by_message: dict[int, MessageBlock] = {}
        """By the id of a stored message."""
        self._places: dict[int, int] = {}
        self._above: list[NoteBlock] = []
        self._outgoing: dict[str, MessageBlock] = {}
        self._greeting = greeting(keys) if fresh else None
        self._older = older_waiting()

    def greet(self, *, model: bool) -> None:
        """Show the greeting with examples that work with or without a model."""
        self._greeting = greeting(self._keys, model=model)
        self._changed()

    def place(self, block: MessageBlock) -> int:
        """The index of a block."""
        return self._places[id(block)]

    def rebuild(self, transcript: Transcript) -> None:
        """Update the blocks to a transcript."""
        self.transcript = transcript
        self.blocks = []
        by_entry: dict[int, MessageBlock] = {}
        by_message: dict[int, MessageBlock] = {}
        if transcript.before is not None:
            self.blocks.append(self._older)
        self.blocks += self._above
        model = ""
        for entry in transcript.entries:
            block = self._block(entry)
            if entry.role == "assistant" and entry.meta.model:
                block.other_model = bool(model) and entry.meta.model != model
                model = entry.meta.model
            by_entry[id(entry)] = block
            for answer in (*entry.earlier, entry):
                if answer.message_id is not None:
                    by_message[answer.message_id] = block
            self.blocks += [block, *block.notes]
        self.blocks += self._outgoing.values()
        if not self.blocks and self._greeting is not None:
            self.blocks.append(self._greeting)
        self.by_entry, self.by_message = by_entry, by_message
        self._places = {id(block): place for place, block in enumerate(self.blocks)}

    def _block(self, entry: Entry) -> MessageBlock:
        block = self.by_entry.get(id(entry))
        if block is None and entry.message_id is not None:
            # After a reconnect the server may send all messages again; each keeps its block.
            block = self.by_message.get(entry.message_id)
        if block is None and entry.client_id in self._outgoing:
            block = self._outgoing.pop(entry.client_id)
            block.sending = ""
        if block is None:
            return MessageBlock(entry)
        block.show(entry)
        return block

    def sent(self, client_id: str, text: str) -> None:
        """Show a message at the end, until the server acknowledges it."""
        entry = Entry("user")
        entry.client_id = client_id
        entry.said.append(text)
        block = self._outgoing[client_id] = MessageBlock(entry)
        block.sending = "◌ waiting to be sent"
        self._changed()

    def withdraw(self, client_id: str) -> str:
        """Remove a message that will not be sent; returns its text."""
        block = self._outgoing.pop(client_id, None)
        self._changed()
        return "" if block is None else block.entry.text

    def note(self, note: NoteBlock, *, above: bool = False) -> None:
        """Add a note below the newest message, or above the oldest.

        It replaces the note before it if that has the same key.
        """
        entries = self.transcript.entries
        self.rebuild(self.transcript)
        newest = self.by_entry.get(id(entries[-1])) if entries else None
        notes = self._above if above or newest is None else newest.notes
        if note.key and notes and notes[-1].key == note.key:
            notes.pop()
        notes.append(note)
        self._changed()

    def pass_notes(self) -> None:
        """Remove the notes that held until the reply ended."""
        for notes in (self._above, *(block.notes for block in self.by_entry.values())):
            notes[:] = (note for note in notes if not note.passing)
        self._changed()

    def clear(self) -> None:
        """Remove all blocks, before another conversation is shown."""
        self._greeting = None
        self._above.clear()
        self._outgoing.clear()
        self.rebuild(Transcript())
        self._changed()
