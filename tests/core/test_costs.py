"""What models cost, summed from the rows of a store."""

import pytest

from genpy_server.core.costs import Price, Spending, UsageRow, cost, report

ROWS = [
    UsageRow("2026-01-02", "p/a", "s1", "One", 2, 1_000_000, 500_000, 400_000),
    UsageRow("2026-01-01", "p/a", "s2", "Two", 1, 1_000_000, 0),
    UsageRow("2026-01-02", "p/b", "s2", "Two", 1, 10, 20),
]
PRICES = {"p/a": Price(2.0, 8.0, 0.5)}


def test_spending_is_summed_by_day_model_and_session():
    """Days stand in order, the rest by tokens; money is that of the models with a price."""
    found = report(ROWS, PRICES, "€")
    a = 0.6 * 2 + 0.4 * 0.5 + 0.5 * 8
    assert found.total == Spending("", 4, 2_000_010, 500_020, 400_000, pytest.approx(a + 2))
    assert [(d.name, d.replies, d.money) for d in found.days] == [
        ("2026-01-01", 1, 2.0),
        ("2026-01-02", 3, pytest.approx(a)),
    ]
    assert [(m.name, m.money) for m in found.models] == [
        ("p/a", pytest.approx(a + 2)),
        ("p/b", None),
    ]
    assert [(s.name, s.title) for s in found.sessions] == [("s1", "One"), ("s2", "Two")]
    assert found.currency == "€"


def test_nothing_is_spent_without_replies():
    """A report of no rows holds zeros and no money."""
    assert report([], PRICES).total == Spending("")


def test_a_cache_costs_as_much_where_no_price_of_it_is_known():
    """Without its own price a cached token is a token of the input."""
    assert cost(ROWS[0], Price(2.0, 8.0)) == pytest.approx(2 + 4)
