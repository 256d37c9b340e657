"""What every store promises of messages."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from support.users import Person

from genpy_server.core.costs import UsageRow
from genpy_server.core.metrics import counted
from genpy_server.core.models import MessageMeta, Metrics, Role, ToolRecord, Usage
from genpy_server.errors import Conflict, NotFound
from genpy_server.stores.base import Appended, Store

OpenStore = Callable[[], Awaitable[Store]]

FULL_META = MessageMeta(
    run="run-1",
    intent="tutorial",
    intent_score=0.75,
    intent_reason="asks how",
    intent_corrected_from="casual_chat",
    model="a-model",
    status="stopped",
    usage=Usage(12, 34),
    ms=120.5,
    first_token_ms=20.25,
    tools=(
        ToolRecord("search_chat_history", {"keyword": "x", "n": [1, None]}, ok=False, result="no"),
    ),
    error="cut off",
)


async def test_what_was_appended_is_read_back_whole(store: Store, person: Person) -> None:
    """A message keeps its role, text, client id and metadata to the last field."""
    asked = await person.say("x")
    meta = msgspec.structs.replace(FULL_META, reply_to=asked.id)
    first = await store.append(
        person.id,
        person.session,
        "assistant",
        " Ünï\ncode 🙂 \t",
        title="T",
        client_id="c-1",
        meta=meta,
    )
    assert await store.messages(person.id, person.session, limit=10) == [asked, first.message]
    assert first.message.role == "assistant"
    assert first.message.text == " Ünï\ncode 🙂 \t"
    assert first.message.client_id == "c-1"
    assert first.message.session_id == person.session
    assert first.message.meta == meta
    assert not first.duplicate


@pytest.mark.parametrize("role", ["user", "assistant", "system"])
async def test_every_role_is_kept(store: Store, person: Person, role: Role) -> None:
    """A message is read back with the role it was appended with."""
    await person.say("x")
    await person.say("y", role=role)
    (_, message) = await store.messages(person.id, person.session, limit=10)
    assert message.role == role


@pytest.mark.parametrize("role", ["assistant", "system"])
async def test_only_a_person_makes_a_session(store: Store, person: Person, role: Role) -> None:
    """A reply to a session that never was, or was deleted, is not found and makes none."""
    with pytest.raises(NotFound):
        await person.say("x", role=role)
    await person.say("x")
    await store.delete(person.id, person.session)
    with pytest.raises(NotFound):
        await person.say("late", role=role)
    assert await store.session(person.id, person.session) is None
    await person.say("again")
    await person.say("now", role=role)
    assert len(await store.messages(person.id, person.session, limit=10)) == 2


@pytest.mark.parametrize("role", ["user", "assistant"])
async def test_who_knows_a_deleted_session_does_not_bring_it_back(
    store: Store, person: Person, role: Role
) -> None:
    """A message that follows one that is gone is refused, also where the session was created again."""

    async def follow(known: int) -> Appended:
        where = (person.id, person.session, role, "x")
        return await store.append(*where, title="t", known=known)

    first = await person.say("first")
    second = await person.say("second")
    assert (await follow(second.id)).previous_id == second.id
    await follow(first.id)
    await store.delete(person.id, person.session)
    with pytest.raises(NotFound):
        await follow(first.id)
    assert await store.session(person.id, person.session) is None
    again = await person.say("again")
    with pytest.raises(NotFound):
        await follow(first.id)
    await follow(again.id)
    assert len(await store.messages(person.id, person.session, limit=9)) == 2


async def test_a_committed_message_is_seen_by_every_server(
    store: Store, person: Person, open_store: OpenStore
) -> None:
    """When `append` returns, another store on the same database reads the message."""
    message = await person.say("hello")
    other = await open_store()
    assert await other.messages(person.id, person.session, limit=1) == [message]


async def test_the_first_message_makes_the_session(store: Store, person: Person) -> None:
    """A session exists from its first message, active, with the title that came with it."""
    assert await store.session(person.id, person.session) is None
    message = await person.say("hello", title="Rome")
    await person.say("again", title="not this one")
    session = await store.session(person.id, person.session)
    assert session is not None
    assert (session.id, session.user_id, session.title) == (person.session, person.id, "Rome")
    assert (session.status, session.message_count) == ("active", 2)
    assert session.last_message_id > message.id
    assert (session.ended_at, session.summary, session.metrics) == (None, None, None)
    assert (session.rating, session.topics, session.outcomes) == (None, (), ())


async def test_times_are_utc_by_one_clock(store: Store, person: Person) -> None:
    """Times are ISO 8601 with the offset of UTC, and near to now."""
    message = await person.say("hello")
    session = await store.session(person.id, person.session)
    assert session is not None
    for at in (message.at, session.started_at, session.updated_at):
        time = datetime.fromisoformat(at)
        assert time.utcoffset() == timedelta(0)
        assert abs(datetime.now(UTC) - time) < timedelta(minutes=1)


async def test_ids_rise_and_uids_are_unique(store: Store, person: Person) -> None:
    """A later message has a greater id, and every message its own UUID."""
    messages = [await person.say(f"{n}") for n in range(5)]
    ids = [message.id for message in messages]
    assert ids == sorted(set(ids))
    assert len({UUID(message.uid) for message in messages}) == len(messages)


async def test_append_tells_the_message_before(store: Store, person: Person) -> None:
    """`previous_id` is the session's last message before this one, and 0 for the first."""
    elsewhere = str(uuid4())
    first = await store.append(person.id, person.session, "user", "1", title="")
    await person.say("in another session", session=elsewhere)
    second = await store.append(person.id, person.session, "user", "2", title="", client_id="two")
    await person.say("3")
    again = await store.append(person.id, person.session, "user", "2", title="", client_id="two")
    assert (first.previous_id, second.previous_id) == (0, first.message.id)
    assert again.previous_id == first.message.id


async def test_the_same_client_id_is_stored_once(store: Store, person: Person) -> None:
    """The same client id with the same text changes nothing and returns what is stored."""
    first = await store.append(person.id, person.session, "user", "hi", title="", client_id="a")
    before = await store.session(person.id, person.session)
    again = await store.append(person.id, person.session, "user", "hi", title="", client_id="a")
    assert again.duplicate
    assert again.message == first.message
    assert await store.session(person.id, person.session) == before
    assert len(await store.messages(person.id, person.session, limit=10)) == 1


async def test_a_duplicate_leaves_a_completed_session_completed(
    store: Store, person: Person
) -> None:
    """A message that comes again does not open a session that was ended since."""
    await store.append(person.id, person.session, "user", "hi", title="", client_id="a")
    completed = await person.complete()
    await store.append(person.id, person.session, "user", "hi", title="", client_id="a")
    assert await store.session(person.id, person.session) == completed


async def test_the_same_client_id_with_another_text_is_a_conflict(
    store: Store, person: Person
) -> None:
    """Another text under a used client id is refused and not stored."""
    await store.append(person.id, person.session, "user", "hi", title="", client_id="a")
    with pytest.raises(Conflict):
        await store.append(person.id, person.session, "user", "ho", title="", client_id="a")
    assert len(await store.messages(person.id, person.session, limit=10)) == 1


async def test_client_ids_belong_to_their_session(store: Store, person: Person) -> None:
    """Two sessions may use the same client id for different messages."""
    elsewhere = str(uuid4())
    await store.append(person.id, person.session, "user", "hi", title="", client_id="a")
    other = await store.append(person.id, elsewhere, "user", "ho", title="", client_id="a")
    assert not other.duplicate


async def test_the_same_send_racing_is_stored_once(
    store: Store, person: Person, open_store: OpenStore
) -> None:
    """Of equal sends at the same time on two servers one is stored, the rest are duplicates."""
    other = await open_store()
    done = await asyncio.gather(
        *(
            server.append(person.id, person.session, "user", "hi", title="", client_id="a")
            for server in (store, other) * 10
        )
    )
    assert sum(not appended.duplicate for appended in done) == 1
    assert len({appended.message.id for appended in done}) == 1


async def test_a_message_is_found_by_its_client_id(store: Store, person: Person) -> None:
    """`find_client_id` returns the stored message, or None for an id never used."""
    stored = await store.append(person.id, person.session, "user", "hi", title="", client_id="a")
    assert await store.find_client_id(person.id, person.session, "a") == stored.message
    assert await store.find_client_id(person.id, person.session, "b") is None
    assert await store.find_client_id(person.id, str(uuid4()), "a") is None


async def test_a_session_of_another_owner_takes_no_message(
    store: Store, person: Person, stranger: Person
) -> None:
    """Appending to somebody else's session is `NotFound`, with a used client id as well."""
    await store.append(person.id, person.session, "user", "hi", title="", client_id="a")
    for client_id in (None, "a", "b"):
        with pytest.raises(NotFound):
            await store.append(
                stranger.id, person.session, "user", "hi", title="", client_id=client_id
            )
    assert len(await store.messages(person.id, person.session, limit=10)) == 1


async def test_messages_come_in_pages(store: Store, person: Person) -> None:
    """The newest, the newest before an id, and the first after one, always oldest first."""
    ids = [(await person.say(f"{n}")).id for n in range(7)]

    async def page(**where: int) -> list[int]:
        found = await store.messages(person.id, person.session, limit=3, **where)
        return [message.id for message in found]

    assert await page() == ids[4:]
    assert await page(before=ids[4]) == ids[1:4]
    assert await page(before=ids[1]) == ids[:1]
    assert await page(before=ids[0]) == []
    assert await page(after=0) == ids[:3]
    assert await page(after=ids[2]) == ids[3:6]
    assert await page(after=ids[6]) == []
    assert await page(after=ids[2], before=ids[4]) == ids[3:4]
    assert await store.messages(person.id, person.session, limit=0) == []
    assert await store.messages(person.id, str(uuid4()), limit=3) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("\udfff", "\ufffd"),
        ("\ud83d\ude00", "😀"),
        ("", ""),
        ("'; DROP TABLE session_logs; --", "'; DROP TABLE session_logs; --"),
    ],
)
async def test_text_that_no_database_takes_is_replaced(
    store: Store, person: Person, text: str, kept: str
) -> None:
    """NUL and lone surrogates become U+FFFD, in text, title, client id and metadata."""
    meta = MessageMeta(error=text, tools=(ToolRecord("t", {text: [text]}, result=text),))
    sent = await store.append(
        person.id, person.session, "user", text, title=text, client_id=f"c{text}", meta=meta
    )
    again = await store.append(
        person.id, person.session, "user", text, title=text, client_id=f"c{text}", meta=meta
    )
    assert again.duplicate
    (message,) = await store.messages(person.id, person.session, limit=2)
    assert message.text == kept
    assert message.meta.error == kept
    assert message.meta.tools == (ToolRecord("t", {kept: [kept]}, result=kept),)
    assert await store.find_client_id(person.id, person.session, f"c{text}") == message
    assert sent.message.id == message.id
    session = await store.session(person.id, person.session)
    assert session is not None
    assert session.title == kept


async def test_metrics_count_all_of_a_session(store: Store, person: Person) -> None:
    """Messages and words by role, tools, intents, tokens and times come from the rows."""
    first = await person.say("two words")
    usage = MessageMeta(intent="tutorial", usage=Usage(10, 5, 3), tools=(ToolRecord("a"),))
    await person.say(" one\n two\tthree ", role="assistant", meta=usage)
    await person.say("a third message", meta=MessageMeta(intent="chosen by the user"))
    usage = MessageMeta(intent="tutorial", usage=Usage(7), tools=(ToolRecord("a"), ToolRecord("b")))
    await person.say("", role="assistant", meta=usage)
    last = await person.say("a note", role="system")
    await person.say("elsewhere", session=str(uuid4()))
    metrics = await store.metrics(person.id, person.session)
    seconds = datetime.fromisoformat(last.at) - datetime.fromisoformat(first.at)
    assert metrics == Metrics(
        messages=5,
        user_messages=2,
        assistant_messages=2,
        user_words=5,
        assistant_words=3,
        first_at=first.at,
        last_at=last.at,
        duration_seconds=pytest.approx(seconds.total_seconds(), abs=0.001),
        tools={"a": 2, "b": 1},
        intents={"tutorial": 2},
        prompt_tokens=17,
        completion_tokens=5,
        cached_tokens=3,
    )


async def test_usage_is_counted_by_day_model_and_session(store: Store, person: Person) -> None:
    """Only the user's own replies with a count, from a time on; other rows are passed over."""
    other, stranger = str(uuid4()), Person(store)
    start = (await person.say("x", title="One")).at
    await person.say("x", session=other, title="Other")
    await stranger.say("x")
    replies = [
        (person, person.session, MessageMeta(model="p/a", usage=Usage(10, 5, 4))),
        (person, person.session, MessageMeta(model="p/a", usage=Usage(1, 2))),
        (person, person.session, MessageMeta(model="p/b", usage=Usage(3, 3))),
        (person, person.session, MessageMeta(model="p/b")),
        (person, other, MessageMeta(usage=Usage(7, 1))),
        (stranger, stranger.session, MessageMeta(model="p/a", usage=Usage(99, 99))),
    ]
    for who, session, meta in replies:
        await who.say("y", role="assistant", session=session, meta=meta)
    day = start[:10]
    rows = await store.usage(person.id, since=start)
    own = UsageRow(day, "p/a", person.session, "One", 2, 11, 7, 4)
    assert sorted(rows, key=lambda row: row.model) == [
        UsageRow(day, "", other, "Other", 1, 7, 1),
        own,
        UsageRow(day, "p/b", person.session, "One", 1, 3, 3),
    ]
    assert {
        row.session_id for row in await store.usage(person.id, since=start, session_id=other)
    } == {other}
    assert await store.usage(person.id, since="2999-01-01T00:00:00+01:00") == []
    east = await store.usage(person.id, since=start, utc_offset=14 * 60)
    moved = datetime.fromisoformat(start) + timedelta(hours=14)
    assert own.replies == next(row for row in east if row.model == "p/a").replies
    assert {row.day for row in east} <= {day, f"{moved:%Y-%m-%d}"}


async def test_metrics_are_those_of_counting(store: Store, person: Person) -> None:
    """However messages came, by append, again, or by an import, the kept counts are exact."""
    tools = (ToolRecord("a"), ToolRecord("b"), ToolRecord("a"))
    for n in range(6):
        await person.say("word " * n, client_id=f"{n}")
        await person.say("word " * n, client_id=f"{n}")
        meta = MessageMeta(intent=f"kind {n % 2}", usage=Usage(n, 2 * n), tools=tools[: n % 4])
        await person.say(f"reply {n}", role="assistant", meta=meta)
    session, exported = await person.export()
    more = [
        row | {"id": exported[-1]["id"] + n, "uid": str(uuid4()), "client_id": None}
        for n, row in enumerate(exported[:5], start=1)
    ]
    assert await store.import_session(session, [*exported, *more]) == 5
    await person.say("one more")
    metrics = Metrics()
    for message in await store.messages(person.id, person.session, limit=100):
        metrics = counted(metrics, message)
    assert metrics.messages == 18
    assert await store.metrics(person.id, person.session) == metrics


async def test_metrics_of_nothing_are_zero(store: Store, person: Person) -> None:
    """A session that does not exist has counted nothing."""
    assert await store.metrics(person.id, person.session) == Metrics()


async def test_many_appends_at_once_are_all_kept(store: Store, person: Person) -> None:
    """Three hundred messages sent at the same time are stored once each, under rising ids."""
    done = await asyncio.gather(*(person.say(f"{n}") for n in range(300)))
    stored = await store.messages(person.id, person.session, limit=1_000)
    assert len({message.id for message in done}) == 300
    assert sorted(m.text for m in stored) == sorted(m.text for m in done)
    session = await store.session(person.id, person.session)
    assert session is not None
    assert (session.message_count, session.last_message_id) == (300, stored[-1].id)


@pytest.mark.parametrize(
    ("given", "named"), [(("ann", "one", "two"), {}), (("ann",), {}), (("ann", "one"), {"days": 1})]
)
async def test_a_call_that_does_not_fit_is_refused(store: Store, given: Any, named: Any) -> None:
    """Arguments that are missing, unknown or too many are an error, not left out."""
    with pytest.raises(TypeError):
        await store.session(*given, **named)
