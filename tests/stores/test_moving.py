"""What every store promises of an import."""

from datetime import UTC, datetime

import msgspec
import pytest
from support.users import Person

from genpy_server.core.models import (
    MessageMeta,
    Metrics,
    Params,
    SessionSettings,
    ToolRecord,
    Usage,
)
from genpy_server.errors import BadRequest, NotFound
from genpy_server.sessions import imports
from genpy_server.sessions.records import LocalRecords
from genpy_server.settings import load
from genpy_server.stores.base import Result, Store

RESULT = Result(
    Metrics(messages=3), summary="S.", topics=("a",), sentiment="neutral", outcomes=("o",)
)


async def _talk(person: Person) -> None:
    asked = await person.say("a penguin?", title="Birds")
    meta = MessageMeta(reply_to=asked.id, usage=Usage(1, 2), tools=(ToolRecord("t", {"a": 1}),))
    await person.say("A penguin.", role="assistant", meta=meta)
    await person.store.append(
        person.id,
        person.session,
        "user",
        "thanks",
        title="",
        client_id="c-3",
        meta=MessageMeta(replaces=asked.id),
    )
    await person.complete(RESULT)
    await person.store.rate(person.id, person.session, 4)
    settings = SessionSettings("a/b", Params(stop=("x",)), "Be brief.")
    await person.store.configure(person.id, person.session, settings)


async def test_an_import_into_an_empty_database_loses_nothing(store: Store, person: Person) -> None:
    """Times, rating, summary, order, roles, client ids and metadata are as they were."""
    await _talk(person)
    session, messages = await person.export()
    await store.delete(person.id, person.session)
    assert await store.import_session(session, messages) == 3
    moved_session, moved = await person.export()
    ids = [message["id"] for message in moved]
    assert moved_session == msgspec.structs.replace(session, last_message_id=ids[-1])
    assert moved[1]["meta"] == {**messages[1]["meta"], "reply_to": ids[0]}
    assert moved[2]["meta"] == {"replaces": ids[0]}
    for old, new in zip(messages, moved, strict=True):
        assert {**old, "id": 0, "meta": 0} == {**new, "id": 0, "meta": 0}
    assert (await store.search(person.id, "penguin", limit=5))[0].session_title == "Birds"
    metrics = await store.metrics(person.id, person.session)
    assert (metrics.user_words, metrics.completion_tokens) == (3, 2)


async def test_a_second_import_changes_nothing(store: Store, person: Person) -> None:
    """The same import adds no message and alters none, wherever it came from."""
    await _talk(person)
    export = await person.export()
    assert await store.import_session(*export) == 0
    assert await person.export() == export
    await store.delete(person.id, person.session)
    assert await store.import_session(*export) == 3
    moved = await person.export()
    assert await store.import_session(*export) == 0
    assert await store.import_session(*moved) == 0
    assert await person.export() == moved


@pytest.mark.parametrize(
    ("title", "stored"),
    [("\x1b\u202e \u200b", "Untitled"), ("a\x07\nb", "a b"), ("x" * 300, "x" * 200)],
)
async def test_the_title_of_an_import(
    store: Store, person: Person, title: str, stored: str
) -> None:
    """It is cleaned, cut to the length of a title, and never empty."""
    await _talk(person)
    session, messages = await person.export()
    later = msgspec.structs.replace(session, title=title, updated_at="2999-01-01T00:00:00+00:00")
    await store.import_session(later, messages)
    assert (await person.export())[0].title == stored


async def test_an_import_brings_what_is_new(store: Store, person: Person) -> None:
    """A conversation that went on elsewhere comes back longer, with its newer state."""
    await _talk(person)
    session, messages = await person.export()
    later = msgspec.structs.replace(session, title="Newer", updated_at="2999-01-01T00:00:00+00:00")
    more = {
        **messages[0],
        "id": 10**6,
        "uid": "5f0c2a6e-6a52-4d28-9a6f-0f3a5cf0a001",
        "role": "assistant",
        "text": "more",
        "meta": {"reply_to": messages[2]["id"]},
    }
    assert await store.import_session(later, [*messages, more]) == 1
    after, stored = await person.export()
    assert [message["text"] for message in stored][2:] == ["thanks", "more"]
    assert stored[3]["meta"] == {"reply_to": messages[2]["id"]}
    assert (after.title, after.message_count) == ("Newer", 4)
    assert after.last_message_id == stored[3]["id"]


async def test_an_import_is_written_in_pieces(
    store: Store, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written before a failure stays, the rest follows, and each piece knows those before."""
    monkeypatch.setattr(imports, "FIRST", 1)
    monkeypatch.setattr(imports, "MOST", 1)
    await _talk(person)
    session, messages = await person.export()
    await store.delete(person.id, person.session)
    own = LocalRecords(store, person.id, load({}))
    with pytest.raises(BadRequest, match="cannot be read"):
        await own.import_session(session, [*messages[:2], {**messages[2], "role": "nobody"}])
    assert len((await person.export())[1]) == 2
    assert await own.import_session(session, messages) == 1
    first, second, third = (await person.export())[1]
    assert second["meta"]["reply_to"] == third["meta"]["replaces"] == first["id"]


def test_a_slow_database_gets_small_pieces() -> None:
    """A piece has twice as many messages after a quick one and half as many after a slow one."""
    sizes = [imports.FIRST]
    for seconds in [0.01] * 5 + [0.5] + [3.0] * 6:
        sizes.append(imports.next_size(sizes[-1], seconds))
    assert sizes == [100, 200, 400, 800, 1000, 1000, 1000, 500, 250, 125, 62, 50, 50]


async def test_messages_out_of_order_are_refused_whole(store: Store, person: Person) -> None:
    """A message that stands behind a later one is refused, and nothing of its conversation is kept."""
    await _talk(person)
    session, (first, *others) = await person.export()
    await store.delete(person.id, person.session)
    with pytest.raises(BadRequest, match="not in their order"):
        await store.import_session(session, iter([*others, first]))
    assert await store.session(person.id, person.session) is None


async def test_an_older_state_does_not_replace_a_newer_one(store: Store, person: Person) -> None:
    """What was changed here after the export stays."""
    await _talk(person)
    export = await person.export()
    renamed = await store.rename(person.id, person.session, "Newer")
    assert renamed.updated_at >= export[0].updated_at
    assert await store.import_session(*export) == 0
    assert await store.session(person.id, person.session) == renamed


async def test_messages_without_uid_are_imported_once(store: Store, person: Person) -> None:
    """An export of a program that knows no uid is told apart by its ids."""
    await _talk(person)
    session, messages = await person.export()
    await store.delete(person.id, person.session)
    bare = [{**message, "uid": "", "client_id": None} for message in messages]
    assert await store.import_session(session, bare) == 3
    assert await store.import_session(session, bare) == 0


async def test_an_active_session_is_imported_active(store: Store, person: Person) -> None:
    """It waits for the sweep, as nobody hosts it."""
    await person.say("x", live_seconds=60)
    export = await person.export()
    await store.delete(person.id, person.session)
    await store.import_session(*export)
    assert (person.id, person.session) in await store.abandoned(
        10_000, users=[person.id], never_hosted=True
    )


async def test_a_session_without_messages_is_not_imported(store: Store, person: Person) -> None:
    """A session with no message writes nothing."""
    await person.say("x")
    session, _ = await person.export()
    await store.delete(person.id, person.session)
    assert await store.import_session(session, []) == 0
    assert await store.session(person.id, person.session) is None


async def test_an_import_never_takes_somebody_elses_session(
    store: Store, person: Person, stranger: Person
) -> None:
    """Importing a session whose id another owner has is `NotFound`."""
    await _talk(person)
    session, messages = await person.export()
    with pytest.raises(NotFound):
        await store.import_session(msgspec.structs.replace(session, user_id=stranger.id), messages)
    assert await person.export() == (session, messages)


@pytest.mark.parametrize(
    "wrong", [{"role": "robot"}, {"at": "yesterday"}, {"id": "x"}, {"uid": "u"}, {"text": None}]
)
async def test_an_unreadable_message_imports_nothing(
    store: Store, person: Person, wrong: dict[str, object]
) -> None:
    """An import is whole or not at all."""
    await _talk(person)
    session, messages = await person.export()
    await store.delete(person.id, person.session)
    with pytest.raises(BadRequest):
        await store.import_session(session, [*messages[:2], {**messages[2], **wrong}])
    assert await store.session(person.id, person.session) is None


async def test_times_are_kept_as_the_store_writes_its_own(store: Store, person: Person) -> None:
    """A time without a zone is read as UTC, and one of another zone is the same moment in UTC."""
    said = await person.say("x")
    session, messages = await person.export()
    await store.delete(person.id, person.session)
    times = {
        "started_at": "2026-01-02T10:00:00",
        "updated_at": "2026-01-02T13:00:00+02:00",
        "ended_at": "2026-01-02T12:00:00Z",
        "rated_at": "2026-01-02",
        "metrics": Metrics(first_at="2026-01-02T10:00:00", last_at="2026-01-02T12:00:00+02:00"),
    }
    elsewhere = msgspec.structs.replace(session, **times)
    await store.import_session(elsewhere, [{**messages[0], "at": "2026-01-02T09:30:00.5-01:00"}])
    moved, [message] = await person.export()
    assert moved.metrics is not None
    kept = [
        *(moved.started_at, moved.updated_at, moved.ended_at, moved.rated_at, message["at"]),
        *(moved.metrics.first_at, moved.metrics.last_at),
    ]
    moments = [
        *("2026-01-02 10:00", "2026-01-02 11:00", "2026-01-02 12:00", "2026-01-02 00:00"),
        *("2026-01-02 10:30:00.5", "2026-01-02 10:00", "2026-01-02 10:00"),
    ]
    assert [datetime.fromisoformat(str(at)) for at in kept] == [
        datetime.fromisoformat(at).replace(tzinfo=UTC) for at in moments
    ]
    if store.kind == "sqlite":
        assert {len(str(at)) for at in kept} == {len(said.at)}
    assert await store.import_session(elsewhere, [{**messages[0], "at": "2026-01-02T09:30"}]) == 0


async def test_a_session_is_found_however_its_id_was_written(store: Store, person: Person) -> None:
    """An id in capitals is the same session, before the import and after it."""
    await _talk(person)
    session, messages = await person.export()
    shouted = msgspec.structs.replace(session, id=session.id.upper())
    assert await store.import_session(shouted, messages) == 0
    await store.delete(person.id, person.session)
    assert await store.import_session(shouted, messages) == 3
    assert (await person.export())[0].message_count == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "x"},
        {"started_at": ""},
        {"ended_at": "soon"},
        {"updated_at": "0001-01-01T00:00+01:00"},
        {"rating": 6},
        {"metrics": Metrics(first_at="then")},
    ],
)
async def test_an_unreadable_session_is_refused(
    store: Store, person: Person, wrong: dict[str, object]
) -> None:
    """A session needs an id that is one, times that are some, and a rating from 1 to 5 if any."""
    await person.say("x")
    session, messages = await person.export()
    with pytest.raises(BadRequest):
        await store.import_session(msgspec.structs.replace(session, **wrong), messages)
