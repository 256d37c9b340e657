"""Renders Markdown to HTML in a separate process, so that it does not delay replies.

The process is started with the first text and ends when it is idle. It gets no secrets, runs one
job at a time, and ends when a text takes too much processor time; such a text is shown unrendered.
`python -m genpy_server.web.renderer` is that process: jobs and results are lines of JSON.
"""

import asyncio
import logging
import os
import signal
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from html import escape
from typing import NamedTuple, TypeVar

import msgspec

from genpy_server.errors import Busy

RENDER_SECONDS = 4.0
"""Limit of one job's processor time; a usual message takes some milliseconds."""
BUSY_SECONDS = 60.0
"""How long a busy machine may take for it; a text that is not rendered by then is refused for now."""
IDLE_SECONDS = 300.0
"""After so long without a job the process ends."""
WAITING_JOBS = 200
CACHE_BYTES = 8 * 1024 * 1024
RESULT_BYTES = 1024 * 1024 * 1024
NICENESS = 5
PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "SYSTEMROOT", "LANG")
"""Environment variables of the process, without keys and tokens."""

_BY_PROCESSOR = hasattr(signal, "setitimer")

log = logging.getLogger("genpy.renderer")

R = TypeVar("R")


class RenderJob(msgspec.Struct):
    """A text to render as a whole; with the `headings` above it, its complete blocks."""

    text: str
    seconds: float
    """Its limit of processor time."""
    headings: tuple[str, ...] | None = None


class RenderedBlock(NamedTuple):
    """A complete block: its end offset in characters, its HTML, the headings above the next block."""

    end: int
    html: str
    headings: tuple[str, ...]


class Renderer:
    """The process, and a cache of its results; concurrent requests for a text share one job."""

    def __init__(self, *, charge: Callable[[str], None] = lambda _: None) -> None:
        self.charge = charge
        """Counts a rendered text of a user; raises `RateLimited`."""
        self._cache: OrderedDict[str, str] = OrderedDict()
        self._cached_bytes = 0
        self._making: dict[str, asyncio.Future[str]] = {}
        self._lock = asyncio.Lock()
        self._waiting = 0
        self._process: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def render(self, text: str, user: str) -> str:
        """Safe HTML of a user's text. Raises `Busy` where too many jobs wait, or `RateLimited`."""
        if text in self._cache:
            self._cache.move_to_end(text)
            return self._cache[text]
        if text in self._making:
            return await asyncio.shield(self._making[text])
        self.charge(user)
        made = self._making[text] = asyncio.get_running_loop().create_future()
        try:
            html = await self._job(RenderJob(text, RENDER_SECONDS), str, lambda: unrendered(text))
        except BaseException as error:
            made.set_exception(error if isinstance(error, Busy) else Busy("Not rendered."))
            made.exception()  # marks it as retrieved: there may be no other caller
            raise
        finally:
            del self._making[text]
        made.set_result(html)
        self._cache[text] = html
        self._cached_bytes += len(text) + len(html)
        while self._cached_bytes > CACHE_BYTES:
            old, its = self._cache.popitem(last=False)
            self._cached_bytes -= len(old) + len(its)
        return html

    async def render_all(self, texts: Sequence[str], user: str) -> list[str | None]:
        """The HTML of each text, in the same order; None for those that cannot be rendered now."""
        found: list[str | None] = [None] * len(texts)
        for place, text in enumerate(texts):
            with suppress(Busy):
                found[place] = await self.render(text, user)
        return found

    async def finished_blocks(
        self, text: str, headings: tuple[str, ...] = ()
    ) -> list[RenderedBlock]:
        """The complete blocks of a growing text; not cached."""
        job = RenderJob(text, RENDER_SECONDS, headings)
        return await self._job(job, list[RenderedBlock], list)

    async def close(self) -> None:
        """End the process."""
        async with self._lock:
            await self._end()

    async def _job(self, job: RenderJob, kind: type[R], otherwise: Callable[[], R]) -> R:
        """Run a job; `otherwise` makes the result if the process fails."""
        if self._waiting >= WAITING_JOBS:
            raise Busy("Too much Markdown waits to be rendered. Try again.", retry_after=1.0)
        self._waiting += 1
        try:
            async with self._lock:
                return await self._ask(job, kind)
        except (TimeoutError, OSError, msgspec.MsgspecError) as error:
            log.warning("a text could not be rendered: %s", type(error).__name__)
            if isinstance(error, TimeoutError) and _BY_PROCESSOR:
                raise Busy("The machine is too busy. Try again.", retry_after=1.0) from error
            return otherwise()
        finally:
            self._waiting -= 1

    async def _ask(self, job: RenderJob, kind: type[R]) -> R:
        try:
            process = await self._started()
            assert process.stdin is not None  # noqa: S101 - as `_started` made it
            assert process.stdout is not None  # noqa: S101 - as `_started` made it
            async with asyncio.timeout(BUSY_SECONDS if _BY_PROCESSOR else RENDER_SECONDS):
                process.stdin.write(msgspec.json.encode(job) + b"\n")
                result = msgspec.json.decode(await process.stdout.readline(), type=kind)
        except BaseException:  # also for a cancelled caller: its result would be read by the next
            await self._end()
            raise
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(IDLE_SECONDS, process.stdin.close)  # which ends it
        return result

    async def _started(self) -> asyncio.subprocess.Process:
        """The running process; it sends an empty line when it is ready."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=RESULT_BYTES,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
            start_new_session=True,  # Ctrl-C is for the server, which ends this one
        )
        assert process.stdout is not None  # noqa: S101 - asked for above
        await process.stdout.readline()
        return process

    async def _end(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


def unrendered(text: str) -> str:
    """A text as preformatted HTML."""
    return f"<pre><code>{escape(text)}</code></pre>\n"


def main() -> None:
    """Run jobs from standard input until it ends."""
    from genpy_server.web.markdown import finished_blocks, render  # noqa: PLC0415 - for this process alone

    if hasattr(os, "nice"):
        os.nice(NICENESS)
    target = sys.stdout.buffer
    render("ready *to* `go`")  # imports the parser before the first job
    target.write(b"\n")
    target.flush()
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=RenderJob)
        _limit(job.seconds)
        if job.headings is None:
            result = msgspec.json.encode(render(job.text))
        else:
            result = msgspec.json.encode(finished_blocks(job.text, job.headings))
        _limit(0)
        target.write(result + b"\n")
        target.flush()


def _limit(seconds: float) -> None:
    """End this process after so much processor time; 0 for no limit."""
    if _BY_PROCESSOR:
        signal.setitimer(signal.ITIMER_PROF, seconds)


if __name__ == "__main__":
    main()
