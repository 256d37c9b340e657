"""What every store promises of search."""

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.users import Person

from genpy_server.stores.base import Store


async def _texts(person: Person, query: str, **where: str) -> list[str]:
    hits = await person.store.search(person.id, query, limit=10, **where)
    return [hit.message.text for hit in hits]


async def test_any_word_finds_and_more_words_rank_higher(store: Store, person: Person) -> None:
    """Words are joined by OR: a message with more of them, or rarer ones, comes first."""
    for n in range(40):
        await person.say(f"Kafka topic number {n}" if n < 8 else f"Nothing to see at number {n}")
    await person.say("A zebra eats the green grass")
    await person.say("A zebra reads from a Kafka topic")
    hits = await store.search(person.id, "zebra kafka unknownword", limit=3)
    assert hits[0].message.text == "A zebra reads from a Kafka topic"
    assert hits[1].message.text == "A zebra eats the green grass"
    assert hits[0].score > hits[1].score > hits[2].score


async def test_a_hit_is_a_whole_message_with_its_title(store: Store, person: Person) -> None:
    """A hit carries the stored message and the title of its session."""
    message = await person.say("a penguin", title="Birds")
    (hit,) = await store.search(person.id, "penguin", limit=3)
    assert (hit.message, hit.session_title) == (message, "Birds")
    assert hit.before is hit.after is None


async def test_neighbours_come_from_the_same_session(store: Store, person: Person) -> None:
    """`neighbours` gives the messages right before and after, none beyond a session's ends."""
    elsewhere = str(uuid4())
    before = await person.say("what swims?")
    await person.say("something else", session=elsewhere)
    await person.say("a penguin")
    await person.say("something else", session=elsewhere)
    after = await person.say("indeed")
    (hit,) = await store.search(person.id, "penguin", limit=3, neighbours=True)
    assert (hit.before, hit.after) == (before, after)
    (hit,) = await store.search(person.id, "swims", limit=3, neighbours=True)
    assert (hit.before, hit.after) == (None, hit.after)


async def test_search_within_one_session(store: Store, person: Person) -> None:
    """`session_id` leaves other sessions out."""
    await person.say("a penguin here")
    elsewhere = str(uuid4())
    await person.say("a penguin there", session=elsewhere)
    assert await _texts(person, "penguin", session_id=elsewhere) == ["a penguin there"]
    assert await _texts(person, "penguin", session_id=str(uuid4())) == []


@pytest.mark.parametrize(
    "query", ["run", "RUNNING", "runs?", "naïve", "naive", 'it\'s naive, "running"!']
)
async def test_word_forms_case_and_accents_do_not_matter(
    store: Store, person: Person, query: str
) -> None:
    """English word forms, upper case, accents and punctuation make no difference."""
    await person.say("She was Running, a naïve idea")
    assert len(await _texts(person, query)) == 1


async def test_stop_words_do_not_find_when_other_words_can(store: Store, person: Person) -> None:
    """A question's small words are left out."""
    await person.say("what was the name of it")
    await person.say("my dog Rex")
    assert await _texts(person, "What was the name of my dog?") == [
        "my dog Rex",
        "what was the name of it",
    ]
    assert await _texts(person, "what was my dog?") == ["my dog Rex"]


async def test_parts_of_text_without_spaces_are_found(store: Store, person: Person) -> None:
    """A Chinese or Japanese word is found inside a sentence."""
    await person.say("今天天气很好")
    await person.say("東京へ行きたいです")
    assert await _texts(person, "天气") == ["今天天气很好"]
    assert await _texts(person, "東京") == ["東京へ行きたいです"]
    assert await _texts(person, "气天") == []


async def test_a_query_without_a_word_finds_nothing(store: Store, person: Person) -> None:
    """Punctuation, emoji and nothing at all are no words."""
    await person.say("anything 🙂 ???")
    for query in ("", "  ", "???", "🙂", '"', "*", "\0", "\ud800", "--"):
        assert await _texts(person, query) == []


HOSTILE = [
    'penguin" OR "1',
    "penguin AND",
    "NOT penguin",
    "NEAR(penguin",
    "message: penguin",
    "penguin*",
    "^penguin",
    "(penguin",
    "penguin & | ! <-> x",
    "penguin'; DROP TABLE sessions; --",
    "penguin \\",
    "penguin:*",
    "penguin\0",
    "penguin \ud800",
    "penguin " * 20_000,
]


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
async def test_operators_of_a_query_language_mean_nothing(
    store: Store, person: Person, query: str
) -> None:
    """Whatever stands around a word, the word is found."""
    await person.say("a penguin")
    assert await _texts(person, query) == ["a penguin"]


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(query=st.text(st.characters(codec=None), max_size=40))
async def test_any_text_is_a_query(store: Store, person: Person, query: str) -> None:
    """No text makes the search fail."""
    assert await store.search(person.id, query, limit=3, neighbours=True) == []


async def test_deleted_messages_are_not_found(store: Store, person: Person) -> None:
    """What was deleted is gone from the index."""
    await person.say("a penguin")
    await store.delete(person.id, person.session)
    assert await _texts(person, "penguin") == []


async def test_the_limit_counts_the_users_own_hits(
    store: Store, person: Person, stranger: Person
) -> None:
    """Better hits of other users take no place among the user's own."""
    for _ in range(5):
        await stranger.say("penguin penguin penguin")
    await person.say("one penguin in a long sentence about the cold south of the world")
    assert len(await store.search(person.id, "penguin", limit=1)) == 1
    assert await store.search(person.id, "penguin", limit=0) == []


async def test_a_search_may_end_before_a_message(store: Store, person: Person) -> None:
    """`before` leaves a message and all later ones out, better hits or not."""
    first = await person.say("one penguin in a long sentence about the cold south")
    second = await person.say("penguin penguin")
    await person.say("penguin")
    for distinct in (False, True):
        hits = await store.search(
            person.id, "penguin", limit=1, before=second.id, distinct=distinct
        )
        assert [hit.message for hit in hits] == [first]


async def test_distinct_hits_count_the_same_words_once(store: Store, person: Person) -> None:
    """However often something is said, it takes one place, the newest; a plain search has all."""
    for _ in range(6):
        await person.say("Tell me a  joke about a gecko")
        newest = await person.say("tell me a joke\nabout a Gecko")
    told = await person.say("Once upon a time we called the new gecko Kofi, and it suits him well")
    hits = await store.search(person.id, "gecko", limit=2, distinct=True, neighbours=True)
    assert [hit.message for hit in hits] == [newest, told]
    assert hits[0].score > hits[1].score
    assert hits[0].after == told
    assert len(await store.search(person.id, "gecko", limit=20)) == 13


async def test_distinct_hits_hold_three_that_differ_in_numbers(
    store: Store, person: Person
) -> None:
    """Of messages with other numbers alone the best three count, the one asked for before all."""
    said = [await person.say(f"The gecko woke me up at {n}") for n in range(11, 31)]
    told = await person.say("Once upon a time we called the new gecko Kofi, and it suits him well")
    hits = await store.search(person.id, "gecko 12", limit=10, distinct=True)
    assert [hit.message for hit in hits] == [said[1], said[-1], said[-2], told]


async def test_distinct_hits_are_ones_own(store: Store, person: Person, stranger: Person) -> None:
    """The same words of another user, said later, take nobody's place."""
    mine = await person.say("a penguin")
    await stranger.say("a penguin")
    (hit,) = await store.search(person.id, "penguin", limit=5, distinct=True)
    assert hit.message == mine


async def test_some_hits_are_given_their_neighbours(
    store: Store, person: Person, stranger: Person
) -> None:
    """Chosen hits get what a search gives with `neighbours`; what is gone or another's is left out."""
    await person.say("what swims?")
    await person.say("a penguin, they say, a penguin")
    await person.say("or another penguin in the south")
    elsewhere = str(uuid4())
    await person.say("a third penguin, somewhere else entirely", session=elsewhere)
    plain = await store.search(person.id, "penguin", limit=5)
    beside = await store.search(person.id, "penguin", limit=5, neighbours=True)
    assert len(plain) == 3
    assert await store.with_neighbours(person.id, plain[::-1]) == beside[::-1]
    assert await store.with_neighbours(stranger.id, plain) == []
    await store.delete(person.id, elsewhere)
    left = [hit for hit in beside if hit.message.session_id == person.session]
    assert await store.with_neighbours(person.id, plain) == left
    assert len(left) == 2
    assert await store.with_neighbours(person.id, []) == []
