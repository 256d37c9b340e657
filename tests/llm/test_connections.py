"""The connections behind a model: opened, kept, timed, closed, and never talked about."""

import asyncio
import base64
import logging
from contextlib import aclosing

import pytest
from support.model_replies import REQUEST, everything, said
from support.scripted_model import Script, chunk

from genpy_server.app import configure_logging
from genpy_server.core.models import SummaryDraft
from genpy_server.errors import LlmKeyRejected, LlmTimeout, LlmUnavailable
from genpy_server.llm.base import ChatMessage, ChatRequest
from genpy_server.llm.groq import GroqLlm

HASTY = {"first_token": 0.05, "token": 0.05}


async def test_cancelled_reply_closes_the_connection(llm, upstream):
    """Stopping to read a reply, even while waiting for it, stops the service from making it."""
    upstream.say("one", "two", paused_at=1)
    reading = asyncio.create_task(everything(llm))
    await upstream.until(lambda: upstream.open == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await upstream.until(lambda: upstream.open == 0)


async def test_cancelled_request_closes_the_connection(llm, upstream):
    """A reply that is stopped before its first byte is stopped at the service as well."""
    upstream.silence()
    reading = asyncio.create_task(everything(llm))
    await upstream.until(lambda: upstream.open == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await upstream.until(lambda: upstream.open == 0)


async def test_connection_is_used_again(llm, upstream):
    """Replies in a row, refusals among them, need one connection and one handshake."""
    upstream.say("one")
    upstream.fail(500)
    upstream.say("two")
    upstream.answer = {"summary": "s", "topics": [], "sentiment": "neutral", "outcomes": []}
    await llm.check()
    await everything(llm)
    with pytest.raises(LlmUnavailable):
        await everything(llm)
    await everything(llm)
    await llm.structured(REQUEST.messages, SummaryDraft)
    assert upstream.connections == 1


async def test_stream_that_stays_open_after_its_end_delays_nothing(compatible, upstream):
    """A server that marks the end but keeps the stream open does not hold the finish back."""
    gate = upstream.say("whole", paused_at=3)
    script = upstream._scripts[-1]
    upstream.only(Script(pieces=[*script.pieces, chunk({})], gates=script.gates))
    async with asyncio.timeout(5):
        assert said(await everything(compatible)) == "whole"
    assert not gate.is_set()
    await upstream.until(lambda: upstream.open == 0)


async def test_service_that_says_nothing_is_too_slow(upstream):
    """The first byte has its time, and so has every later one."""
    llm = GroqLlm(key=None, model="m", url=upstream.url, **HASTY)
    upstream.silence()
    with pytest.raises(LlmTimeout, match="too long"):
        await everything(llm)
    upstream.only(Script(pieces=[chunk({"content": "so "}), b"x"], gates={1: asyncio.Event()}))
    async with aclosing(llm.stream(REQUEST)) as events:
        assert (await anext(events)).text == "so "
        with pytest.raises(LlmTimeout):
            await anext(events)
    upstream.only(Script(silent=True))
    with pytest.raises(LlmTimeout):
        await llm.structured(REQUEST.messages, SummaryDraft)
    await llm.close()


async def test_service_that_is_not_there_has_a_name(llm, upstream):
    """Nobody at the address is said with the address, whatever is asked."""
    await upstream.stop()
    with pytest.raises(LlmUnavailable, match=r"127\.0\.0\.1"):
        await everything(llm)
    with pytest.raises(LlmUnavailable):
        await llm.check()
    with pytest.raises(LlmUnavailable):
        await llm.structured(REQUEST.messages, SummaryDraft)


async def test_service_that_hangs_up_before_answering_is_not_there(compatible, upstream):
    """A connection closed instead of an answer is no time-out."""
    upstream.say("Hi")
    await everything(compatible)
    upstream.only(Script(hang_up=True))
    with pytest.raises(LlmUnavailable):
        await everything(compatible)


async def test_something_that_speaks_no_http_has_a_name():
    """An answer that is no HTTP is trouble with a name, not a bug."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example.org ESMTP\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        llm = GroqLlm(key=None, model="m", url=f"http://127.0.0.1:{port}/v1")
        with pytest.raises(LlmUnavailable):
            await everything(llm)
        await llm.close()


async def test_key_is_sent_and_a_wrong_one_refused(upstream):
    """The key reaches the service, and its refusal names the setting."""
    upstream.key = "right"
    for key in ("right", "wrong"):
        llm = GroqLlm(key=key, model=None, url=upstream.url)
        if key == "right":
            await llm.check()
        else:
            with pytest.raises(LlmKeyRejected, match="GENPY_LLM_KEY"):
                await llm.check()
        await llm.close()


async def test_server_on_this_machine_is_not_looked_for_behind_a_proxy(upstream, monkeypatch):
    """A proxy of the environment is for what is far away."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    upstream.say("Hi")
    llm = GroqLlm(key=None, model="m", url=upstream.url)
    assert said(await everything(llm)) == "Hi"
    await llm.close()


async def test_password_in_an_address_is_sent_and_not_shown(upstream):
    """A user and password in an address are basic authorization, and stay out of health."""
    address = upstream.url.replace("http://", "http://ann:s%40cret@")
    llm = GroqLlm(key=None, model=None, url=address)
    health = await llm.check()
    await llm.close()
    assert health.where == upstream.url
    sent = upstream.requests[0]["headers"]["authorization"]
    assert sent == f"Basic {base64.b64encode(b'ann:s@cret').decode()}"


async def test_logs_hold_neither_key_nor_text(upstream, monkeypatch, capfd):
    """At our most talkative level, what is said and the key stay out of the log."""
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    ours = logging.getLogger("genpy")
    monkeypatch.setattr(ours, "level", ours.level)
    configure_logging("DEBUG")
    upstream.say("a secret answer")
    llm = GroqLlm(key="gsk_secret", model="m", url=upstream.url)
    await everything(llm, ChatRequest((ChatMessage("user", "a secret question"),)))
    await llm.close()
    out, err = capfd.readouterr()
    assert "secret" not in out + err
