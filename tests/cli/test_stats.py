"""Tokens of replies by day, model and conversation, by `genpy stats`."""

import asyncio

import pytest
from support.running_server import serving

from genpy_cli.commands.stats import _bar
from genpy_server.core.models import MessageMeta, Usage
from genpy_server.stores.sqlite.store import SqliteStore

ROME = "0b7e1f52-9a41-4f0e-8d55-2f6a3c1d9e01"
PRICES = '[prices."groq/big"]\ninput = 1.0\noutput = 2.0\n'


@pytest.fixture
def counted(empty):
    """Three replies in two conversations."""

    async def write(store):
        await store.open()
        for session, title, model, usage in (
            (ROME, "Trip to Rome", "groq/big", Usage(900_000, 100_000, 300_000)),
            (ROME, "Trip to Rome", "ollama/tiny", Usage(100, 20)),
            ("named", "Sorting \x1b[31m", "ollama/tiny", Usage(1_000, 10)),
        ):
            await store.append("local", session, "user", "?", title=title)
            meta = MessageMeta(model=model, status="done", usage=usage)
            await store.append("local", session, "assistant", "x", title=title, meta=meta)
        await store.close()

    asyncio.run(write(SqliteStore(empty.database)))
    config = empty.home / "CONFIG" / "genpy" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(PRICES, encoding="utf-8")
    return empty


def test_tokens_and_money_with_bars(counted):
    """Each day, model and conversation has its tokens and a bar, and what has a price its money."""
    shown = counted("stats", COLUMNS="120").out
    assert (
        "groq/big     ████████████████████████  900,000  300,000  100,000        1  $1.10" in shown
    )
    assert "ollama/tiny  ▏                           1,100        0       30        2" in shown
    assert "Sorting" in shown
    assert "\x1b" not in shown
    assert "In all: 3 replies, 901,100 tokens in (300,000 cached), 100,030 out, $1.10" in shown
    assert all(len(line) <= 80 for line in counted("stats", COLUMNS="80").out.splitlines())


def test_a_narrow_terminal_keeps_days_and_tokens_readable(counted):
    """Where there is no room, bars get short and fewer counts are shown, none of them cut."""
    days = {row["name"] for row in counted("stats", "--json").json["days"]}
    for columns in ("44", "54", "72"):
        *tables, total = counted("stats", COLUMNS=columns).out.splitlines()
        assert any("901,100" in row and row.split()[0] in days for row in tables)
        assert total.startswith("In all: 3 replies, 901,100 tokens in")


def test_stats_of_one_conversation_for_programs(counted):
    """With --session and --json it is the report of one conversation as one document."""
    found = counted("stats", "--session", ROME[:8], "--json").json
    assert found["total"]["replies"] == 2
    assert [row["name"] for row in found["models"]] == ["groq/big", "ollama/tiny"]


def test_nothing_was_used(empty):
    """Without replies a sentence says so."""
    ran = empty("stats", "--days", "1")
    assert (ran.out, ran.err) == (
        "",
        "No reply in the last 1 day has a reported number of tokens.\n",
    )


async def test_stats_of_a_server(empty, tmp_path):
    """With --server the server counts."""
    async with serving(tmp_path / "served.db") as server:
        ran = await empty.beside("stats", "--json", "--server", server.url)
        assert ran.json["total"]["replies"] == 0


@pytest.mark.parametrize(
    ("value", "bar"), [(0, ""), (1, "▏"), (500, "█████"), (550, "█████▌"), (1_000, "█" * 10)]
)
def test_a_bar_is_as_long_as_its_value(value, bar):
    """Eighths of a cell are drawn, and what is not zero is seen."""
    assert _bar(value, 1_000, 10) == bar
