"""The handlers of the HTTP API: each returns the answer to one call, mostly from a user's records."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated

import msgspec

from genpy_server.core.costs import SpendingReport
from genpy_server.core.identity import REF_PATTERN
from genpy_server.core.models import (
    HitList,
    ListedModel,
    ListedProvider,
    Message,
    MessagePage,
    ModelList,
    PromptList,
    PromptText,
    PromptValues,
    Session,
    SessionMemory,
    SessionPage,
    SessionStatus,
    ToolList,
)
from genpy_server.core.modes import ListedMode
from genpy_server.errors import GenPyError, NotFound
from genpy_server.llm.catalog import full_name
from genpy_server.markdown_export import blocks
from genpy_server.records import MessageFile, Records, each_message
from genpy_server.runs.context import Chat
from genpy_server.sessions.explain import Explanation, explain_in
from genpy_server.web.health import HealthCheck
from genpy_server.web.messages import Response
from genpy_server.web.renderer import Renderer
from genpy_server.web.router import Call

PAGE = 200
"""Most rows of one page."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=PAGE)]
Cursor = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class SessionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Filters of the list of sessions; `q` is a part of title, summary or topic."""

    limit: Limit = 50
    before: Cursor | None = None
    status: SessionStatus | None = None
    q: Words | None = None


class MessagesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which messages; the newest without an id. Of several ids the last one listed here counts."""

    limit: Limit = PAGE
    before: Cursor | None = None
    """The newest messages with a smaller id."""
    after: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None
    """The oldest messages with a greater id."""
    around: Cursor | None = None
    """The message with this id, and those before and after it."""
    html: bool = False
    """Whether to return their HTML too."""


class SearchQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words to search for, in one session or in all."""

    q: Words
    limit: Limit = 20
    session: Annotated[str, msgspec.Meta(pattern=f"^{REF_PATTERN}$")] | None = None


class StatsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which replies: those of the last days including today, of one session or of all."""

    days: Annotated[int, msgspec.Meta(ge=1, le=3_660)] = 30
    session: Annotated[str, msgspec.Meta(pattern=f"^{REF_PATTERN}$")] | None = None
    utc_offset: Annotated[int, msgspec.Meta(ge=-840, le=840)] = 0
    """Offset of the time zone whose days are counted, in minutes east of UTC."""


class ContextQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The text of the next message."""

    text: str = ""


class Title(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session's new title."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class MemoryChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The number of a note to forget, or whether the memory is on."""

    forget: Annotated[int, msgspec.Meta(ge=1, le=2**31)] | None = None
    on: bool | None = None


class Rating(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session's rating."""

    rating: Annotated[
        float, msgspec.Meta(ge=1, le=5, multiple_of=1, extra_json_schema={"type": "integer"})
    ]
    """A whole number; JSON may write 4 as 4.0."""


class ModeList(msgspec.Struct, frozen=True):
    """The modes, in the order in which they are listed."""

    modes: tuple[ListedMode, ...]


class MarkdownDocument(msgspec.Struct, frozen=True):
    """A conversation as a Markdown document."""

    markdown: str


def _document(title: str, messages: Sequence[Message]) -> Response:
    """A `MarkdownDocument`, encoded in pieces, which delays no other thread."""
    texts = [msgspec.json.encode(text)[1:-1] for text in blocks(title, messages)]
    return Response(200, b'{"markdown":"%b"}' % b"".join(texts))


async def message_page(records: Records, ref: str, query: MessagesQuery) -> MessagePage:
    """A page of a session's messages; raises `NotFound` for one around a message it does not have."""
    if query.around is not None:
        return await _around(records, ref, query.around, query.limit)
    if query.after is not None:
        found = await records.messages(ref, limit=query.limit + 1, after=query.after)
        page = found[: query.limit]
        more = len(found) > len(page)
        return MessagePage(page, page[0].id if page else None, page[-1].id if more else None)
    found = await records.messages(ref, limit=query.limit + 1, before=query.before)
    page = found[-query.limit :]
    more = len(found) > len(page)
    after = page[-1].id if page and query.before is not None else None
    return MessagePage(page, page[0].id if more else None, after)


async def _around(records: Records, ref: str, message_id: int, limit: int) -> MessagePage:
    """A page with a message in its middle; raises `NotFound` where the session does not have it."""
    before = (limit - 1) // 2
    newer = await records.messages(ref, limit=limit - before + 1, after=message_id - 1)
    if not newer or newer[0].id != message_id:
        raise NotFound(f"Message {message_id} is not in this session.")
    older = await records.messages(ref, limit=before + 1, before=message_id)
    page = older[len(older) - min(before, len(older)) :] + newer[: limit - before]
    return MessagePage(
        page,
        page[0].id if len(older) > before else None,
        page[-1].id if len(newer) > limit - before else None,
    )


class Handlers:
    """The handlers; each call reads the records of its own user. Docstrings are shown at `/docs`."""

    def __init__(
        self,
        records: Callable[[str], Records],
        health: HealthCheck,
        renderer: Renderer,
        chat: Chat,
    ) -> None:
        self._chat = chat
        self._renderer = renderer
        self._records = records
        self._health = health

    async def health(self, call: Call[None, None]) -> Response:
        """Whether server and store work: 200 or 503; with the model's state.

        Without a token only the status.
        """
        health, user = await self._health(), call.request.user
        status = 503 if health.status == "unavailable" else 200
        if user is None:
            return Response.json({"status": health.status}, status)
        with suppress(GenPyError):
            mine = await self._records(user).sessions(limit=1)
            if self._health.users > len(mine):
                health = msgspec.structs.replace(health, user=user)
        return Response.json(health, status)

    async def sessions(self, call: Call[SessionsQuery, None]) -> SessionPage:
        """Sessions by last activity, newest first."""
        query = call.query
        found = await self._records(call.user).sessions(
            limit=query.limit + 1, before=query.before, status=query.status, query=query.q
        )
        page = found[: query.limit]
        if page and page[-1].last_message_id <= 0:  # `Records` returns all of these at once
            page = found
        more = len(found) > len(page)
        return SessionPage(page, page[-1].last_message_id if more else None)

    async def session(self, call: Call[None, None]) -> Session:
        """One session."""
        return await self._records(call.user).session(call.params["ref"])

    async def rename(self, call: Call[None, Title]) -> Session:
        """Give it another title."""
        return await self._records(call.user).rename(call.params["ref"], call.body.title)

    async def delete(self, call: Call[None, None]) -> Session:
        """Delete it with its messages; the answer is the deleted session."""
        return await self._records(call.user).delete(call.params["ref"])

    async def messages(self, call: Call[MessagesQuery, None]) -> MessagePage:
        """Its messages, oldest first."""
        page = await message_page(self._records(call.user), call.params["ref"], call.query)
        if call.query.html:
            texts = [message.text for message in page.messages]
            html = await self._renderer.render_all(texts, call.user)
            page = msgspec.structs.replace(page, html=html)
        return page

    async def export(self, call: Call[None, None]) -> Response:
        """The session as a Markdown document."""
        records, ref = self._records(call.user), call.params["ref"]
        session = await records.session(ref)
        with await MessageFile.of(each_message(records, session.id)) as messages:
            return await asyncio.to_thread(_document, session.title, messages)

    async def search(self, call: Call[SearchQuery, None]) -> HitList:
        """Your messages that contain any of the words."""
        query = call.query
        hits = await self._records(call.user).search(query.q, limit=query.limit, ref=query.session)
        return HitList(hits)

    async def modes(self, _: Call[None, None]) -> ModeList:
        """The modes."""
        return ModeList(self._chat.modes.listed)

    async def context(self, call: Call[ContextQuery, None]) -> Explanation:
        """The request that would be sent to its model for a text, by part."""
        session = await self._records(call.user).session(call.params["ref"])
        return await explain_in(self._chat, session, call.query.text)

    async def stats(self, call: Call[StatsQuery, None]) -> SpendingReport:
        """Tokens of your replies by day, model and session, and what they cost."""
        query = call.query
        records = self._records(call.user)
        return await records.stats(days=query.days, ref=query.session, utc_offset=query.utc_offset)

    async def models(self, _: Call[None, None]) -> ModelList:
        """The models that can be chosen, of every provider."""
        found = await self._chat.models.listed()
        models = [
            ListedModel(
                full_name(one.provider, model.name),
                one.provider,
                model.context_tokens,
                model.abilities,
            )
            for one in found
            for model in one.models
        ]
        providers = [
            ListedProvider(one.provider, one.url, one.error or None, one.age_seconds)
            for one in found
        ]
        return ModelList(self._chat.models.default.name, models, providers)

    async def memory(self, call: Call[None, None]) -> SessionMemory:
        """The notes of its memory, each with the message it came from."""
        return await self._records(call.user).memory(call.params["ref"])

    async def change_memory(self, call: Call[None, MemoryChange]) -> SessionMemory:
        """Forget a note, or switch its memory on or off."""
        records, change = self._records(call.user), call.body
        return await records.change_memory(call.params["ref"], forget=change.forget, on=change.on)

    async def tools(self, call: Call[None, None]) -> ToolList:
        """Your tools, and which of those that act may always run."""
        return await self._chat.tools.listed(call.user)

    async def prompts(self, _: Call[None, None]) -> PromptList:
        """The prompts of MCP servers."""
        return await self._chat.tools.prompts()

    async def prompt(self, call: Call[None, PromptValues]) -> PromptText:
        """The text of a prompt with its arguments filled in."""
        return await self._chat.tools.prompt(call.params["tool"], call.body.arguments)

    async def revoke_tool(self, call: Call[None, None]) -> ToolList:
        """Revoke the permission of a tool to always run."""
        await self._chat.tools.revoke(call.user, call.params["tool"])
        return await self.tools(call)

    async def rate(self, call: Call[None, Rating]) -> Session:
        """Rate it from 1 to 5."""
        return await self._records(call.user).rate(call.params["ref"], int(call.body.rating))

    async def regenerate(self, call: Call[None, None]) -> Session:
        """Regenerate its summary."""
        return await self._records(call.user).regenerate(call.params["ref"])
