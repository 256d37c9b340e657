"""`genpy search`."""

from datetime import UTC, datetime
from typing import Annotated

from genpy_cli import output
from genpy_cli.backend import with_records
from genpy_cli.excerpt import excerpt
from genpy_cli.parameters import Argument, Json, Option, Server
from genpy_cli.words import ROLES, SHORT_ID
from genpy_server.core.display import age, one_line
from genpy_server.core.models import Hit
from genpy_server.core.text import search_words
from genpy_server.records import Records


def run(
    *,
    words: Annotated[list[str], Argument("What to look for.", "WORDS...")],
    session: Annotated[
        str | None, Option("Only in this conversation.", metavar="SESSION", completes=True)
    ] = None,
    limit: Annotated[int, Option("Messages at most.", metavar="N", low=1, high=200)] = 20,
    server: Server = None,
    as_json: Json = False,
) -> None:
    """Find messages that hold any of the words, in all conversations, the best first."""
    query = " ".join(words)

    async def work(records: Records) -> list[Hit]:
        return await records.search(query, limit=limit, ref=session)

    hits = with_records(server, work)
    if as_json:
        output.json_document(hits)
    elif hits:
        now = datetime.now(UTC)
        for hit in hits:
            _show(hit, search_words(query), now)
    else:
        output.note("Nothing was found.")


def _show(hit: Hit, words: list[str], now: datetime) -> None:
    message = hit.message
    place = f"{message.session_id[:SHORT_ID]}#{message.id}"
    facts = f"{ROLES[message.role]} · {age(message.at, now)} · {place}"
    output.heading(one_line(hit.session_title), facts)
    output.excerpt(excerpt(output.shown(message.text), words, output.width() - 2))
