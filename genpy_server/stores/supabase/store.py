"""Conversations in Supabase: each method is one call of a function in schema.sql.

The signatures are those of `Store`: a method's arguments, by name, are the function's. The server
holds the secret key, which is above row level security, so every function takes the owner. Texts are
indexed here, as a tsvector of terms that begin with their owner; rows may be those of GenPy's first
version.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from types import NoneType
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, get_args, get_origin, get_type_hints
from uuid import uuid4

import httpx
import msgspec

from genpy_server import errors
from genpy_server.core import models, words
from genpy_server.core.context.recall import titles_first
from genpy_server.core.understanding.tool_requests import is_about_records
from genpy_server.stores import base, foreign
from genpy_server.stores.supabase.client import TIMEOUT, Functions

P = ParamSpec("P")
T = TypeVar("T")

Arguments = dict[str, Any]

log = logging.getLogger("genpy.supabase")

BATCH: Final = 50
"""The number of rows that are indexed in one call."""
_POSITION: Final = 16_383
_POSITIONS: Final = 255
_CHARS: Final = 700_000
"""PostgreSQL's limits of a tsvector: the last position, positions of a term, and roughly its size."""


def _calls(
    promised: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
    prepare: Callable[[Arguments], Arguments | None] = lambda given: given,
    read: Callable[[Any, Arguments], T] | None = None,
    *,
    function: str | None = None,
    in_thread: bool = False,
) -> Callable[Concatenate["SupabaseStore", P], Coroutine[Any, Any, T]]:
    """A method that calls the database's function of the promised name, or of another one.

    `prepare` turns the method's arguments into the function's, or into None where there is nothing
    to ask, in a thread beside the event loop if it cuts words of messages. `read` makes the method's
    value of the answer and of both; without it the answer is a value of the promised type.
    """
    name = function or promised.__name__
    named = base.arguments_of(promised)
    kind = get_type_hints(promised)["return"]

    async def method(self: "SupabaseStore", /, *args: P.args, **kwargs: P.kwargs) -> T:
        given = named(*args, **kwargs)
        arguments = (
            await asyncio.to_thread(prepare, dict(given)) if in_thread else prepare(dict(given))
        )
        answer = None if arguments is None else await self.call(name, **arguments)
        if read is not None:
            return read(answer, given | (arguments or {}))
        result: T = _value(kind, answer)
        return result

    return method


def _value(kind: Any, answer: Any) -> Any:
    """An answer as a value of a type; the rows in it may be those of other programs."""
    origin, kinds = get_origin(kind), get_args(kind)
    if NoneType in {kind, *kinds}:
        return None if answer is None or kind is NoneType else _value(kinds[0], answer)
    if origin is list or Ellipsis in kinds:
        return origin(_value(kinds[0], one) for one in answer or ())
    if origin is None and kind in _ROWS:
        return _ROWS[kind](answer)
    if origin is None and issubclass(kind, msgspec.Struct):
        given = {
            field.name: _value(field.type, answer[field.encode_name])
            for field in foreign.fields_of(kind)
            if field.encode_name in answer
        }
        return kind(**given)
    return msgspec.convert(answer, kind, strict=False)


def _session(row: Any) -> models.Session:
    if row is None:
        raise errors.NotFound("Session not found.")
    return foreign.session_of(row)


_ROWS: Final[dict[type, Callable[[Any], Any]]] = {
    models.Message: foreign.message_of,
    models.Session: _session,
    models.MessageMeta: partial(foreign.read, models.MessageMeta),
    models.Metrics: partial(foreign.read, models.Metrics),
}


def _of_message(user_id: str, message: models.Message) -> dict[str, Any]:
    """The columns `terms`, `about_records` and `cut` of a message."""
    return {
        "terms": _vector({base.owner_of(user_id): message.text}),
        "about_records": is_about_records(message),
        "cut": words.CUT,
    }


def _of_session(
    user_id: str, title: str | None, summary: str | None = None, topics: Sequence[str] = ()
) -> str:
    about = " ".join([summary or "", *topics])
    return _vector({base.owner_of(user_id, "t"): title or "", base.owner_of(user_id, "s"): about})


def _of_unindexed(answer: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `genpy_index` for the result of `genpy_unindexed`."""
    messages = [
        {"id": row["id"]} | _of_message(row["user_id"], foreign.message_of(row))
        for row in answer["messages"]
    ]
    for row in answer["sessions"]:
        about = row["title"], row["summary"], foreign.texts_of(row["topics"])
        row |= {"cut": words.CUT, "search": _of_session(row["user_id"], *about)}
    return {"messages": messages, "sessions": answer["sessions"]}


def query_of(given: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of `genpy_search`; None for a query without words."""
    asked = words.query_words(given["query"])
    if not asked or not given["limit"]:
        return None
    rest = {name: value for name, value in given.items() if name != "query"}
    return rest | {
        "owner": base.owner_of(given["user_id"]),
        "words": words.search_words(given["query"]),
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


def _ending_of(answer: Arguments | None, given: Arguments) -> base.Ending | None:
    """The answer of `genpy_claim_ending`, which is null if another server hosts the session."""
    if answer is None or answer["attempt"] is None:
        return None
    found = answer["said"]
    content = found and _value(base.EndingContent, found | {"first": found["first"] or ""})
    ids = given["session_id"], given["user_id"], given["token"]
    return base.Ending(*ids, answer["attempt"], content)


def _appending(given: Arguments) -> Arguments:
    text, role, meta = given.pop("text"), given.pop("role"), given.pop("meta")
    user_id, session_id = given["user_id"], given["session_id"]
    return {
        **given,
        **_of_message(user_id, models.Message(0, session_id, role, text, "", meta=meta)),
        "event_type": base.EVENT_TYPES[role],
        "message": text,
        "metadata": meta,
        "uid": str(uuid4()),
        "words": len(text.split()),
        "search": _of_session(user_id, given["title"]),
    }


def _found(answer: dict[str, Any] | None, given: Arguments) -> list[models.Hit]:
    rows = answer["hits"] if answer else ()
    hits = [row | {"session_title": row["session_title"] or models.UNTITLED} for row in rows]
    return titles_first(_value(list[models.Hit], hits))[: given["limit"]]


def _filtering(given: Arguments) -> Arguments:
    """The arguments of a list of sessions; an empty filter is none."""
    return given | {name: given[name] or None for name in ("query", "id_prefix")}


def _ending(given: Arguments) -> Arguments:
    ending: base.Ending = given.pop("ending")
    return ending.claim | given


def _finishing(given: Arguments) -> Arguments:
    """The index columns for the end of a session whose title is known, since nobody renamed it."""
    user, result = given["ending"].user_id, given["result"]
    title = result.title or result.title_before
    search = _of_session(user, title, result.summary, result.topics)
    return _ending(given) | {"result": msgspec.to_builtins(result) | {"search": search}}


def _remembering(given: Arguments) -> Arguments:
    memory, previous = given.pop("memory"), given.pop("previous")
    before = previous and {"previous_text": previous.text, "previous_upto": previous.upto}
    before = before or {"previous_text": None, "previous_upto": 0}
    return given | before | msgspec.structs.asdict(memory)


def _importing(given: Arguments) -> Arguments | None:
    session = foreign.checked_session(given["session"])
    messages = [
        msgspec.to_builtins(message)
        | {"event_type": base.EVENT_TYPES[message.role], "words": len(message.text.split())}
        | _of_message(session.user_id, message)
        for message in foreign.checked_messages(session, given["messages"])
    ]
    return {"session": session, "messages": messages} if messages else None


def _deleted(answer: Any, _: Arguments) -> None:
    if not answer:
        raise errors.NotFound("Session not found.")


class SupabaseStore:
    """See `stores.base.Store`; belongs to the event loop in which it was opened."""

    kind = "supabase"

    def __init__(self, url: str, key: str, *, timeout: httpx.Timeout = TIMEOUT) -> None:
        self._url = url
        self._functions = Functions(url, key, timeout)
        self._indexing = base.Indexing(self._index)
        self.indexed = self._indexing.end

    async def call(self, function: str, **arguments: Any) -> Any:
        """The answer of `genpy_<function>`; if it reports unindexed rows, they are indexed."""
        answer = await self._functions.call(function, **arguments)
        if function == "search" and answer["waiting"]:
            self._indexing.start()
        return answer

    async def _index(self) -> bool:
        """Index some rows of earlier versions and of other programs, the newest first."""
        rows = await self._functions.call("unindexed", limit=BATCH, cut=words.CUT)
        cut = await asyncio.to_thread(_of_unindexed, rows)
        await self._functions.call("index", **cut)
        return max(map(len, rows.values())) == BATCH

    async def open(self) -> None:
        """See `Store.open`; a database that is unreachable is reported by the calls that need it."""
        self._functions.open()
        try:
            version = await self.call("version")
            self._functions.check_version(version)
        except (errors.StoreUnavailable, errors.StoreTimeout) as error:
            log.info("%s", error.message)
        except BaseException:
            await self.close()
            raise

    async def installed_version(self) -> int:
        """The version of the project's schema.sql, 0 for none; changes nothing."""
        self._functions.open()
        try:
            return self._functions.read(await self.call("version"), int)
        except errors.StoreSchemaMissing:
            return 0

    async def table_rows(self) -> tuple[int, int, int]:
        """The numbers of sessions, of messages and of indexed ones in the tables of any version."""
        sessions = await self._functions.rows("sessions")
        messages = await self._functions.rows("session_logs")
        try:
            return sessions, messages, await self._functions.rows("session_logs", "terms")
        except errors.StoreError:  # the first versions have no such column
            return sessions, messages, 0

    async def close(self) -> None:
        await self._indexing.stop()
        await self._functions.close()

    async def check(self) -> base.StoreHealth:
        seen = self._functions.read(await self.call("check"), dict[str, Any])
        self._functions.check_version(seen.get("version"))
        return self._functions.read(
            seen | {"kind": self.kind, "where": self._url}, base.StoreHealth
        )

    append = _calls(base.Store.append, _appending, in_thread=True)
    find_client_id = _calls(base.Store.find_client_id)
    messages = _calls(base.Store.messages)
    search = _calls(base.Store.search, query_of, _found)
    metrics = _calls(base.Store.metrics)
    usage = _calls(base.Store.usage)

    session = _calls(base.Store.session)
    sessions = _calls(base.Store.sessions, _filtering)
    rename = _calls(base.Store.rename)
    configure = _calls(base.Store.configure)
    rate = _calls(
        base.Store.rate, lambda given: given | {"rating": models.checked_rating(given["rating"])}
    )
    delete = _calls(base.Store.delete, read=_deleted)

    attach = _calls(base.Store.attach)
    touch = _calls(base.Store.touch, lambda given: given if given["known"] else None)
    abandoned = _calls(base.Store.abandoned)
    claim_ending = _calls(
        base.Store.claim_ending, lambda given: given | {"token": str(uuid4())}, _ending_of
    )
    finish_ending = _calls(base.Store.finish_ending, _finishing)
    release_ending = _calls(base.Store.release_ending, _ending)

    secret = _calls(base.Store.secret, read=lambda answer, _: str(answer["secret"]))
    beat = _calls(base.Store.beat)
    journal = _calls(base.Store.journal)
    take_over = _calls(base.Store.take_over)
    interrupted = _calls(base.Store.interrupted)

    memory = _calls(base.Store.memory)
    extend_memory = _calls(base.Store.extend_memory, _remembering)

    approved_tools = _calls(base.Store.approved_tools)
    approve_tool = _calls(base.Store.approve_tool)
    revoke_tool = _calls(base.Store.revoke_tool)

    import_session = _calls(
        base.Store.import_session,
        _importing,
        lambda answer, _: int(answer["added"]) if answer else 0,
        function="import",
        in_thread=True,
    )
