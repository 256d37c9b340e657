"""The newest messages of a live session, which the server holds in memory."""

import logging
import sys

from genpy_server.core.context.tokens import BYTES_PER_TOKEN
from genpy_server.core.context.turns import without_replaced
from genpy_server.core.models import Memory, Message
from genpy_server.core.understanding.intents import SURE
from genpy_server.errors import StoreError
from genpy_server.llm.providers import MAX_CONTEXT_TOKENS
from genpy_server.settings import Settings
from genpy_server.stores.base import Appended, Opened, Store

SPARE = 1.2
"""Times what is wanted that is held before the oldest messages are dropped."""

log = logging.getLogger("genpy.conversation")


def window(settings: Settings) -> int:
    """The number of messages to hold: as many short ones as fit the model's budget."""
    tokens = settings.context_tokens if settings.context_set else MAX_CONTEXT_TOKENS // 4
    return max(settings.limits.history_messages, tokens // 20)


def window_chars(settings: Settings) -> int:
    """The characters of text to hold: what fills a request."""
    return max(settings.context_tokens, MAX_CONTEXT_TOKENS) * BYTES_PER_TOKEN


class Conversation:
    """The newest messages and the memory.

    Held are at least `window` messages, or so many of the newest as have `max_chars` of text, if
    there are as many; and little more than that, but always the last question and what follows it.
    """

    def __init__(
        self, store: Store, user_id: str, session_id: str, window: int, max_chars: int
    ) -> None:
        self.store = store
        self.user_id = user_id
        self.session_id = session_id
        self.window = window
        self._max_chars = max_chars
        self._chars = 0
        self.messages: list[Message] = []
        self.being_written = set[str]()
        """Runs of this server whose replies are not in `messages` yet."""
        self.memory: Memory | None = None
        self.older = False
        """Whether the store has older messages."""
        self.known_id = 0
        """The id up to which every stored message is known here."""
        self.own_id = 0
        """The newest id that the session had when it was opened here, or that was stored here since.

        What it has later may be another session, deleted and begun again elsewhere.
        """
        self._following: dict[int, int] = {}
        """Messages stored by this server after `known_id`: the id by the id before it."""

    def begin(self, opened: Opened) -> None:
        """Start with the stored messages and memory; more than `window` messages mean older ones exist.

        All are held for a client that attaches, until `trim`.
        """
        self.messages, self.memory = list(opened.messages), opened.memory
        self.own_id = max((message.id for message in self.messages), default=0)
        self._know(self.own_id)
        self.older = len(self.messages) > self.window
        del self.messages[: -self.window]

    def stored(self, appended: Appended) -> None:
        """Note that this server stored a message, perhaps after some of other servers."""
        self.own_id = max(self.own_id, appended.message.id)
        if appended.message.id > self.known_id:
            self._following[appended.previous_id] = appended.message.id
            self._know(self.known_id)

    def _know(self, id_: int) -> None:
        while id_ in self._following:
            id_ = self._following.pop(id_)
        self.known_id = id_
        self._following = {a: b for a, b in self._following.items() if a > id_}

    @property
    def first_id(self) -> int:
        """The id of the oldest stored message held here; 0 for none."""
        return next((message.id for message in self.messages if message.id), 0)

    @property
    def question(self) -> Message | None:
        """The person's last message."""
        return next((m for m in reversed(self.messages) if m.role == "user"), None)

    def holds(self, client_id: str) -> bool:
        """Whether a message with this client id is held here."""
        return any(message.client_id == client_id for message in self.messages)

    def intent(self, question_id: int | None = None) -> str | None:
        """The newest sure intent, for follow-ups; with `question_id`, that of its newest reply."""
        for message in reversed(without_replaced(self.messages)):
            answered, meta = message.meta.reply_to, message.meta
            if answered is None or question_id not in {None, answered}:
                continue
            if question_id is not None or meta.intent_score is None or meta.intent_score >= SURE:
                return meta.intent
        return None

    def detected(self, question_id: int) -> str | None:
        """The detected intent of a message, before a correction."""
        for message in reversed(self.messages):
            if message.meta.reply_to == question_id:
                return message.meta.intent_corrected_from or message.meta.intent
        return None

    def add(self, message: Message) -> None:
        """Append a message, and drop the oldest where much more than what is wanted is held."""
        self.messages.append(message)
        self._chars += len(message.text)
        if len(self.messages) > SPARE * self.window or self._chars > SPARE * self._max_chars:
            self.trim()

    def trim(self) -> None:
        """Hold no more than is wanted."""
        held, self._chars = 0, 0
        asked = False
        for message in reversed(self.messages[-self.window :]):
            if asked and self._chars + len(message.text) > self._max_chars:
                break
            asked = asked or message.role == "user"  # the question may be answered again
            held += 1
            self._chars += len(message.text)
        if held < len(self.messages):
            del self.messages[: len(self.messages) - held]
            self.older = True

    def replace(self, old: Message, new: Message) -> None:
        """Replace a message that was not stored by its stored form."""
        self.messages = [new if message is old else message for message in self.messages]

    async def before(self, count: int) -> list[Message]:
        """The messages before those held that the newest `count` messages include; none if it fails."""
        missing = count - len(self.messages)
        while self.older and missing > 0 and (first := self.first_id):
            try:
                found = await self.store.messages(
                    self.user_id, self.session_id, limit=missing, before=first
                )
            except StoreError as error:
                log.warning("could not read the history: %s", error.code)
                break
            if first == self.first_id:  # else some that were held are missing between
                return found
        return []

    async def after(self, id_: int) -> list[Message]:
        """The messages after this id; read from the store, at most `window`, if not held here."""
        if not self.older or id_ >= self.first_id:
            return self.messages
        return await self.store.messages(
            self.user_id, self.session_id, limit=self.window, after=id_
        )

    async def catch_up(self, until: int | None = None) -> list[Message]:
        """Add and return the messages of other servers that are missing here, before `until`."""
        try:
            later = await self.store.messages(
                self.user_id, self.session_id, limit=self.window, after=self.known_id
            )
        except StoreError as error:
            log.warning("could not catch up: %s", error.code)
            return []
        held = {message.id for message in self.messages}  # a reply may be stored meanwhile
        missed = [
            message
            for message in later
            if (until is None or message.id < until)
            and message.id not in held
            and message.meta.run not in self.being_written
        ]
        read = [m.id for m in later if until is None or m.id < until]
        self._know(max(self.known_id, *read) if read else self.known_id)
        for message in missed:
            self.add(message)
        self.messages.sort(key=lambda message: message.id or sys.maxsize)
        return missed
