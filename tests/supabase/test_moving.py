"""People move from the SQLite file to Supabase and back, with `genpy export` and `genpy import`."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Genpy
from support.supabase_stack import SCHEMA, Database, Stack, need

from genpy_server.core.models import MessageMeta, Metrics, ToolRecord, Usage
from genpy_server.stores.base import Result
from genpy_server.stores.sqlite.store import SqliteStore

USER = "a-person-who-moves"
SESSIONS = ("7a6f8a3e-2f0a-4f0e-9d55-2f6a3c1d9e01", "7a6f8a3e-2f0a-4f0e-9d55-2f6a3c1d9e02")


async def _seed(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    for number in range(3):
        for session in SESSIONS:
            asked = await store.append(
                USER,
                session,
                "user",
                f"{number} 🙂 naïve\n\x1b[31m",
                title="É",
                client_id=f"c{number}",
            )
            meta = MessageMeta(
                run=f"r{number}",
                reply_to=asked.message.id,
                intent="tutorial",
                intent_score=0.5,
                status="stopped",
                usage=Usage(3, 4),
                tools=(ToolRecord("get_session_stats", {"a": [1, None]}, result="**1**"),),
            )
            await store.append(USER, session, "assistant", "Yes.", title="", meta=meta)
    ending = await store.claim_ending(USER, SESSIONS[0], lease_seconds=60)
    assert ending is not None
    result = Result(Metrics(messages=6, tools={"t": 1}), "S.", None, ("a", "b"), "negative", ("o",))
    await store.finish_ending(ending, result)
    await store.rate(USER, SESSIONS[0], 2)
    await store.close()


def _export(genpy: Genpy) -> list[dict[str, Any]]:
    sessions: list[dict[str, Any]] = genpy("export", "--all").json["sessions"]
    return sessions


def _same(exported: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An export without what is each database's own: ids, which are told by their order instead."""
    moved = []
    for one in exported:
        places = {message["id"]: place for place, message in enumerate(one["messages"])}
        messages = [
            {
                **message,
                "id": places[message["id"]],
                "meta": {
                    **message["meta"],
                    "reply_to": places.get(message["meta"].get("reply_to")),
                },
            }
            for message in one["messages"]
        ]
        moved.append({"session": {**one["session"], "last_message_id": 0}, "messages": messages})
    return moved


@pytest.fixture
def homes(supabase: Stack, tmp_path: Path) -> tuple[Genpy, Genpy, Genpy]:
    """A SQLite file with conversations, a Supabase project without any of this user, a new file."""
    places = [tmp_path / name for name in ("old", "cloud", "new")]
    for place in places:
        place.mkdir()
    old, cloud, new = (Genpy(place, GENPY_USER=USER) for place in places)
    cloud.environment |= {"SUPABASE_URL": supabase.url, "SUPABASE_KEY": supabase.secret_key}
    asyncio.run(_seed(old.database))
    return old, cloud, new


def test_moving_there_and_back_loses_nothing(homes: tuple[Genpy, Genpy, Genpy]) -> None:
    """Ids, times, ratings, summaries, order and metadata are the same; twice changes nothing."""
    old, cloud, new = homes
    before = _export(old)
    document = old("export", "--all").out
    assert cloud("import", "-", "--json", given=document).json == {
        "conversations": 2,
        "messages": 12,
        "new": 12,
    }
    there = cloud("export", "--all").out
    assert _same(_export(cloud)) == _same(before)
    assert cloud("import", "-", given=document).out == (
        "Imported 2 conversations with 12 messages, 0 of them new.\n"
    )
    assert cloud("export", "--all").out == there

    (new.home / "file.json").write_text(there, encoding="utf-8")
    assert new("import", "file.json", "--json").json["new"] == 12
    assert _same(_export(new)) == _same(before)
    assert new("import", "file.json", "--json").json["new"] == 0
    assert old("import", "-", "--json", given=there).json["new"] == 0
    assert _export(old) == before
    assert cloud("search", "naive", "--json").json
    assert "supabase" in cloud("doctor").out


@pytest.mark.parametrize("given", ["", "[]", '{"sessions": 5}', "[" * 100_000, "\x00"])
def test_what_is_no_export_is_refused(tmp_path: Path, given: str) -> None:
    """Anything else ends with one sentence, and makes no database."""
    genpy = Genpy(tmp_path)
    ran = genpy("import", "-", given=given, code=1)
    assert "not an export of GenPy" in ran.err
    assert "Traceback" not in ran.err
    assert not genpy.database.exists()
    assert "cannot be read" in genpy("import", "missing.json", code=1).err


def test_an_import_is_not_made_through_a_server(tmp_path: Path) -> None:
    """With GENPY_SERVER set it says where to run it."""
    genpy = Genpy(tmp_path, GENPY_SERVER="http://127.0.0.1:1")
    assert "where the server runs" in genpy("import", "-", given="{}", code=1).err


def test_an_import_reads_each_message_a_few_times(database_server: Database) -> None:
    """A long conversation is imported into an empty project in a time that grows with its length.

    The connection keeps plans from when the table was empty.
    """
    need("postgres")
    stack = Stack.new("lite", database_server, "genpy_long_import")
    stack.create(SCHEMA)
    read = stack.sql(f"""
        do $$
        begin
          for piece in 0..9 loop
            perform public.genpy_import(
              jsonb_build_object('session_id', '{SESSIONS[0]}', 'user_id', '{USER}', 'status', 'active',
                'title', 't', 'start_time', now(), 'updated_at', now()),
              (select jsonb_agg(jsonb_build_object('id', n, 'uid', gen_random_uuid(), 'words', 1,
                'client_id', 'c' || n, 'about_records', false, 'event_type', 'user', 'text', 'x', 'at', now(), 'meta', '{{}}'))
               from generate_series(piece * 100 + 1, piece * 100 + 100) n));
          end loop;
        end $$;
        select (select count(*) from public.session_logs)::integer as messages,
            (seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as read
          from pg_stat_xact_user_tables where relname = 'session_logs'
    """)
    assert read[0]["messages"] == 1_000
    assert int(str(read[0]["read"])) < 20 * 1_000
