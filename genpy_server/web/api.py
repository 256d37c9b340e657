"""The handlers of the HTTP API: each returns the answer to one call, mostly from a user's records.

Their docstrings are shown at `/docs`.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta, timezone
from itertools import chain
from typing import Annotated, Any

import msgspec

from genpy_server.core import models
from genpy_server.core.costs import SpendingReport
from genpy_server.core.identity import REF_PATTERN, is_loopback
from genpy_server.core.modes import ListedMode
from genpy_server.errors import Forbidden, GenPyError, NotFound
from genpy_server.llm import setup
from genpy_server.llm.catalog import full_name
from genpy_server.markdown_export import blocks
from genpy_server.records import MessageFile, Records, each_message
from genpy_server.sessions.explain import Explanation, explain_in
from genpy_server.web.messages import Response, stored_body
from genpy_server.web.router import Call

PROXY_FIELDS = (
    *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"),
)
"""Header fields of a request that came through a proxy."""
NOT_HERE = "This server's model is chosen where it runs: with `genpy setup`, or in its operator's settings."
PAGE = 200
"""Most rows of one page."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=PAGE)]
Cursor = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class SessionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Filters of the list of sessions; `q` is a part of title, summary or topic."""

    limit: Limit = 50
    before: Cursor | None = None
    status: models.SessionStatus | None = None
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


class ZoneQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The time zone of the reader."""

    utc_offset: Annotated[int, msgspec.Meta(ge=-840, le=840)] = 0
    """Minutes east of UTC."""


class StatsQuery(ZoneQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which replies: those of the last days including today, of one session or of all."""

    days: Annotated[int, msgspec.Meta(ge=1, le=3_660)] = 30
    session: Annotated[str, msgspec.Meta(pattern=f"^{REF_PATTERN}$")] | None = None


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


def _document(title: str, file: MessageFile, utc_offset: int) -> Response:
    """A `MarkdownDocument`, encoded in pieces, which delays no other thread; the file is closed."""
    zone = timezone(timedelta(minutes=utc_offset))
    with file as messages:
        texts = (msgspec.json.encode(text)[1:-1] for text in blocks(title, messages, zone))
        return Response(stored=stored_body(chain((b'{"markdown":"',), texts, (b'"}',))))


async def message_page(records: Records, ref: str, query: MessagesQuery) -> models.MessagePage:
    """A page of a session's messages; raises `NotFound` for one around a message it does not have."""
    if query.around is not None:
        return await _around(records, ref, query.around, query.limit)
    if query.after is not None:
        found = await records.messages(ref, limit=query.limit + 1, after=query.after)
        page = found[: query.limit]
        more = len(found) > len(page)
        return models.MessagePage(page, page[0].id if page else None, page[-1].id if more else None)
    found = await records.messages(ref, limit=query.limit + 1, before=query.before)
    page = found[-query.limit :]
    more = len(found) > len(page)
    after = page[-1].id if page and query.before is not None else None
    return models.MessagePage(page, page[0].id if more else None, after)


async def _around(records: Records, ref: str, message_id: int, limit: int) -> models.MessagePage:
    """A page with a message in its middle; raises `NotFound` where the session does not have it."""
    before = (limit - 1) // 2
    newer = await records.messages(ref, limit=limit - before + 1, after=message_id - 1)
    if not newer or newer[0].id != message_id:
        raise NotFound(f"Message {message_id} is not in this session.")
    older = await records.messages(ref, limit=before + 1, before=message_id)
    page = older[len(older) - min(before, len(older)) :] + newer[: limit - before]
    return models.MessagePage(
        page,
        page[0].id if len(older) > before else None,
        page[-1].id if len(newer) > limit - before else None,
    )


async def health(call: Call[None, None]) -> Response:
    """Whether server and store work: 200 or 503; with the model's state.

    Without a token only the status.
    """
    health, user = await call.app.health(), call.request.user
    status = 503 if health.status == "unavailable" else 200
    if user is None:
        return Response.json({"status": health.status}, status)
    with suppress(GenPyError):
        mine = await call.app.records(user).sessions(limit=1)
        if call.app.health.users > len(mine):
            health = msgspec.structs.replace(health, user=user)
    return Response.json(health, status)


async def sessions(call: Call[SessionsQuery, None]) -> models.SessionPage:
    """Sessions by last activity, newest first."""
    query = call.query
    found = await call.records.sessions(
        limit=query.limit + 1, before=query.before, status=query.status, query=query.q
    )
    page = found[: query.limit]
    if page and page[-1].last_message_id <= 0:  # `Records` returns all of these at once
        page = found
    more = len(found) > len(page)
    return models.SessionPage(page, page[-1].last_message_id if more else None)


async def session(call: Call[None, None]) -> models.Session:
    """One session."""
    return await call.records.session(call.ref)


async def rename(call: Call[None, Title]) -> models.Session:
    """Give it another title."""
    return await call.records.rename(call.ref, call.body.title)


async def delete(call: Call[None, None]) -> models.Session:
    """Delete it with its messages; the answer is the deleted session."""
    return await call.records.delete(call.ref)


async def messages(call: Call[MessagesQuery, None]) -> models.MessagePage:
    """Its messages, oldest first."""
    page = await message_page(call.records, call.ref, call.query)
    if call.query.html:
        texts = [message.text for message in page.messages]
        html = await call.app.renderer.render_all(texts, call.user)
        page = msgspec.structs.replace(page, html=html)
    return page


async def export(call: Call[ZoneQuery, None]) -> Response:
    """The session as a Markdown document."""
    session = await call.records.session(call.ref)
    messages = await MessageFile.of(each_message(call.records, session.id))
    return await asyncio.to_thread(_document, session.title, messages, call.query.utc_offset)


async def search(call: Call[SearchQuery, None]) -> models.HitList:
    """Your messages that contain any of the words."""
    query = call.query
    return models.HitList(await call.records.search(query.q, limit=query.limit, ref=query.session))


async def modes(call: Call[None, None]) -> ModeList:
    """The modes."""
    return ModeList(call.app.chat.modes.listed)


async def context(call: Call[ContextQuery, None]) -> Explanation:
    """The request that would be sent to its model for a text, by part."""
    session = await call.records.session(call.ref)
    return await explain_in(call.app.chat, session, call.query.text)


async def stats(call: Call[StatsQuery, None]) -> SpendingReport:
    """Tokens of your replies by day, model and session, and what they cost."""
    given = msgspec.structs.asdict(call.query)
    return await call.records.stats(ref=given.pop("session"), **given)


async def model_list(call: Call[None, None]) -> models.ModelList:
    """The models that can be chosen, of every provider."""
    found = await call.app.chat.models.listed()
    listed = [
        models.ListedModel(
            full_name(by.provider, m.name), by.provider, m.context_tokens, m.abilities
        )
        for by in found
        for m in by.models
    ]
    providers = [
        models.ListedProvider(one.provider, one.url, one.error or None, one.age_seconds)
        for one in found
    ]
    return models.ModelList(call.app.chat.models.default.name, listed, providers)


async def memory(call: Call[None, None]) -> models.SessionMemory:
    """The notes of its memory, each with the message it came from."""
    return await call.records.memory(call.ref)


async def change_memory(call: Call[None, MemoryChange]) -> models.SessionMemory:
    """Forget a note, or switch its memory on or off."""
    return await call.records.change_memory(call.ref, forget=call.body.forget, on=call.body.on)


async def tools(call: Call[None, None]) -> models.ToolList:
    """Your tools, and which of those that act may always run."""
    return await call.app.chat.tools.listed(call.user)


async def prompts(call: Call[None, None]) -> models.PromptList:
    """The prompts of MCP servers."""
    return await call.app.chat.tools.prompts()


async def prompt(call: Call[None, models.PromptValues]) -> models.PromptText:
    """The text of a prompt with its arguments filled in."""
    return await call.app.chat.tools.prompt(call.params["tool"], call.body.arguments)


async def revoke_tool(call: Call[None, None]) -> models.ToolList:
    """Revoke the permission of a tool to always run."""
    await call.app.chat.tools.revoke(call.user, call.params["tool"])
    return await tools(call)


async def rate(call: Call[None, Rating]) -> models.Session:
    """Rate it from 1 to 5."""
    return await call.records.rate(call.ref, int(call.body.rating))


async def regenerate(call: Call[None, None]) -> models.Session:
    """Regenerate its summary."""
    return await call.records.regenerate(call.ref)


async def setup_state(call: Call[None, None]) -> models.SetupState:
    """Whether the server has a model, and whether you may choose one.

    The owner gets the local model servers too.
    """
    has_model = not call.app.chat.models.is_offline
    if not _is_owner(call):
        return models.SetupState(has_model, allowed=False)
    found = [
        models.FoundServer(one.provider, one.url, len(one.models))
        for one in await setup.local_servers()
    ]
    return models.SetupState(has_model, allowed=True, servers=found)


async def choose_model(call: Call[None, models.ModelChoice]) -> models.ChosenSetup:
    """Try a model and use it from now on; from the server's own machine only.

    A choice without a model is answered with those to choose from.
    """
    if not _is_owner(call):
        raise Forbidden(NOT_HERE)
    answer, chosen = await setup.set_up(call.app.server.settings, call.body)
    if chosen is not None:
        call.app.server.use_model(chosen)
    return answer


def _is_owner(call: Call[Any, Any]) -> bool:
    """Whether a client may choose the model.

    With `genpy chat` the person may. With `genpy serve` a client of the same machine may, while there
    is no model and the server is not for others: one that is reached through a proxy, has further
    host names, or has several users refuses.
    """
    if call.app.server.personal:
        return True
    settings = call.app.server.settings
    for_others = (
        *settings.hosts,
        *settings.origins,
        *settings.proxies,
        *(user for user in settings.tokens.values() if user != settings.user),
    )
    direct = not any(name in call.request.headers for name in PROXY_FIELDS)
    own = settings.folder is not None and is_loopback(settings.host)
    return own and direct and not for_others and call.app.chat.models.is_offline
