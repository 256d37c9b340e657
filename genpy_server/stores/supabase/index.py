"""Converts texts for the index of `schema.sql`: a tsvector of terms that begin with their owner."""

from collections.abc import Sequence
from typing import Any, Final

from genpy_server.core import words
from genpy_server.core.models import Message
from genpy_server.core.understanding.tool_requests import is_about_records
from genpy_server.stores.base import owner_of
from genpy_server.stores.foreign import message_of, texts_of

BATCH: Final = 50
"""The number of rows that are indexed in one call."""
_POSITION: Final = 16_383
_POSITIONS: Final = 255
_CHARS: Final = 700_000
"""PostgreSQL's limits of a tsvector: the last position, positions of a term, and roughly its size."""


def of_message(user_id: str, message: Message) -> dict[str, Any]:
    """The columns `terms`, `about_records` and `cut` of a message."""
    return {
        "terms": _vector({owner_of(user_id): message.text}),
        "about_records": is_about_records(message),
        "cut": words.CUT,
    }


def of_session(
    user_id: str, title: str | None, summary: str | None = None, topics: Sequence[str] = ()
) -> str:
    """The column `search` of a session."""
    about = " ".join([summary or "", *topics])
    return _vector({owner_of(user_id, "t"): title or "", owner_of(user_id, "s"): about})


def of_unindexed(answer: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `genpy_index` for the result of `genpy_unindexed`."""
    messages = [
        {"id": row["id"]} | of_message(row["user_id"], message_of(row))
        for row in answer["messages"]
    ]
    sessions = [
        row
        | {
            "cut": words.CUT,
            "search": of_session(
                row["user_id"], row["title"], row["summary"], texts_of(row["topics"])
            ),
        }
        for row in answer["sessions"]
    ]
    return {"messages": messages, "sessions": sessions}


def query_of(given: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of `genpy_search`; None for a query without words."""
    asked = words.query_words(given["query"])
    if not asked or given["limit"] <= 0:
        return None
    rest = {name: value for name, value in given.items() if name != "query"}
    return rest | {
        "owner": owner_of(given["user_id"]),
        "words": words.search_words(given["query"]),
        "left_out": list(given["left_out"]),
        "terms": [
            {
                "word": number,
                "way": place,
                "asked": term.key,
                "forms": term.forms,
                "prefix": term.is_beginning,
                "mend": place == 0 and words.may_be_mistyped(term.key),
            }
            for number, word in enumerate(asked)
            for place, way in enumerate(word.ways)
            for term in way
        ],
    }


def _vector(by_owner: dict[str, str]) -> str:
    """The text of a tsvector; if it is too large, the last terms are left out."""
    positions: dict[str, list[int]] = {}
    place = size = 0
    for owner, text in by_owner.items():
        for term in words.terms(text):
            place = min(place + 1, _POSITION)
            size += 6 if owner + term in positions else len(owner) + 4 * len(term)
            if size > _CHARS:
                break
            known = positions.setdefault(owner + term, [])
            if len(known) < _POSITIONS and known[-1:] != [place]:
                known.append(place)
    return " ".join(f"'{term}':{','.join(map(str, at))}" for term, at in positions.items())
