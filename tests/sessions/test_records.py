"""What a person does with kept conversations, over a real SQLite file."""

from uuid import UUID

import pytest

from genpy_server.core.identity import is_named_id, named_id_before
from genpy_server.errors import Ambiguous, BadRequest, NotFound
from genpy_server.sessions.names import SessionNames
from genpy_server.sessions.records import LocalRecords
from genpy_server.settings import load
from genpy_server.stores.sqlite.store import SqliteStore

ALIKE = ("aaaa0000-0000-4000-8000-000000000001", "aaaa0000-0000-4000-8000-000000000002")


@pytest.fixture
def records(store):
    return LocalRecords(store, "ann", load({}))


async def talk(store, session_id, text="hello", user="ann", title="a title"):
    await store.append(user, session_id, "user", text, title=title)


async def test_session_is_found_by_id_prefix_name_and_last(store, records):
    """An id, any unambiguous beginning of it, the name, and `last` mean the same session."""
    named = (await SessionNames(store).identify("ann", "trip-to-rome")).id
    await talk(store, ALIKE[0])
    await talk(store, named)
    for ref in (named, named[:8], named.upper(), named[:13].upper(), "trip-to-rome", "last"):
        assert (await records.session(ref)).id == named


async def test_ambiguous_prefix_is_refused(store, records):
    """A beginning that fits two sessions names neither."""
    for session_id in ALIKE:
        await talk(store, session_id)
    with pytest.raises(Ambiguous, match="aaaa"):
        await records.session("aaaa")
    assert (await records.session(ALIKE[1])).id == ALIKE[1]


@pytest.mark.parametrize("ref", ["last", "nowhere", "aaaa", str(UUID(int=1)), "abc"])
async def test_missing_session_is_not_found(records, ref):
    """What names nothing of this user is not found."""
    with pytest.raises(NotFound):
        await records.session(ref)


async def test_somebody_elses_session_is_missing(store, records):
    """No way of naming it reaches another user's session."""
    await talk(store, ALIKE[0], user="bob")
    for ref in (ALIKE[0], ALIKE[0][:8], "last"):
        for work in (records.session, records.messages, records.delete):
            with pytest.raises(NotFound):
                await work(ref)
        with pytest.raises(NotFound):
            await records.rate(ref, 5)
        with pytest.raises(NotFound):
            await records.rename(ref, "mine")
    assert await records.search("hello") == []


async def test_title_is_cleaned_and_bounded(store, records):
    """A title is one line of 1 to 200 characters."""
    await talk(store, ALIKE[0])
    assert (await records.rename("last", " a \n b ")).title == "a b"
    for title in ("", " \n ", "x" * 201):
        with pytest.raises(BadRequest, match="200"):
            await records.rename("last", title)


@pytest.mark.parametrize("rating", [0, 6, -1])
async def test_rating_is_from_one_to_five(store, records, rating):
    """Any other rating is refused, and nothing is stored."""
    await talk(store, ALIKE[0])
    with pytest.raises(BadRequest, match="1 to 5"):
        await records.rate("last", rating)
    assert (await records.session("last")).rating is None


async def test_deleted_session_is_gone_with_its_messages(store, records):
    """A deleted session is neither listed nor found by search."""
    await talk(store, ALIKE[0], "remember the milk")
    assert (await records.delete("last")).id == ALIKE[0]
    assert await records.sessions() == []
    assert await records.search("milk") == []


async def test_name_that_looks_like_a_prefix_is_a_name_first(store, records):
    """A session called "beef" is meant by it, though another id begins that way."""
    await talk(store, "beef0000-0000-4000-8000-000000000001")
    named = (await SessionNames(store).identify("ann", "beef")).id
    assert UUID(named)
    await talk(store, named)
    assert (await records.session("beef")).id == named


async def test_named_ids_come_from_the_secret_of_the_installation(store, tmp_path):
    """One name is one UUIDv8 for each user and installation, whichever server computes it."""
    names = SessionNames(store)
    ann, bob = [(await names.identify(user, "trip")).id for user in ("ann", "bob")]
    assert is_named_id(ann)
    assert UUID(ann).variant == UUID(ALIKE[0]).variant
    assert ann != bob
    assert (await SessionNames(store).identify("ann", "trip")).id == ann
    other = SqliteStore(tmp_path / "other.db")
    await other.open()
    assert (await SessionNames(other).identify("ann", "trip")).id != ann
    await other.close()


async def test_a_session_named_before_there_was_a_secret_is_found(store, records):
    """The old form of a name's id is used where its row exists, and only there."""
    old = named_id_before("ann", "trip")
    assert (await SessionNames(store).identify("ann", "trip")).id != old
    await talk(store, old)
    assert (await SessionNames(store).identify("ann", "trip")).id == old
    assert (await records.session("trip")).id == old
    assert (await SessionNames(store).identify("bob", "trip")).id != named_id_before("bob", "trip")
