"""Markdown in a process of its own: what it makes, and what slow, lost and idle processes do."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.conditions import PATIENCE

from genpy_server.errors import Busy, RateLimited
from genpy_server.sessions.rate_limit import Rates
from genpy_server.web import renderer as module
from genpy_server.web.markdown import render
from genpy_server.web.renderer import RenderedBlock, Renderer, unrendered

SLOW = "|" + "a|" * 3_000 + "\n|" + "-|" * 3_000 + "\n" + ("|" + "b|" * 10 + "\n") * 20_000
"""A table that takes seconds."""


@pytest.fixture
async def renderer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Renderer]:
    """A renderer with its process, which ends with the test."""
    monkeypatch.setattr(module, "RENDER_SECONDS", 20)
    made = Renderer()
    yield made
    await made.close()


async def test_texts_are_rendered_as_in_this_process(renderer: Renderer) -> None:
    """HTML of the process is that of the function, whatever the text holds."""
    texts = ["# A *b*", "<script>alert(1)</script>", "\U0001f600 \u2028 é", "", "```py\nx = 1\n```"]
    assert await renderer.render_all(texts, "ada") == [render(text) for text in texts]


async def test_a_text_is_rendered_once(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask for a text, at once or later, it is rendered once."""
    jobs = []
    ask = renderer._ask

    async def counted(job, kind):
        jobs.append(job)
        return await ask(job, kind)

    monkeypatch.setattr(renderer, "_ask", counted)
    html = await asyncio.gather(*(renderer.render("*a*", "ada") for _ in range(5)))
    assert {*html, await renderer.render("*a*", "ada")} == {render("*a*")}
    assert len(jobs) == 1


async def test_what_is_kept_is_bounded(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest HTML is dropped over the bound."""
    monkeypatch.setattr(module, "CACHE_BYTES", 100)
    for number in range(10):
        await renderer.render(f"text {number}", "ada")
    assert 0 < renderer._cached_bytes <= 100
    assert "text 9" in renderer._cache
    assert "text 0" not in renderer._cache


async def test_a_text_that_takes_too_long_is_shown_as_it_is(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process is killed, and the next text has another one."""
    await renderer.render("first", "ada")
    first = renderer._process
    monkeypatch.setattr(module, "RENDER_SECONDS", 0.1)
    assert await renderer.render(SLOW, "ada") == unrendered(SLOW)
    monkeypatch.setattr(module, "RENDER_SECONDS", 20)
    assert await renderer.render("*next*", "ada") == render("*next*")
    assert first is not None
    assert first.returncode is not None
    assert renderer._process is not first


async def test_a_text_without_processor_time_is_rendered_later(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the process gets no time, its text is refused for now, and not kept as plain text."""
    await renderer.render("first", "ada")
    assert renderer._process is not None
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.2)
    os.kill(renderer._process.pid, signal.SIGSTOP)
    with pytest.raises(Busy):
        await renderer.render("*next*", "ada")
    monkeypatch.undo()
    assert await renderer.render("*next*", "ada") == render("*next*")


async def test_a_process_that_was_killed_is_replaced(renderer: Renderer) -> None:
    """A lost process costs no later text anything."""
    await renderer.render("first", "ada")
    assert renderer._process is not None
    renderer._process.kill()
    await renderer._process.wait()
    assert await renderer.render("*next*", "ada") == render("*next*")


async def test_a_caller_that_leaves_spoils_no_other(renderer: Renderer) -> None:
    """Who is cancelled in the middle of a text leaves the process fit for the next one."""
    await renderer.render("first", "ada")
    asking = asyncio.create_task(renderer.render(SLOW, "ada"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await renderer.render("*next*", "ada") == render("*next*")


async def test_jobs_that_wait_are_bounded(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More texts than can wait are refused for now."""
    monkeypatch.setattr(module, "WAITING_JOBS", 2)
    found = await asyncio.gather(
        *(renderer.render(f"text {number}", "ada") for number in range(4)), return_exceptions=True
    )
    assert [isinstance(one, Busy) for one in found] == [False, False, True, True]


async def test_an_idle_process_ends(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has nothing to do ends by itself, and starts again when it is needed."""
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.01)
    await renderer.render("first", "ada")
    process = renderer._process
    assert process is not None
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 0
    monkeypatch.undo()
    assert await renderer.render("*next*", "ada") == render("*next*")


async def test_the_process_knows_no_secret(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys and tokens of the environment are not passed on."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk_secret")
    await renderer.render("first", "ada")
    assert renderer._process is not None
    environment = Path(f"/proc/{renderer._process.pid}/environ").read_bytes()
    assert b"PATH=" in environment
    assert b"gsk_secret" not in environment


async def test_finished_blocks_of_a_growing_text(renderer: Renderer) -> None:
    """All blocks but the last are finished, each with where it ends in characters."""
    first, second, open_block = "# \U0001f600\r\n\r\n", "- a\n- b\n\n", "```py\nx = 1\n"
    assert await renderer.finished_blocks(first + second + open_block) == [
        RenderedBlock(len(first), render(first), ("h1",)),
        RenderedBlock(len(first + second), render(second), ("h1",)),
    ]
    assert await renderer.finished_blocks(open_block) == []


async def test_rendering_counts_towards_a_limit(renderer: Renderer) -> None:
    """A text counts once for the client that asks first; over the limit it is refused, and not made."""
    rates = Rates(2)
    renderer.charge = rates.charge
    assert await renderer.render_all(["a", "a", "b", "c"], "ada") == [
        "<p>a</p>\n",
        "<p>a</p>\n",
        "<p>b</p>\n",
        None,
    ]
    with pytest.raises(RateLimited):
        await renderer.render("c", "ada")
    assert await renderer.render("c", "bob") == "<p>c</p>\n"
