"""A scripted service, and the adapters that talk to it with the real SDK."""

import pytest
from support.scripted_model import Upstream

from genpy_server.llm.groq import GroqLlm
from genpy_server.llm.offline import OfflineLlm

KEY = "gsk_" + "k" * 20


@pytest.fixture
async def upstream():
    async with Upstream() as service:
        yield service


def adapter(kind, upstream, **options):
    if kind == "offline":
        return OfflineLlm()
    if kind == "groq":
        options = {"model": "openai/gpt-oss-120b", **options}
        return GroqLlm(key=KEY, groq_url=upstream.root, **options)
    return GroqLlm(key=None, url=upstream.url, **{"model": None, **options})


@pytest.fixture(params=["offline", "groq", "compatible"])
async def any_llm(request, upstream):
    """Every adapter."""
    model = adapter(request.param, upstream)
    yield model
    await model.close()


@pytest.fixture(params=["groq", "compatible"])
async def llm(request, upstream):
    """The adapters that ask a service."""
    model = adapter(request.param, upstream)
    yield model
    await model.close()


@pytest.fixture
async def compatible(upstream):
    """A server at GENPY_LLM_URL, its model not configured."""
    model = adapter("compatible", upstream)
    yield model
    await model.close()


@pytest.fixture
async def groq(upstream):
    """Groq itself."""
    model = adapter("groq", upstream)
    yield model
    await model.close()
