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


async def test_rows_of_other_programs_are_found_and_then_indexed(make_stack: MakeStack) -> None:
    """What another program inserts is found at once, then indexed behind the first search."""
    stack = make_stack(SCHEMA)
    stack.sql("""
        insert into sessions (session_id, user_id, title) values (gen_random_uuid(), 'ann', 'Zoo');
        insert into session_logs (session_id, event_type, message)
        select session_id, 'user', 'a gecko of number ' || n
        from sessions, generate_series(1, 300) n;
        update sessions set message_count = 300;
    """)
    stack.start_api()
    store = SupabaseStore(stack.url, stack.secret_key)
    await store.open()
    assert (await store.check()).unindexed == 300
    (titled, hit) = await store.search("ann", "zoo", limit=5, titles=True) + await store.search(
        "ann", "300", limit=1
    )
    assert (titled.found_in, hit.message.text) == ("title", "a gecko of number 300")
    await store.indexed()
    assert (await store.check()).unindexed == 0
    hits = await store.search("ann", "geckos 7", limit=1)
    (titled,) = await store.search("ann", "zoo", limit=5, titles=True)
    await store.close()
    assert hits[0].message.text == "a gecko of number 7"
    assert titled.found_in == "title"
    assert stack.sql("select count(*) as left from session_logs where terms is null") == [
        {"left": 0}
    ]


async def test_the_owner_is_in_the_index(make_stack: MakeStack) -> None:
    """The plan of a term reads the index of terms, in which every term begins with its owner."""
    stack = make_stack(SCHEMA)
    stack.sql("""
        insert into sessions (session_id, user_id) values (gen_random_uuid(), 'ann');
        insert into session_logs (session_id, event_type, message, terms)
        select session_id, 'user', 'm', (quote_literal('annm' || n) || ':1')::tsvector
        from sessions, generate_series(1, 3000) n;
        analyze session_logs;
    """)
    plan = stack.sql("""
        set plan_cache_mode = force_generic_plan;
        prepare one (tsquery) as select id from session_logs where terms @@ $1;
        explain (format json) execute one($$'annm7'$$);
    """)
    assert "session_logs_terms" in str(plan)


@pytest.mark.parametrize("query", ["https://docs.example.com/a_b-c?d=1", "example.com", "a_b-c d"])
async def test_parts_of_addresses_and_names_are_words(person: Person, query: str) -> None:
    """Punctuation separates words in what is said as in what is looked for."""
    text = "See https://docs.example.com/a_b-c?d=1 for it"
    await person.say(text)
    assert await found(person, query) == [text]
