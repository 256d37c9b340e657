"""What every store promises of servers, their replies in progress, and the installation's secret."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import msgspec
from support.conditions import eventually
from support.users import Person

from genpy_server.core.models import Memory, MessageMeta, Metrics, SessionSettings
from genpy_server.stores.base import JournalPiece, Result, Store, known_state

META = MessageMeta(run="r", reply_to=1, intent="tutorial", model="m")


def piece(person: Person, run: str, position: int, text: str) -> JournalPiece:
    """A part of a reply in the person's session."""
    meta = msgspec.structs.replace(META, run=run)
    return JournalPiece(person.session, run, 1, position, text, meta)


async def test_the_secret_is_one_for_all_servers(
    store: Store, open_store: Callable[[], Awaitable[Store]]
) -> None:
    """Every store on a database reads the same secret, of at least 128 bits."""
    other = await open_store()
    assert await store.secret() == await other.secret()
    assert len(await store.secret()) >= 32


async def test_a_server_is_alive_until_its_time_is_over(store: Store) -> None:
    """A beat names the others that are alive; one of 0 seconds removes the server at once."""
    one, two = str(uuid4()), str(uuid4())
    await store.beat(one, 60)
    assert one in await store.beat(two, 60)
    assert two not in await store.beat(two, 60)
    await store.beat(one, 0)
    assert one not in await store.beat(two, 60)
    await store.beat(one, 0.05)

    async def lapsed() -> bool:
        return one not in await store.beat(two, 60)

    assert await eventually(lapsed)


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
    hosted = await store.hosting(person.id, person.session)
    assert (hosted.server, hosted.alive, hosted.replies) == (server, True, ())
    assert (person.id, person.session) not in await store.interrupted(1_000, users=[person.id])
    await store.beat(server, 0)
    left = await store.hosting(person.id, person.session)
    (reply,) = left.replies
    assert (left.server, left.alive) == (server, False)
    assert (reply.run, reply.reply_to, reply.text) == (run, 1, "né of two")
    assert reply.meta == msgspec.structs.replace(META, run=run)
    assert (person.id, person.session) in await store.interrupted(1_000, users=[person.id])
    assert (await store.hosting("somebody else", person.session)).replies == ()


async def test_a_stored_reply_leaves_no_journal(store: Store, person: Person) -> None:
    """The reply's commit removes its pieces, and none that comes late is kept."""
    run = uuid4().hex
    await person.say("x")
    await store.journal("gone", [piece(person, run, 0, "half")])
    await store.append(
        person.id, person.session, "assistant", "whole", title="t", client_id=run, meta=META
    )
    await store.journal("gone", [piece(person, run, 4, " more")])
    assert (await store.hosting(person.id, person.session)).replies == ()


async def test_the_journal_of_a_deleted_session_goes_with_it(store: Store, person: Person) -> None:
    """A deleted session has no replies in progress, and gets none."""
    run = uuid4().hex
    await person.say("x")
    await store.journal("gone", [piece(person, run, 0, "half")])
    await store.delete(person.id, person.session)
    await store.journal("gone", [piece(person, run, 4, " more")])
    assert (person.id, person.session) not in await store.interrupted(1_000, users=[person.id])
    await person.say("y")
    assert (await store.hosting(person.id, person.session)).replies == ()


async def test_an_append_names_the_server_that_hosts(store: Store, person: Person) -> None:
    """A message names its server; one without a server changes nothing, and an end clears it."""
    server = str(uuid4())
    await store.append(
        person.id, person.session, "user", "x", title="t", live_seconds=60, server=server
    )
    await person.say("y")
    assert (await store.hosting(person.id, person.session)).server == server
    await person.complete()
    assert (await store.hosting(person.id, person.session)).server is None


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
    await store.beat(late, 0.01)
    assert await store.claim_ending(person.id, person.session, lease_seconds=600, server=late)

    async def lapsed() -> bool:
        return late not in await store.beat(str(uuid4()), 60)

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
