"""What search does in Supabase beyond what every store promises."""

from collections.abc import AsyncIterator

import pytest
from people import Person
from supabase_stack import Stack

from genpy_server.stores.supabase import SupabaseStore


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


@pytest.mark.parametrize("query", ["https://docs.example.com/a_b-c?d=1", "example.com", "a_b-c d"])
async def test_parts_of_addresses_and_names_are_words(person: Person, query: str) -> None:
    """Punctuation separates words in what is said as in what is looked for."""
    text = "See https://docs.example.com/a_b-c?d=1 for it"
    await person.say(text)
    assert await found(person, query) == [text]
