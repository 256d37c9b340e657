"""The user's config.toml and keys.toml, below the environment and a folder's .env."""

import os

import pytest

from genpy_server import config, settings
from genpy_server.core.costs import Price
from genpy_server.core.models import Params
from genpy_server.errors import ConfigError

SECRET = "s3cret-of-another-place-0123456789"
ADDRESS = "https://elsewhere.example"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads settings from a config, keys, a folder's .env and an environment, each as written."""
    for name in list(os.environ):
        if name.startswith(("GENPY_", "GROQ_", "SUPABASE_")):
            monkeypatch.delenv(name)

    def loaded(toml="", keys="", dotenv="", options=None, **variables):
        (tmp_path / "config.toml").write_text(toml, encoding="utf-8")
        (tmp_path / "keys.toml").write_text(keys, encoding="utf-8")
        (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        environment = settings.read_environment(tmp_path, config.read(tmp_path))
        return settings.load(environment, options=options)

    return loaded


def test_the_stronger_source_wins(load):
    """An option stands above the environment, that above .env, and that above config.toml."""
    toml, dotenv = (
        "port = 1001\nuser = 'c'\nhost = 'h'\nrecall = false\n",
        "GENPY_PORT=1002\nGENPY_USER=d\n",
    )
    found = load(toml, dotenv=dotenv, options={"GENPY_PORT": "1004"}, GENPY_USER="e")
    assert (found.port, found.user, found.host, found.recall) == (1004, "e", "h", False)
    assert found.sources == {
        "GENPY_PORT": "option",
        "GENPY_USER": "environment",
        "GENPY_HOST": "config.toml",
        "GENPY_RECALL": "config.toml",
    }
    assert load(toml, dotenv=dotenv).sources["GENPY_PORT"] == ".env line 1"


def test_limits_and_lists_are_set_in_the_config(load):
    """config.toml sets limits in a table of their own, and lists as lists."""
    found = load("hosts = ['a.example', 'b.example']\n[limits]\ntool_calls = 3\n")
    assert found.hosts == ("a.example", "b.example")
    assert found.limits.tool_calls == 3


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("contxt_tokens = 1", "contxt_tokens"),
        ("groq_api_key = 'x'", "keys.toml"),
        ("port = 'many'", "GENPY_PORT"),
        ("port = [", "config.toml"),
        ("port = 2020-01-01", "port"),
        ("[limits]\nnothing = 1", "GENPY_LIMIT_NOTHING"),
        ("[providers.x]\nkey = 'k'", "providers.x"),
        ("[providers.groq]\nurl = 'http://127.0.0.1:1'", "groq_base_url"),
        ("providers = 1", "providers"),
    ],
)
def test_a_wrong_config_is_refused(load, toml, named):
    """A name that does not exist, a secret or a wrong value in config.toml is an error that names it."""
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        load(toml)


def test_unknown_variables_are_known(load):
    """A variable of GenPy's that means nothing is not an error, and is listed."""
    assert load(dotenv="GENPY_MODLE=x\n", GENPY_FOO="1").unknown == ("GENPY_FOO", "GENPY_MODLE")


@pytest.mark.parametrize(
    ("model", "url", "key", "name"),
    [
        ("groq/openai/gpt-oss-20b", None, None, None),
        ("ollama/llama3.2", "http://127.0.0.1:11434/v1", None, "llama3.2"),
        ("work/a/b", "https://models.example/v1", "work-key", "a/b"),
        ("work/", "https://models.example/v1", "work-key", None),
    ],
)
def test_a_model_is_a_provider_and_a_name(load, model, url, key, name):
    """GENPY_MODEL chooses the address, its own key and the model of a provider."""
    toml = f"model = '{model}'\n[providers.work]\nurl = 'https://models.example/v1/'\n"
    found = load(toml, "work = 'work-key'\ngroq = 'groq-key'\n")
    assert (found.llm_url, found.llm_key, found.llm_model) == (url, key, name)
    assert found.provider == model.partition("/")[0]
    assert found.groq_model == (
        model.removeprefix("groq/") if url is None else settings.DEFAULT_MODEL
    )
    assert found.groq_key == "groq-key"


def test_a_model_without_a_provider_is_at_the_one_that_is_set(load):
    """A name alone names a model of the address that is configured anyway."""
    assert load("model = 'tiny'", GENPY_LLM_URL="http://127.0.0.1:1").llm_model is None
    found = load(GENPY_LLM_URL="http://127.0.0.1:1", options={"GENPY_MODEL": "tiny"})
    assert found.llm_model == "tiny"
    assert load(options={"GENPY_MODEL": "openai/gpt-oss-20b"}).llm_model == "openai/gpt-oss-20b"


def test_an_address_of_the_environment_stands_above_the_model_of_the_config(load):
    """What is set nearer says which model is used."""
    found = load("model = 'ollama/llama3.2'", GENPY_LLM_URL="http://127.0.0.1:1")
    assert found.llm_url == "http://127.0.0.1:1"
    found = load(
        "model = 'ollama/llama3.2'",
        options={"GENPY_MODEL": "vllm/x"},
        GENPY_LLM_URL="http://127.0.0.1:1",
    )
    assert found.llm_url == config.LOCAL_PROVIDERS["vllm"]


def test_parameters_of_replies_are_settings(load):
    """Temperature, effort, seed and stop are read from the environment and from config.toml."""
    assert load().params == Params(0.7, 2048)
    found = load(
        "temperature = 0.2\nreasoning_effort = 'low'\nseed = 7\nstop = ['END', 'a b']\nreply_tokens = 99"
    )
    assert found.params == Params(0.2, 99, "low", 7, ("END", "a b"))
    assert load(GENPY_STOP="a b", GENPY_REASONING_EFFORT="OFF").params == Params(
        0.7, 2048, "off", None, ("a b",)
    )
    with pytest.raises(ConfigError) as wrong:
        load(GENPY_TEMPERATURE="3", GENPY_REASONING_EFFORT="x", GENPY_SEED="x", GENPY_STOP="[1]")
    for name in ("TEMPERATURE", "REASONING_EFFORT", "SEED", "STOP"):
        assert f"GENPY_{name}" in wrong.value.message


def test_prices_are_read_from_the_config(load):
    """A model's price stands under its name; what is not a price is named."""
    table = "[prices]\ncurrency = '€'\n[prices.'groq/a']\ninput = 1\noutput = 2.5\n"
    found = load(table)
    assert (found.prices, found.currency) == ({"groq/a": Price(1.0, 2.5)}, "€")
    for wrong in ("input = 1", "input = 'x'\noutput = 1", "input = 1\noutput = 1\nother = 1"):
        with pytest.raises(ConfigError, match="groq/a"):
            load(f"[prices.'groq/a']\n{wrong}\n")


def held(found):
    """Every secret that the settings hold, with the address it would be sent to."""
    return {
        (found.llm_url, found.llm_key),
        (found.groq_base_url, found.groq_key),
        (found.supabase_url, found.supabase_key),
        (found.server, next(iter(found.tokens), None)),
        *((provider.url, provider.key) for provider in found.providers.values()),
    }


@pytest.mark.parametrize("source", ["environment", "keys.toml"])
@pytest.mark.parametrize("secret", settings.PAIRS.values())
@pytest.mark.parametrize("address", settings.PAIRS)
def test_an_address_of_a_folder_gets_no_secret_of_another_place(load, address, secret, source):
    """Whatever address a .env names, no secret from the environment or keys.toml is sent to it."""
    variables = {secret: SECRET} if source == "environment" else {}
    names = {"GROQ_API_KEY": "groq", "SUPABASE_KEY": "supabase", "GENPY_TOKEN": "server"}
    keys = "" if variables else f"{names.get(secret, 'other')} = '{SECRET}'\n"
    dotenv = f"{address}={ADDRESS}\n"
    if secret == "SUPABASE_KEY" and address != "SUPABASE_URL":
        variables["SUPABASE_URL"] = "https://mine.example"
    refused, sent = "", set()
    try:
        sent = held(load(keys=keys, dotenv=dotenv, **variables))
    except ConfigError as error:
        refused = error.message
    assert SECRET not in refused
    assert (address in refused) == bool(refused)
    assert not any(url == ADDRESS and key for url, key in sent)


@pytest.mark.parametrize(("address", "secret"), settings.PAIRS.items())
def test_an_address_and_its_secret_in_one_file_belong_together(load, address, secret):
    """An address of a .env gets the secret of the same file."""
    found = load(dotenv=f"{address}={ADDRESS}\n{secret}={SECRET}\n")
    assert (ADDRESS, SECRET) in held(found)


@pytest.mark.parametrize("model", ["work/m", "groq/m", "ollama/m", "m"])
@pytest.mark.parametrize("address", settings.PAIRS)
def test_a_model_of_a_folder_brings_no_secret_to_its_address(load, address, model):
    """A .env that names an address and a model beside it gets no key of any provider."""
    toml = "[providers.work]\nurl = 'https://models.example/v1'\n"
    keys = "".join(f"{name} = 'key-of-{name}'\n" for name in ("groq", "work", "ollama"))
    refused, sent = "", set()
    try:
        sent = held(load(toml, keys, dotenv=f"{address}={ADDRESS}\nGENPY_MODEL={model}\n",
                         GENPY_LLM_KEY="key-of-llm"))  # fmt: skip
    except ConfigError as error:
        refused = error.message
    assert "key-of" not in refused
    assert (address in refused) == bool(refused)
    assert not any(url == ADDRESS and key for url, key in sent)


@pytest.mark.parametrize("provider", ["ollama", "work", "groq"])
def test_a_key_is_its_own_providers(load, provider):
    """A model of one provider is never asked with the key of another, nor with GENPY_LLM_KEY."""
    toml = "[providers.work]\nurl = 'https://models.example/v1'\n"
    keys = "groq = 'key-of-groq'\nwork = 'key-of-work'\nollama = 'key-of-ollama'\n"
    found = load(toml, keys, GENPY_MODEL=f"{provider}/m", GENPY_LLM_KEY="key-of-llm")
    if provider == "groq":
        assert (found.llm_url, found.llm_key, found.groq_key) == (None, None, "key-of-groq")
    else:
        assert found.llm_key == f"key-of-{provider}"


def test_a_value_is_written_and_comments_stay(tmp_path):
    """Writing a value keeps the comments and the other values of the file."""
    file = tmp_path / "config.toml"
    file.write_text("# mine\nport = 1  # a port\n\n[limits]\n# few\ntool_calls = 3\n", "utf-8")
    config.set_value("port", 2, tmp_path)
    config.set_value("providers.work.url", "http://127.0.0.1:1/v1", tmp_path)
    config.set_value("limits.tool_calls", None, tmp_path)
    text = file.read_text("utf-8")
    assert "# mine\nport = 2  # a port\n" in text
    assert "# few" in text
    assert "tool_calls" not in text
    assert config.read(tmp_path).providers["work"].url == "http://127.0.0.1:1/v1"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_keys_are_readable_by_their_owner_alone(tmp_path):
    """keys.toml has the mode 0600 from its beginning, also where it was open before."""
    (tmp_path / "keys.toml").touch(mode=0o644)
    path = config.set_key("groq", "k", tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert config.read(tmp_path).values == {"GROQ_API_KEY": "k"}
