"""What every store promises of sessions, their memory and their health."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from support.users import Person

from genpy_server.core.models import Memory, Metrics, Params, SessionSettings
from genpy_server.errors import BadRequest, NotFound
from genpy_server.stores.base import Result, Store


async def _ids(person: Person, **where: Any) -> list[str]:
    return [s.id for s in await person.store.sessions(person.id, **{"limit": 50, **where})]


async def test_sessions_are_listed_by_last_activity(store: Store, person: Person) -> None:
    """The session with the newest message comes first; a rating does not move one."""
    a, b, c = (str(uuid4()) for _ in range(3))
    for session in (a, b, c, a):
        await person.say("x", session=session)
    await store.rate(person.id, b, 5)
    assert await _ids(person) == [a, c, b]
    assert await _ids(person, limit=2) == [a, c]
    assert await _ids(person, limit=0) == []
    cursor = (await store.sessions(person.id, limit=2))[-1].last_message_id
    assert await _ids(person, before=cursor) == [b]


async def test_sessions_are_filtered_by_status(store: Store, person: Person) -> None:
    """`status` keeps the active ones or the completed ones."""
    await person.say("x")
    await person.complete()
    active = str(uuid4())
    await person.say("x", session=active)
    assert await _ids(person, status="active") == [active]
    assert await _ids(person, status="completed") == [person.session]


@pytest.mark.parametrize("query", ["rome", "ROM", "ÉTÉ", "été", "budget", "p to r", "100%", "_"])
async def test_a_query_is_a_part_of_title_summary_or_topic(
    store: Store, person: Person, query: str
) -> None:
    """`query` is found in any of the three, without regard to case and without wildcards."""
    await person.say("x", title="Trip to Rome in été, 100% _")
    await person.complete(Result(Metrics(), summary="A hotel.", topics=("Budgets", "Trains")))
    await person.say("budget rome été", session=str(uuid4()), title="Other")
    assert await _ids(person, query=query) == [person.session]


async def test_a_query_matches_literally(store: Store, person: Person) -> None:
    """Wildcards, quotes and the marks of JSON are characters like others."""
    await person.say("x", title="plain title")
    await person.complete(Result(Metrics(), topics=("one", "two")))
    for query in ("p%e", "p_ain", '","', "[", '"', "\\", "title)", "p*", "a,b", "\0"):
        assert await _ids(person, query=query) == []
    assert await _ids(person, query="") == [person.session]


async def test_sessions_are_found_by_the_beginning_of_their_id(
    store: Store, person: Person
) -> None:
    """`id_prefix` takes any beginning of an id, in either case, and no wildcard."""
    await person.say("x")
    await person.say("x", session=str(uuid4()))
    for length in (8, 13, 36):
        assert await _ids(person, id_prefix=person.session[:length]) == [person.session]
    assert await _ids(person, id_prefix=person.session[:12].upper()) == [person.session]
    for prefix in (person.session[1:9] + "zz", "%", "_" * 8, "not-a-uuid", "'"):
        assert await _ids(person, id_prefix=prefix) == []


async def test_sessions_are_bounded_by_time(store: Store, person: Person) -> None:
    """`since` is part of the interval, `until` is not, and any offset will do."""
    await person.say("x")
    session = await store.session(person.id, person.session)
    assert session is not None
    at = datetime.fromisoformat(session.updated_at)
    later = at + timedelta(seconds=1)
    east = timedelta(hours=5)
    assert await _ids(person, since=at.isoformat()) == [person.session]
    assert await _ids(person, since=later.isoformat()) == []
    assert await _ids(person, until=at.isoformat()) == []
    assert await _ids(person, until=later.isoformat()) == [person.session]
    shifted = (later + east).replace(tzinfo=None).isoformat() + "+05:00"
    assert await _ids(person, since=shifted) == []
    assert await _ids(person, until=shifted) == [person.session]
    today = datetime.now(UTC).date()
    week = {"since": f"{today - timedelta(6)}T00:00:00Z", "until": f"{today + timedelta(1)}"}
    assert await _ids(person, **week) == [person.session]


async def test_time_is_that_of_what_was_said(store: Store, person: Person) -> None:
    """A session is of every time in which something was said, whatever was done to it later."""
    await person.say("a")
    await person.say("b")
    session, messages = await person.export()
    moved = msgspec.structs.replace(
        session, started_at="2026-01-05T10:00:00+00:00", updated_at="2026-01-20T10:00:00+00:00"
    )
    for message, day in zip(messages, ("05", "09"), strict=True):
        message["at"] = f"2026-01-{day}T10:00:00+00:00"
    await store.delete(person.id, person.session)
    await store.import_session(moved, messages)
    await store.rate(person.id, person.session, 4)
    mine = [person.session]
    for since, until, expected in (
        ("2026-01-05", "2026-01-06", mine),
        ("2026-01-06", "2026-01-09", []),
        ("2026-01-09", "2026-01-10", mine),
        ("2026-01-10", "2030-01-01", []),
        ("2026-01-01", "2026-01-05", []),
    ):
        assert await _ids(person, since=since, until=until) == expected
    assert await _ids(person, since="2026-01-10") == []
    assert await _ids(person, until="2026-01-06") == mine


async def test_a_session_is_renamed(store: Store, person: Person) -> None:
    """`rename` returns the session as it then is."""
    await person.say("x")
    renamed = await store.rename(person.id, person.session, "New\0")
    assert renamed.title == "New\ufffd"
    assert await store.session(person.id, person.session) == renamed


async def test_a_session_is_rated_again(store: Store, person: Person) -> None:
    """The last rating counts, and the time of it is kept."""
    await person.say("x")
    await store.rate(person.id, person.session, 2)
    rated = await store.rate(person.id, person.session, 5)
    assert rated.rating == 5
    assert rated.rated_at is not None
    assert await store.session(person.id, person.session) == rated


@pytest.mark.parametrize("rating", [0, 6, -1])
async def test_a_rating_is_from_1_to_5(store: Store, person: Person, rating: int) -> None:
    """Another rating is refused and nothing is changed."""
    await person.say("x")
    with pytest.raises(BadRequest):
        await store.rate(person.id, person.session, rating)
    session = await store.session(person.id, person.session)
    assert session is not None
    assert session.rating is None


async def test_settings_are_kept_with_a_session(store: Store, person: Person) -> None:
    """The first message brings its settings, a later one changes none, `configure` replaces them."""
    first = SessionSettings("a/b", Params(0.5, 10, "low", 7, ("x\0",)), "Be\nbrief.")
    for settings in (first, SessionSettings("c/d")):
        await store.append(person.id, person.session, "user", "x", title="", settings=settings)
    kept = await store.session(person.id, person.session)
    assert kept is not None
    assert kept.settings == SessionSettings(
        "a/b", Params(0.5, 10, "low", 7, ("x\ufffd",)), "Be\nbrief."
    )
    changed = await store.configure(person.id, person.session, SessionSettings(system="é"))
    assert changed.settings == SessionSettings(system="é")
    assert changed.updated_at > kept.updated_at
    assert await store.session(person.id, person.session) == changed
    assert await store.sessions(person.id, limit=5) == [changed]


async def test_a_deleted_session_leaves_nothing(store: Store, person: Person) -> None:
    """Session, messages, memory and the right to end it are gone; its id can be used again."""
    await person.say("x")
    await store.extend_memory(person.id, person.session, Memory("m", 1), previous=None)
    ending = await person.claim()
    assert ending is not None
    await store.delete(person.id, person.session)
    assert await store.session(person.id, person.session) is None
    assert await store.messages(person.id, person.session, limit=10) == []
    assert await store.memory(person.id, person.session) is None
    assert await store.finish_ending(ending, Result(Metrics())) is None
    with pytest.raises(NotFound):
        await store.delete(person.id, person.session)
    appended = await store.append(person.id, person.session, "user", "y", title="")
    assert appended.previous_id == 0


async def test_ids_of_deleted_messages_are_not_used_again(store: Store, person: Person) -> None:
    """An id is a cursor that clients keep: it never names another message."""
    old = await person.say("x")
    await store.delete(person.id, person.session)
    assert (await person.say("y")).id > old.id


async def test_memory_is_extended_from_what_it_was(store: Store, person: Person) -> None:
    """A memory is replaced only by one that knows the old one, its text and how far it reached."""
    await person.say("x")
    one, two, off = Memory("one\0", 3), Memory("one two", 5), Memory("one", 5)
    ids = person.id, person.session
    assert await store.memory(*ids) is None
    assert not await store.extend_memory(*ids, two, previous=one)
    assert await store.extend_memory(*ids, one, previous=None)
    assert not await store.extend_memory(*ids, two, previous=None)
    assert await store.memory(*ids) == Memory("one\ufffd", 3)
    for other in (Memory("one\0", 2), Memory("two", 3)):
        assert not await store.extend_memory(*ids, two, previous=other)
    assert await store.extend_memory(*ids, two, previous=one)
    assert await store.extend_memory(*ids, off, previous=two)
    assert await store.memory(*ids) == off


async def test_check_counts_everything(store: Store, person: Person) -> None:
    """`check` says what the store is, where it is, and how much it holds of all users."""
    before = await store.check()
    await person.say("x")
    await person.say("y")
    after = await store.check()
    assert after.kind == store.kind
    assert after.where
    assert (after.sessions, after.messages) == (before.sessions + 1, before.messages + 2)


CALLS: dict[str, Callable[[Store, str, str], Any]] = {
    "rename": lambda store, user, session: store.rename(user, session, "t"),
    "rate": lambda store, user, session: store.rate(user, session, 3),
    "configure": lambda store, user, session: store.configure(
        user, session, SessionSettings("a/b")
    ),
    "delete": lambda store, user, session: store.delete(user, session),
}


@pytest.mark.parametrize("call", CALLS)
async def test_what_is_missing_or_somebody_elses_is_not_found(
    store: Store, person: Person, stranger: Person, call: str
) -> None:
    """Changing another owner's session fails exactly as changing none does."""
    await person.say("x")
    before = await store.session(person.id, person.session)
    said = []
    for session in (person.session, str(uuid4())):
        with pytest.raises(NotFound) as error:
            await CALLS[call](store, stranger.id, session)
        said.append(error.value.message)
    assert said[0] == said[1]
    assert await store.session(person.id, person.session) == before


async def test_other_users_see_nothing(store: Store, person: Person, stranger: Person) -> None:
    """No reading method shows a row to anybody but its owner."""
    message = await person.say("a penguin")
    await store.append(person.id, person.session, "user", "x", title="", client_id="c")
    await store.extend_memory(person.id, person.session, Memory("m", 1), previous=None)
    user, session = stranger.id, person.session
    assert await store.session(user, session) is None
    assert await store.sessions(user, limit=9) == []
    assert await store.sessions(user, limit=9, id_prefix=session) == []
    assert await store.sessions(user, limit=9, query="title") == []
    assert await store.messages(user, session, limit=9) == []
    assert await store.messages(user, session, limit=9, after=message.id - 1) == []
    assert await store.find_client_id(user, session, "c") is None
    assert await store.search(user, "penguin", limit=9) == []
    assert await store.search(user, "penguin", limit=9, session_id=session) == []
    assert await store.metrics(user, session) == Metrics()
    assert await store.memory(user, session) is None


async def test_other_users_change_nothing(store: Store, person: Person, stranger: Person) -> None:
    """No right to end and no memory of somebody else's session is to be had."""
    await person.say("a penguin")
    user, session = stranger.id, person.session
    assert not await store.extend_memory(user, session, Memory("m", 1), previous=None)
    assert await store.claim_ending(user, session, lease_seconds=60) is None
    assert await store.claim_ending(user, session, lease_seconds=60, again=True) is None
    assert await person.claim() is not None


async def test_a_session_has_the_names_of_the_first_version(store: Store, person: Person) -> None:
    """Its JSON has them once each, with counted metrics and times in UTC that end in Z."""
    await person.say("a penguin")
    await person.say("It swims", role="assistant")
    metrics = await store.metrics(person.id, person.session)
    await person.complete(Result(metrics, "S", None, ("birds",), "positive", ("Done.",)))
    session = msgspec.to_builtins(await store.rate(person.id, person.session, 4))
    first = {
        "session_id": person.session,
        "user_id": person.id,
        "status": "completed",
        "summary": "S",
        "topics": ("birds",),
        "sentiment": "positive",
        "key_outcomes": ("Done.",),
        "user_rating": 4,
    }
    assert first.items() <= session.items()
    counts = {"total_messages": 2, "user_messages": 1, "ai_messages": 1}
    assert counts.items() <= session["metrics"].items()
    times = ("start_time", "end_time", "rated_at", "updated_at")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]{15}Z", session[at]) for at in times)
    assert session["metrics"]["first_at"].endswith("Z")
    assert not {"id", "started_at", "ended_at", "outcomes", "rating"} & session.keys()
    assert not {"messages", "assistant_messages"} & session["metrics"].keys()
