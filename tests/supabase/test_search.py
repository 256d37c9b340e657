"""What search does in Supabase beyond what every store promises."""

import json
from collections.abc import AsyncIterator, Callable
from threading import current_thread, main_thread
from uuid import uuid4

import msgspec
import pytest
from support.supabase_stack import SCHEMA, Stack
from support.users import Person

from genpy_server.core import words
from genpy_server.stores.base import owner_of
from genpy_server.stores.supabase.store import SupabaseStore, query_of

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


@pytest.mark.parametrize(
    ("terms", "query", "most"),
    [("'{owner}' || n % 2000", "7 8", 200),
     ("format('{owner}%s {owner}common', n % 20)", "7 8 common", 3_000)],
    ids=["rare words", "a word of all messages"],
)  # fmt: skip
async def test_a_search_reads_what_holds_its_rarer_words(
    make_stack: MakeStack, terms: str, query: str, most: int
) -> None:
    """Of 10,000 messages those with a rare word are read, and of a frequent word a bounded number."""
    stack = make_stack(SCHEMA)
    owner = owner_of("ann")
    stack.sql(f"""
        set session_replication_role = replica;  -- the trigger counts 10,000 messages one by one
        insert into sessions (session_id, user_id, search, cut, message_count, last_message_id)
          values (gen_random_uuid(), 'ann', '', genpy.cut(), 10000, 10000);
        insert into session_logs (session_id, event_type, message, cut, terms)
        select session_id, 'user', repeat('m ', 400), genpy.cut(),
          ({terms.format(owner=owner)})::tsvector || genpy.places(n)
        from sessions, generate_series(1, 10000) n;
        analyze;
    """)
    arguments = query_of(
        {"user_id": "ann", "query": query, "limit": 10, "session_id": None, "before": None,
         "distinct": False, "titles": False, "about_records": True, "left_out": [], "asked": None}
    )  # fmt: skip
    assert arguments is not None
    given = ", ".join(
        f"p_{name} => " + ("null" if value is None else f"'{value}'" if isinstance(value, str)
        else f"'{json.dumps(value)}'" if isinstance(value, list) else json.dumps(value))
        for name, value in arguments.items()
    )  # fmt: skip
    (read,) = stack.sql(f"""
        with found as materialized (select genpy_search({given}) as answer)
        select jsonb_array_length(answer -> 'hits') as hits,
          pg_stat_get_xact_numscans('session_logs'::regclass)::int as scans,
          pg_stat_get_xact_tuples_fetched('session_logs'::regclass)::int as fetched
        from found
    """)
    assert (read["hits"], read["scans"]) == (10, 0)
    assert 10 <= int(str(read["fetched"])) < most


async def test_words_are_cut_beside_the_event_loop(
    supabase: Stack, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a stored message, of an import, and of rows that wait for the index."""
    cut, threads = words.terms, dict[str, bool]()

    def terms(text: str) -> list[str]:
        threads[text] = current_thread() is main_thread()
        return cut(text)

    monkeypatch.setattr(words, "terms", terms)
    message = await person.say("a zebra")
    session = await person.store.session(person.id, person.session)
    assert session is not None
    row = msgspec.to_builtins(message) | {"text": "a gecko", "uid": str(uuid4()), "client_id": None}
    assert isinstance(person.store, SupabaseStore)
    await person.store.import_session(session, [row])
    supabase.sql(f"update session_logs set terms = null where id = {message.id}")
    threads.pop("a zebra")
    await person.store.search(person.id, "zebra", limit=5)
    await person.store.indexed()
    assert {"a zebra": False, "a gecko": False}.items() <= threads.items()


@pytest.mark.parametrize("query", ["https://docs.example.com/a_b-c?d=1", "example.com", "a_b-c d"])
async def test_parts_of_addresses_and_names_are_words(person: Person, query: str) -> None:
    """Punctuation separates words in what is said as in what is looked for."""
    text = "See https://docs.example.com/a_b-c?d=1 for it"
    await person.say(text)
    assert await found(person, query) == [text]


async def test_a_server_of_version_13_searches_too(person: Person) -> None:
    """It sends terms without their forms and ways, as they stood in that version."""
    arguments = query_of(
        {"user_id": person.id, "query": "penguins kafka", "limit": 5, "session_id": None,
         "before": None, "distinct": True, "titles": True, "about_records": True, "left_out": [],
         "asked": None}
    )  # fmt: skip
    assert arguments is not None
    terms = [
        {name: term[name] for name in ("asked", "prefix", "mend")} for term in arguments["terms"]
    ]
    assert isinstance(person.store, SupabaseStore)
    answer = await person.store.call("search", **arguments | {"terms": terms})
    assert [(hit["coverage"], hit["terms"]) for hit in answer["hits"]] == [(1, 2)]
