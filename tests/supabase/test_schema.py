"""schema.sql on an empty database and on one of the first version."""

import asyncio
import tarfile
from collections.abc import Callable

from support.supabase_stack import FIRST_VERSION, FOLDER, SCHEMA, Stack
from support.users import Person

from genpy_server.core.words import CUT
from genpy_server.stores.supabase.client import SCHEMA_VERSION
from genpy_server.stores.supabase.store import SupabaseStore

CATALOGUE = """
    select 'column' as kind, c.table_schema || '.' || c.table_name || '.' || c.column_name as name,
        concat_ws(' ', c.data_type, c.is_nullable, c.column_default, c.generation_expression) as what
        from information_schema.columns c where c.table_schema in ('public', 'genpy')
    union all select 'function', p.oid::regprocedure::text,
        concat_ws(' ', p.prosecdef, p.proconfig::text, p.proacl::text, md5(p.prosrc))
        from pg_proc p where p.pronamespace in ('public'::regnamespace, 'genpy'::regnamespace)
        and p.proname <> 'update_updated_at_column'
    union all select 'policy', policyname, concat_ws(' ', tablename, roles::text, cmd, qual)
        from pg_policies where schemaname = 'public'
    union all select 'trigger', tgname, pg_get_triggerdef(oid)
        from pg_trigger where not tgisinternal
        and tgrelid in ('public.sessions'::regclass, 'public.session_logs'::regclass)
    union all select 'table', relname, concat_ws(' ', relrowsecurity, relforcerowsecurity, relacl::text)
        from pg_class where oid in ('public.sessions'::regclass, 'public.session_logs'::regclass)
    order by 1, 2
"""
INDEXES = "select indexdef from pg_indexes where schemaname = 'public'"
FIRST_ROWS = """
    select to_jsonb(s) from (
        select id, session_id, user_id, status, start_time, end_time, summary, topics, sentiment,
            metrics, user_rating, rated_at, key_outcomes, created_at, updated_at
        from sessions order by id) s
    union all select to_jsonb(l) from (
        select id, session_id, event_type, message, metadata, created_at
        from session_logs order by id) l
"""
TALK = "aaaaaaaa-0000-4000-8000-000000000001"
EARLIER_ROWS = f"""
    select genpy_append(p_user_id => 'ann', p_session_id => '{TALK}', p_event_type => kind,
      p_message => message, p_title => 'Tea', p_client_id => kind || '1', p_metadata => '{{"run": "r"}}',
      p_uid => gen_random_uuid(), p_words => 2, p_live_seconds => 60)
    from (values ('user', 'I like'), ('ai', 'Me too')) _ (kind, message);
    update sessions set memory = '- likes tea', memory_upto = 1, last_message_id = 999
      where session_id = '{TALK}';
    do $$ begin
      update sessions set hosted_by = 'gone' where session_id = '{TALK}';
    exception when undefined_column then null; end $$;
    do $$ begin
      update session_logs set pending_server = 'gone' where event_type = 'user';
    exception when undefined_column then null; end $$;
    do $$ begin
      update session_logs set terms = '''a''';
    exception when undefined_column then null; end $$;
    select genpy_rate('ann', '{TALK}', 4);
    insert into sessions (session_id, user_id, status, end_time, summary, topics, sentiment, metrics,
        key_outcomes, title, note)
      values ('aaaaaaaa-0000-4000-8000-000000000002', 'ann', 'completed', now(), 'S.', '["a"]', 'positive',
        '{{"total_messages": 23}}', '["o"]', 'Ended', 'n');
    insert into sessions (session_id, user_id)
      values ('aaaaaaaa-0000-4000-8000-000000000003', 'bob');
    insert into session_logs (session_id, event_type, message)
      select session_id, kind, 'é' from sessions, unnest(array['user', 'ai', 'system']) kind
      where user_id = 'bob';
"""
KEPT = """
    select to_jsonb(s) from (
        select id, session_id, user_id, status, start_time, end_time, summary, topics, sentiment,
            metrics, user_rating, rated_at, key_outcomes, created_at, updated_at, note, memory,
            memory_upto, live_until
        from sessions order by id) s
    union all select to_jsonb(l) from (
        select id, session_id, event_type, message, metadata, created_at, client_id, uid, words
        from session_logs order by id) l
"""
ALL_OF_IT = f"""
    select (select jsonb_agg(kept) from ({KEPT}) _ (kept)) as kept,
      (select jsonb_agg(to_jsonb(c)) from ({CATALOGUE}) c) as catalogue,
      jsonb_build_array(
        jsonb_array_length(genpy_messages('ann', '{TALK}', 9, null, null)),
        genpy_metrics('ann', '{TALK}') -> 'total_messages',
        genpy_memory('ann', '{TALK}') ->> 'text',
        (select count(*) from genpy.sessions where title <> '' and settings = '{{}}'),
        (select jsonb_agg(message_count order by id) from public.sessions),
        (select jsonb_agg(last_message_id order by id) from public.sessions),
        (select coalesce(bool_and(terms @@ genpy.newest(id, 1)), true)
          from public.session_logs where pending_server is null),
        (select count(*) from public.session_logs where pending_server = 'gone')
          = (select count(*) from public.sessions where hosted_by = 'gone')) as read
"""
MakeStack = Callable[..., Stack]


def _earlier() -> dict[int, str]:
    with tarfile.open(FOLDER / "earlier_schemas.tar.xz") as archive:
        files = {
            int(name.removesuffix(".sql")): archive.extractfile(name) for name in archive.getnames()
        }
        return {
            version: file.read().decode() for version, file in files.items() if file is not None
        }


EARLIER = _earlier()
"""schema.sql by version; a new version adds the last one of the version before it."""


def test_loading_the_schema_again_changes_nothing(make_stack: MakeStack) -> None:
    """Loaded three times it is what it was after the first time."""
    stack = make_stack(SCHEMA)
    once = stack.sql(CATALOGUE)
    for _ in range(2):
        stack.sql(SCHEMA.read_text())
    assert stack.sql(CATALOGUE) == once
    assert len(once) > 60
    assert stack.sql("select genpy.cut()") == [{"cut": CUT}]


def test_the_first_version_is_upgraded_without_losing_a_row(make_stack: MakeStack) -> None:
    """Every value of every row stays through three loads, and nothing of the schema is missing."""
    stack = make_stack(FIRST_VERSION)
    before = stack.sql(FIRST_ROWS)
    for _ in range(3):
        stack.sql(SCHEMA.read_text())
    assert len(before) == 7
    assert stack.sql(FIRST_ROWS) == before
    assert stack.sql(CATALOGUE) == make_stack(SCHEMA).sql(CATALOGUE)
    kept = {row["indexdef"] for row in stack.sql(INDEXES)}
    fresh = {row["indexdef"] for row in make_stack(SCHEMA).sql(INDEXES)}
    assert fresh <= kept


def test_every_earlier_version_is_recorded() -> None:
    """The archive has schema.sql as it was last, of each version before this one."""
    assert sorted(EARLIER) == list(range(1, SCHEMA_VERSION))


def test_earlier_versions_are_upgraded(make_stack: MakeStack) -> None:
    """Every value of every row stays, and nothing else differs from a new database."""
    base, (fresh,) = make_stack(), make_stack(SCHEMA).sql(ALL_OF_IT)
    roles = (FOLDER / "roles.sql").read_text()
    for version, schema in EARLIER.items():
        name = f"{base.name}_version_{version}"
        base.sql(f"create database {name}")
        stack = Stack.new(database=base.database, name=name)
        before = stack.sql(f"{roles}; {schema}; {EARLIER_ROWS}; {KEPT}")
        (after,) = stack.sql(f"{SCHEMA.read_text()}; {ALL_OF_IT}")
        assert len(before) == 3 + 5
        assert after["kept"] == [row["to_jsonb"] for row in before], version
        assert after["catalogue"] == fresh["catalogue"], version
        assert after["read"] == [2, 2, "- likes tea", 3, [2, 0, 3], [2, 0, 5], True, True], version


async def test_it_runs_beside_readers_and_writers(make_stack: MakeStack) -> None:
    """Over tables of the first version and again, while a program inserts: nothing fails or is lost."""
    stack = make_stack(FIRST_VERSION)
    one = "11111111-1111-4111-8111-111111111111"
    write = (
        f"insert into session_logs (session_id, event_type, message) values ('{one}', 'user', 'x')"
    )
    script = " ".join(f"{write}; commit; select count(*) from session_logs;" for _ in range(200))
    before = stack.sql(f"select count(*) from session_logs where session_id = '{one}'")
    for _ in range(2):
        await asyncio.gather(
            *(asyncio.to_thread(stack.sql, sql) for sql in (script, SCHEMA.read_text(), script))
        )
    (rows,) = stack.sql(f"""
        select count(*) as stored, (select message_count from sessions where session_id = '{one}')
          as counted from session_logs where session_id = '{one}'
    """)
    assert rows["stored"] == rows["counted"] == before[0]["count"] + 800


def test_functions_run_as_their_caller_on_a_fixed_path(make_stack: MakeStack) -> None:
    """No function has more rights than who calls it, and none looks names up elsewhere."""
    rows = make_stack(SCHEMA).sql("""
        select proname, prosecdef, proconfig::text as config from pg_proc
        where pronamespace in ('public'::regnamespace, 'genpy'::regnamespace)
    """)
    assert len(rows) > 20
    assert [row for row in rows if row["prosecdef"]] == []
    assert [
        row for row in rows if 'search_path=""' not in str(row["config"]).replace("\\", "")
    ] == []


def test_updated_at_follows_what_a_person_sees(make_stack: MakeStack) -> None:
    """The trigger moves it for a visible column, whoever writes; hosting does not move it."""
    stack = make_stack(SCHEMA)
    ask = """
        select updated_at > start_time as moved from sessions
    """
    insert = """
        insert into sessions (session_id, user_id, start_time, updated_at)
        values (gen_random_uuid(), 'u', '2020-01-01', '2020-01-01');
    """
    assert stack.sql(f"{insert} update sessions set live_until = now(); {ask}") == [
        {"moved": False}
    ]
    assert stack.sql(f"update sessions set summary = 'S'; {ask}") == [{"moved": True}]


async def test_the_store_reads_rows_of_the_first_version(supabase: Stack) -> None:
    """Old sessions are listed, read, counted and found, whatever their columns hold."""
    store = SupabaseStore(supabase.url, supabase.secret_key)
    await store.open()
    active, completed = await store.sessions("old-user", limit=5)
    assert (active.title, active.status, active.topics) == ("Hello there", "active", ())
    assert (active.sentiment, active.metrics, active.message_count) == ("mixed", None, 2)
    assert (completed.title, completed.rating) == ("Where do penguins swim?", 4)
    assert completed.topics == ("penguins", "ice")
    assert completed.outcomes == ("A plan was made.",)
    assert completed.started_at == "2025-01-02T03:04:05.678000Z"
    asked, answered = await store.messages("old-user", completed.id, limit=5)
    assert (answered.role, answered.meta.intent) == ("assistant", "casual_chat")
    metrics = await store.metrics("old-user", completed.id)
    assert (metrics.messages, metrics.user_words, metrics.assistant_words) == (2, 4, 4)
    assert (await store.metrics("old-user", active.id)).messages == 2
    (hit,) = await store.search("old-user", "a swimming penguin", limit=5)
    assert hit.message == asked
    (empty,) = await store.sessions("other-user", limit=5)
    assert (empty.status, empty.title, empty.message_count) == ("completed", "Untitled", 0)
    assert ("old-user", active.id) in await store.abandoned(
        10_000, users=["old-user"], never_hosted=True
    )
    await store.close()


def test_counts_follow_whatever_program_inserts(make_stack: MakeStack) -> None:
    """Plain inserts move the session's count, order and metrics; they are those of counting."""
    stack = make_stack(SCHEMA)
    rows = stack.sql("""
        insert into sessions (session_id, user_id) values (gen_random_uuid(), 'ann');
        insert into session_logs (session_id, event_type, message, metadata)
        select session_id, kind, message, metadata::jsonb from sessions, (values
          ('user', 'two words', null), ('ai', 'a reply', '{"intent": "chat", "usage": {"prompt_tokens": 3}}'),
          ('ai', 'more', '{"tools": [{"name": "a"}, {"name": "a"}, {}], "intent": "chat"}'),
          ('system', 'note', '[1]')) _ (kind, message, metadata);
        select s.message_count = 4 and s.last_message_id = (select max(id) from session_logs) as right,
          s.counts as kept, genpy.count_messages(s.session_id) - 'duration_seconds' as counted
        from sessions s
    """)
    (row,) = rows
    assert row["right"] is True
    assert row["kept"] == row["counted"]
    assert row["kept"]["tools"] == {"a": 2}


async def test_what_other_programs_change_and_remove_is_followed(supabase: Stack) -> None:
    """It is found by its new words alone, and counted where it is now; who knows what is gone goes on."""
    store = SupabaseStore(supabase.url, supabase.secret_key)
    await store.open()
    person, other = Person(store), Person(store)
    await other.say("hello")
    said = [
        await person.say(text) for text in ("the xylophone", "first", "second", "third", "fourth")
    ]
    assert (await store.metrics(person.id, person.session)).messages == 5
    supabase.sql(f"""
        update session_logs set message = 'the wombat and more' where id = {said[0].id};
        delete from session_logs where id in ({said[2].id}, {said[4].id});
    """)
    (session,) = await store.sessions(person.id, limit=2)
    assert (session.message_count, session.last_message_id) == (3, said[3].id)
    metrics = await store.metrics(person.id, person.session)
    assert (metrics.messages, metrics.user_words) == (3, 6)
    for _ in range(2):
        assert await store.search(person.id, "xylophone", limit=5) == []
        (hit,) = await store.search(person.id, "wombat", limit=5)
        assert hit.message.text == "the wombat and more"
        await store.indexed()
    supabase.sql(f"""
        update session_logs set session_id = '{other.session}' where id = {said[1].id};
        delete from session_logs where id = {said[0].id};
    """)
    await store.append(person.id, person.session, "user", "fifth", title="", known=said[3].id)
    for one, count in ((person, 2), (other, 2)):
        (session,) = await store.sessions(one.id, limit=2)
        last = (await store.messages(one.id, one.session, limit=1))[0]
        assert (session.message_count, session.last_message_id) == (count, last.id)
        assert (await store.metrics(one.id, one.session)).messages == count
        assert len(await store.search(one.id, "first", limit=5)) == (one is other)
    await store.delete(person.id, person.session)
    await store.close()


async def test_sessions_are_found_by_the_user_that_another_program_gives_them(
    supabase: Stack,
) -> None:
    """By their words and titles, before they are indexed again and after."""
    store = SupabaseStore(supabase.url, supabase.secret_key)
    await store.open()
    before, after = Person(store), Person(store)
    await before.say("a marmot", title="Hills")
    supabase.sql(f"update sessions set user_id = '{after.id}' where user_id = '{before.id}'")
    for _ in range(2):
        for query in ("marmot", "hills"):
            assert len(await store.search(after.id, query, limit=5, titles=True)) == 1
            assert await store.search(before.id, query, limit=5, titles=True) == []
        await store.indexed()
    await store.close()


async def test_ids_that_another_program_chose_are_passed(make_stack: MakeStack) -> None:
    """Rows that were copied with their ids, also into empty tables, stop nobody."""
    stack = make_stack(SCHEMA)
    copied = "aaaaaaaa-0000-4000-8000-00000000000"
    for number in (1, 2, 3):
        last = stack.sql(f"""
            insert into sessions (id, session_id, user_id)
              select coalesce(max(id), 0) + 1, '{copied}{number}', 'ann' from sessions;
            insert into session_logs (id, session_id, event_type, message)
              select coalesce((select max(id) from session_logs), 0) + n, '{copied}{number}', 'user', 'm'
              from generate_series(1, 3) n;
            select max(id) as id from session_logs
        """)[0]["id"]
        appended = stack.sql("""
            select genpy_append(p_user_id => 'ann', p_session_id => gen_random_uuid(),
              p_event_type => 'user', p_message => 'm', p_title => 't', p_client_id => 'c',
              p_metadata => '{}', p_uid => gen_random_uuid(), p_words => 1, p_live_seconds => 0)
              #>> '{message,id}' as id
        """)
        assert int(str(appended[0]["id"])) > int(str(last))


def test_sessions_of_the_first_version_are_counted_once(make_stack: MakeStack) -> None:
    """Their counts are null until they are asked for, and exact from then on."""
    stack = make_stack(FIRST_VERSION)
    stack.sql(SCHEMA.read_text())
    one = "11111111-1111-4111-8111-111111111111"
    insert = "insert into session_logs (session_id, event_type, message) values"
    rows = stack.sql(f"""
        {insert} ('{one}', 'user', 'Another question');
        select genpy_metrics('old-user', '{one}') -> 'total_messages' as before;
        {insert} ('{one}', 'ai', 'Another answer');
        select genpy_metrics('old-user', '{one}') ->> 'total_messages' as after, message_count,
          counts = genpy.count_messages('{one}') - 'duration_seconds' as exact
        from sessions where session_id = '{one}'
    """)
    assert rows == [{"after": "4", "message_count": 4, "exact": True}]


def test_a_second_run_locks_nobody_out(make_stack: MakeStack) -> None:
    """Where nothing is to be changed no lock is taken that a reader or a writer would wait for."""
    stack = make_stack(FIRST_VERSION)
    held = """
        select relation::regclass::text as relation, mode from pg_locks
        where pid = pg_backend_pid() and relation >= 16384 and granted
          and mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
        order by 1, 2
    """
    first, second = (stack.sql(f"{SCHEMA.read_text()}; {held}") for _ in range(2))
    assert {"sessions", "session_logs"} <= {row["relation"] for row in first}
    assert second == []


def test_a_session_without_title_is_read(make_stack: MakeStack) -> None:
    """What the first version inserts after the schema was loaded has a title to show."""
    stack = make_stack(SCHEMA)
    rows = stack.sql("""
        insert into sessions (session_id, user_id) values (gen_random_uuid(), 'ann');
        select title from genpy.sessions
    """)
    assert rows == [{"title": "Untitled"}]
