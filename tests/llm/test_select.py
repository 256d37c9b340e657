"""Which model the settings ask for."""

import subprocess
import sys

import pytest

from genpy_server import settings
from genpy_server.llm.select import open_llm

LOCAL = {"GENPY_LLM_URL": "http://127.0.0.1:1/v1"}
GROQ = {"GROQ_API_KEY": "gsk_x"}


@pytest.mark.parametrize(
    ("variables", "kind", "model"),
    [
        ({}, "offline", "offline"),
        (GROQ, "groq", settings.DEFAULT_MODEL),
        ({**GROQ, "GROQ_MODEL": "other"}, "groq", "other"),
        (LOCAL, "compatible", ""),
        ({**LOCAL, "GENPY_LLM_MODEL": "llama3.2"}, "compatible", "llama3.2"),
        ({**LOCAL, **GROQ}, "compatible", ""),
    ],
)
async def test_settings_choose_the_model(variables, kind, model):
    """The address of a server wins over a Groq key, and without either it is offline."""
    llm = open_llm(settings.load(variables))
    assert (llm.kind, llm.model) == (kind, model)
    await llm.close()


async def test_address_of_groq_may_come_from_a_file(upstream):
    """GROQ_BASE_URL counts wherever it was set, the environment or .env."""
    llm = open_llm(settings.load({**GROQ, "GROQ_BASE_URL": upstream.root}))
    assert (await llm.check()).where == upstream.root
    assert upstream.requests[0]["path"] == "/openai/v1/models"
    assert upstream.requests[0]["headers"]["authorization"] == "Bearer gsk_x"
    await llm.close()


def test_offline_imports_no_sdk():
    """Without a model to ask, neither the SDK nor its transport is imported."""
    code = (
        "import sys; from genpy_server import settings; from genpy_server.llm.select import open_llm;"
        "open_llm(settings.load({}));"
        "print([m for m in ('groq', 'aiohttp', 'httpx', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
