"""The lists of models: asked side by side, kept for a while, without a key where it does not belong."""

import json

import pytest
from support.raw_server import raw_server
from support.scripted_model import Upstream

from genpy_server.config import Provider
from genpy_server.llm import catalog
from genpy_server.llm.catalog import CatalogModel, chatting, list_models, listed
from genpy_server.settings import without_password


@pytest.mark.parametrize(
    ("row", "model"),
    [
        ({"id": "m"}, CatalogModel("m")),
        ({"id": "m", "context_window": 131072}, CatalogModel("m", 131072)),
        ({"id": "m", "max_model_len": 8192}, CatalogModel("m", 8192)),
        ({"id": "m", "meta": {"n_ctx_train": 4096}}, CatalogModel("m", 4096)),
        ({"id": "m", "context_window": "many"}, CatalogModel("m")),
        (
            {
                "id": "m",
                "context_length": 100,
                "supported_parameters": ["tools", "reasoning", "seed"],
                "architecture": {"input_modalities": ["text", "image"]},
            },
            CatalogModel("m", 100, ("tools", "pictures", "reasoning")),
        ),
        (
            {"id": "m", "capabilities": {"function_calling": True, "vision": False}},
            CatalogModel("m", None, ("tools",)),
        ),
        ({"id": "m", "context_length": "8192"}, CatalogModel("m", 8192)),
        ({"id": "m", "context_length": "128k"}, CatalogModel("m", 128_000)),
        ({"id": "m", "context_length": "32,768"}, CatalogModel("m", 32_768)),
        ({"id": "m", "providers": [{"context_length": 100}]}, CatalogModel("m", 100)),
        ({"id": "m", "inputTokenLimit": 8192.0}, CatalogModel("m", 8192)),
        ({"id": "m", "context_length": True}, CatalogModel("m")),
        (
            {"id": "m", "max_context_length": 9000, "loaded_context_length": 100},
            CatalogModel("m", 100),
        ),
        ({"id": "m", "meta": {"n_ctx_train": 9000, "n_ctx": 100}}, CatalogModel("m", 100)),
        ({"id": "m", "top_provider": {"context_length": 100}}, CatalogModel("m", 100)),
        (
            {"id": "m", "supports_tools": True, "supports_vision": False},
            CatalogModel("m", None, ("tools",)),
        ),
        (
            {"id": "m", "model_info": {"max_input_tokens": 100, "supports_reasoning": True}},
            CatalogModel("m", 100, ("reasoning",)),
        ),
        ({"id": "m", "tags": ["vision"]}, CatalogModel("m", None, ("pictures",))),
    ],
)
async def test_what_a_provider_says_of_a_model(tmp_path, monkeypatch, row, model):
    """Context window and abilities are read in the forms that providers use."""
    assert catalog._model(row["id"], row) == model


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {"models": [{"id": "a"}]}},
        {"models": {"data": [{"id": "a"}]}},
        {"data": ["a"]},
        {"model_list": [{"model_id": "a"}]},
        {"data": [None, {"id": None}, {"slug": "a"}]},
        {"models": {"a": {"size": 1}}},
        [{"id": "a", "type": "chat"}, {"id": "b", "type": "image"}],
        {"models": [{"name": "a", "endpoints": ["chat"]}, {"name": "b", "endpoints": ["rerank"]}]},
        {"data": [{"id": "a", "supports_chat": True}, {"id": "b", "supports_chat": False}]},
        {"data": [{"id": "a"}, {"id": "b", "capabilities": {"chat_completion": False}}]},
        {"data": [{"id": "a"}, {"id": "b", "architecture": {"output_modalities": ["image"]}}]},
        {"models": [{"name": "a"}, {"name": "b", "supportedGenerationMethods": ["embedContent"]}]},
        {"results": [{"id": "a"}, {"id": "a"}]},
        {"data": [{"model_name": "a"}, {"model_name": "b", "model_info": {"mode": "embedding"}}]},
        {"data": [{"id": "a"}, {"id": "b", "pipeline_tag": "feature-extraction"}]},
        {"result": [{"name": "a"}, {"name": "b", "task": {"name": "Text Embeddings"}}]},
        {"data": [{"id": "a"}, {"id": "davinci-002"}, {"id": "gpt-3.5-turbo-instruct"}]},
        {
            "data": [
                {"id": "a"},
                {"id": "shieldgemma:2b"},
                {"id": "models/aqa"},
                {"id": "gpt-audio"},
            ]
        },
    ],
)
def test_models_that_can_chat_are_found_in_lists_of_any_shape(answer):
    """A list may be nested, and says in many ways which of its models can chat."""
    models = listed(b"\xef\xbb\xbf" + json.dumps(answer).encode())
    assert models is not None
    assert chatting(models) == ["a"]


@pytest.mark.parametrize(
    ("answer", "models"),
    [
        (b'{"object": "list", "data": null}', {}),
        (b'{"error": {"message": "x"}}', None),
        (b"<html>", None),
    ],
)
def test_list_without_models_is_told_from_what_is_no_list(answer, models):
    """Ollama without a model answers null for its list."""
    assert listed(answer) == models


async def test_providers_are_asked_with_their_own_keys(tmp_path):
    """Each provider gets its own key and no other's; one that refuses it says so."""
    async with Upstream() as one, Upstream() as two, Upstream() as three:
        one.key, one.models = "key-of-one", ["a", "whisper-large"]
        two.models = ["b"]
        three.key = "another"
        found = await list_models(
            [
                Provider("one", one.url, "key-of-one"),
                Provider("two", two.url),
                Provider("three", three.url, "key-of-three"),
                Provider("gone", "http://127.0.0.1:9/v1", "key-of-gone"),
            ],
            tmp_path / "models.json",
        )
    assert [[model.name for model in each.models] for each in found] == [["a"], ["b"], [], []]
    assert [bool(each.error) for each in found] == [False, False, True, True]
    sent = [service.requests[0]["headers"].get("authorization") for service in (one, two, three)]
    assert sent == ["Bearer key-of-one", None, "Bearer key-of-three"]
    assert "key-of" not in (tmp_path / "models.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            403,
            {"detail": "Your IP is not in the list."},
            "It refuses access: Your IP is not in the list.",
        ),
        (403, {"error": {"message": "Invalid API key"}}, "It refuses the key."),
        (403, {}, "It refuses the key."),
        (401, {"detail": "No such user"}, "It refuses the key."),
    ],
)
async def test_access_that_is_refused_is_told_from_a_key_that_is(tmp_path, status, body, said):
    """A key is blamed only where the provider gives no other reason."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        text = json.dumps(body).encode()
        writer.write(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%b" % (status, len(text), text))
        await writer.drain()

    async with raw_server(answer) as url:
        (listed_,) = await list_models([Provider("one", f"{url}/v1", "key")], tmp_path / "m.json")
    assert listed_.error == said


async def test_a_list_is_kept(tmp_path, monkeypatch):
    """A fresh list is not asked for again, and an old one stands in for a provider that is down."""
    file = tmp_path / "models.json"
    async with Upstream() as service:
        provider = Provider("one", service.url)
        for _ in range(2):
            await list_models([provider], file)
        assert len(service.requests) == 1
        assert catalog.Catalog(file).kept([provider])[0].startswith("one/")
        service.models = ["new"]
        (fresh,) = await list_models([provider], file, refresh=True)
        assert [model.name for model in fresh.models] == ["new"]
    (stale,) = await list_models([provider], file, refresh=True)
    assert [model.name for model in stale.models] == ["new"]
    assert stale.error
    assert stale.age_seconds > 0


@pytest.mark.parametrize("content", ["", "[]", "{", json.dumps({"x": 1})])
async def test_a_damaged_file_is_no_list(tmp_path, content):
    """A file of lists that cannot be read is written again."""
    file = tmp_path / "models.json"
    file.write_text(content, encoding="utf-8")
    async with Upstream() as service:
        (found,) = await list_models([Provider("one", service.url)], file)
    assert found.models
    assert json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SSL_CERT_FILE": "/nowhere/at/all.pem"}, "SSL_CERT_FILE"),
        ({"HTTPS_PROXY": "socks5://127.0.0.1:1"}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "fd00::/8"}, "Nothing answers"),
    ],
)
async def test_variables_of_the_environment_are_named(tmp_path, monkeypatch, variables, said):
    """What of the environment makes connecting impossible is the reason that there is no list."""
    for name in ("ALL_PROXY", "all_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (found,) = await list_models(
        [Provider("far", "https://far.invalid/v1")], tmp_path / "models.json"
    )
    assert said in found.error


@pytest.mark.parametrize("end", ["/", "/chat/completions", "?api-version=2", "#top"])
async def test_models_are_listed_at_any_form_of_an_address(tmp_path, end):
    """The list is asked for beside the chat completions, with the query of the address."""
    async with Upstream() as service:
        (listed_,) = await list_models(
            [Provider("own", f"{service.url}{end}")], tmp_path / "m.json"
        )
        (request,) = service.requests
    assert listed_.error == ""
    assert request["path"] == f"/v1/models{end if '?' in end else ''}"


def test_a_key_in_a_query_is_not_shown():
    """An address is shown without what opens it; the rest of its query is."""
    shown = without_password("https://ann:pw@x.example/v1?api-version=2&api-key=abc&n=1")
    assert shown == "https://…@x.example/v1?api-version=2&api-key=…&n=1"
