"""Real servers of the dialect, with answers of our choice: LiteLLM's proxy, and one of npm.

`make test` installs them; where they are missing the tests are left out, but not in CI.
"""

import os
import shutil
import sys
from pathlib import Path

import msgspec
import pytest
from support.model_replies import REQUEST, everything, said
from support.model_servers import started
from support.tools import SPECS

from genpy_server.core.models import SummaryDraft
from genpy_server.errors import LlmModelUnknown, LlmRateLimited
from genpy_server.llm.base import ChatMessage, ChatRequest, Finish
from genpy_server.llm.groq import GroqLlm

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
LITELLM = ROOT / ".venv" / "servers" / "bin" / "litellm"
MOCK_LLM = HERE / "node_modules" / "@dwmkerr" / "mock-llm" / "dist" / "main.js"
ASKED = [ChatMessage("system", "Sum up with sentiment."), ChatMessage("user", "hello")]
MET = SummaryDraft("They met.", ["meeting"], "positive", [])


def needed(path):
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("one Python is enough for what other processes do")
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{path} is missing: `make test` installs it")
        pytest.skip("the server is not installed: `make test` installs it")


async def test_proxy_of_litellm():
    """Its first chat model is found; replies, tools, structured answers and refusals are read."""
    needed(LITELLM)
    variables = {
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    command = (str(LITELLM), "--config", str(HERE / "litellm.yaml"), "--port", "PORT",
               "--host", "127.0.0.1")  # fmt: skip
    async with started(*command, **variables) as url:
        llm = GroqLlm(key=None, model=None, url=url)
        assert (await llm.check()).model == "mock"
        events = await everything(llm, msgspec.structs.replace(REQUEST, tools=SPECS))
        assert said(events) == "Hello from a mock."
        finish = events[-1]
        assert isinstance(finish, Finish)
        assert finish.usage.completion_tokens > 0
        await llm.close()
        summaries = GroqLlm(key=None, model="summary", url=url)
        assert await summaries.structured(ASKED, SummaryDraft) == MET
        await summaries.close()
        missing = GroqLlm(key=None, model="missing", url=url)
        with pytest.raises(LlmModelUnknown, match=r"Invalid model name.*GENPY_MODEL"):
            await everything(missing)
        await missing.close()


async def test_server_of_npm():
    """Replies come in its chunks, a refused form is asked for in another, and a limit is read."""
    needed(MOCK_LLM)
    node = shutil.which("node", path=f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert node is not None
    async with started(node, str(MOCK_LLM), "--config", str(HERE / "mock-llm.yaml")) as url:
        llm = GroqLlm(key=None, model=None, url=url)
        assert (await llm.check()).model == "gpt"
        assert said(await everything(llm)) == "Hello from Node."
        assert await llm.structured(ASKED, SummaryDraft) == MET
        assert (await llm.check()).left_out == ("response_format json_schema",)
        with pytest.raises(LlmRateLimited) as caught:
            await everything(llm, ChatRequest((ChatMessage("user", "please fail"),)))
        assert caught.value.retry_after == 7.0
        await llm.close()
