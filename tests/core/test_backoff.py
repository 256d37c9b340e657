"""How long to wait before something that failed is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from genpy_server.core.backoff import Backoff

SECONDS = st.floats(0.01, 100.0)


@given(
    first=SECONDS,
    longest=SECONDS,
    jitter=st.floats(0, 1),
    failures=st.integers(0, 10_000),
    chance=st.floats(0, 1),
    asked=st.none() | st.floats(0, 1e12),
)
def test_delay_stays_within_its_bounds(first, longest, jitter, failures, chance, asked):
    """No failure count, chance or request of the other side leads out of the bounds."""
    policy = Backoff(first, longest, jitter=jitter, longest_asked=60.0)
    delay = policy.delay(failures, chance=chance, retry_after=asked)
    assert 0 <= delay <= max(longest, 60.0)
    assert delay >= min(asked or 0.0, 60.0)
    assert delay >= min(first * 2 ** min(failures, 16), longest) * (1 - jitter) * 0.999


def test_attempts_are_counted_with_the_first():
    """Three attempts are exhausted after the third failure; without a limit they never are."""
    assert [Backoff(1, 2, attempts=3).exhausted(n) for n in range(1, 5)] == [
        False,
        False,
        True,
        True,
    ]
    assert not Backoff(1, 2).exhausted(10_000)
