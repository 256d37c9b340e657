"""What search does in Supabase beyond what every store promises."""

from collections.abc import AsyncIterator, Callable

import pytest
from support.supabase_stack import SCHEMA, Stack
from support.users import Person

from genpy_server.stores.supabase.store import SupabaseStore

MakeStack = Callable[..., Stack]


@pytest.fixture
async def person(supabase: Stack) -> AsyncIterator[Person]:
    """Somebody who talked about penguins and Kafka."""
    store = SupabaseStore(supabase.url, supabase.secret_key)
    await store.open()
    person = Person(store)
    await person.say("The penguin is received in Kafka's house")
    await person.say("Nothing of that kind here")
    yield person
    await store.close()


async def found(person: Person, query: str) -> list[str]:
    """The texts of the hits."""
    return [hit.message.text for hit in await person.store.search(person.id, query, limit=5)]


@pytest.mark.parametrize(
    "typed", ["pengiun", "penguinn", "pengin", "penguim", "PENGIUNS", "kafak", "recieved", "hosue"]
)
async def test_a_mistyped_word_finds_what_was_meant(person: Person, typed: str) -> None:
    """A letter too many, missing, wrong or swapped, in any form of the word, is forgiven."""
    assert await found(person, typed) == ["The penguin is received in Kafka's house"]


@pytest.mark.parametrize("typed", ["pelican", "pen", "kiwi", "recent", "house1x", "x'y", "''"])
async def test_another_word_is_not_taken_for_a_mistyped_one(person: Person, typed: str) -> None:
    """Words that merely begin alike find nothing."""
    assert await found(person, typed) == []


async def test_a_known_word_is_not_mended(person: Person) -> None:
    """What somebody did say is looked for as it is."""
    await person.say("a pengiun was typed here")
    assert await found(person, "pengiun") == ["a pengiun was typed here"]


async def test_only_ones_own_words_mend(person: Person) -> None:
    """Nobody finds a word of somebody else's by mistyping it."""
    stranger = Person(person.store)
    await stranger.say("something else")
    assert await found(stranger, "pengiun") == []


async def test_distinct_hits_of_a_rare_word_leave_no_place_empty(make_stack: MakeStack) -> None:
    """A rare word said many times is one hit, and common words fill the other places."""
    stack = make_stack(SCHEMA)
    stack.sql("""
        insert into sessions (session_id, user_id) values (gen_random_uuid(), 'ann');
        insert into session_logs (session_id, event_type, message)
        select session_id, 'user', said from sessions, (
          select 'gecko ' || md5(n::text) from generate_series(1, 10100) n
          union all select 'a zebra' from generate_series(1, 20)) _ (said);
    """)
    stack.start_api()
    store = SupabaseStore(stack.url, stack.secret_key)
    await store.open()
    hits = await store.search("ann", "gecko zebra", limit=10, distinct=True)
    await store.close()
    first, *others = [hit.message.text for hit in hits]
    assert first == "a zebra"
    assert len(others) == 9
    assert all(text.startswith("gecko ") for text in others)


@pytest.mark.parametrize("query", ["https://docs.example.com/a_b-c?d=1", "example.com", "a_b-c d"])
async def test_parts_of_addresses_and_names_are_words(person: Person, query: str) -> None:
    """Punctuation separates words in what is said as in what is looked for."""
    text = "See https://docs.example.com/a_b-c?d=1 for it"
    await person.say(text)
    assert await found(person, query) == [text]
