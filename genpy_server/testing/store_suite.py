"""Tests that every store must pass; pytest collects them from a subclass."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from genpy_server.core.models import MessageMeta, SessionSettings, ToolRecord, Usage
from genpy_server.errors import BadRequest, Conflict, NotFound
from genpy_server.stores.base import Appended, Result, Store
from genpy_server.stores.core import CoreStore, completed

LEASE = 60.0


class StoreSuite:
    """The tests of a `Store` or a `CoreStore`.

    class TestMyStore(StoreSuite):
        def make_store(self) -> MyStore:
            return MyStore()
    """

    pytestmark = pytest.mark.asyncio

    def make_store(self) -> Store | CoreStore:
        """A store that is not opened; override it."""
        raise NotImplementedError

    @pytest_asyncio.fixture
    async def store(self) -> AsyncIterator[Store]:
        """The open store, with defaults for missing methods."""
        store = completed(self.make_store())
        await store.open()
        yield store
        await store.close()

    @pytest.fixture
    def user(self) -> str:
        """A user who has nothing yet."""
        return f"user-{uuid4().hex}"

    @pytest.fixture
    def session(self) -> str:
        """The id of a session that does not exist."""
        return str(uuid4())

    # Messages

    async def test_a_message_begins_a_session(self, store: Store, user: str, session: str) -> None:
        """The first message creates an active session with its title and settings."""
        settings = SessionSettings(system="Be brief.")
        first = await store.append(
            user, session, "user", "Hello", title="Greeting", client_id="a", settings=settings
        )
        assert (first.duplicate, first.previous_id) == (False, 0)
        found = await store.session(user, session)
        assert found is not None
        assert (found.title, found.status, found.settings) == ("Greeting", "active", settings)
        assert (found.message_count, found.last_message_id) == (1, first.message.id)
        assert found.started_at.endswith("Z")

    async def test_messages_come_back_as_they_were(
        self, store: Store, user: str, session: str
    ) -> None:
        """Text, role, client id and every field of the metadata survive."""
        text = "Zürich 日本 🎉 \t'; DROP TABLE x; --\n"
        tool = ToolRecord("search", {"query": "tea"}, ms=1.5, result="- tea")
        meta = MessageMeta(run="r", intent="tutorial", usage=Usage(3, 4), tools=(tool,))
        await store.append(user, session, "user", text, title="t", client_id="a")
        await store.append(user, session, "assistant", "reply", title="", meta=meta)
        said, reply = await store.messages(user, session, limit=10)
        assert (said.role, said.text, said.client_id) == ("user", text, "a")
        assert (reply.role, reply.meta) == ("assistant", meta)
        assert said.uid != reply.uid

    async def test_the_same_id_is_one_message(self, store: Store, user: str, session: str) -> None:
        """A client's id with the same text again changes nothing; with another it is refused."""
        first = await store.append(user, session, "user", "Hello", title="t", client_id="a")
        again = await store.append(user, session, "user", "Hello", title="t", client_id="a")
        assert again.duplicate
        assert again.message == first.message
        with pytest.raises(Conflict):
            await store.append(user, session, "user", "Other", title="t", client_id="a")
        assert len(await store.messages(user, session, limit=10)) == 1
        assert await store.find_client_id(user, session, "a") == first.message
        assert await store.find_client_id(user, session, "b") is None

    async def test_messages_at_the_same_time_are_all_kept(
        self, store: Store, user: str, session: str
    ) -> None:
        """Of many concurrent messages none is lost, and each client id is one message."""
        await store.append(user, session, "user", "first", title="t")
        many = [
            store.append(user, session, "user", str(n % 10), title="t", client_id=str(n % 10))
            for n in range(20)
        ]
        appended: list[Appended] = await asyncio.gather(*many)
        assert sum(one.duplicate for one in appended) == 10  # noqa: PLR2004 - each was sent twice
        messages = await store.messages(user, session, limit=100)
        assert sorted(message.text for message in messages[1:]) == [str(n) for n in range(10)]
        assert [m.id for m in messages] == sorted(m.id for m in messages)

    async def test_pages(self, store: Store, user: str, session: str) -> None:
        """`before`, `after` and `limit` give every message once, oldest first."""
        ids = [
            (await store.append(user, session, "user", str(n), title="t")).message.id
            for n in range(7)
        ]

        async def page(**where: int) -> list[int]:
            return [message.id for message in await store.messages(user, session, **where)]

        assert await page(limit=3) == ids[4:]
        assert await page(limit=3, before=ids[4]) == ids[1:4]
        assert await page(limit=3, before=ids[1]) == ids[:1]
        assert await page(limit=3, after=ids[0]) == ids[1:4]
        assert await page(limit=3, after=ids[6]) == []
        assert await page(limit=0) == []
        assert await store.messages(user, str(uuid4()), limit=3) == []

    async def test_what_is_gone_stays_gone(self, store: Store, user: str, session: str) -> None:
        """A reply does not create a session, nor is a message added after a missing one."""
        with pytest.raises(NotFound):
            await store.append(user, session, "assistant", "late", title="")
        first = await store.append(user, session, "user", "Hello", title="t")
        await store.delete(user, session)
        assert await store.messages(user, session, limit=10) == []
        with pytest.raises(NotFound):
            await store.append(user, session, "assistant", "late", title="")
        with pytest.raises(NotFound):
            await store.append(user, session, "user", "more", title="t", known=first.message.id)
        with pytest.raises(NotFound):
            await store.delete(user, session)

    # Whose they are

    async def test_nobody_reads_or_changes_what_is_another_ones(
        self, store: Store, user: str, session: str
    ) -> None:
        """A session of another user does not exist for any method."""
        await store.append(user, session, "user", "a secret teapot", title="t")
        other = f"user-{uuid4().hex}"
        assert await store.session(other, session) is None
        assert await store.messages(other, session, limit=10) == []
        assert await store.sessions(other, limit=10) == []
        assert await store.search(other, "teapot", limit=10) == []
        assert await store.claim_ending(other, session, lease_seconds=LEASE) is None
        for refused in (
            store.append(other, session, "user", "mine", title="t"),
            store.rename(other, session, "mine"),
            store.rate(other, session, 1),
            store.delete(other, session),
        ):
            with pytest.raises(NotFound):
                await refused
        found = await store.session(user, session)
        assert found is not None
        assert (found.title, found.rating, found.message_count) == ("t", None, 1)

    # Sessions

    async def test_sessions_by_last_message(self, store: Store, user: str) -> None:
        """The list has the newest first, and pages by the last message."""
        ids = [str(uuid4()) for _ in range(4)]
        for number, id_ in enumerate(ids):
            await store.append(user, id_, "user", "hi", title=f"Number {number}")
        await store.append(user, ids[0], "user", "again", title="")
        listed = await store.sessions(user, limit=10)
        assert [one.id for one in listed] == [ids[0], ids[3], ids[2], ids[1]]
        page = await store.sessions(user, limit=2, before=listed[1].last_message_id)
        assert [one.id for one in page] == [ids[2], ids[1]]
        assert [one.id for one in await store.sessions(user, limit=9, query="BER 3")] == [ids[3]]
        prefix = await store.sessions(user, limit=9, id_prefix=ids[2][:8])
        assert [one.id for one in prefix] == [ids[2]]
        assert await store.sessions(user, limit=9, status="completed") == []

    async def test_changes_of_a_session(self, store: Store, user: str, session: str) -> None:
        """Title, settings and rating are kept; a wrong rating is refused."""
        await store.append(user, session, "user", "hi", title="t")
        settings = SessionSettings(model="a/b")
        await store.rename(user, session, "Another title")
        await store.configure(user, session, settings)
        rated = await store.rate(user, session, 4)
        assert rated == await store.session(user, session)
        assert (rated.title, rated.settings, rated.rating) == ("Another title", settings, 4)
        assert rated.rated_at is not None
        with pytest.raises(BadRequest):
            await store.rate(user, session, 6)

    async def test_metrics_are_counted(self, store: Store, user: str, session: str) -> None:
        """Messages, words, tools and tokens are counted over the whole session."""
        await store.append(user, session, "user", "two words", title="t")
        meta = MessageMeta(intent="tutorial", usage=Usage(10, 5), tools=(ToolRecord("search"),))
        await store.append(user, session, "assistant", "one", title="", meta=meta)
        metrics = await store.metrics(user, session)
        assert (metrics.messages, metrics.user_messages, metrics.assistant_messages) == (2, 1, 1)
        assert (metrics.user_words, metrics.assistant_words) == (2, 1)
        assert (metrics.tools, metrics.intents) == ({"search": 1}, {"tutorial": 1})
        assert (metrics.prompt_tokens, metrics.completion_tokens) == (10, 5)

    async def test_search_finds_words(self, store: Store, user: str, session: str) -> None:
        """Messages with a word are found, those with more words first, with their neighbours."""
        for text in ("The green teapot", "Yes", "A teapot of green porcelain with a lid", "No"):
            await store.append(user, session, "user", text, title="Pots")
        hits = await store.search(user, "green porcelain teapot", limit=10)
        assert [hit.message.text[:5] for hit in hits[:2]] == ["A tea", "The g"]
        assert hits[0].before is not None
        assert hits[0].before.text == "Yes"
        assert hits[0].session_title == "Pots"
        assert hits[0].coverage > hits[1].coverage > 0
        assert await store.search(user, "kettle", limit=10) == []
        assert (
            await store.search(user, "teapot", limit=10, left_out=[h.message.id for h in hits])
            == []
        )

    # The end

    async def test_one_ending_writes_the_summary(
        self, store: Store, user: str, session: str
    ) -> None:
        """Of several claims to end a session one succeeds; a completed one is not ended again."""
        await store.append(user, session, "user", "hi", title="t")
        claims = await asyncio.gather(
            *(store.claim_ending(user, session, lease_seconds=LEASE) for _ in range(5))
        )
        (ending,) = [claim for claim in claims if claim is not None]
        metrics = await store.metrics(user, session)
        result = Result(
            metrics,
            "Hello was said.",
            topics=("greeting",),
            sentiment="neutral",
            title="A greeting",
            title_before="t",
        )
        ended = await store.finish_ending(ending, result)
        assert ended is not None
        assert ended == await store.session(user, session)
        assert (ended.status, ended.title) == ("completed", "A greeting")
        assert (ended.summary, ended.topics) == ("Hello was said.", ("greeting",))
        assert ended.ended_at is not None
        assert await store.claim_ending(user, session, lease_seconds=LEASE) is None
        assert await store.claim_ending(user, session, lease_seconds=LEASE, again=True) is not None

    async def test_a_message_takes_the_right_to_end(
        self, store: Store, user: str, session: str
    ) -> None:
        """A message during the summary makes the session active, and invalidates the claim."""
        await store.append(user, session, "user", "hi", title="t")
        ending = await store.claim_ending(user, session, lease_seconds=LEASE)
        assert ending is not None
        await store.append(user, session, "user", "one more thing", title="")
        metrics = await store.metrics(user, session)
        assert await store.finish_ending(ending, Result(metrics, "Too early.")) is None
        found = await store.session(user, session)
        assert found is not None
        assert (found.status, found.summary) == ("active", None)

    async def test_a_right_is_given_back(self, store: Store, user: str, session: str) -> None:
        """A released claim can be made again."""
        await store.append(user, session, "user", "hi", title="t")
        ending = await store.claim_ending(user, session, lease_seconds=LEASE)
        assert ending is not None
        await store.release_ending(ending)
        assert await store.claim_ending(user, session, lease_seconds=LEASE) is not None

    async def test_the_secret_stays(self, store: Store) -> None:
        """The secret is always the same, and long enough not to be guessed."""
        secret = await store.secret()
        assert secret == await store.secret()
        assert len(secret) >= 16  # noqa: PLR2004 - characters
