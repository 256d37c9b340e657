"""`genpy stats`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from genpy_cli import backend, options, output
from genpy_server.core.costs import Spending
from genpy_server.core.display import count

EIGHTHS = " ▏▎▍▌▋▊▉█"
TINY, NARROW, WIDE = 5, 10, 24
"""Cells of the longest bar."""
TINY_FROM, NARROW_FROM, WIDE_FROM = 48, 72, 100
"""Columns of a terminal from which bars have that length; all counts are shown from NARROW_FROM on."""


def stats(
    *,
    days: Annotated[
        int, typer.Option(help="Days to count, today included.", metavar="N", min=1, max=3_660)
    ] = 30,
    session: Annotated[str | None, options.session_option("Count this conversation alone.")] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show the tokens of your replies by day, model and conversation, and what they cost.

    Replies for which the service reported no tokens are not counted.
    """
    offset = datetime.now().astimezone().utcoffset()
    minutes = 0 if offset is None else int(offset.total_seconds() // 60)
    report = backend.with_records(
        server, lambda records: records.stats(days=days, ref=session, utc_offset=minutes)
    )
    if as_json:
        output.json_document(report)
        return
    if not report.total.replies:
        output.note(f"No reply in the last {count(days, 'day')} has a reported number of tokens.")
        return
    for title, rows in (
        ("DAY", report.days),
        ("MODEL", report.models),
        ("CONVERSATION", report.sessions if session is None else ()),
    ):
        if rows:
            _section(title, [*rows], report.currency)
            output.text("")
    total = report.total
    cost = "" if total.money is None else f", {_money(total.money, report.currency)}"
    output.text(
        f"In all: {total.replies:,} {'reply' if total.replies == 1 else 'replies'}, {total.prompt_tokens:,} tokens "
        f"in ({total.cached_tokens:,} cached), {total.completion_tokens:,} out{cost}"
    )


def _section(title: str, rows: Sequence[Spending], currency: str) -> None:
    most = max(_tokens(row) for row in rows)
    width = output.width()
    full = width >= NARROW_FROM
    cells = WIDE if width >= WIDE_FROM else NARROW if full else TINY
    columns = {
        title: [row.title or row.name for row in rows],
        "TOKENS": [_bar(_tokens(row), most, cells) for row in rows if width >= TINY_FROM],
        "IN": [f"{row.prompt_tokens:,}" for row in rows],
        "CACHED": [f"{row.cached_tokens:,}" for row in rows if full],
        "OUT": [f"{row.completion_tokens:,}" for row in rows],
        "REPLIES": [f"{row.replies:,}" for row in rows if full],
    }
    if any(row.money is not None for row in rows):
        columns["COST"] = ["" if row.money is None else _money(row.money, currency) for row in rows]
    shown = {name: column for name, column in columns.items() if column}
    numbers = [name for name in shown if name not in {title, "TOKENS"}]
    output.table([*shown], zip(*shown.values(), strict=True), right=numbers, cut=(title,))


def _tokens(row: Spending) -> int:
    return row.prompt_tokens + row.completion_tokens


def _bar(value: int, most: int, cells: int) -> str:
    """A bar in eighths of a cell; a value above zero has at least one."""
    eighths = max(value > 0, round(value * cells * 8 / most)) if most else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + EIGHTHS[rest].strip()


def _money(value: float, currency: str) -> str:
    return f"{currency}{value:,.2f}" if value >= 1 else f"{currency}{value:.4f}"
