"""Which model the settings ask for, and the services of several providers side by side."""

import subprocess
import sys

import msgspec
import pytest
from support.model_replies import everything, said
from support.scripted_model import Upstream

from genpy_server import settings
from genpy_server.config import Provider, UserConfig, known_providers
from genpy_server.errors import LlmError, LlmModelUnknown
from genpy_server.llm.base import ChatMessage, ChatRequest, LeftOut, TextDelta
from genpy_server.llm.catalog import providers_to_ask
from genpy_server.llm.providers import Providers

LOCAL = {"GENPY_LLM_URL": "http://127.0.0.1:1/v1"}
GROQ = {"GROQ_API_KEY": "gsk_x"}
REQUEST = ChatRequest((ChatMessage("user", "hi"),))


@pytest.mark.parametrize(
    ("variables", "kind", "model"),
    [
        ({}, "offline", "offline"),
        (GROQ, "groq", f"groq/{settings.DEFAULT_MODEL}"),
        ({**GROQ, "GROQ_MODEL": "other"}, "groq", "groq/other"),
        (LOCAL, "compatible", ""),
        ({**LOCAL, "GENPY_LLM_MODEL": "llama3.2"}, "compatible", "llama3.2"),
        ({**LOCAL, **GROQ}, "compatible", ""),
    ],
)
async def test_settings_choose_the_model(variables, kind, model):
    """The address of a server wins over a Groq key, and without either it is offline."""
    models = Providers(settings.load(variables))
    assert (models.default.llm.kind, models.default.name) == (kind, model)
    await models.close()


@pytest.mark.parametrize(
    ("name", "says"),
    [("nosuch/model", "No provider has the model"), ("groq/llama", "The key for groq is missing")],
)
async def test_a_configured_model_that_cannot_be_used_is_named(name, says):
    """Whoever configured a model is not told that none is configured, but what is wrong with it."""
    models = Providers(settings.load({"GENPY_MODEL": name}))
    for earlier in ((), (ChatMessage("assistant", "…"),)):
        request = ChatRequest((*earlier, *REQUEST.messages))
        text = said(await everything(models.default.llm, request))
        assert says in text
        assert "No model is configured" not in text
    await models.close()


async def test_address_of_groq_may_come_from_a_file(upstream):
    """GROQ_BASE_URL counts wherever it was set, the environment or .env."""
    models = Providers(settings.load({**GROQ, "GROQ_BASE_URL": upstream.root}))
    assert (await models.default.llm.check()).where == upstream.root
    assert upstream.requests[0]["path"] == "/openai/v1/models"
    assert upstream.requests[0]["headers"]["authorization"] == "Bearer gsk_x"
    await models.close()


@pytest.mark.parametrize(
    ("variables", "prepared", "imported"),
    [({}, True, []), (GROQ, False, []), (GROQ, True, ["groq"])],
)
def test_sdk_is_imported_when_it_is_prepared(variables, prepared, imported):
    """Nobody imports it who only reads the settings, nor anybody without a model to ask."""
    code = (
        "import sys; from genpy_server import settings; from genpy_server.llm.providers import Providers;"
        f"models = Providers(settings.load({variables})); {prepared} and models.prepare();"
        "print([m for m in ('groq', 'aiohttp', 'httpx', 'pydantic') if m in sys.modules][:1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(imported)


def test_the_sdk_brings_no_command_line():
    """A server with a model imports nothing that only draws on a terminal, nor a second HTTP client."""
    code = (
        "import sys, genpy_server.app, genpy_server.web.server, genpy_server.llm.groq as _;"
        "print(*{'rich', 'pygments', 'click', 'httpcore', 'h2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_loop_imports_no_sdk():
    """Who attaches learns whether the model answers, while the SDK is imported in a thread."""
    code = """
import asyncio, sys, threading
from importlib.abc import MetaPathFinder
from genpy_server import settings
from genpy_server.llm.providers import Providers

class Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in {"groq", "httpx", "pydantic"}:
            print(name, threading.current_thread() is threading.main_thread())

sys.meta_path.insert(0, Finder())
models = Providers(settings.load({"GENPY_LLM_URL": "http://127.0.0.1:1/v1"}))
print(asyncio.run(models.trouble(None)).code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *imported, trouble = done.stdout.splitlines()
    assert sorted(imported) == ["groq False", "httpx False", "pydantic False"]
    assert trouble == "llm_unavailable"


def known(*providers, **variables):
    """Settings that know these providers."""
    named = {one.name: one for one in providers} | known_providers({}, {})
    return settings.load(settings.Environment(variables, config=UserConfig(providers=named)))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (None, ("groq", None)),
        ("", ("groq", None)),
        ("groq/openai/gpt-oss-20b", ("groq", "openai/gpt-oss-20b")),
        ("work/a/b", ("work", "a/b")),
        ("work/", ("work", None)),
        ("openai/gpt-oss-20b", ("groq", "openai/gpt-oss-20b")),
        ("work", ("groq", "work")),
    ],
)
def test_a_name_without_a_provider_is_a_model_of_the_configured_service(name, found):
    """`provider/name` names a service that is known; any other name is a model of the default."""
    models = Providers(known(Provider("work", "http://127.0.0.1:1/v1"), **GROQ))
    assert models.find(name) == found


def test_a_model_that_no_provider_can_have_is_refused(tmp_path):
    """Without a model a bare name is nobody's; groq needs a key, and an address that was allowed."""
    models = Providers(known())
    for name, says in (("llama3", "ollama"), ("groq/x", "genpy keys set groq")):
        with pytest.raises(LlmError, match=says):
            models.get(name)
    assert models.find("ollama/llama3") == ("ollama", "llama3")
    (tmp_path / ".env").write_text("GROQ_BASE_URL=http://127.0.0.1:1\nGROQ_API_KEY=k\n", "utf-8")
    own = UserConfig(
        {"GENPY_MODEL": "work/a"},
        {"GENPY_MODEL": "option"},
        providers=known_providers({"work": "http://127.0.0.1:2/v1"}, {}),
    )
    folder = settings.load(settings.read_environment(tmp_path, own))
    with pytest.raises(LlmError, match="not allowed"):
        Providers(folder).get("groq/x")


@pytest.mark.parametrize("name", ["lmstudio", "ollama", "work"])
async def test_the_provider_of_the_configured_model_is_a_known_one(name):
    """Chosen by its name, a local service is listed, its window counts, and its silence is said."""
    async with Upstream() as service:
        service.windows = {"tiny": 4_000}
        config = UserConfig(providers=known_providers({name: service.url}, {}))
        chosen = settings.Environment({"GENPY_MODEL": f"{name}/tiny"}, config=config)
        models = Providers(settings.load(chosen))
        listed = {one.provider: one.models for one in await models.listed()}
        assert "tiny" in [one.name for one in listed[name]]
        assert models.window(models.default) == 4_000
        assert await models.trouble(None) is None
        away = Providers(settings.load(chosen))
    assert "Nothing answers there." in (await away.trouble(None)).message
    address = settings.Environment({"GENPY_LLM_URL": service.url}, config=config)
    names = [one.name for one in providers_to_ask(settings.load(address))]
    assert ("" in names, name in names) == (True, name == "work")


async def test_two_services_at_once_each_get_their_own_key():
    """Models of two providers answer side by side; each is opened when it is first asked."""
    async with Upstream() as one, Upstream() as two:
        one.key, two.key = "key-of-one", "key-of-two"
        models = Providers(
            known(
                Provider("one", one.url, "key-of-one"),
                Provider("two", two.url, "key-of-two"),
                GENPY_MODEL="one/a",
            )
        )
        assert models.default.name == "one/a"
        assert two.connections == 0
        gate = one.say("from ", "one", paused_at=1)
        two.say("from two")
        first = models.default.stream(REQUEST)
        assert await anext(first) == TextDelta("from ")
        said = [event async for event in models.get("two/b").stream(REQUEST)]
        assert said[0] == TextDelta("from two")
        gate.set()
        assert await anext(first) == TextDelta("one")
        await first.aclose()
        assert [r["body"]["model"] for r in (*one.requests, *two.requests)] == ["a", "b"]
        two.models = ["first", "second"]
        two.say("x")
        chosen = models.get("two/")
        assert chosen.name == ""
        async for _ in chosen.stream(REQUEST):
            pass
        assert chosen.name == "two/first"
        await models.close()


async def test_what_a_service_refuses_is_refused_for_its_model_alone():
    """A parameter that one model does not take is left out for it, and sent for another."""
    async with Upstream() as service:
        models = Providers(known(GENPY_LLM_URL=service.url))
        service.fail(400, "unsupported_parameter", "seed is not supported")
        service.say("a")
        service.say("b")
        request = msgspec.structs.replace(REQUEST, seed=7)
        first = [event async for event in models.get("a").stream(request)]
        second = [event async for event in models.get("b").stream(request)]
        assert first[0] == LeftOut(("seed",))
        assert second[0] == TextDelta("b")
        assert ["seed" in r["body"] for r in service.requests] == [True, False, True]
        await models.close()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (None, ""),
        ("qwen/qwen3-8b", ""),
        ("qwen/qwen3-8b:latest", ""),
        ("bare-name", ""),
        ("work/anything", ""),
        ("intfloat/e5-large", ""),
        ("wrok/a", "Unknown provider 'wrok'.*Did you mean work?"),
        (
            "nosuch/model",
            "Unknown provider 'nosuch'.* lists no model 'nosuch/model'.*groq, .*ollama",
        ),
        ("qwen/other", "lists no model 'qwen/other'"),
    ],
)
async def test_a_name_of_nobody_is_refused(upstream, name, says):
    """A name whose first part is not a provider must be listed by the configured service."""
    upstream.models = ["qwen/qwen3-8b", "qwen/qwen3-8b:latest"]
    models = Providers(known(Provider("work", "http://127.0.0.1:1/v1"), GENPY_LLM_URL=upstream.url))
    try:
        if not says:
            await models.verify(name)
            return
        with pytest.raises(LlmModelUnknown, match=says):
            await models.verify(name)
        assert (await models.trouble(name)).code == LlmModelUnknown.code
        upstream.models.append(name)
        await models.verify(name)  # loaded meanwhile
    finally:
        await models.close()


async def test_a_service_without_a_list_is_believed(upstream):
    """Where no models are listed, or nothing answers, any name may be one."""
    upstream.models = []
    models = Providers(known(GENPY_LLM_URL=upstream.url, GENPY_MODEL="some/model"))
    assert models.default.id is None
    assert models.default.llm.model == "some/model"
    await models.verify(None)
    await models.close()
    models = Providers(known(**LOCAL))
    await models.verify("nosuch/model")
    await models.close()


async def test_the_configured_name_is_verified_too(upstream):
    """GENPY_MODEL is such a name; GENPY_LLM_MODEL is what the service calls its model."""
    models = Providers(known(GENPY_LLM_URL=upstream.url, GENPY_MODEL="nosuch/model"))
    with pytest.raises(LlmModelUnknown, match="Unknown provider 'nosuch'"):
        await models.verify(None)
    await models.close()
    models = Providers(known(GENPY_LLM_URL=upstream.url, GENPY_LLM_MODEL="nosuch/model"))
    await models.verify(None)
    assert upstream.requests[1:] == []
    await models.close()


async def test_a_reply_waits_once_for_the_first_list_of_its_provider(
    tmp_path, upstream, monkeypatch
):
    """The size of a first request is that of its model, unless it is set or nothing is listed."""
    monkeypatch.setattr("genpy_server.llm.providers.FIRST_LIST_SECONDS", 60.0)
    monkeypatch.setattr("genpy_server.llm.catalog.default_file", lambda: tmp_path / "kept.json")
    variables = {"GENPY_LLM_URL": upstream.url, "GENPY_LLM_MODEL": "tiny"}

    async def budget(requests, **changes):
        read = settings.load({**variables, **changes})
        models = Providers(msgspec.structs.replace(read, folder=tmp_path))
        before = len(upstream.requests)
        for _ in range(3):
            await models.await_window(models.default)
        assert len(upstream.requests) - before == requests
        tokens = models.context_tokens(models.default)
        await models.close()
        return tokens

    usual = settings.load({}).context_tokens
    assert await budget(0, GENPY_CONTEXT_TOKENS=str(usual)) == usual
    assert await budget(0, GENPY_LLM_URL="http://127.0.0.1:1/v1") == usual
    upstream.windows = {"tiny": 4_000}
    assert await budget(1) == 4_000 - settings.load({}).reply_tokens
    assert await budget(0) == 4_000 - settings.load({}).reply_tokens
    upstream.models = []
    assert await budget(1, GENPY_LLM_MODEL="") == 4_000 - settings.load({}).reply_tokens
