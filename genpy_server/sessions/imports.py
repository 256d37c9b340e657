"""Imports a session into a store: its messages in pieces, and its memory."""

import asyncio
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from time import monotonic
from typing import Any

import msgspec

from genpy_server.core.context.notes import Note, stored_notes
from genpy_server.core.models import Memory, Message, Session, SessionMemory
from genpy_server.records import MessageFile
from genpy_server.stores.base import Store

FIRST, LEAST, MOST = 100, 50, 1_000
"""Messages that are written in one transaction."""
QUICK, SLOW = 0.25, 1.0
"""Seconds of a transaction after which the next has twice as many messages, or half as many."""
PAUSE = 0.25
"""How long the database is left to others, as a part of the time of the last piece."""
PAGE = 1_000
"""Messages that are read at once to find those of notes."""


def next_size(size: int, seconds: float) -> int:
    """How many messages the piece after one of `size` has that took so many seconds."""
    if seconds < QUICK:
        return min(2 * size, MOST)
    return max(size // 2, LEAST) if seconds > SLOW else size


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
    ids, uids = list[int](), dict[object, object]()
    new, size, rest = 0, FIRST, iter(messages)
    with MessageFile() as earlier:
        while piece := list(islice(rest, size)):
            before = _named_by(piece, ids, earlier)
            began = monotonic()
            new += await store.import_session(session, [*before, *piece])
            took = monotonic() - began
            size = next_size(size, took)
            for message in piece:
                if message["id"] in named:
                    uids[message["id"]] = message.get("uid")
                ids.append(message["id"])
                earlier.append(msgspec.convert(message | {"text": "", "meta": {}}, Message))
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
    written = [
        Note(note.text, here.get(uids.get(note.message_id)), note in memory.forgotten)
        for note in sorted((*memory.notes, *memory.forgotten), key=lambda note: note.number)
    ]
    last = max((note.message_id or 0 for note in written), default=0)
    upto = here.get(uids.get(memory.upto)) or last
    if written or not memory.on:
        text = stored_notes(written, off=not memory.on)
        await store.extend_memory(session.user_id, session.id, Memory(text, upto), previous=None)


def _named_by(
    piece: Sequence[dict[str, Any]], ids: Sequence[int], earlier: MessageFile
) -> list[dict[str, Any]]:
    """The earlier messages that a piece names, without texts; `ids` are those of all earlier ones."""
    metas = [meta for message in piece if isinstance(meta := message.get("meta"), dict)]
    named = {id_ for meta in metas for id_ in (meta.get("reply_to"), meta.get("replaces"))}
    places = ((bisect_left(ids, id_), id_) for id_ in named if isinstance(id_, int))
    found = sorted(place for place, id_ in places if ids[place : place + 1] == [id_])
    return [msgspec.to_builtins(earlier[place]) for place in found]
