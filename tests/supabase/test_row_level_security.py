"""What the publishable key and signed-in users can do to the rows: nothing."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from support.supabase_stack import Stack, token

from genpy_server.core.models import Memory
from genpy_server.stores.supabase.store import SupabaseStore

SECRET = "the-penguins-secret"
COUNTED = {"Prefer": "count=planned"}
"""Asks for the planner's estimate, which would tell how much others write."""
ROWS = "select to_jsonb(s) from sessions s union all select to_jsonb(l) from session_logs l"
ARGUMENTS = """
    select proname as name, proargnames as arguments,
        array(select t::regtype::text from unnest(proargtypes) t) as types
    from pg_proc where pronamespace = 'public'::regnamespace and proname like 'genpy\\_%'
"""


@dataclass(frozen=True)
class Attempt:
    """One request that must show and change nothing."""

    method: str
    path: str
    body: Any = None


@dataclass(frozen=True)
class Victim:
    """Somebody with a session and a secret in it."""

    user: str
    session: str
    message: int


@pytest.fixture
async def victim(stack: Stack) -> AsyncIterator[Victim]:
    """A user of whom every column holds something."""
    store = SupabaseStore(stack.url, stack.secret_key)
    await store.open()
    user, session = str(uuid4()), str(uuid4())
    said = await store.append(user, session, "user", SECRET, title=SECRET, client_id="c")
    await store.extend_memory(user, session, Memory(SECRET, said.message.id), previous=None)
    await store.rate(user, session, 5)
    yield Victim(user, session, said.message.id)
    await store.close()


def attempts(stack: Stack, victim: Victim) -> list[Attempt]:
    """Every verb on both tables, and every function with arguments that would work."""
    changes: dict[str, dict[str, Any]] = {
        "sessions": {"user_id": "thief", "title": "stolen"},
        "session_logs": {"message": "stolen"},
    }
    new: dict[str, dict[str, Any]] = {
        "sessions": {"session_id": str(uuid4()), "user_id": victim.user},
        "session_logs": {"session_id": victim.session, "event_type": "user", "message": "planted"},
    }
    wheres = [f"session_id=eq.{victim.session}", "id=gt.0", f"id=eq.{victim.message}"]
    made = []
    for table, change in changes.items():
        made += [Attempt("GET", f"{table}?select=*"), Attempt("HEAD", f"{table}?select=*")]
        made += [Attempt("POST", table, new[table]), Attempt("PUT", f"{table}?id=eq.1", new[table])]
        made.append(Attempt("POST", f"{table}?on_conflict=id", [{"id": 1, **new[table]}]))
        for where in wheres:
            made += [
                Attempt("GET", f"{table}?{where}"),
                Attempt("PATCH", f"{table}?{where}", change),
                Attempt("DELETE", f"{table}?{where}"),
            ]
    made.append(Attempt("GET", "sessions?select=title,session_logs(message)"))
    made.append(Attempt("GET", "session_logs?select=message,sessions(title)"))
    for row in stack.sql(ARGUMENTS):
        values = {
            name: argument(name, kind, victim)
            for name, kind in zip(row["arguments"] or [], row["types"], strict=True)
        }
        made.append(Attempt("POST", f"rpc/{row['name']}", values))
    return made


def argument(name: str, kind: str, victim: Victim) -> Any:
    """A value for a parameter, right for its name or at least for its type."""
    named: dict[str, Any] = {
        "p_user_id": victim.user,
        "p_session_id": victim.session,
        "p_session_ids": [victim.session],
        "p_event_type": "user",
        "p_words": ["penguins"],
        "p_client_id": "c",
        "p_rating": 1,
        "p_status": None,
        "p_session": {"session_id": victim.session, "user_id": victim.user},
        "p_messages": [],
        "p_uid": str(uuid4()),
        "p_before": None,
        "p_query": None,
        "p_id_prefix": None,
    }
    typed = {"text": "2020-01-01", "jsonb": {}, "boolean": True, "uuid": str(uuid4())}
    return named[name] if name in named else typed.get(kind, 100)


def forged(user: str) -> str:
    """A token without signature that says it is the server's."""

    def part(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part({'role': 'service_role', 'sub': user})}."


def thieves(stack: Stack, victim: Victim) -> dict[str, dict[str, str]]:
    """The headers of everybody who is neither the victim nor the server."""
    publishable = {"apikey": stack.publishable_key}

    def bearer(value: str) -> dict[str, str]:
        return {**publishable, "Authorization": f"Bearer {value}"}

    return {
        "the publishable key": publishable,
        "another signed-in user": bearer(token("authenticated", str(uuid4()))),
        "the rows' own user, signed in": bearer(token("authenticated", victim.user)),
        "no key": {},
        "a wrong key": {"apikey": "sb_secret_guessed"},
        "a forged token": bearer(forged(victim.user)),
    }


async def test_nobody_sees_or_changes_the_rows_of_another(stack: Stack, victim: Victim) -> None:
    """More than a hundred attempts, by every verb and function: nothing seen, nothing changed."""
    before = stack.sql(ROWS)
    tried = 0
    async with httpx.AsyncClient(base_url=f"{stack.url}/rest/v1/") as http:
        for name, headers in thieves(stack, victim).items():
            for attempt in attempts(stack, victim):
                answer = await http.request(
                    attempt.method, attempt.path, json=attempt.body, headers=headers | COUNTED
                )
                tried += 1
                assert SECRET not in answer.text, (name, attempt)
                assert str(victim.session) not in answer.text or not answer.is_success, name
                assert "content-range" not in answer.headers or answer.headers[
                    "content-range"
                ].startswith("*"), (name, attempt)
    assert tried > 100
    assert stack.sql(ROWS) == before


async def test_the_same_attempts_work_with_the_secret_key(stack: Stack, victim: Victim) -> None:
    """The attempts are real: with the secret key they read the secret and change the rows."""
    headers = {"apikey": stack.secret_key}
    tried = [attempt for attempt in attempts(stack, victim) if "delete" not in attempt.path]
    before = stack.sql(ROWS)
    async with httpx.AsyncClient(base_url=f"{stack.url}/rest/v1/", headers=headers) as http:
        seen = [
            SECRET in (await http.request(attempt.method, attempt.path, json=attempt.body)).text
            for attempt in tried
            if attempt.method == "GET" or attempt.path.startswith("rpc/")
        ]
        assert sum(seen) >= 12
        for attempt in tried:
            if attempt.method == "PATCH" and "session_id=eq" in attempt.path:
                await http.request(attempt.method, attempt.path, json=attempt.body)
    assert sum("stolen" in str(row) for row in stack.sql(ROWS)) >= 2
    assert stack.sql(ROWS) != before
