"""The part of a session's messages that a server holds in memory while it is live."""

import logging
import sys

from genpy_server.core.context.replaced import standing
from genpy_server.core.models import Memory, Message
from genpy_server.core.understanding.intents import SURE
from genpy_server.errors import StoreError
from genpy_server.llm.providers import MOST_CONTEXT_TOKENS
from genpy_server.settings import Settings
from genpy_server.stores.base import Appended, Opened, Store

log = logging.getLogger("genpy.conversation")


def window(settings: Settings) -> int:
    """Messages to hold, by the shortest that a turn is: what the model's budget can take."""
    tokens = settings.context_tokens if settings.context_set else MOST_CONTEXT_TOKENS // 4
    return max(settings.limits.history_messages, tokens // 20)


class Conversation:
    """The newest messages, at least `window` of them where there are so many, and the memory."""

    def __init__(self, store: Store, user_id: str, session_id: str, window: int) -> None:
        self._store = store
        self.user_id = user_id
        self._session_id = session_id
        self.window = window
        self.messages: list[Message] = []
        self.being_written = set[str]()
        """The client ids of replies of this server that are not among these yet."""
        self.memory: Memory | None = None
        self.older = False
        """Whether the store holds messages before these."""
        self.known_id = 0
        """The id up to which no stored message is missing at the end of these."""
        self._following: dict[int, int] = {}
        """What was stored here behind messages that may be missing: its id by the id before it."""

    def begin(self, opened: Opened) -> None:
        """Take in what the store knows; one message more than the window says that there are older ones."""
        self.messages, self.memory = opened.messages[-self.window :], opened.memory
        self._know(max((message.id for message in self.messages), default=0))
        self.older = len(opened.messages) > self.window

    def stored(self, appended: Appended) -> None:
        """A message of this server is stored, perhaps behind some of other servers."""
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
        """The id of the oldest stored message here, 0 for none."""
        return next((message.id for message in self.messages if message.id), 0)

    @property
    def question(self) -> Message | None:
        """The person's last message."""
        return next((m for m in reversed(self.messages) if m.role == "user"), None)

    def holds(self, client_id: str) -> bool:
        """Whether a message with this id of a client's is among these."""
        return any(message.client_id == client_id for message in self.messages)

    def intent(self, question_id: int | None = None) -> str | None:
        """The newest sure intent, which follow-ups keep, or that of the newest reply to a message."""
        for message in reversed(standing(self.messages)):
            answered, meta = message.meta.reply_to, message.meta
            if answered is None or question_id not in {None, answered}:
                continue
            if question_id is not None or meta.intent_score is None or meta.intent_score >= SURE:
                return meta.intent
        return None

    def detected(self, question_id: int) -> str | None:
        """The intent that was found for a message, before anybody corrected it."""
        for message in reversed(self.messages):
            if message.meta.reply_to == question_id:
                return message.meta.intent_corrected_from or message.meta.intent
        return None

    def add(self, message: Message) -> None:
        """Take in a message, letting go of old ones by the window."""
        self.messages.append(message)
        if len(self.messages) > 2 * self.window:
            del self.messages[: -self.window]
            self.older = True

    def replace(self, old: Message, new: Message) -> None:
        """Put a stored message in the place of the same one before it was stored."""
        self.messages = [new if message is old else message for message in self.messages]

    async def after(self, id_: int) -> list[Message]:
        """The messages behind this id, or the first of them where older ones are not held here."""
        if not self.older or id_ >= self.first_id:
            return self.messages
        return await self._store.messages(
            self.user_id, self._session_id, limit=self.window, after=id_
        )

    async def catch_up(self, until: int | None = None) -> list[Message]:
        """Take in what other servers wrote and is missing here, before `until`."""
        try:
            later = await self._store.messages(
                self.user_id, self._session_id, limit=self.window, after=self.known_id
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
            and message.client_id not in self.being_written
        ]
        read = [m.id for m in later if until is None or m.id < until]
        self._know(max(self.known_id, *read) if read else self.known_id)
        for message in missed:
            self.add(message)
        self.messages.sort(key=lambda message: message.id or sys.maxsize)
        return missed
