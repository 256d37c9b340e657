"""Tests of the bound of time that every test has."""

import asyncio
import signal

import pytest
from support.time_bound import BOUND, Overtime

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no timer")

SAID = rf"A test may take {BOUND:.0f} s\."


async def test_a_test_that_waits_for_ever_is_cancelled_where_it_waits():
    """The task of the test is cancelled, and what goes on then is interrupted wherever it is."""
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= BOUND
    asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGALRM)
    with pytest.raises(asyncio.CancelledError, match=SAID):
        await asyncio.Event().wait()
    with pytest.raises(Overtime):
        signal.raise_signal(signal.SIGALRM)
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


def test_a_test_without_a_loop_is_interrupted():
    """A test that blocks its thread fails in the line that blocks."""
    with pytest.raises(Overtime, match=SAID):
        signal.raise_signal(signal.SIGALRM)
