"""What a server makes ready before anybody speaks."""

import asyncio
import threading

import pytest
from support.conditions import PATIENCE, eventually
from support.running_server import serving

import genpy_server.app
from genpy_server.core.understanding.intents import intent_model
from genpy_server.core.understanding.keywords import tagger
from genpy_server.core.understanding.tool_requests import request_model

MODELS = (intent_model, request_model, tagger)


@pytest.fixture
def unbuilt():
    """No model is built yet."""
    for build in MODELS:
        build.cache_clear()


async def test_models_are_built_before_the_first_message(database, unbuilt):
    """A server that was started has what understands messages, though none has come."""
    async with serving(database):

        async def built():
            return all(build.cache_info().currsize for build in MODELS)

        assert await eventually(built)


async def test_start_does_not_wait_for_the_models(database, monkeypatch):
    """A server listens while they are built, in a thread of their own."""
    go, threads = threading.Event(), []

    def slow(_):
        threads.append(threading.current_thread())
        assert go.wait(10)

    monkeypatch.setattr(genpy_server.app, "_warm", slow)
    async with asyncio.timeout(PATIENCE), serving(database) as server:
        assert server.url
        go.set()
    assert threading.main_thread() not in threads
