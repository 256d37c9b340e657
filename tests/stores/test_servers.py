"""What every store promises of servers, their replies in progress, and the installation's secret."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import msgspec
from support.conditions import eventually
from support.users import Person

from genpy_server.core.models import Memory, Message, MessageMeta, Metrics, SessionSettings
from genpy_server.stores.base import JournalPiece, LeftBehind, Result, Store, known_state

META = MessageMeta(run="r", reply_to=1, intent="tutorial", model="m")


def piece(person: Person, run: str, position: int, text: str, reply_to: int = 1) -> JournalPiece:
    """A part of a reply in the person's session."""
    meta = msgspec.structs.replace(META, run=run)
    return JournalPiece(person.session, run, reply_to, position, text, meta)


async def test_the_secret_is_one_for_all_servers(
    store: Store, open_store: Callable[[], Awaitable[Store]]
) -> None:
    """Every store on a database reads the same secret, of at least 128 bits."""
    other = await open_store()
    assert await store.secret() == await other.secret()
    assert len(await store.secret()) >= 32


async def test_a_server_is_alive_until_its_time_is_over(store: Store) -> None:
    """A beat names the others and says which are late; one of 0 seconds removes the server at once."""
    one, two = str(uuid4()), str(uuid4())
    await store.beat(one, 60)
    others = await store.beat(two, 60)
    assert others[one] is False
    assert two not in others
    await store.beat(one, 0)
    assert one not in await store.beat(two, 60)
    await store.beat(one, 0.05)

    async def lapsed() -> bool:
        return (await store.beat(two, 60))[one]

    assert await eventually(lapsed)
    await store.beat(one, 60)
    assert (await store.beat(two, 60))[one] is False


async def test_a_journalled_reply_is_found_once_its_server_is_gone(
    store: Store, person: Person
) -> None:
    """Pieces make the text in their order, a repeated one counts once, and a live server keeps its own."""
    server, run = str(uuid4()), uuid4().hex
    await person.say("x", live_seconds=60)
    await store.beat(server, 60)
    await store.touch({person.session: ""}, 60, server)
    for at, text in ((0, ""), (0, "né "), (3, "of"), (3, "of two")):
        await store.journal(server, [piece(person, run, at, text)])
    assert await store.take_over(person.id, person.session) == LeftBehind()
    assert (person.id, person.session) not in await store.interrupted(1_000, users=[person.id])
    await store.beat(server, 0)
    left = await store.take_over(person.id, person.session)
    (reply,) = left.replies
    assert (reply.run, reply.reply_to, reply.text) == (run, 1, "né of two")
    assert reply.meta == msgspec.structs.replace(META, run=run)
    assert (person.id, person.session) in await store.interrupted(1_000, users=[person.id])
    assert (await store.take_over("somebody else", person.session)).replies == ()


async def test_a_stored_reply_leaves_no_journal(store: Store, person: Person) -> None:
    """The reply's commit removes its pieces, and none that comes late is kept."""
    run = uuid4().hex
    await person.say("x")
    await store.journal("gone", [piece(person, run, 0, "half")])
    await store.append(
        person.id, person.session, "assistant", "whole", title="t", client_id=run, meta=META
    )
    await store.journal("gone", [piece(person, run, 4, " more")])
    assert (await store.take_over(person.id, person.session)).replies == ()


async def test_the_journal_of_a_deleted_session_goes_with_it(store: Store, person: Person) -> None:
    """A deleted session has no replies in progress, and gets none."""
    run = uuid4().hex
    await person.say("x")
    await store.journal("gone", [piece(person, run, 0, "half")])
    await store.delete(person.id, person.session)
    await store.journal("gone", [piece(person, run, 4, " more")])
    assert (person.id, person.session) not in await store.interrupted(1_000, users=[person.id])
    await person.say("y")
    assert (await store.take_over(person.id, person.session)).replies == ()


async def _ask(person: Person, text: str, server: str, **meta: Any) -> Message:
    appended = await person.store.append(
        person.id,
        person.session,
        "user",
        text,
        title="t",
        live_seconds=60,
        server=server,
        meta=MessageMeta(**meta),
    )
    return appended.message


async def test_what_waits_at_a_server_that_is_gone_is_taken_over_once(
    store: Store, person: Person
) -> None:
    """Every question without a reply, whatever was answered behind it, goes to one other server.

    That one finds it when it opens the session again.
    """
    gone, one, two = (str(uuid4()) for _ in range(3))
    ids = person.id, person.session
    await store.beat(gone, 60)
    answered, running, first, edited = [await _ask(person, text, gone) for text in "arfe"]
    last = await _ask(person, "l", gone, replaces=edited.id)
    await store.journal(gone, [piece(person, "r2", 0, "half", running.id)])
    other = await _ask(person, "o", one)
    for question in (answered, other):
        await person.say("A", role="assistant", meta=MessageMeta(reply_to=question.id))
    assert not (await store.attach(*ids, limit=9, live_seconds=60, server=one)).left
    assert await store.take_over(*ids, one) == LeftBehind()
    await store.beat(gone, 0.01)
    assert not (await store.attach(*ids, limit=9, live_seconds=60, server=one)).left
    await store.beat(gone, 0)
    assert (await store.attach(*ids, limit=9, live_seconds=60, server=one)).left
    (told,) = await store.touch({person.session: ""}, 60, one)
    assert told.left
    assert (await store.take_over(*ids)).questions == ()
    assert await store.take_over("somebody else", person.session, one) == LeftBehind()
    taken = await store.take_over(*ids, one)
    assert [reply.run for reply in taken.replies] == ["r2"]
    assert list(taken.questions) == [first, last]
    assert (await store.take_over(*ids, one)).questions == taken.questions
    assert (await store.attach(*ids, limit=9, live_seconds=60, server=one)).left
    assert (await store.take_over(*ids, two)).questions == ()
    await person.say(
        "half", role="assistant", client_id="r2", meta=MessageMeta(reply_to=running.id)
    )
    assert not (await store.attach(*ids, limit=9, live_seconds=60, server=two)).left
    await store.beat(one, 0)
    assert list((await store.take_over(*ids, two)).questions) == [first, last]
    assert (await store.take_over(*ids, one)).questions == ()


async def test_the_lease_of_a_server_that_is_gone_is_given_back(
    store: Store, person: Person
) -> None:
    """An end that a dead server holds can be claimed at once; that of a live one cannot."""
    server = str(uuid4())
    await person.say("x")
    await store.beat(server, 60)

    async def claim() -> bool:
        ending = await store.claim_ending(
            person.id, person.session, lease_seconds=600, server=server
        )
        return ending is not None

    assert await claim()
    assert not await claim()
    await store.beat(server, 0)
    assert await claim()


async def test_a_late_sign_of_life_costs_a_server_no_right(store: Store, person: Person) -> None:
    """A server whose time ran out keeps its right to end a session; only one that is gone loses it."""
    late = str(uuid4())
    await person.say("x")
    assert await store.claim_ending(person.id, person.session, lease_seconds=600, server=late)
    await store.beat(late, 0.01)

    async def lapsed() -> bool:
        return (await store.beat(str(uuid4()), 60))[late]

    await eventually(lapsed)
    assert (person.id, person.session) not in await store.abandoned(
        1_000, users=[person.id], never_hosted=True
    )
    assert await person.claim() is None
    await store.beat(late, 0)
    assert (person.id, person.session) in await store.abandoned(
        1_000, users=[person.id], never_hosted=True
    )
    assert await person.claim() is not None


async def test_a_session_of_a_late_server_is_not_ended_by_others(
    store: Store, person: Person
) -> None:
    """Whose leases are over, neither as abandoned nor by who leaves it; once it is gone, it is."""
    late, other = str(uuid4()), str(uuid4())
    ids = person.id, person.session
    await _ask(person, "x", late)
    await store.touch({person.session: ""}, 0.01, late)
    await store.beat(late, 0.01)

    async def lapsed() -> bool:
        return (await store.beat(other, 60))[late]

    await eventually(lapsed)
    assert ids in await store.abandoned(1_000, users=[person.id])

    async def claim(**how: Any) -> bool:
        ending = await store.claim_ending(*ids, lease_seconds=60, server=other, **how)
        return ending is not None

    assert not await claim(abandoned_only=True)
    (told,) = await store.touch({person.session: ""}, 60, other)
    assert told.elsewhere
    assert not await claim(leaving=True)
    await store.beat(late, 0)
    assert await claim(leaving=True)


async def test_attempts_to_end_are_counted_and_wait(store: Store, person: Person) -> None:
    """Each claim counts; after a failure the sweep waits, a person does not; a message starts at 1."""
    await person.say("x")
    first = await person.claim()
    assert first is not None
    assert first.attempt == 1
    await store.release_ending(first, 60)
    assert (person.id, person.session) not in await store.abandoned(
        1_000, users=[person.id], never_hosted=True
    )
    assert not await store.claim_ending(
        person.id, person.session, lease_seconds=60, abandoned_only=True
    )
    second = await person.claim()
    assert second is not None
    assert second.attempt == 2
    await store.release_ending(second)
    swept = await store.claim_ending(
        person.id, person.session, lease_seconds=60, abandoned_only=True
    )
    assert swept is not None
    assert swept.attempt == 3
    await person.say("y")
    again = await person.claim()
    assert again is not None
    assert again.attempt == 1
    assert await store.finish_ending(again, Result(Metrics()))
    third = await person.claim(again=True)
    assert third is not None
    assert third.attempt == 1


async def test_whatever_changes_is_told_until_it_is_known(store: Store, person: Person) -> None:
    """`touch` returns a session and its memory after each kind of change, and nothing once known."""
    ids, server = (person.id, person.session), str(uuid4())
    await person.say("x")
    told = await store.touch({person.session: "unknown"}, 60, server)

    async def change(kind: str) -> None:
        match kind:
            case "message":
                await person.say("y")
            case "title":
                await store.rename(*ids, "Another: é")
            case "rating":
                await store.rate(*ids, 4)
            case "settings":
                await store.configure(*ids, SessionSettings(system="Be brief."))
            case "memory":
                await store.extend_memory(*ids, Memory("- é", 1), previous=None)
            case "forgotten":
                await store.extend_memory(*ids, Memory("~ é", 1), previous=Memory("- é", 1))
            case "covered":
                await store.extend_memory(*ids, Memory("~ é", 2), previous=Memory("~ é", 1))
            case "end":
                await person.complete()

    for kind in ["message", "title", "rating", "settings", "memory", "forgotten", "covered", "end"]:
        (before,) = told
        assert before.session is not None
        known = known_state(before.session.state, before.memory)
        assert await store.touch({person.session: known}, 60, server) == []
        await change(kind)
        told = await store.touch({person.session: known}, 60, server)
        (now,) = told
        assert now.session == await store.session(*ids)
        assert now.memory == await store.memory(*ids)
        assert (now.session, now.memory) != (before.session, before.memory), kind
    await store.delete(*ids)
    (gone,) = await store.touch({person.session: known}, 60, server)
    assert (gone.deleted, gone.session, gone.memory) == (True, None, None)
