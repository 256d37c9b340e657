"""`genpy search`."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from genpy_cli import backend, options, output
from genpy_server.core import display, identity, models

if TYPE_CHECKING:
    from rich.text import Text


def search(
    *,
    words: Annotated[list[str], typer.Argument(help="What to look for.")],
    session: Annotated[str | None, options.session_option("Only in this conversation.")] = None,
    limit: Annotated[int, typer.Option(help="Messages at most.", metavar="N", min=1, max=200)] = 20,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Search titles, summaries and messages of all conversations."""
    query = " ".join(words)
    hits = backend.with_records(
        server, lambda records: records.search(query, limit=limit, ref=session)
    )
    if as_json:
        output.json_document(hits)
    elif hits:
        now = datetime.now(UTC)
        for hit in hits:
            _show(hit, query, now)
    else:
        output.note("Nothing was found.")


def _show(hit: models.Hit, query: str, now: datetime) -> None:
    message = hit.message
    if hit.found_in != "message":
        facts = f"found in the {hit.found_in} · {identity.short_id(message.session_id)}"
        output.heading(hit.session_title, facts)
        return
    place = f"{identity.short_id(message.session_id)}#{message.id}"
    facts = f"{output.ROLES[message.role]} · {display.age(message.at, now)} · {place}"
    output.heading(hit.session_title, facts)
    output.line(("  ", ""), excerpt(message.text, query, output.width() - 2))


def excerpt(text: str, query: str, width: int) -> "Text":
    """One line of at most `width` cells around the best match; the words of the query are bold."""
    from rich.text import Text

    from genpy_server.core.context import excerpts
    from genpy_server.core.words import search_words

    best = excerpts.excerpt(text, query, width - len("……"))
    shown = Text(display.one_line(output.shown(best)))
    words = "|".join(map(re.escape, search_words(query)))
    shown.highlight_regex(re.compile(words or "(?!)", re.IGNORECASE), "bold")
    shown.truncate(width, overflow="ellipsis")
    return shown
