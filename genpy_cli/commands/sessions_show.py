"""`genpy sessions show`."""

from typing import Annotated

from genpy_cli import output
from genpy_cli.parameters import Json, Option, Ref, Server
from genpy_cli.reach import with_records
from genpy_cli.words import ROLES, STATUS, local_time
from genpy_server.core.models import Message, Session
from genpy_server.records import Records


def run(
    *,
    ref: Ref,
    limit: Annotated[int, Option("Newest messages at most.", metavar="N", low=1)] = 200,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Show one conversation, to read."""

    async def work(records: Records) -> tuple[Session, list[Message]]:
        session = await records.session(ref)
        return session, await records.messages(session.id, limit=limit)

    session, messages = with_records(server, work)
    if as_json:
        output.json_document({"session": session, "messages": messages})
        return
    output.heading(session.title)
    output.faint(
        f"{session.id} · {STATUS[session.status]} · begun {local_time(session.started_at)}"
    )
    if len(messages) < session.message_count:
        output.faint(f"The newest {len(messages)} of {session.message_count} messages.")
    for message in messages:
        output.text("")
        output.heading(_title(message))
        output.markdown(message.text)


def _title(message: Message) -> str:
    meta = message.meta
    facts = [ROLES[message.role], local_time(message.at)]
    if message.role == "assistant":
        facts += [part.replace("_", " ") for part in (meta.intent, meta.model) if part]
    facts += [f"used {tool.name}" for tool in meta.tools]
    if meta.status not in {None, "done"}:
        facts.append(str(meta.status))
    return " · ".join(facts)
