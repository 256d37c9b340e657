"""`genpy search`."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from genpy_cli import backend, options, output
from genpy_server.core import display, identity, models

if TYPE_CHECKING:
    from rich.text import Text

BEFORE = 30
"""Characters shown before the first match."""


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
        from genpy_server.core.words import search_words

        now = datetime.now(UTC)
        for hit in hits:
            _show(hit, search_words(query), now)
    else:
        output.note("Nothing was found.")


def _show(hit: models.Hit, words: list[str], now: datetime) -> None:
    message = hit.message
    if hit.found_in != "message":
        facts = f"found in the {hit.found_in} · {identity.short_id(message.session_id)}"
        output.heading(hit.session_title, facts)
        return
    place = f"{identity.short_id(message.session_id)}#{message.id}"
    facts = f"{output.ROLES[message.role]} · {display.age(message.at, now)} · {place}"
    output.heading(hit.session_title, facts)
    output.line(("  ", ""), excerpt(message.text, words, output.width() - 2))


def excerpt(text: str, words: list[str], width: int) -> "Text":
    """One line of at most `width` cells around the first match; matches are bold."""
    from rich.text import Text

    pattern = re.compile("|".join(map(re.escape, words)) or "(?!)", re.IGNORECASE)
    line = display.one_line(output.shown(text))
    first = pattern.search(line)
    start = 0 if first is None else max(0, first.start() - BEFORE)
    if start:
        start = line.find(" ", start, first.start() if first else None) + 1 or start
        line = "…" + line[start:]
    shown = Text(line)
    shown.highlight_regex(pattern, "bold")
    shown.truncate(width, overflow="ellipsis")
    return shown
