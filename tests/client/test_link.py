"""How long a client waits before it comes back, with a clock and chance of the test's own."""

import pytest

from genpy_server.client.reconnect import RECONNECT, STEADY_SECONDS, Link, ReconnectDelay
from genpy_server.errors import Unreachable


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_delays_double_up_to_a_limit(clock):
    """Each failure doubles the delay, until it stays at the longest."""
    delay = ReconnectDelay(lambda: 1.0, clock)
    delays = [delay.next() for _ in range(30)]
    assert delays[:3] == [RECONNECT.first, RECONNECT.first * 2, RECONNECT.first * 4]
    assert delays[-1] == RECONNECT.longest
    assert delay.failures == 30


def test_chance_spreads_clients(clock):
    """Of clients that were cut at once some come back after half the delay."""
    assert ReconnectDelay(lambda: 0.0, clock).next() == RECONNECT.first / 2
    assert ReconnectDelay(lambda: 0.5, clock).next() == RECONNECT.first * 0.75


def test_server_may_ask_for_more(clock):
    """A wait that the server names is kept."""
    assert ReconnectDelay(lambda: 1.0, clock).next(retry_after=42.0) == 42.0


def test_steady_connection_begins_again(clock):
    """After a connection that lasted the delays start again; after one that did not they go on."""
    delay = ReconnectDelay(lambda: 1.0, clock)
    delay.next()
    delay.opened()
    clock.now += STEADY_SECONDS - 1
    assert delay.next() == RECONNECT.first * 2
    delay.opened()
    clock.now += STEADY_SECONDS
    assert delay.next() == RECONNECT.first
    assert delay.failures == 1


def test_reason_is_a_sentence():
    """A link tells why there is no connection, and nothing while there is one."""
    assert Link("open").reason == ""
    assert Link("reconnecting", error=Unreachable("Nobody is there.")).reason == "Nobody is there."
