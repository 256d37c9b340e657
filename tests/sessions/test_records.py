"""What a person does with kept conversations, over a real SQLite file."""

from uuid import UUID

import pytest

from genpy_server.core.identity import identify
from genpy_server.errors import Ambiguous, BadRequest, NotFound
from genpy_server.sessions.records import LocalRecords
from genpy_server.stores.sqlite.inline import InlineRunner, run_inline
from genpy_server.stores.sqlite.store import SqliteStore

ALIKE = ("aaaa0000-0000-4000-8000-000000000001", "aaaa0000-0000-4000-8000-000000000002")


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(tmp_path / "genpy.db", InlineRunner())
    run_inline(store.open())
    yield store
    run_inline(store.close())


@pytest.fixture
def records(store):
    return LocalRecords(store, "ann")


def talk(store, session_id, text="hello", user="ann", title="a title"):
    run_inline(store.append(user, session_id, "user", text, title=title))


def test_session_is_found_by_id_prefix_name_and_last(store, records):
    """An id, any unambiguous beginning of it, the name, and `last` mean the same session."""
    named = identify("ann", "trip-to-rome").id
    talk(store, ALIKE[0])
    talk(store, named)
    for ref in (named, named[:8], named.upper(), named[:13].upper(), "trip-to-rome", "last"):
        assert run_inline(records.session(ref)).id == named


def test_ambiguous_prefix_is_refused(store, records):
    """A beginning that fits two sessions names neither."""
    for session_id in ALIKE:
        talk(store, session_id)
    with pytest.raises(Ambiguous, match="aaaa"):
        run_inline(records.session("aaaa"))
    assert run_inline(records.session(ALIKE[1])).id == ALIKE[1]


@pytest.mark.parametrize("ref", ["last", "nowhere", "aaaa", str(UUID(int=1)), "abc"])
def test_missing_session_is_not_found(records, ref):
    """What names nothing of this user is not found."""
    with pytest.raises(NotFound):
        run_inline(records.session(ref))


def test_somebody_elses_session_is_missing(store, records):
    """No way of naming it reaches another user's session."""
    talk(store, ALIKE[0], user="bob")
    for ref in (ALIKE[0], ALIKE[0][:8], "last"):
        for work in (records.session, records.messages, records.delete):
            with pytest.raises(NotFound):
                run_inline(work(ref))
        with pytest.raises(NotFound):
            run_inline(records.rate(ref, 5))
        with pytest.raises(NotFound):
            run_inline(records.rename(ref, "mine"))
    assert run_inline(records.search("hello")) == []


def test_title_is_cleaned_and_bounded(store, records):
    """A title is one line of 1 to 200 characters."""
    talk(store, ALIKE[0])
    assert run_inline(records.rename("last", " a \n b ")).title == "a b"
    for title in ("", " \n ", "x" * 201):
        with pytest.raises(BadRequest, match="200"):
            run_inline(records.rename("last", title))


@pytest.mark.parametrize("rating", [0, 6, -1])
def test_rating_is_from_one_to_five(store, records, rating):
    """Any other rating is refused, and nothing is stored."""
    talk(store, ALIKE[0])
    with pytest.raises(BadRequest, match="1 to 5"):
        run_inline(records.rate("last", rating))
    assert run_inline(records.session("last")).rating is None


def test_deleted_session_is_gone_with_its_messages(store, records):
    """A deleted session is neither listed nor found by search."""
    talk(store, ALIKE[0], "remember the milk")
    assert run_inline(records.delete("last")).id == ALIKE[0]
    assert run_inline(records.sessions()) == []
    assert run_inline(records.search("milk")) == []


def test_name_that_looks_like_a_prefix_is_a_name_first(store, records):
    """A session called "beef" is meant by it, though another id begins that way."""
    talk(store, "beef0000-0000-4000-8000-000000000001")
    named = identify("ann", "beef").id
    assert UUID(named)
    talk(store, named)
    assert run_inline(records.session("beef")).id == named
