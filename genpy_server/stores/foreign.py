"""Reads rows and exports that other programs may have written.

Fields of a row that do not fit get defaults; an export is checked, in the same way for every store. A
message of an export keeps its `uid`, but gets an id of the new database; `reply_to` and `replaces` are
changed accordingly while the messages are written.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from types import UnionType
from typing import Any, Final, TypeVar, get_args, get_origin
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import FieldInfo

from genpy_server.core import models
from genpy_server.core.text import decoded
from genpy_server.errors import BadRequest

S = TypeVar("S", bound=msgspec.Struct)

_NO_TIME: Final = "1970-01-01T00:00:00.000000Z"

_MISSING: dict[type[msgspec.Struct], dict[str, Any]] = {
    models.Session: {
        "user_id": "",
        "title": models.UNTITLED,
        "status": "completed",
        "started_at": _NO_TIME,
        "updated_at": _NO_TIME,
        "last_message_id": 0,
    },
    models.Message: {"text": "", "at": _NO_TIME, "role": "system"},
}
"""The defaults of required fields that cannot be read."""

_TIMES: Final[dict[type[msgspec.Struct], tuple[str, ...]]] = {
    models.Session: ("started_at", "updated_at", "ended_at", "rated_at"),
    models.Message: ("at",),
    models.Metrics: ("first_at", "last_at"),
}
_YEARS: Final = range(1000, 9999)
"""Years with four digits in every time zone."""
_WRITTEN: Final = len(_NO_TIME)


def session_of(row: dict[str, Any]) -> models.Session:
    """The session of a row with the names of its JSON."""
    metrics = row["metrics"]
    if not isinstance(metrics, dict) or "total_messages" not in metrics:  # GenPy always writes it
        metrics = None
    texts = {name: texts_of(row[name]) for name in ("topics", "key_outcomes")}
    session = read(models.Session, row | texts | {"metrics": metrics})
    if session.settings == models.SessionSettings():
        return session
    return msgspec.structs.replace(session, settings=_as_far_as_settable(session.settings))


def message_of(row: dict[str, Any]) -> models.Message:
    """The message of a row with the names of its JSON."""
    return with_links(read(models.Message, row))


def with_links(message: models.Message) -> models.Message:
    """The message without links to what cannot be: a reply or an edit names an earlier message."""
    meta = message.meta
    if meta.reply_to is None and meta.replaces is None:
        return message
    earlier = range(1, message.id)
    asks = message.role == "user"
    reply_to = None if asks or meta.reply_to not in earlier else meta.reply_to
    replaces = meta.replaces if asks and meta.replaces in earlier else None
    if (reply_to, replaces) == (meta.reply_to, meta.replaces):
        return message
    meta = msgspec.structs.replace(meta, reply_to=reply_to, replaces=replaces)
    return msgspec.structs.replace(message, meta=meta)


def read(kind: type[S], value: Any) -> S:
    """A struct with each field that fits, and defaults for the others."""
    try:
        found = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        found = _in_part(kind, value if isinstance(value, dict) else {})
    return with_times(found)


def _in_part(kind: type[S], value: dict[str, Any]) -> S:
    """The struct with the fields that fit; raises `ValidationError` for one without a default."""
    fields: dict[str, Any] = {}
    missing = _MISSING.get(kind, {})
    for field in fields_of(kind):
        try:
            fields[field.name] = _fitting(field.type, value[field.encode_name])
        except (KeyError, msgspec.ValidationError):
            if field.name in missing:
                fields[field.name] = missing[field.name]
            elif field.required:
                raise msgspec.ValidationError(f"{field.name} cannot be read") from None
    return kind(**fields)


def _fitting(kind: Any, value: Any) -> Any:
    """The members of a value that fit a type; raises `ValidationError` if it does not fit at all."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
        for one in kinds:
            if (
                isinstance(value, dict)
                and isinstance(one, type)
                and issubclass(one, msgspec.Struct)
            ):
                return read(one, value)
            if isinstance(value, list) and get_origin(one) is tuple:
                return tuple(item for _, item in _members(get_args(one)[0], enumerate(value)))
            if isinstance(value, dict) and get_origin(one) is dict:
                return dict(_members(get_args(one)[1], value.items()))
        raise


def _members(kind: Any, members: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    for key, value in members:
        with suppress(msgspec.ValidationError):
            yield key, _fitting(kind, value)


def with_times(found: S, *, strict: bool = False) -> S:
    """The value with its times in a store's format; a time without a zone is in UTC.

    Unreadable times are replaced by defaults; with `strict` they raise `ValueError` or `OverflowError`.
    """
    kind = type(found)
    for name in _TIMES.get(kind, ()):
        at, known = getattr(found, name), None
        if at is None:
            continue
        try:
            known = in_utc(at)
        except (ValueError, OverflowError):
            if strict:
                raise
            known = _MISSING.get(kind, {}).get(name)
        if known != at:
            found = msgspec.structs.replace(found, **{name: known})
    return found


@lru_cache
def fields_of(kind: type[msgspec.Struct]) -> tuple[FieldInfo, ...]:
    """The fields of a struct type, in order."""
    return msgspec.structs.fields(kind)


def in_utc(at: str) -> str:
    """A time in a store's format; a time without a zone is in UTC.

    Raises `ValueError` or `OverflowError` if it is not a time.
    """
    time = datetime.fromisoformat(at)
    if time.year not in _YEARS:
        raise ValueError(f"{at!r} is too far away")
    if len(at) == _WRITTEN and at[10] == "T" and at[-1] == "Z":
        return at
    time = time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_json(kind: type[S], text: str | None) -> S:
    """As `read`, from a JSON text; if that is not an object, a struct of defaults."""
    try:
        return msgspec.json.decode(text or "{}", type=kind)
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError):
        return read(kind, decoded(text))


def _as_far_as_settable(settings: models.SessionSettings) -> models.SessionSettings:
    """The settings without those that a person could not have set."""
    kept = models.SessionSettings()
    for name in settings.__struct_fields__:
        with suppress(BadRequest):
            one = {name: getattr(settings, name)}
            kept = models.checked_settings(msgspec.structs.replace(kept, **one))
    return kept


def counts_of(text: str | None) -> models.Metrics | None:
    """The stored metrics; None if they are invalid, so that all messages must be counted."""
    counts: models.Metrics | None = decoded(text, models.Metrics)
    return counts if counts and counts.messages and counts == with_times(counts) else None


def texts_of(value: Any) -> tuple[str, ...]:
    """A list of texts, or one text with a line for each, as GenPy's first version stored outcomes."""
    if isinstance(value, str):
        texts: tuple[str, ...] | None = decoded(value, tuple[str, ...])
        if texts is not None:
            return texts
        inner = decoded(value)
        value = inner if isinstance(inner, list) else value.splitlines()
    if not isinstance(value, list):
        return ()
    return tuple(item.strip() for item in value if isinstance(item, str) and item.strip())


def checked_session(session: models.Session) -> models.Session:
    """The session in the form in which it is stored; raises `BadRequest` if it is invalid."""
    try:
        return msgspec.structs.replace(
            with_times(session, strict=True),
            id=str(UUID(session.id)),
            title=models.any_title(session.title),
            metrics=session.metrics and with_times(session.metrics, strict=True),
            rating=None if session.rating is None else models.checked_rating(session.rating),
        )
    except (ValueError, OverflowError, BadRequest) as error:
        why = str(error).removesuffix(".")
        raise BadRequest(f"The exported session {session.id!r} cannot be read: {why}.") from None


def checked_messages(
    session: models.Session, messages: Iterable[dict[str, Any]]
) -> Iterator[models.Message]:
    """The messages in the form in which they are stored; raises `BadRequest` for an invalid one.

    They must be ordered by id.
    """
    last = 0
    for value in messages:
        try:
            message = with_times(msgspec.convert(value, models.Message), strict=True)
            uid = str(
                UUID(message.uid) if message.uid else uuid5(UUID(session.id), str(message.id))
            )
        except (ValueError, OverflowError) as error:
            raise BadRequest(
                f"A message of the exported session {session.id} cannot be read: {error}."
            ) from None
        if message.id < last:
            raise BadRequest(
                f"The messages of the exported session {session.id} are not in their order."
            )
        last = message.id
        yield msgspec.structs.replace(message, session_id=session.id, uid=uid)


def with_own_ids(meta: models.MessageMeta, ids: dict[int, int]) -> models.MessageMeta:
    """The metadata with ids of this database; `ids` maps the ids of the export to them."""
    if meta.reply_to is None and meta.replaces is None:
        return meta
    return msgspec.structs.replace(
        meta, reply_to=ids.get(meta.reply_to or 0), replaces=ids.get(meta.replaces or 0)
    )
