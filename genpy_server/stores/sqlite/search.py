"""The SQL of search: candidates from the index, ranked before any message is read.

Each row that is fetched waits for the event loop's thread, so that many are fetched as one.

What was stored before there was this index is found in the former one until it is indexed, too. What
an earlier version cut otherwise is found as that version found it, until it is cut again.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from heapq import nsmallest
from itertools import accumulate, combinations, islice
from typing import Any, Final

import msgspec

from genpy_server.core import words
from genpy_server.core.context import recall
from genpy_server.core.models import FoundIn, Hit, Message
from genpy_server.stores.base import owner_of
from genpy_server.stores.sqlite.index import index_message, index_session
from genpy_server.stores.sqlite.messages import MESSAGE, message_of
from genpy_server.stores.sqlite.schema import to_json

READ: Final = 6_000
"""The most index entries that one search reads, those of rare terms first."""
FEW: Final = 6_000
"""So many messages of a user are few: which have a word is read at once, not counted before."""
SCORED: Final = 500
"""Messages whose terms are counted for distinct hits, those with the most weight first: half of them,
and the others where too many of these are alike."""
SCORED_CHARS: Final = 500_000
"""Characters of their terms that are counted, where they are long."""
TERM_CHARS: Final = 3
"""The least that a term has on average, with its space: it limits how many texts are read."""
RANKED: Final = 160
"""The best of them, or else the only ones, which are ranked with their neighbours; more where more
are asked for."""
TOGETHER: Final = 3
"""Frequent terms whose messages in common are read, the rarest of them."""
COMPARED: Final = 20_000
"""Places in the index that are compared for those of two of the three, the newest."""
MENDED: Final = 3
"""Words of a query that may be mistyped, and words that each may stand for."""
REINDEXED: Final = 20
"""Messages, or sessions, that are indexed in one transaction when an older file is."""
REINDEXED_CHARS: Final = 8_000
"""Fewer messages are, once they have so many characters."""
MERGED: Final = 100
"""Pages of the index that are written in one transaction after that."""
DIVIDED: Final = 8
"""Parts of the index, of more than a page each, from which on they are merged into one."""

_LONG: Final = 6
_ids = msgspec.json.Decoder(list[int])
_NEAR: Final = ("DESC LIMIT 1 OFFSET 1", "DESC LIMIT 1", "ASC LIMIT 1", "ASC LIMIT 1 OFFSET 1")
_NEWEST: Final = (
    "CAST((SELECT max(last_message_id) FROM sessions WHERE user_id = :user_id) * (1 - :share{0})"
    " + (SELECT min(last_message_id) FROM sessions WHERE user_id = :user_id) * :share{0} AS integer)"
)
_OWNER: Final = len(owner_of(""))
_BEGINS: Final = "term >= {0}.value AND term < {0}.value || char(1114111)"
"""The condition on terms that begin with a value."""
_SIDE: Final = ("<", "<", ">", ">")


def reindex(connection: sqlite3.Connection) -> bool:
    """Index a few messages of other programs, or of an older file, the newest first, or sessions.

    False if all are indexed, and the index is whole.
    """
    if index_missing(connection, REINDEXED):
        return True
    below, cut_below = connection.execute("SELECT below, cut_below FROM search_progress").fetchone()
    column, first = ("below", below) if below is not None else ("cut_below", cut_below)
    if first is None:
        return is_divided(connection) and _merge(connection, -MERGED)
    if first == 0 and column == "cut_below":
        return _merge(connection, MERGED)
    if first < 0:
        return _reindex_sessions(connection, -first)
    rows = connection.execute(
        f"""
        SELECT {MESSAGE}, s.user_id FROM session_logs m JOIN sessions s USING (session_id)
        WHERE m.id < ? ORDER BY m.id DESC LIMIT ?
        """,
        (first, REINDEXED),
    )
    last, room = None, REINDEXED_CHARS
    for *row, user_id in rows:
        message = message_of(tuple(row))
        last, room = message.id, room - len(message.text)
        connection.execute("DELETE FROM search_terms WHERE id = ?", (last,))
        index_message(connection, user_id, message)
        if room < 0:
            break
    if last is not None:
        connection.execute(f"UPDATE search_progress SET {column} = ?", (last,))
        return True
    if column == "below":
        connection.execute("DROP TABLE session_logs_search")
    connection.execute(
        "UPDATE search_progress SET below = NULL, cut_below = coalesce(?, (SELECT -max(id) FROM sessions))",
        (cut_below if column == "below" else None,),
    )
    return True


def index_missing(connection: sqlite3.Connection, most: int) -> bool:
    """Index the newest of the rows that other programs wrote; False if there are none."""
    missing = connection.execute(
        """
        SELECT f.id, s.session_id, s.user_id FROM search_missing f
            LEFT JOIN session_logs m ON m.id = f.id
            LEFT JOIN sessions s ON s.session_id = m.session_id OR s.id = f.id / -2
        ORDER BY f.id DESC LIMIT ?
        """,
        (most,),
    ).fetchall()
    for id_, session_id, user_id in missing:
        if session_id is not None and id_ < 0:
            index_session(connection, session_id)
        elif session_id is not None:
            row = connection.execute(f"SELECT {MESSAGE} FROM session_logs m WHERE id = ?", (id_,))
            connection.execute("DELETE FROM search_terms WHERE id = ?", (id_,))
            index_message(connection, user_id, message_of(row.fetchone()))
        connection.execute("DELETE FROM search_missing WHERE id = ?", (id_,))
    return bool(missing)


def _reindex_sessions(connection: sqlite3.Connection, last: int) -> bool:
    """Index the sessions up to a row, the newest first; after the first row the index is merged."""
    rows = connection.execute(
        "SELECT id, session_id FROM sessions WHERE id <= ? ORDER BY id DESC LIMIT ?",
        (last, REINDEXED),
    ).fetchall()
    for _, session_id in rows:
        index_session(connection, session_id)
    left = max(rows[-1][0] - 1, 0) if len(rows) == REINDEXED else 0
    connection.execute("UPDATE search_progress SET cut_below = ?", (-left,))
    return left > 0 or _merge(connection, -MERGED)


def _merge(connection: sqlite3.Connection, pages: int) -> bool:
    """Write so many pages of the index without what was replaced; False when nothing is left of it.

    Less than none begins it: a search looks for each word in every part of the index.
    """
    before = connection.total_changes
    connection.execute(
        "INSERT INTO search_index (search_index, rank) VALUES ('merge', ?)", (pages,)
    )
    is_done = pages > 0 and connection.total_changes - before <= 1
    connection.execute("UPDATE search_progress SET cut_below = ?", (None if is_done else 0,))
    return not is_done


def is_indexed(connection: sqlite3.Connection) -> bool:
    """Whether all messages are indexed, and the index is whole."""
    (merging,) = connection.execute("SELECT cut_below IS 0 FROM search_progress").fetchone()
    return not (merging or is_divided(connection) or is_incomplete(connection))


def is_incomplete(connection: sqlite3.Connection) -> bool:
    """Whether messages are not in the index, or with terms of an older version."""
    (left,) = connection.execute(
        "SELECT below IS NOT NULL OR coalesce(cut_below, 0) <> 0 FROM search_progress"
    ).fetchone()
    return bool(left) or is_missing(connection)


def is_divided(connection: sqlite3.Connection) -> bool:
    """Whether so many parts of the index are large that a search takes longer by a tenth."""
    (parts,) = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM search_index_idx GROUP BY segid HAVING count(*) > 1)"
    ).fetchone()
    return bool(parts >= DIVIDED)


def is_missing(connection: sqlite3.Connection) -> bool:
    """Whether another program wrote rows that are not indexed."""
    return connection.execute("SELECT 1 FROM search_missing LIMIT 1").fetchone() is not None


def search(
    connection: sqlite3.Connection,
    user_id: str,
    query: str,
    *,
    limit: int,
    session_id: str | None = None,
    before: int | None = None,
    distinct: bool = False,
    titles: bool = False,
    about_records: bool = True,
    left_out: Sequence[int] = (),
    asked: tuple[str, str] | None = None,
) -> list[Hit]:
    wanted = words.query_words(query)
    if not wanted or limit <= 0:
        return []
    if asked is not None:
        row = connection.execute(
            "SELECT id FROM session_logs WHERE session_id = ? AND client_id = ?", asked
        ).fetchone()
        left_out = [*left_out, *(row or ())]
    scope = _Scope(
        connection, user_id, session_id, before, about_records, frozenset(left_out), distinct
    )
    titled = titles and session_id is None
    known = _known(scope, wanted, "mts" if titled else "m")
    hits = _titles(scope, wanted, known, limit) if titled else []
    if known.documents:
        scoring = recall.Scores(
            wanted,
            known.forms["m"],
            known.documents,
            known.size / known.documents,
            known.meant["m"],
        )
        candidates, scores = _candidates(scope, scoring, known.places, 2 * limit)
        best = recall.ranked(
            candidates, scores, limit, distinct=distinct, terms_of=lambda ids: _terms_of(scope, ids)
        )
        hits += _read(scope, best, scoring)
    hits += _waiting(scope, query, limit, known.below)
    return recall.titles_first(hits)[:limit]


class _Scope(msgspec.Struct, frozen=True):
    """The messages to search: their owner and the other conditions."""

    connection: sqlite3.Connection
    user_id: str
    session_id: str | None
    before: int | None
    about_records: bool
    left_out: frozenset[int]
    distinct: bool

    @property
    def values(self) -> dict[str, Any]:
        return {"user_id": self.user_id, "session_id": self.session_id, "before": self.before}

    @property
    def where(self) -> str:
        """The conditions on rows of the index, as SQL with `rowid`."""
        earlier = "" if self.before is None else " AND f.rowid < :before"
        if self.session_id is None:
            return earlier
        ends = "SELECT {}(id) FROM session_logs WHERE session_id = :session_id"
        return (
            f"{earlier} AND f.rowid BETWEEN ({ends.format('min')}) AND ({ends.format('max')})"
            " AND EXISTS (SELECT 1 FROM session_logs m"
            " WHERE m.id = f.rowid AND m.session_id = :session_id)"
        )


class _Known(msgspec.Struct):
    """What the index knows of a user and of a query's words.

    `documents` is 0 if none may be a hit. `forms` has in how many of the documents of a kind each form
    is, and `meant` what mistyped terms may stand for there; the kinds are those of `owner_of`.
    `places` has the messages with each form, the newest first, of a user with few. Messages of ids
    smaller than `below` are not in the index yet; None when all are.
    """

    below: int | None
    documents: int
    size: int
    forms: dict[str, dict[str, int]]
    meant: dict[str, dict[str, list[tuple[str, int]]]] = {}
    places: dict[str, list[int]] = {}


def _candidates(
    scope: _Scope, scoring: recall.Scores, known: Mapping[str, list[int]], least: int
) -> tuple[list[recall.Candidate], dict[int, float]]:
    """The best messages by their own terms, `least` at least, and the scores of all looked at."""
    places, having = _places(scope, scoring.forms, known)
    least = max(RANKED, least)
    by_weight = sorted(places, key=places.__getitem__, reverse=True)
    for most in (SCORED // 2, SCORED) if scope.distinct else (least,):
        heaviest = by_weight[: max(most, least)]
        terms, scores = _scored(scope, scoring, heaviest, least, having)
        if scope.distinct:
            ids = sorted(sorted(scores, reverse=True), key=scores.__getitem__, reverse=True)
            best = recall.first_variants(ids, terms.__getitem__, recall.RANKED_VARIANTS)
            chosen = dict.fromkeys(islice(best, least), 0)
        else:
            whole = {id_: scoring.whole(terms[id_]) for id_ in scores}
            found = sorted(
                ((whole[id_], worth, id_) for id_, worth in scores.items()), reverse=True
            )
            chosen = {id_: whole for whole, _, id_ in found[:least]}
        if len(chosen) == least or len(scores) < len(terms) or len(by_weight) <= most:
            break
    for id_ in heaviest:
        if id_ not in terms:
            del places[id_]
    # Once in a message of the usual length, a term scores what it has in `places`: what was not counted lends that.
    places |= scores
    near = ", ".join(
        f"coalesce((SELECT n.id FROM session_logs n WHERE n.session_id = m.session_id AND n.id {side} m.id"
        f" ORDER BY n.id {order}), 0)"
        for side, order in zip(_SIDE, _NEAR, strict=True)
    )
    (rows,) = scope.connection.execute(
        f"""
        SELECT json_group_array(json_array(m.id, m.session_id, {near}))
        FROM json_each(?) wanted JOIN session_logs m ON m.id = wanted.value
        """,
        (to_json([*chosen]),),
    ).fetchone()
    candidates = [
        recall.Candidate(id_, session_id, scores[id_], terms[id_], chosen[id_], tuple(beside))
        for id_, session_id, *beside in msgspec.json.decode(rows)
    ]
    return candidates, places


def _scored(
    scope: _Scope,
    scoring: recall.Scores,
    ids: Sequence[int],
    least: int,
    having: Mapping[str, list[int]],
) -> tuple[dict[int, str], dict[int, float]]:
    """The terms of messages, best first, and the scores of as many as are counted, `least` at least."""
    read = max(least, int(SCORED_CHARS / TERM_CHARS / scoring.average_length))
    terms = _terms_of(scope, ids, read)
    held = {id_: terms[id_] for id_ in ids if terms.get(id_)}
    fit = sum(chars <= SCORED_CHARS for chars in accumulate(map(len, held.values())))
    return terms, scoring.of(dict(islice(held.items(), max(fit, least))), having)


def _terms_of(scope: _Scope, ids: Sequence[int], most: int | None = None) -> dict[int, str]:
    """The terms of those of the messages that may be hits; not read, and "", behind the first `most`."""
    found, held_by_each = scope.connection.execute(
        """
        SELECT json_group_array(t.id),
            coalesce(group_concat(CASE WHEN wanted.key < ? THEN t.terms ELSE '' END, char(10)), '')
        FROM json_each(?) wanted JOIN search_terms t ON t.id = wanted.value
        WHERE ? OR NOT t.about_records
        """,
        (len(ids) if most is None else most, to_json(ids), scope.about_records),
    ).fetchone()
    terms = dict(zip(msgspec.json.decode(found), held_by_each.split("\n"), strict=False))
    for id_ in scope.left_out:
        terms.pop(id_, None)
    before = scope.before
    return terms if before is None else {id_: terms[id_] for id_ in terms if id_ < before}


def _known(scope: _Scope, wanted: Sequence[words.QueryWord], kinds: str) -> _Known:
    """All counts for a search; of a user with few messages, also which have each form."""
    owners = {kind: owner_of(scope.user_id, kind) for kind in kinds}
    below, documents, size = scope.connection.execute(
        """
        SELECT below, coalesce(documents, 0), coalesce(size, 0)
        FROM search_progress LEFT JOIN search_owners ON owner = ?
        """,
        (owners["m"],),
    ).fetchone()
    known = _Known(below, documents, size, {kind: {} for kind in kinds})
    if kinds == "m" and _are_left_out(scope, owners["m"], documents):
        known.documents = 0
        return known
    terms = dict.fromkeys(term for word in wanted for way in word.ways for term in way)
    forms = [*{form: 0 for term in terms if not term.is_beginning for form in term.forms}]
    counted = kinds
    if known.documents <= FEW and scope.session_id is None:
        matches = [f'"{owners["m"]}{form}"' for form in forms]
        (found,) = scope.connection.execute(
            """
            SELECT '[' || group_concat('[' || coalesce((
                SELECT group_concat(rowid) FROM (SELECT rowid FROM search_index
                    WHERE search_index MATCH wanted.value ORDER BY rowid DESC)), '') || ']') || ']'
            FROM json_each(?) wanted
            """,
            (to_json(matches),),
        ).fetchone()
        each = msgspec.json.decode(found or "[]", type=list[list[int]])
        known.places = {form: ids for form, ids in zip(forms, each, strict=True) if ids}
        known.forms["m"] = {form: len(ids) for form, ids in known.places.items()}
        counted = kinds.removeprefix("m")
    whole = [owners[kind] + form for kind in counted for form in forms]
    begun = [owner + term.key for owner in owners.values() for term in terms if term.is_beginning]
    if whole or begun:
        (rows,) = scope.connection.execute(
            f"""
            SELECT json_group_array(json_array(term, number)) FROM (
                SELECT term, doc AS number FROM search_words
                WHERE term IN (SELECT value FROM json_each(?))
                UNION ALL SELECT begun.value, coalesce(
                    (SELECT sum(doc) FROM search_words WHERE {_BEGINS.format("begun")}), 0)
                FROM json_each(?) begun)
            """,
            (to_json(whole), to_json(begun)),
        ).fetchone()
        for term, number in msgspec.json.decode(rows):
            known.forms[term[_OWNER - 1]][term[_OWNER:]] = number
    known.meant = {kind: {} for kind in kinds}
    unknown = [
        (kind, term.key)
        for kind in kinds
        for term in islice(_mistyped(wanted, known.forms[kind]), MENDED)
    ]
    if unknown:
        _find_meant(scope, owners, unknown, known.meant)
    return known


def _are_left_out(scope: _Scope, owner: str, documents: int) -> bool:
    """Whether the user has no other messages, as at the first one of all."""
    if documents > len(scope.left_out):
        return False
    (left_out,) = scope.connection.execute(
        """
        SELECT count(*) FROM json_each(?) wanted JOIN search_terms t ON t.id = wanted.value
        WHERE t.owner = ?
        """,
        (to_json([*scope.left_out]), owner),
    ).fetchone()
    return bool(left_out == documents)


def _mistyped(
    wanted: Sequence[words.QueryWord], held: Mapping[str, int]
) -> Iterator[words.QueryTerm]:
    """The terms that no document has and which may be mistyped."""
    for word in wanted:
        for term in word.ways[0]:
            if held.keys().isdisjoint(term.forms) and words.may_be_mistyped(term.key):
                yield term


def _find_meant(
    scope: _Scope,
    owners: Mapping[str, str],
    unknown: Sequence[tuple[str, str]],
    meant: Mapping[str, dict[str, list[tuple[str, int]]]],
) -> None:
    """Add the user's own words that unknown ones may stand for, each with its frequency.

    They begin alike and differ in one letter, or go on where the unknown one ends; those come first,
    and of each the most frequent.
    """
    begun = [
        owners[kind] + mark + term[: 2 if len(term) < _LONG else 3]
        for kind, term in unknown
        for mark in ("", words.DERIVED)
    ]
    (rows,) = scope.connection.execute(
        f"""
        SELECT json_group_array(json_array(begun.key, term, doc))
        FROM json_each(?) begun CROSS JOIN search_words WHERE {_BEGINS.format("begun")}
        """,
        (to_json(begun),),
    ).fetchone()
    alike: dict[tuple[str, str], list[tuple[bool, int, str]]] = {}
    for number, held, often in msgspec.json.decode(rows):
        _, term = asked = unknown[number // 2]
        form = held[_OWNER:]
        word = form.removeprefix(words.DERIVED)
        near = words.is_near(term, word)
        if near or words.is_begun(term, word):
            alike.setdefault(asked, []).append((not near, -often, form))
    for (kind, term), found in alike.items():
        meant[kind][term] = [(form, -often) for _, often, form in nsmallest(MENDED, found)]


def _places(
    scope: _Scope, forms: Sequence[recall.HeldForm], known: Mapping[str, list[int]]
) -> tuple[dict[int, float], dict[str, list[int]]]:
    """What each message scores by the terms it holds, as far as the index was read.

    Of the same score the newer ones come first. The rare terms are read whole, which of frequent
    ones would be too much: of these the newest messages with three, two and one of them are read,
    as far as they may score more than what the rare ones found. And the messages that have each of
    the rare forms; those of `known` are read already.
    """
    left = READ
    owner = owner_of(scope.user_id)
    rare: list[recall.HeldForm] = []
    frequent: dict[words.QueryTerm, list[recall.HeldForm]] = {}
    for held in forms:
        if held.frequency <= left:
            rare.append(held)
            left -= held.frequency
        else:
            frequent.setdefault(held.term, []).append(held)
    unread = [one for one in rare if one.form not in known]
    parts = [_Part(one.score, _match(owner, one), one.frequency) for one in unread]
    having = {one.form: known.get(one.form, []) for one in rare}
    having |= zip((one.form for one in unread), _read_parts(scope, parts), strict=True)
    places = dict[int, float]()
    for one in rare:
        ids = having[one.form]
        if scope.before is not None:
            ids = [id_ for id_ in ids if id_ < scope.before]
        _add(places, ids, one.score)
    if frequent:
        heaviest = sorted(places.values(), reverse=True)
        enough = heaviest[SCORED - 1] if len(heaviest) >= SCORED else 0.0
        rarest = [*frequent.values()][:TOGETHER]
        together = [alike for count in (2, 3) for alike in combinations(rarest, count)]
        none_rare = len(frequent) == len({held.term for held in forms})
        if none_rare and not scope.distinct:
            together.append(tuple(frequent.values()))
        most = max(left // (len(frequent) + len(together)), SCORED)
        parts = []
        for alike in [*together, *((held,) for held in frequent.values())]:
            whole = (none_rare and len(alike) >= len(rarest)) or len(alike) == 1
            entries = sum(one.frequency for held in alike for one in held)
            parts.append(
                _Part(
                    sum(max(one.score for one in held) for held in alike),
                    " AND ".join(
                        f"({' OR '.join(_match(owner, one) for one in held)})" for held in alike
                    ),
                    most,
                    1.0 if whole else min(1.0, COMPARED / entries),
                )
            )
        parts = [part for part in parts if part.score > enough]
        for part, ids in zip(parts, _read_parts(scope, parts), strict=True):
            _add(places, ids, part.score)
    for id_ in scope.left_out:
        places.pop(id_, None)
    return places, having


def _add(places: dict[int, float], ids: Sequence[int], score: float) -> None:
    """Add a score to the places of messages; those that have none yet come behind the others."""
    added = dict.fromkeys(ids, score)
    for id_ in places.keys() & added.keys():
        added[id_] += places[id_]
    places |= added


class _Part(msgspec.Struct, frozen=True):
    """The newest matching messages among the newest share of all messages."""

    score: float
    match: str
    most: int
    share: float = 1.0


def _read_parts(scope: _Scope, parts: Sequence[_Part]) -> list[list[int]]:
    """The messages of each part; of equal ones they are read once."""
    if not parts:
        return []
    values = scope.values
    columns = []
    different = [*dict.fromkeys(parts)]
    for number, part in enumerate(different):
        values |= {
            f"match{number}": part.match, f"most{number}": part.most, f"share{number}": part.share,
        }  # fmt: skip
        newest = f" AND f.rowid > {_NEWEST.format(number)}" if part.share < 1 else ""
        columns.append(
            f"(SELECT json_group_array(rowid) FROM (SELECT f.rowid FROM search_index f"
            f" WHERE search_index MATCH :match{number}{scope.where}{newest}"
            f" ORDER BY f.rowid DESC LIMIT :most{number}))"
        )
    row = scope.connection.execute(f"SELECT {', '.join(columns)}", values).fetchone()
    found = dict(zip(different, map(_ids.decode, row), strict=True))
    return [found[part] for part in parts]


def _match(owner: str, held: recall.HeldForm) -> str:
    return f'"{owner}{held.form}"' + (" *" if held.term.is_beginning else "")


def _titles(
    scope: _Scope, wanted: Sequence[words.QueryWord], known: _Known, limit: int
) -> list[Hit]:
    """Sessions whose title holds every word, then those whose summary and topics do.

    A session is shown by its first message.
    """
    matches: dict[FoundIn, str] = {}
    kinds: tuple[tuple[str, FoundIn], ...] = (("t", "title"), ("s", "summary"))
    for kind, where in kinds:
        match = _every_word(
            owner_of(scope.user_id, kind),
            wanted,
            recall.Scores(wanted, known.forms[kind], 1, 1, known.meant[kind]),
        )
        if match:
            matches[where] = match
    if not matches:
        return []
    found = " UNION ALL ".join(
        f"SELECT * FROM (SELECT '{where}' AS place, {number} AS turn, rowid AS row, -rowid / 2 AS id"
        " FROM search_index WHERE search_index MATCH ? ORDER BY rowid LIMIT ?)"
        for number, where in enumerate(matches)
    )
    rows = scope.connection.execute(
        f"""
        SELECT {MESSAGE}, found.place, CAST(s.title AS text)
        FROM ({found}) found
            JOIN sessions s ON s.id = found.id AND s.user_id = ?
            JOIN session_logs m ON m.id =
                (SELECT min(f.id) FROM session_logs f WHERE f.session_id = s.session_id)
        ORDER BY found.turn, found.row
        """,
        (*(value for match in matches.values() for value in (match, limit)), scope.user_id),
    )
    hits: dict[str, Hit] = {}
    for *row, where, title in rows:
        message = message_of(tuple(row))
        hits.setdefault(message.session_id, Hit(message, title, 0.0, found_in=where))
    return [*hits.values()]


def _every_word(
    owner: str, wanted: Sequence[words.QueryWord], scoring: recall.Scores
) -> str | None:
    """The index query for documents with every word, written in any way; None if there are none."""
    held = {one.form: _match(owner, one) for one in scoring.forms}
    every = [
        [
            " AND ".join(
                f"({' OR '.join(held[form] for form in scoring.forms_of[term])})" for term in way
            )
            for way in word.ways
            if all(scoring.forms_of[term] for term in way)
        ]
        for word in wanted
    ]
    if not all(every):
        return None
    return " AND ".join(f"({' OR '.join(f'({way})' for way in ways)})" for ways in every)


def _read(scope: _Scope, found: Sequence[recall.Candidate], scores: recall.Scores) -> list[Hit]:
    """The hits with their neighbours, in one statement."""
    sides = ", ".join(MESSAGE.replace("m.", f"{side}.") for side in ("m", "b", "a"))
    rows = scope.connection.execute(
        f"""
        SELECT wanted.key, CAST(s.title AS text), tb.about_records, tb.terms, ta.about_records,
            ta.terms, {sides}
        FROM json_each(:found) wanted
            JOIN session_logs m ON m.id = json_extract(wanted.value, '$[0]')
            JOIN sessions s ON s.session_id = m.session_id AND s.user_id = :user_id
            LEFT JOIN session_logs b ON b.id = json_extract(wanted.value, '$[1]')
            LEFT JOIN session_logs a ON a.id = json_extract(wanted.value, '$[2]')
            LEFT JOIN search_terms tb ON tb.id = b.id
            LEFT JOIN search_terms ta ON ta.id = a.id
        ORDER BY wanted.key
        """,
        {
            "found": to_json([(one.id, *one.near[1:3]) for one in found]),
            "user_id": scope.user_id,
        },
    )
    third = MESSAGE.count(",") + 1
    hits = []
    for place, title, before_about, before_terms, after_about, after_terms, *columns in rows:
        candidate, held = found[place], [found[place].form]
        before = _beside(scope, columns[third : 2 * third], before_about)
        after = _beside(scope, columns[2 * third :], after_about)
        if before and before_terms:
            held.append(before_terms)
        if after and after_terms:
            held.append(after_terms)
        coverage, terms = scores.coverage(" ".join(held))
        hits.append(
            Hit(
                message_of(columns[:third]), title, candidate.score, before, after,
                coverage=coverage, terms=terms,
            )
        )  # fmt: skip
    return hits


def _beside(scope: _Scope, row: Sequence[Any], about_records: int | None) -> Message | None:
    id_ = row[0]
    if id_ is None or id_ in scope.left_out or (about_records and not scope.about_records):
        return None
    if scope.before is not None and id_ >= scope.before:
        return None
    return message_of(row)


def _waiting(scope: _Scope, query: str, limit: int, below: int | None) -> list[Hit]:
    """Hits among the messages of an older file that are not indexed yet, by the former index."""
    if not below:
        return []
    match = " OR ".join(f'"{word}"' for word in words.search_words(query))
    rows = scope.connection.execute(
        f"""
        SELECT {MESSAGE}, CAST(s.title AS text)
        FROM session_logs_search f
            JOIN session_logs m ON m.id = f.rowid
            JOIN sessions s ON s.session_id = m.session_id AND s.user_id = :user_id
        WHERE session_logs_search MATCH :match AND f.rowid < :below {scope.where}
        ORDER BY bm25(session_logs_search) LIMIT :limit
        """,
        scope.values | {"match": match, "below": below, "limit": limit},
    )
    return [
        Hit(message_of(tuple(row)), title, 0.0)
        for *row, title in rows
        if row[0] not in scope.left_out
    ]
