"""What every store promises of the end of a session: exactly once."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from support.conditions import eventually
from support.users import Person

from genpy_server.core.models import Metrics
from genpy_server.stores.base import Result, Store

RESULT = Result(
    Metrics(messages=2, user_words=5, tools={"a": 1}, intents={"b": 2}, duration_seconds=1.5),
    summary="It was about penguins.",
    topics=("penguins", "ice"),
    sentiment="positive",
    outcomes=("A plan.", "A list."),
)


async def test_an_ended_session_holds_its_result(store: Store, person: Person) -> None:
    """`finish_ending` completes the session with every part of the result."""
    await person.say("x")
    session = await person.complete(RESULT)
    assert session.status == "completed"
    assert session.ended_at is not None
    assert session.metrics == RESULT.metrics
    assert session.summary == RESULT.summary
    assert (session.topics, session.outcomes) == (RESULT.topics, RESULT.outcomes)
    assert (session.sentiment, session.note) == ("positive", None)
    assert await store.session(person.id, person.session) == session


async def test_a_session_ends_without_a_summary(store: Store, person: Person) -> None:
    """A note says why there is none."""
    await person.say("x")
    session = await person.complete(Result(Metrics(), note="No model\0."))
    assert (session.status, session.summary) == ("completed", None)
    assert session.note == "No model\ufffd."
    assert session.metrics == Metrics()


async def test_of_many_callers_one_may_end(
    store: Store, person: Person, open_store: Callable[[], Awaitable[Store]]
) -> None:
    """Of callers at the same time on several servers exactly one gets the right."""
    await person.say("x")
    servers = [store, *[await open_store() for _ in range(3)]]
    claims = await asyncio.gather(
        *(
            server.claim_ending(person.id, person.session, lease_seconds=60)
            for server in servers * 5
        )
    )
    assert sum(claim is not None for claim in claims) == 1


async def test_a_completed_session_is_ended_again_only_on_request(
    store: Store, person: Person
) -> None:
    """`again` takes a completed session, to summarise it again; without it the right is refused."""
    await person.say("x")
    first = await person.complete(RESULT)
    assert await person.claim() is None
    ending = await person.claim(again=True)
    assert ending is not None
    again = await store.finish_ending(ending, msgspec.structs.replace(RESULT, summary="Again."))
    assert again is not None
    assert (again.summary, again.id) == ("Again.", first.id)


async def test_a_session_that_does_not_exist_cannot_be_ended(person: Person) -> None:
    """The right to end a session that was never begun is refused."""
    assert await person.claim() is None
    assert await person.claim(again=True) is None


async def test_the_right_is_used_once(store: Store, person: Person) -> None:
    """A second `finish_ending` with the same right does nothing."""
    await person.say("x")
    ending = await person.claim()
    assert ending is not None
    assert await store.finish_ending(ending, RESULT) is not None
    assert await store.finish_ending(ending, Result(Metrics(), summary="Twice.")) is None
    session = await store.session(person.id, person.session)
    assert session is not None
    assert session.summary == RESULT.summary


async def test_a_new_message_takes_the_right_away(store: Store, person: Person) -> None:
    """A message during the ending keeps the session active; it can be ended again."""
    await person.say("x")
    ending = await person.claim()
    assert ending is not None
    await person.say("wait!")
    assert await store.finish_ending(ending, RESULT) is None
    session = await store.session(person.id, person.session)
    assert session is not None
    assert (session.status, session.summary) == ("active", None)
    await store.release_ending(ending)
    assert await person.claim() is not None


async def test_a_new_message_makes_a_completed_session_active(store: Store, person: Person) -> None:
    """The session goes on, and its next end writes the summary again."""
    await person.say("x")
    await person.complete(RESULT)
    await person.say("one more thing")
    session = await store.session(person.id, person.session)
    assert session is not None
    assert (session.status, session.ended_at) == ("active", None)
    again = await person.complete(msgspec.structs.replace(RESULT, summary="All of it."))
    assert again.summary == "All of it."


async def test_a_right_ends_with_its_lease(store: Store, person: Person) -> None:
    """After the lease another caller gets the right, and the first one has lost it."""
    await person.say("x")
    ending = await person.claim(lease_seconds=0.05)
    assert ending is not None
    taken = await eventually(person.claim)
    assert await store.finish_ending(ending, RESULT) is None
    await store.release_ending(ending)
    assert await person.claim() is None
    assert await store.finish_ending(taken, RESULT) is not None


async def test_a_right_is_lost_with_its_lease_even_if_nobody_wants_it(
    store: Store, person: Person
) -> None:
    """A late `finish_ending` does nothing."""
    await person.say("x")
    ending = await person.claim(lease_seconds=0)
    assert ending is not None
    assert await store.finish_ending(ending, RESULT) is None


async def test_a_right_is_given_back(store: Store, person: Person) -> None:
    """After `release_ending` the session is as it was, and the next caller gets the right."""
    await person.say("x")
    before = await store.session(person.id, person.session)
    ending = await person.claim()
    assert ending is not None
    await store.release_ending(ending)
    assert await store.finish_ending(ending, RESULT) is None
    assert await store.session(person.id, person.session) == before
    assert await person.claim() is not None


async def test_a_forged_right_is_none(store: Store, person: Person, stranger: Person) -> None:
    """A right with another token or another owner ends nothing."""
    await person.say("x")
    ending = await person.claim()
    assert ending is not None
    for wrong in ({"token": "00000000-0000-4000-8000-000000000000"}, {"user_id": stranger.id}):
        forged = msgspec.structs.replace(ending, **wrong)
        await store.release_ending(forged)
        assert await store.finish_ending(forged, RESULT) is None
    assert await store.finish_ending(ending, RESULT) is not None


async def _is_abandoned(person: Person) -> bool:
    return (person.id, person.session) in await person.store.abandoned(
        10_000, users=[person.id], never_hosted=True
    )


async def _claim_abandoned(person: Person) -> bool:
    ending = await person.store.claim_ending(
        person.id, person.session, lease_seconds=60, abandoned_only=True
    )
    return ending is not None


async def test_hosted_sessions_are_not_abandoned(store: Store, person: Person) -> None:
    """`live_seconds` of a message keeps the sweep away, not the host's own ending."""
    await person.say("x", live_seconds=60)
    assert not await _is_abandoned(person)
    assert not await _claim_abandoned(person)
    assert await person.claim() is not None


async def test_a_session_nobody_ever_hosted_is_abandoned(store: Store, person: Person) -> None:
    """A message without `live_seconds` leaves its session to the sweep."""
    await person.say("x")
    assert await _is_abandoned(person)
    assert await _claim_abandoned(person)


async def test_a_session_is_abandoned_when_its_host_is_silent(store: Store, person: Person) -> None:
    """When the time of the last `touch` is over the session is the sweep's."""
    await person.say("x", live_seconds=60)
    await store.touch({person.session: ""}, 0.05)
    await eventually(lambda: _is_abandoned(person))
    assert await _claim_abandoned(person)


async def test_touch_keeps_sessions_hosted(store: Store, person: Person, stranger: Person) -> None:
    """One `touch` hosts many sessions of any users; unknown ones do not matter."""
    before = [await p.say("x") for p in (person, stranger)]
    ids = [person.session, stranger.session, str(before[0].uid)]
    await store.touch(dict.fromkeys(ids, ""), 60)
    await store.touch({}, 60)
    assert not await _is_abandoned(person)
    assert not await _is_abandoned(stranger)


async def test_touch_is_no_activity(store: Store, person: Person) -> None:
    """Hosting changes nothing that a person sees."""
    await person.say("x")
    before = await store.session(person.id, person.session)
    await store.touch({person.session: ""}, 60)
    assert await store.session(person.id, person.session) == before


async def test_a_message_that_hosts_nothing_changes_no_hosting(
    store: Store, person: Person
) -> None:
    """A message of a caller that hosts nothing leaves the host's time as it is."""
    await person.say("x", live_seconds=60)
    await person.say("y")
    assert not await _is_abandoned(person)


async def test_completed_sessions_are_not_abandoned(store: Store, person: Person) -> None:
    """The sweep finds only what is still active, and not more than it asked for."""
    await person.say("x")
    await person.complete()
    assert not await _is_abandoned(person)
    assert await store.abandoned(0, users=[person.id], never_hosted=True) == []
