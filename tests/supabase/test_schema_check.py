"""`genpy schema --check`: what schema.sql would do, without doing it."""

from support.command_line import Genpy
from support.supabase_stack import FIRST_VERSION, SCHEMA

from genpy_server.stores.supabase.client import SCHEMA_VERSION

CATALOGUE = "select proname, md5(prosrc) from pg_proc where proname like 'genpy%' order by 1, 2"


def command(tmp_path, stack):
    """The command, with the project of a stack, whose API is started."""
    stack.start_api()
    return Genpy(tmp_path, SUPABASE_URL=stack.url, SUPABASE_KEY=stack.secret_key)


def of_version(version, stack):
    """A stack that says it has this version, with three messages, of which two are indexed."""
    stack.sql(f"""
        create or replace function genpy_version() returns jsonb language sql
            as $$ select '{version}'::jsonb $$;
        insert into sessions (session_id, user_id, title) values (gen_random_uuid(), 'u', 't');
        insert into session_logs (session_id, event_type, message, terms)
            select session_id, 'user', 'x', t::tsvector
            from sessions, unnest(array['a', 'b', null]) t
    """)
    return stack


def test_the_newest_version_needs_nothing(make_stack, tmp_path):
    """A project of this version needs nothing, and its rows are counted."""
    genpy = command(tmp_path, make_stack(SCHEMA))
    assert genpy("schema", "--check", "--json").json == {
        "installed": SCHEMA_VERSION,
        "needed": SCHEMA_VERSION,
        "sessions": 0,
        "messages": 0,
        "lock_seconds": 0.0,
        "rewritten": 0,
    }
    assert "which is up to date" in genpy("schema", "--check").out


def test_an_earlier_version_is_to_be_upgraded(make_stack, tmp_path):
    """For a project of an earlier version the command says so with code 1, and changes nothing."""
    stack = of_version(1, make_stack(SCHEMA))
    before = stack.sql(CATALOGUE)
    ran = command(tmp_path, stack)("schema", "--check", code=1)
    assert "version 1" in ran.out
    assert f"needs {SCHEMA_VERSION}" in ran.out
    assert "1 session and 3 messages" in ran.out
    assert "may wait up to 0.5 s" in ran.out
    assert "writes up to 2 messages again" in ran.out
    assert stack.sql(CATALOGUE) == before


def test_a_version_whose_rows_stay_as_they_are(make_stack, tmp_path):
    """From the version whose messages have their places on, no message is written again."""
    genpy = command(tmp_path, of_version(18, make_stack(SCHEMA)))
    state = genpy("schema", "--check", "--json", code=1).json
    assert (state["installed"], state["messages"], state["rewritten"]) == (18, 3, 0)


def test_a_project_without_functions(make_stack, tmp_path):
    """For a project that only the first version used the command counts its rows and says what to run."""
    stack = make_stack(FIRST_VERSION)
    stack.sql("grant select on all tables in schema public to service_role")
    ran = command(tmp_path, stack)("schema", "--check", code=1)
    assert "genpy schema" in ran.out
    assert "3 sessions and 4 messages" in ran.out
    assert "writes up to 4 messages again" in ran.out
    assert "may wait up to 0.5 s" in ran.out


def test_no_project(tmp_path):
    """Without a project the command says which settings name one."""
    assert "SUPABASE_URL" in Genpy(tmp_path)("schema", "--check", code=2).err
