"""Token usage and cost of replies, summed by day, model and conversation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

SESSIONS = 20
"""Most conversations of a report: those with the most tokens."""
COUNTS = ("replies", "prompt_tokens", "completion_tokens", "cached_tokens")


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The price of a million tokens of a model."""

    input: float
    output: float
    cached: float | None = None
    """Price of input from the service's cache; None: the same as `input`."""


class UsageRow(msgspec.Struct, frozen=True):
    """The tokens of the replies of one day, model and conversation."""

    day: str
    """YYYY-MM-DD."""
    model: str
    session_id: str
    title: str
    """Title of the conversation."""
    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    """The part of `prompt_tokens` that came from the service's cache."""


class Spending(msgspec.Struct, frozen=True):
    """The tokens of some replies; `name` is their day, model or session id."""

    name: str
    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    money: float | None = None
    """Cost of the replies of models with a price; None where no model has one."""
    title: str | None = None
    """Title of a conversation."""


class SpendingReport(msgspec.Struct, frozen=True):
    """Spending in total, by day (oldest first), and by model and conversation (most tokens first)."""

    total: Spending
    days: list[Spending]
    models: list[Spending]
    sessions: list[Spending]
    currency: str = "$"


def report(
    rows: Sequence[UsageRow], prices: Mapping[str, Price], currency: str = "$"
) -> SpendingReport:
    """The report of the rows of a store."""
    titles = {row.session_id: row.title for row in rows}
    sessions = _by_tokens(_summed(rows, lambda row: row.session_id, prices))[:SESSIONS]
    total = next(iter(_summed(rows, lambda _: "", prices)), Spending(""))
    return SpendingReport(
        total,
        sorted(_summed(rows, lambda row: row.day, prices), key=lambda one: one.name),
        _by_tokens(_summed(rows, lambda row: row.model, prices)),
        [msgspec.structs.replace(one, title=titles[one.name]) for one in sessions],
        currency,
    )


def cost(row: UsageRow, price: Price) -> float:
    """The cost of the tokens of a row."""
    cached = price.input if price.cached is None else price.cached
    fresh = max(row.prompt_tokens - row.cached_tokens, 0)
    paid = fresh * price.input + row.cached_tokens * cached + row.completion_tokens * price.output
    return paid / 1_000_000


def _summed(
    rows: Iterable[UsageRow], key: Callable[[UsageRow], str], prices: Mapping[str, Price]
) -> list[Spending]:
    sums: dict[str, Spending] = {}
    for row in rows:
        name = key(row)
        known = sums.get(name, Spending(name))
        price = prices.get(row.model)
        money = known.money if price is None else (known.money or 0.0) + cost(row, price)
        counts: dict[str, Any] = {n: getattr(known, n) + getattr(row, n) for n in COUNTS}
        sums[name] = Spending(name, money=money, **counts)
    return list(sums.values())


def _by_tokens(sums: Iterable[Spending]) -> list[Spending]:
    return sorted(sums, key=lambda one: (-one.prompt_tokens - one.completion_tokens, one.name))
