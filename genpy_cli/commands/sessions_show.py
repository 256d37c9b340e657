"""`genpy sessions show`."""

import re
from typing import Annotated

import typer

from genpy_cli import backend, options, output
from genpy_server.core.display import date_time
from genpy_server.core.models import Message, Session, shown_model
from genpy_server.errors import NotFound
from genpy_server.records import Records

NEAR = 6
"""Messages that are shown for SESSION#NUMBER, that one included."""
_PLACE = re.compile(r"(.+)#(\d{1,18})", re.ASCII)


def sessions_show(
    *,
    ref: options.Ref,
    limit: Annotated[int, typer.Option(help="Newest messages at most.", metavar="N", min=1)] = 200,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show a conversation, or as SESSION#NUMBER one message of it."""
    place = _PLACE.fullmatch(ref)
    name, last = (place[1], int(place[2])) if place else (ref, None)

    async def work(records: Records) -> tuple[Session, list[Message]]:
        session = await records.session(name)
        if last is None:
            return session, await records.messages(session.id, limit=limit)
        messages = await records.messages(session.id, limit=min(limit, NEAR), before=last + 1)
        if all(message.id != last for message in messages):
            raise NotFound(f"Message {last} is not in {session.title!r}.")
        return session, messages

    session, messages = backend.with_records(server, work)
    if as_json:
        output.json_document({"session": session, "messages": messages})
        return
    output.heading(session.title)
    output.dim(
        f"{session.id} · {output.STATUS[session.status]} · started {date_time(session.started_at)}"
    )
    if last is not None:
        output.dim(f"Message {last}, and what led to it.")
    elif len(messages) < session.message_count:
        output.dim(f"The newest {len(messages)} of {session.message_count} messages.")
    model: str | None = None
    for message in messages:
        output.text("")
        output.heading(_title(message, model))
        model = message.meta.model or model
        output.message(message.text, user=message.role == "user")


def _title(message: Message, model: str | None) -> str:
    """Role and time, the model if it differs from that of the reply before, tools and status."""
    meta = message.meta
    facts = [output.ROLES[message.role], date_time(message.at)]
    if meta.model and meta.model != model:
        facts.append(shown_model(meta.model))
    facts += [f"used {tool.name}" for tool in meta.tools]
    if meta.status not in {None, "done"}:
        facts.append(str(meta.status))
    return " · ".join(facts)
