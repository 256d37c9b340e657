"""Imports a session into a store: its messages in pieces, and its memory."""

import asyncio
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from os import SEEK_END
from time import monotonic
from typing import Any

import msgspec

from genpy_server.core.context.notes import Note, stored_notes
from genpy_server.core.models import Memory, Session, SessionMemory
from genpy_server.stores.base import Store

FIRST, LEAST, MOST = 100, 50, 1_000
"""Messages that are written in one transaction."""
QUICK, SLOW = 0.25, 1.0
"""Seconds of a transaction after which the next has twice as many messages, or half as many."""
PAUSE = 0.25
"""How long the database is left to others, as a part of the time of the last piece."""
PAGE = 1_000
"""Messages that are read at once to find those of notes."""


class PieceSize:
    """How many messages the next piece has: few at first, and as many as are written in time."""

    def __init__(self) -> None:
        self.messages = FIRST

    def adapt(self, seconds: float) -> None:
        """Change it after a piece that took so many seconds."""
        if seconds < QUICK:
            self.messages = min(2 * self.messages, MOST)
        elif seconds > SLOW:
            self.messages = max(self.messages // 2, LEAST)


async def import_session(
    store: Store,
    session: Session,
    messages: Iterable[dict[str, Any]],
    memory: SessionMemory | None = None,
) -> int:
    """Import a session for `session.user_id`; returns the number of new messages.

    Messages are written in pieces, so that servers of the database can write between them, and in
    smaller ones where the database is slow. Its memory is imported if the session has none here.
    """
    named = set[object]()  # by the memory
    if memory is not None:
        notes = (*memory.notes, *memory.forgotten)
        named = {memory.upto, *(note.message_id for note in notes)}
    uids: dict[object, object] = {}

    def passing() -> Iterator[dict[str, Any]]:
        for message in messages:
            if message.get("id") in named:
                uids[message["id"]] = message.get("uid")
            yield message

    new, size = 0, PieceSize()
    for piece in _pieces(passing(), size):
        began = monotonic()
        new += await store.import_session(session, piece)
        took = monotonic() - began
        size.adapt(took)
        await asyncio.sleep(took * PAUSE)
    if memory is not None and await store.memory(session.user_id, session.id) is None:
        await _import_memory(store, session, uids, memory)
    return new


async def _import_memory(
    store: Store, session: Session, uids: Mapping[object, object], memory: SessionMemory
) -> None:
    """Import notes, with the ids that their messages have in this database."""
    here: dict[object, int] = {}
    named = set(uids.values())
    after = 0
    while named and (
        page := await store.messages(session.user_id, session.id, limit=PAGE, after=after)
    ):
        here |= {message.uid: message.id for message in page if message.uid in named}
        after = page[-1].id
    kept = [(note, False) for note in memory.notes]
    kept += [(note, True) for note in memory.forgotten]
    kept.sort(key=lambda one: one[0].number)
    written = [
        Note(note.text, here.get(uids.get(note.message_id)), forgotten) for note, forgotten in kept
    ]
    last = max((note.message_id or 0 for note in written), default=0)
    upto = here.get(uids.get(memory.upto)) or last
    if written or not memory.on:
        text = stored_notes(written, off=not memory.on)
        await store.extend_memory(session.user_id, session.id, Memory(text, upto), previous=None)


def _pieces(messages: Iterable[dict[str, Any]], size: PieceSize) -> Iterator[list[dict[str, Any]]]:
    """Exported messages in pieces, each behind the earlier ones that it names, by their ids alone."""
    from tempfile import TemporaryFile  # noqa: PLC0415 - when something is imported

    names = ("id", "session_id", "role", "at", "uid", "client_id")
    ids, places = list[int](), array("Q")
    rest = iter(messages)
    with TemporaryFile() as earlier:
        while piece := list(islice(rest, size.messages)):
            metas = [meta for message in piece if isinstance(meta := message.get("meta"), dict)]
            named = {id_ for meta in metas for id_ in (meta.get("reply_to"), meta.get("replaces"))}
            before = list[dict[str, Any]]()
            for id_ in sorted(id_ for id_ in named if isinstance(id_, int)):
                index = bisect_left(ids, id_)
                if index < len(ids) and ids[index] == id_:
                    earlier.seek(places[index])
                    before.append(msgspec.json.decode(earlier.readline()))
            yield [*before, *piece]
            earlier.seek(0, SEEK_END)
            for message in piece:
                ids.append(message["id"])
                places.append(earlier.tell())
                known = {name: message.get(name) for name in names} | {"text": ""}
                earlier.write(msgspec.json.encode(known) + b"\n")
