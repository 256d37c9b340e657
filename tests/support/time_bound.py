"""A bound of time for each test: one that hangs fails where it waits, and the run goes on."""

import signal
from asyncio import BaseEventLoop, Future
from collections.abc import Generator
from types import FrameType

import hypothesis
import pytest
from support.conditions import PATIENCE

BOUND = 4 * PATIENCE
"""Seconds of a test with its fixtures; more than those of a wait or the start of a server, whose
failure says more."""
AGAIN = 20.0
"""Seconds until what still goes on is interrupted again, wherever it is."""


class Overtime(BaseException):
    """A test goes on for too long; Hypothesis tries no smaller example of it."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Interrupt a test that goes on for too long; not on Windows, which has no such signal."""
    if not hasattr(signal, "setitimer"):
        return (yield)
    seconds = BOUND * max(1.0, hypothesis.settings().max_examples / 100)
    interrupted = False

    def interrupt(_: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        said = f"A test may take {seconds:.0f} s."
        task = None if interrupted else _awaited(frame)
        interrupted = True
        if task is None:
            raise Overtime(said)
        task.get_loop().call_soon_threadsafe(task.cancel, said)

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def pytest_enter_pdb() -> None:
    """Let a person take more time."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)


def _awaited(frame: FrameType | None) -> Future[object] | None:
    """The task that the event loop of the test runs, which is cancelled at its own line.

    An exception raised here would show the loop that waits instead.
    """
    while frame is not None:
        if frame.f_code is BaseEventLoop.run_until_complete.__code__:
            task: Future[object] = frame.f_locals["future"]
            return task
        frame = frame.f_back
    return None
