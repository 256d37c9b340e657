"""Every route of the API over real sockets and a real SQLite file: good, bad and missing."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import httpx
import msgspec
import pytest
from support.http_server import listening

from genpy_server import __version__
from genpy_server.core.identity import named_id_before
from genpy_server.core.models import ChatMessage, Message, Session
from genpy_server.errors import GenPyError, LlmKeyRejected, StoreUnavailable
from genpy_server.llm.base import ChatRequest, LlmHealth
from genpy_server.llm.providers import Providers
from genpy_server.markdown_export import blocks
from genpy_server.modes import own_modes
from genpy_server.runs.context import Chat
from genpy_server.runs.tool_access import ToolAccess
from genpy_server.sessions.rate_limit import Rates
from genpy_server.sessions.records import LocalRecords
from genpy_server.settings import load
from genpy_server.stores.base import Result
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_server.tools.registry import BUILT_IN, ToolRegistry
from genpy_server.web.app import HealthCheck
from genpy_server.web.renderer import Renderer
from genpy_server.web.routes import API_ROUTES

T = TypeVar("T")
ALICE = "alice-" + "a" * 20
BOB = "bob-" + "b" * 20
TRIP = named_id_before("alice", "trip")


class Model:
    """A model that is only asked how it is."""

    kind = "offline"
    model = "none"

    def __init__(self) -> None:
        self.asked = 0
        self.trouble: GenPyError | None = None
        self.hangs = False

    def stream(self, request: ChatRequest) -> Any:
        """Never asked."""
        raise AssertionError

    async def structured(
        self, messages: Sequence[ChatMessage], schema: type[T], *, model: str | None = None
    ) -> T:
        """Never asked."""
        raise AssertionError

    async def check(self) -> LlmHealth:
        """What the test wants."""
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        if self.hangs:
            await asyncio.Event().wait()
        return LlmHealth(self.kind, "nowhere", self.model)

    async def close(self) -> None:
        """Nothing to close."""


def chat_over(store: Any) -> Chat:
    """What runs would use, without a model."""
    tools = ToolAccess(store, ToolRegistry())
    return Chat(store, Providers(load({})), load({}), own_modes(), tools)


class Ender:
    """Writes the same summary for every session."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def end(self, user_id: str, session_id: str, *, again: bool) -> Session:
        """Summarise again."""
        metrics = await self._store.metrics(user_id, session_id)
        ending = await self._store.claim_ending(user_id, session_id, lease_seconds=60, again=again)
        assert ending is not None
        session = await self._store.finish_ending(ending, Result(metrics, summary="All of it."))
        assert session is not None
        return session


@dataclass
class Api:
    """A client of Alice's, beside what it talks to."""

    client: httpx.AsyncClient
    store: SqliteStore
    model: Model

    async def talk(self, name: str, *texts: str, user: str = "alice") -> str:
        """Store messages in a session; returns its id."""
        session_id = named_id_before(user, name)
        for text in texts:
            await self.store.append(user, session_id, "user", text, title=name)
        return session_id

    async def error(self, method: str, path: str, **kwargs: Any) -> tuple[int, str, str]:
        """Status, code and sentence of a refusal."""
        answer = await self.client.request(method, path, **kwargs)
        error = answer.json()["error"]
        return answer.status_code, error["code"], error["message"]


def app_over(store: SqliteStore, records: Callable[[str], LocalRecords], model: Model) -> Any:
    """What the handlers use of a server."""
    return SimpleNamespace(
        records=records,
        health=HealthCheck(store, Providers(load({}), model)),
        renderer=Renderer(),
        chat=chat_over(store),
        rates=Rates(1_000),
    )


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """The API of Alice and Bob."""
    store, model = SqliteStore(tmp_path / "genpy.db"), Model()
    await store.open()

    def records(user: str) -> LocalRecords:
        return LocalRecords(store, user, load({}), ender=Ender(store))

    app = app_over(store, records, model)
    headers = {"Authorization": f"Bearer {ALICE}"}
    async with (
        listening(routes=API_ROUTES, app=app, GENPY_TOKEN=f"alice:{ALICE},bob:{BOB}") as front,
        httpx.AsyncClient(base_url=front.url, headers=headers) as client,
    ):
        yield Api(client, store, model)
    await store.close()


async def test_sessions_are_listed_newest_first_in_pages(api: Api) -> None:
    """A page holds `limit` sessions, and `next` leads to the following one."""
    for name in ("one", "two", "three"):
        await api.talk(name, "hello")
    first = (await api.client.get("/api/sessions?limit=2")).json()
    assert [session["title"] for session in first["sessions"]] == ["three", "two"]
    assert first["next"] == first["sessions"][-1]["last_message_id"]
    second = (await api.client.get(f"/api/sessions?limit=2&before={first['next']}")).json()
    assert [session["title"] for session in second["sessions"]] == ["one"]
    assert second["next"] is None


async def test_sessions_are_filtered(api: Api) -> None:
    """`status` and `q` narrow the list."""
    await api.talk("rome", "hello")
    await api.talk("oslo", "hello")
    await api.client.post("/api/session/oslo/regenerate-summary")
    for query, wanted in (("status=active", ["rome"]), ("q=OSL", ["oslo"]), ("q=x", [])):
        listed = (await api.client.get(f"/api/sessions?{query}")).json()["sessions"]
        assert [session["title"] for session in listed] == wanted


async def test_no_sessions_are_an_empty_list(api: Api) -> None:
    """Who said nothing has an empty list."""
    assert (await api.client.get("/api/sessions")).json() == {"sessions": [], "next": None}


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/api/sessions?limit=0", "limit"),
        ("/api/sessions?limit=201", "limit"),
        ("/api/sessions?limit=many", "limit"),
        ("/api/sessions?limit=", "limit"),
        ("/api/sessions?before=-1", "before"),
        ("/api/sessions?status=dead", "status"),
        ("/api/sessions?q=", "q"),
        ("/api/sessions?limt=5", "limt"),
        ("/api/sessions?limit=1&limit=2", "twice"),
        ("/api/session/trip/messages?limit=0", "limit"),
        ("/api/session/trip/messages?before=x", "before"),
        ("/api/session/trip/messages?q=x", "q"),
        ("/api/search", "q"),
        ("/api/search?q=x&limit=1.5", "limit"),
        ("/api/search?q=" + "x" * 501, "q"),
        ("/api/sessions?before=99999999999999999999", "before"),
    ],
)
async def test_a_wrong_query_is_named(api: Api, path: str, named: str) -> None:
    """A value that cannot be used is 400 with a sentence that names it."""
    status, code, message = await api.error("GET", path)
    assert (status, code) == (400, "bad_request")
    assert named in message.replace(".", "").split()


async def test_one_session_by_id_prefix_name_and_last(api: Api) -> None:
    """A session answers to its id, a beginning of it, its name, and `last`."""
    session_id = await api.talk("trip", "hello")
    for ref in (session_id, session_id[:8], "trip", "last"):
        session = (await api.client.get(f"/api/session/{ref}")).json()
        assert (session["session_id"], session["title"], session["user_id"]) == (
            session_id,
            "trip",
            "alice",
        )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/session/trip", None),
        ("PATCH", "/api/session/trip", {"title": "x"}),
        ("DELETE", "/api/session/trip", None),
        ("GET", "/api/session/trip/summary", None),
        ("GET", "/api/session/trip/messages", None),
        ("POST", "/api/session/trip/rate", {"rating": 5}),
        ("POST", "/api/session/trip/regenerate-summary", None),
        ("GET", "/api/search?q=x&session=trip", None),
    ],
)
async def test_a_missing_session_and_somebody_elses_look_the_same(
    api: Api, method: str, path: str, body: Any
) -> None:
    """What is not there and what is not yours get the same 404."""
    missing = await api.error(method, path, json=body)
    bobs = await api.talk("trip", "mine alone", user="bob")
    hidden = await api.error(method, path.replace("trip", bobs), json=body)
    assert missing[:2] == hidden[:2] == (404, "not_found")
    assert missing[2] == hidden[2].replace(bobs, "trip")
    assert await api.store.session("bob", bobs) is not None


@pytest.mark.parametrize("ref", ["a%2Fb", "a%20b", "%C3%A4", "a" * 65])
async def test_a_ref_that_names_nothing_is_a_bad_request(api: Api, ref: str) -> None:
    """A ref that no session can have is 400."""
    assert (await api.error("GET", f"/api/session/{ref}"))[:2] == (400, "bad_request")


async def test_a_path_that_is_no_utf8_is_a_bad_request(api: Api) -> None:
    """An undecodable ref is 400."""
    assert (await api.error("GET", "/api/session/%ff"))[0] == 400


async def test_a_session_is_renamed(api: Api) -> None:
    """PATCH gives another title and answers the session."""
    await api.talk("trip", "hello")
    answer = await api.client.patch("/api/session/trip", json={"title": "To  Rome"})
    assert (answer.status_code, answer.json()["title"]) == (200, "To Rome")
    assert (await api.client.get("/api/session/trip")).json()["title"] == "To Rome"


async def test_a_session_is_deleted_once(api: Api) -> None:
    """DELETE answers what the session was; the second time there is none."""
    await api.talk("trip", "hello")
    answer = await api.client.delete("/api/session/trip")
    assert (answer.status_code, answer.json()["session_id"]) == (200, TRIP)
    assert (await api.error("DELETE", "/api/session/trip"))[:2] == (404, "not_found")
    assert await api.store.messages("alice", TRIP, limit=1) == []


async def test_a_summary_is_written_again_and_read(api: Api) -> None:
    """After regenerate-summary the summary is there, with its metrics."""
    await api.talk("trip", "hello there")
    before = (await api.client.get("/api/session/trip/summary")).json()
    assert (before["summary"], before["status"]) == (None, "active")
    written = await api.client.post("/api/session/trip/regenerate-summary")
    assert written.status_code == 200
    after = (await api.client.get("/api/session/trip/summary")).json()
    assert after == written.json()
    assert (after["summary"], after["status"]) == ("All of it.", "completed")
    assert after["metrics"]["user_words"] == 2


async def test_a_session_as_a_document(api: Api) -> None:
    """The document has every message as it is, in JSON, whatever it holds."""
    texts = ['say "\\n"', "two\nlines\t\x01", "Grüße \U0001f600 \u2028", "```\nopen"]
    await api.talk("trip", *texts)
    answer = await api.client.get("/api/session/trip/export")
    kept = (await api.client.get("/api/session/trip/messages")).json()["messages"]
    messages = msgspec.convert(kept, list[Message])
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"markdown": "".join(blocks("trip", messages, UTC))}
    assert [message.text for message in messages] == texts
    east = await api.client.get("/api/session/trip/export?utc_offset=330")
    zone = timezone(timedelta(minutes=330))
    assert east.json() == {"markdown": "".join(blocks("trip", messages, zone))}


async def test_messages_come_in_pages_oldest_first(api: Api) -> None:
    """A page holds the newest messages, and `before` leads to the ones before."""
    await api.talk("trip", "one", "two", "three")
    newest = (await api.client.get("/api/session/trip/messages?limit=2")).json()
    assert [message["text"] for message in newest["messages"]] == ["two", "three"]
    assert newest["before"] == newest["messages"][0]["id"]
    path = f"/api/session/trip/messages?limit=2&before={newest['before']}"
    oldest = (await api.client.get(path)).json()
    assert [message["text"] for message in oldest["messages"]] == ["one"]
    assert oldest["before"] is None


async def test_messages_are_read_forward_and_around_one(api: Api) -> None:
    """`after` leads to the messages behind, `around` opens in the middle, both with both cursors."""
    await api.talk("other", "of another session")
    await api.talk("trip", *(f"{number}" for number in range(9)))
    path = "/api/session/trip/messages"
    every = (await api.client.get(path)).json()
    ids = [message["id"] for message in every["messages"]]
    assert (every["before"], every["after"]) == (None, None)

    async def page(query: str) -> tuple[str, int | None, int | None]:
        found = (await api.client.get(f"{path}?limit=3&{query}")).json()
        texts = "".join(message["text"] for message in found["messages"])
        return texts, found["before"], found["after"]

    assert await page(f"around={ids[4]}") == ("345", ids[3], ids[5])
    assert await page(f"around={ids[0]}") == ("01", None, ids[1])
    assert await page(f"around={ids[8]}") == ("78", ids[7], None)
    assert await page(f"after={ids[5]}") == ("678", ids[6], None)
    assert await page(f"after={ids[0]}") == ("123", ids[1], ids[3])
    assert await page(f"after={ids[8]}") == ("", None, None)
    assert await page(f"before={ids[3]}") == ("012", None, ids[2])
    for missing in (ids[8] + 1, ids[0] - 1):
        status, code, said = await api.error("GET", f"{path}?around={missing}")
        assert (status, code) == (404, "not_found")
        assert str(missing) in said
    one = (await api.client.get(f"{path}?limit=1&around={ids[4]}")).json()
    assert [message["text"] for message in one["messages"]] == ["4"]
    assert (one["before"], one["after"]) == (ids[4], ids[4])


async def test_search_finds_own_messages(api: Api) -> None:
    """Search goes through one's own messages, in all sessions or in one."""
    await api.talk("trip", "pasta in Rome", "a train to Oslo")
    await api.talk("food", "pasta with basil")
    await api.talk("other", "pasta of Bob", user="bob")
    hits = (await api.client.get("/api/search?q=pasta")).json()["hits"]
    assert {hit["message"]["text"] for hit in hits} == {"pasta in Rome", "pasta with basil"}
    one = (await api.client.get("/api/search?q=pasta&session=trip&limit=5")).json()["hits"]
    assert [hit["session_title"] for hit in one] == ["trip"]
    assert (await api.client.get("/api/search?q=nothing")).json() == {"hits": []}


@pytest.mark.parametrize("rating", [1, 5])
async def test_a_session_is_rated(api: Api, rating: int) -> None:
    """POST rate keeps the rating and answers the session."""
    await api.talk("trip", "hello")
    answer = await api.client.post("/api/session/trip/rate", json={"rating": rating})
    assert (answer.status_code, answer.json()["user_rating"]) == (200, rating)


@pytest.mark.parametrize(
    "body",
    [
        '{"rating": 0}',
        '{"rating": 6}',
        '{"rating": 4.5}',
        '{"rating": "4"}',
        '{"rating": true}',
        '{"rating": null}',
        '{"rating": NaN}',
        '{"rating": 1e400}',
        '{"rating": 4, "extra": 1}',
        "{}",
        "[4]",
        "4",
        "",
        "{",
        '{"rating": ' + "[" * 60_000,
        "\ud800",
    ],
    ids=range(16),
)
async def test_what_is_no_rating_is_refused(api: Api, body: str) -> None:
    """A rating is a whole number from 1 to 5 in a JSON object, and nothing else."""
    await api.talk("trip", "hello")
    refused = await api.error(
        "POST",
        "/api/session/trip/rate",
        content=body.encode("utf-8", "surrogatepass"),
        headers={"Content-Type": "application/json"},
    )
    assert refused[:2] == (400, "bad_request")
    assert (await api.client.get("/api/session/trip")).json()["user_rating"] is None


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_must_say_that_it_is_json(api: Api, content_type: str | None) -> None:
    """A form of another site cannot pass for JSON."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    path = "/api/session/trip/rate"
    status, _, message = await api.error("POST", path, content=b'{"rating": 5}', headers=headers)
    assert status == 400
    assert "application/json" in message


async def test_json_may_name_its_charset(api: Api) -> None:
    """`application/json; charset=utf-8` is JSON."""
    await api.talk("trip", "hello")
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    path = "/api/session/trip/rate"
    answer = await api.client.post(path, content=b'{"rating": 5}', headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("body", [{"title": ""}, {"title": " "}, {"title": "x" * 201}, {}])
async def test_what_is_no_title_is_refused(api: Api, body: dict[str, str]) -> None:
    """A title has 1 to 200 characters."""
    await api.talk("trip", "hello")
    assert (await api.error("PATCH", "/api/session/trip", json=body))[0] == 400


async def test_other_methods_are_told_which_ones_there_are(api: Api) -> None:
    """A known path with another method is 405 with Allow."""
    for path, allowed in (
        ("/api/session/trip", "DELETE, GET, HEAD, PATCH"),
        ("/api/session/trip/rate", "POST"),
        ("/health", "GET, HEAD"),
    ):
        answer = await api.client.put(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path", ["/nothing", "/api", "/api/session/", "/api/sessions/", "//", "/*"]
)
async def test_an_unknown_path_is_not_found(api: Api, path: str) -> None:
    """Anything else is 404 as JSON."""
    assert (await api.error("GET", path))[:2] == (404, "not_found")


async def test_tools_are_listed_and_a_permission_is_taken_back(api: Api) -> None:
    """The list says what was allowed for good; only a permission that is there can be taken back."""
    await api.store.approve_tool("alice", "get_session_stats", BUILT_IN[0].digest)
    tools = (await api.client.get("/api/tools")).json()["tools"]
    assert [(tool["name"], tool["always"]) for tool in tools][:2] == [
        ("get_session_stats", True),
        ("search_chat_history", False),
    ]
    assert tools[0]["reads_only"]
    path = "/api/tools/get_session_stats/approval"
    left = (await api.client.delete(path)).json()["tools"]
    assert not left[0]["always"]
    assert (await api.client.delete(path)).status_code == 404


async def test_every_route_but_health_asks_for_a_token(api: Api) -> None:
    """Without a token no route of the API does anything."""
    api.client.headers.pop("Authorization")
    for route in API_ROUTES:
        path = route.pattern.replace("{ref}", "trip")
        answer = await api.client.request(route.method, path)
        assert answer.status_code == (200 if route.pattern == "/health" else 401), route


async def test_health_tells_a_stranger_only_whether(api: Api) -> None:
    """With a token health has reasons; without one only a word."""
    known = (await api.client.get("/health")).json()
    assert known["status"] == "ok"
    assert known["version"] == __version__
    assert known["store"]["ok"]
    assert known["store"]["kind"] == "sqlite"
    assert known["model"] == {"ok": True, "kind": "offline", "model": "none", "where": "nowhere"}
    api.client.headers.pop("Authorization")
    assert (await api.client.get("/health")).json() == {"status": "ok"}


async def test_health_is_degraded_by_the_model(api: Api) -> None:
    """A model that does not work leaves the server 200, and says what to do."""
    api.model.trouble = LlmKeyRejected("The key is refused. Make another.")
    answer = await api.client.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["model"]["error"] == "The key is refused. Make another."
    assert answer.json()["store"]["ok"]


@contextmanager
def small_files() -> Iterator[None]:
    """No file of this process can grow, as on a full disk."""
    import resource  # noqa: PLC0415 - Windows has none

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on the size of files")
async def test_health_says_that_nothing_can_be_stored(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk and a database that takes no changes are 503, each with its sentence."""
    monkeypatch.setattr("genpy_server.web.app.CACHE_SECONDS", 0)

    with small_files():
        full = await api.client.get("/health")
    between = await api.client.get("/health")
    await api.store.run(
        api.store.runner.write, lambda c: c.execute("PRAGMA query_only = ON") and None
    )
    refused = await api.client.get("/health")
    assert [answer.status_code for answer in (full, between, refused)] == [503, 200, 503]
    assert "is full" in full.json()["store"]["error"]
    assert "read-only" in refused.json()["store"]["error"]


async def test_many_at_once_ask_the_model_once(api: Api) -> None:
    """Health does not pass a crowd on to the services behind it."""
    answers = await asyncio.gather(*(api.client.get("/health") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert api.model.asked == 1


async def test_a_part_that_hangs_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Health does not wait longer than its own time-out, and does not ask again at once."""

    class Down:
        kind = "sqlite"

        async def check(self) -> Any:
            raise StoreUnavailable("The disk is gone.")

    monkeypatch.setattr("genpy_server.web.app.CHECK_SECONDS", 0.01)
    model = Model()
    model.hangs = True
    check = HealthCheck(Down(), Providers(load({}), model))
    health = await check()
    assert health.status == "unavailable"
    assert health.model.error == "The model did not answer in time."
    assert health.store.error == "The disk is gone."
    assert await check() is health
    assert model.asked == 1


async def test_a_failure_behind_a_handler_has_its_own_answer(tmp_path: Path) -> None:
    """An error with a wait becomes its status with Retry-After."""

    class Broken(LocalRecords):
        async def session(self, ref: str) -> Session:
            raise StoreUnavailable("Nobody answers.", retry_after=2.5)

    store = SqliteStore(tmp_path / "genpy.db")
    app = app_over(store, lambda user: Broken(store, user, load({})), Model())
    async with (
        listening(routes=API_ROUTES, app=app) as front,
        httpx.AsyncClient(base_url=front.url) as client,
    ):
        answer = await client.get("/api/session/x")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert answer.json() == {
        "error": {"code": "store_unavailable", "message": "Nobody answers.", "retry_after": 2.5}
    }


def test_every_route_says_what_it_is_for() -> None:
    """The table documents itself: a sentence each, and a type for every JSON answer."""
    for route in API_ROUTES:
        assert route.doc.endswith("."), route
        assert route.answer is not None, route
