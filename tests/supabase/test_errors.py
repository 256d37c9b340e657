"""Trouble with Supabase has names, and each says what to do."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from support.command_line import Genpy
from support.counting_proxy import counting
from support.ports import free_port
from support.running_server import serving
from support.supabase_stack import FIRST_VERSION, SCHEMA, Stack, token

from genpy_server.core.backoff import Backoff
from genpy_server.core.models import Session
from genpy_server.errors import (
    NotFound,
    StoreError,
    StoreForbidden,
    StoreKeyRejected,
    StoreSchemaMissing,
    StoreTimeout,
    StoreUnavailable,
)
from genpy_server.stores.supabase import client
from genpy_server.stores.supabase.client import SCHEMA_VERSION, StoreRolledBack, refusal
from genpy_server.stores.supabase.store import SupabaseStore

KEY = "sb_secret_anything"
NOW = "2026-01-01T00:00:00Z"


async def trouble(url: str, key: str = KEY, **timeout: float) -> StoreError:
    """What `check` of a store at this address raises."""
    store = SupabaseStore(url, key, timeout=httpx.Timeout(5, **timeout))
    try:
        await store.open()
        await store.check()
    except StoreError as error:
        return error
    finally:
        await store.close()
    raise AssertionError("nothing was raised")


@asynccontextmanager
async def answering(*answers: bytes | None) -> AsyncIterator[str]:
    """A server that gives these bytes to one request each, the last one to all that follow.

    None hangs up without a word, and no answers at all keep everybody waiting.
    """
    left = list(answers)
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        await reader.readuntil(b"\r\n\r\n")
        if not left:
            await reader.read()
        answer = left.pop(0) if len(left) > 1 else next(iter(left), None)
        writer.write(answer or b"")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*serving, return_exceptions=True)


def response(status: str, body: str, kind: str = "application/json") -> bytes:
    """The bytes of an answer."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
    return f"{head}connection: close\r\n\r\n{body}".encode()


async def test_nobody_at_the_address() -> None:
    """A closed port is `StoreUnavailable`, with the address and what to look at."""
    url = f"http://127.0.0.1:{free_port()}"
    error = await trouble(url)
    assert type(error) is StoreUnavailable
    assert error.retryable
    assert url in error.message
    assert "SUPABASE_URL" in error.message


async def test_a_missing_certificate_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SSL_CERT_FILE that is not there is named."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")
    error = await trouble(f"https://127.0.0.1:{free_port()}")
    assert type(error) is StoreUnavailable
    assert "SSL_CERT_FILE" in error.message


async def test_an_address_that_does_not_answer() -> None:
    """A server that accepts and says nothing is `StoreTimeout`, after the time-out set."""
    async with answering() as url:
        error = await trouble(url, read=0.1)
    assert type(error) is StoreTimeout
    assert error.retryable


async def test_something_else_at_the_address() -> None:
    """A web page, a redirect and a plain 404 are not a Supabase project."""
    for answer in (
        response("200 OK", "<html>", "text/html"),
        response("301 Moved", "", "text/html"),
        response("404 Not Found", "nothing here", "text/plain"),
    ):
        async with answering(answer) as url:
            error = await trouble(url)
        assert type(error) is StoreUnavailable
        assert "not a Supabase project" in error.message


@pytest.mark.parametrize("body", ['""', '"x"', '{"version":"2"}', '{"version"', "[]", "", "true"])
async def test_an_answer_that_is_not_of_our_functions(body: str) -> None:
    """JSON of something else, and what is cut off, is not a Supabase project, first or later."""
    for before in ((), (response("200 OK", str(SCHEMA_VERSION)),)):
        async with answering(*before, response("200 OK", body)) as url:
            error = await trouble(url)
        assert type(error) is StoreUnavailable
        assert "not a Supabase project" in error.message


async def test_a_connection_that_broke_is_used_once_more() -> None:
    """A call whose connection broke is made again, once."""
    version, seen = (
        response("200 OK", str(SCHEMA_VERSION)),
        {"version": SCHEMA_VERSION, "sessions": 0, "messages": 0},
    )
    async with answering(version, None, response("200 OK", json.dumps(seen))) as url:
        store = SupabaseStore(url, KEY)
        await store.open()
        assert (await store.check()).sessions == 0
        await store.close()
    async with answering(version, None, None, version) as url:
        assert type(await trouble(url)) is StoreUnavailable


async def test_a_change_whose_answer_is_lost_is_made_once(quick: Stack) -> None:
    """A deletion, a revocation and an import are repeated, and say what they would have said."""
    user, session = f"user-{uuid4()}", str(uuid4())
    moved = Session(str(uuid4()), user, "Moved", "active", NOW, NOW, 1)
    message = {"id": 1, "session_id": moved.id, "role": "user", "text": "x", "at": NOW}
    async with counting(quick.url) as proxy:
        store = SupabaseStore(proxy.url, quick.secret_key)
        await store.open()
        await store.append(user, session, "user", "hello", title="t")
        await store.approve_tool(user, "deploy", "digest")
        proxy.lost = {"delete", "revoke_tool", "import"}
        await store.delete(user, session)
        assert await store.revoke_tool(user, "deploy")
        await store.import_session(moved, [message])
        assert not proxy.lost
        with pytest.raises(NotFound):
            await store.delete(user, session)
        assert not await store.revoke_tool(user, "deploy")
        assert [one.id for one in await store.sessions(user, limit=9)] == [moved.id]
        assert len(await store.messages(user, moved.id, limit=9)) == 1
        await store.close()


async def test_a_call_that_was_rolled_back_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a deadlock or a serialization failure, up to five times in all."""
    monkeypatch.setattr(client, "REPEATS", Backoff(first=0, longest=0, attempts=5))
    version, seen = (
        response("200 OK", str(SCHEMA_VERSION)),
        {"version": SCHEMA_VERSION, "sessions": 3, "messages": 0},
    )
    undone = [
        response("500 Internal Server Error", json.dumps({"code": code}))
        for code in ("40P01", "40001", "40P01", "40P01", "40001")
    ]
    async with answering(version, *undone[:4], response("200 OK", json.dumps(seen))) as url:
        store = SupabaseStore(url, KEY)
        await store.open()
        assert (await store.check()).sessions == 3
        await store.close()
    async with answering(version, *undone, response("200 OK", json.dumps(seen))) as url:
        assert type(await trouble(url)) is StoreRolledBack


async def test_a_wrong_key(supabase: Stack) -> None:
    """A key that the project does not know is `StoreKeyRejected`."""
    error = await trouble(supabase.url, "sb_secret_wrong")
    assert type(error) is StoreKeyRejected
    assert not error.retryable
    assert "SUPABASE_KEY" in error.message


def _service_key_of_another_alphabet() -> str:
    claims = base64.urlsafe_b64encode(b'{"role": "anon"').decode()
    return f"x.{claims}.x"


@pytest.mark.parametrize(
    "key",
    ["sb_publishable_x", token("anon"), token("authenticated", "u")],
    ids=["publishable", "anon", "signed in"],
)
async def test_the_publishable_key_is_recognised_without_asking(key: str) -> None:
    """The publishable key, in its new form or its old, is refused when the store is opened."""
    store = SupabaseStore(f"http://127.0.0.1:{free_port()}", key)
    with pytest.raises(StoreKeyRejected, match="publishable key"):
        await store.open()


@pytest.mark.parametrize(
    "key",
    [token("service_role"), "sb_secret_x", "a.b.c", "..", _service_key_of_another_alphabet()],
    ids=["service role", "secret", "three parts", "dots", "another alphabet"],
)
async def test_other_keys_are_tried(key: str) -> None:
    """What is not known to be the publishable key is left to the project to judge."""
    assert type(await trouble(f"http://127.0.0.1:{free_port()}", key)) is StoreUnavailable


@pytest.mark.parametrize("files", [(), (FIRST_VERSION,)], ids=["empty", "first version"])
async def test_a_database_without_the_schema(
    make_stack: Callable[..., Stack], files: tuple[Path, ...]
) -> None:
    """An empty database and one of the first version are `StoreSchemaMissing`, naming the file."""
    stack = make_stack(*files)
    stack.start_api()
    error = await trouble(stack.url, stack.secret_key)
    assert type(error) is StoreSchemaMissing
    assert not error.retryable
    assert "schema.sql" in error.message


async def test_a_schema_or_rights_of_another_time(make_stack: Callable[..., Stack]) -> None:
    """An older schema is `StoreSchemaMissing`; rights taken away are `StoreForbidden`."""
    stack = make_stack(SCHEMA)
    stack.sql("""
        create or replace function genpy_version() returns jsonb language sql as $$ select '1'::jsonb $$
    """)
    stack.start_api()
    assert type(await trouble(stack.url, stack.secret_key)) is StoreSchemaMissing
    stack.sql("revoke execute on function genpy_version() from service_role")
    error = await trouble(stack.url, stack.secret_key)
    assert type(error) is StoreForbidden
    assert "row level security" in error.message


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (503, {"code": "PGRST000"}, StoreUnavailable),
        (503, {"code": "PGRST002", "message": "schema cache"}, StoreUnavailable),
        (504, {"code": "PGRST003"}, StoreTimeout),
        (500, {"code": "57014", "message": "canceling statement"}, StoreTimeout),
        (500, {"code": "57P01"}, StoreUnavailable),
        (503, {"code": "53300"}, StoreUnavailable),
        (404, {"code": "PGRST202"}, StoreSchemaMissing),
        (404, {"code": "PGRST205"}, StoreSchemaMissing),
        (404, {"code": "42P01"}, StoreSchemaMissing),
        (404, {"code": "42883"}, StoreSchemaMissing),
        (403, {"code": "42501"}, StoreForbidden),
        (401, {"code": "42501"}, StoreKeyRejected),
        (401, {"message": "Invalid API key"}, StoreKeyRejected),
        (401, {"code": "PGRST301"}, StoreKeyRejected),
        (401, {"code": "PGRST303"}, StoreUnavailable),
        (429, "slow down", StoreUnavailable),
        (502, "<html>Bad gateway</html>", StoreUnavailable),
        (522, "", StoreUnavailable),
        (504, "", StoreTimeout),
        (400, {"code": "23514"}, StoreError),
        (400, {"code": None, "message": None}, StoreUnavailable),
        (400, [], StoreUnavailable),
        (400, {"code": 5}, StoreUnavailable),
        (400, "[" * 100_000, StoreUnavailable),
        (500, {"code": "XX000"}, StoreError),
        (500, {"code": "40P01"}, StoreRolledBack),
        (400, {"code": "40001"}, StoreRolledBack),
        *((500, {"code": code}, StoreRolledBack) for code in ("40000", "40002")),
        (500, {"code": "40003"}, StoreUnavailable),
        *((500, {"code": code}, StoreTimeout) for code in ("25P03", "25P04")),
        *((500, {"code": code}, StoreUnavailable) for code in ("53200", "58030", "08006")),
        (403, {"error": "forbidden"}, StoreUnavailable),
        (500, {"code": "P0001"}, StoreError),
        (500, {"code": "SUP", "message": "connect ENOENT"}, StoreUnavailable),
    ],
)
def test_an_answer_is_named_by_its_code_or_its_status(
    status: int, body: object, kind: type[StoreError]
) -> None:
    """PostgREST's code decides, then PostgreSQL's, then the HTTP status; texts never do."""
    text = body if isinstance(body, str) else json.dumps(body)
    error = refusal(httpx.Response(status, text=text), "https://x.supabase.co")
    assert type(error) is kind
    assert error.message.endswith(".")


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, {"code": "PGRST303", "message": "JWT expired"}, "time of the key"),
        (401, {"code": "PGRST303", "message": "JWT issued at future"}, "time of the key"),
        (401, {"code": "PGRST301", "message": "JWT expired"}, "time of the key"),
        (402, {"message": "exceed_egress_quota"}, "billing"),
        (540, "", "is paused"),
        (403, "<html>Attention Required</html>", "a firewall, a proxy"),
        (503, {"code": "PGRST001"}, "the error PGRST001"),
        (503, {"code": "PGRST002"}, "the error PGRST002"),
        (500, {"code": "53100"}, "the error 53100"),
        (502, "<html>Bad gateway</html>", "the error 502"),
        (405, {"code": "25006"}, "takes no changes"),
    ],
)
def test_what_passes_by_itself(status: int, body: object, says: str) -> None:
    """Trouble that ends without a change of settings is retried, and never "cannot be reached"."""
    text = body if isinstance(body, str) else json.dumps(body)
    error = refusal(httpx.Response(status, text=text), "https://x.supabase.co")
    assert type(error) is StoreUnavailable
    assert error.retryable
    assert says in error.message
    assert "cannot be reached" not in error.message


async def test_health_says_what_is_wrong_and_what_to_do(
    supabase: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/health is 200 while the database answers, and 503 with the sentence while it does not."""
    monkeypatch.setattr("genpy_server.web.app.CACHE_SECONDS", 0)
    settings = {"SUPABASE_URL": supabase.url, "SUPABASE_KEY": supabase.secret_key}
    async with serving(tmp_path / "unused.db", **settings) as server, httpx.AsyncClient() as http:
        well = await http.get(f"{server.url}/health")
        supabase.stop_api()
        ill = await http.get(f"{server.url}/health")
        supabase.start_api()
        again = await http.get(f"{server.url}/health")
    assert [answer.status_code for answer in (well, ill, again)] == [200, 503, 200]
    assert well.json()["store"]["kind"] == "supabase"
    assert "Supabase cannot be reached" in ill.json()["store"]["error"]
    assert not (tmp_path / "unused.db").exists()


@pytest.mark.parametrize(
    ("key", "says"),
    [(KEY, "Supabase cannot be reached"), ("sb_publishable_x", "the publishable key")],
)
def test_a_command_says_it_in_one_sentence(tmp_path: Path, key: str, says: str) -> None:
    """A command ends with the sentence, said once; `genpy doctor` shows it beside the rest."""
    address = f"http://127.0.0.1:{free_port()}"
    genpy = Genpy(tmp_path, SUPABASE_URL=address, SUPABASE_KEY=key)
    ran = genpy("sessions", "list", code=1)
    assert ran.err.count(says) == 1
    assert len(ran.err.splitlines()) == 1
    assert says in genpy("doctor", code=1).out
    assert not genpy.database.exists()
