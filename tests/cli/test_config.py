"""The user's own settings: `genpy config` and `genpy keys`."""

import os

import pytest

GONE = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
KEY = "gsk_a_secret_of_a_test_0123456789"


def folder(genpy):
    """Where the command keeps config.toml."""
    return genpy.home / "CONFIG" / "genpy"


def shown(genpy, **variables):
    """The settings in force, by their names."""
    rows = genpy("config", "show", "--json", **variables).json["settings"]
    return {row["name"]: (row["value"], row["source"]) for row in rows}


def test_path_is_in_the_config_folder(empty):
    """`config path` names config.toml in the user's config folder."""
    assert empty("config", "path").out == f"{folder(empty) / 'config.toml'}\n"


def test_set_and_show(empty):
    """What is set holds in every working directory, and `config show` says where it comes from."""
    assert shown(empty)["context_tokens"] == ("5000", "default, or the model's window")
    empty("config", "set", "context_tokens", "8000")
    empty("config", "set", "limits.tool_calls", "3")
    empty("config", "set", "hosts", "a.example,b.example")
    found = shown(empty)
    assert found["context_tokens"] == ("8000", "config.toml")
    assert found["limits.tool_calls"] == ("3", "config.toml")
    assert found["hosts"] == ("a.example b.example", "config.toml")
    ran = empty("config", "set", "context_tokens", "9000", GENPY_CONTEXT_TOKENS="700")
    assert "environment" in ran.err
    assert shown(empty, GENPY_CONTEXT_TOKENS="700")["context_tokens"] == ("700", "environment")
    empty("config", "set", "context_tokens", "--unset")
    assert shown(empty)["context_tokens"] == ("5000", "default, or the model's window")
    assert "config.toml" in empty("config", "show").out


def test_the_model_is_shown_with_the_setting_that_chose_it(empty):
    """Of two settings for the model each says which one is used, and so does `config set`."""
    found = shown(empty, GENPY_MODEL="ollama/llama3")
    assert found["llm_model"] == ("llama3", "GENPY_MODEL")
    ran = empty("config", "set", "model", "groq/one", GROQ_MODEL="two")
    assert "GROQ_MODEL is used" in ran.err
    found = shown(empty, GROQ_MODEL="two")
    assert found["model"] == ("groq/one", "config.toml; GROQ_MODEL is used")
    assert found["groq_model"] == ("two", "environment")
    assert shown(empty)["groq_model"] == ("one", "GENPY_MODEL")


def test_lists_are_shown_as_they_are_written(empty):
    """Tools by user and texts with spaces are shown in the form in which they are set."""
    found = shown(empty, GENPY_TOOLS="send bob:pay", GENPY_STOP='["a b", "c"]')
    assert found["tools"] == ("bob:pay send", "environment")
    assert found["stop"] == ('["a b","c"]', "environment")
    assert shown(empty, GENPY_STOP="a b")["stop"] == ("a b", "environment")
    assert shown(empty)["tools"] == ("", "default")


def test_the_folder_stands_above_the_config(empty):
    """A .env stands above config.toml, and is named with its line."""
    empty("config", "set", "user", "ann")
    (empty.home / ".env").write_text("\nGENPY_USER=bob\n", encoding="utf-8")
    assert shown(empty)["user"] == ("bob", ".env line 2")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("port", "many"), 1, "whole number"),
        (("contxt_tokens", "1"), 2, "contxt_tokens"),
        (("groq_api_key", "x"), 2, "genpy keys set groq"),
        (("providers.work.key", "x"), 2, "providers.NAME.url"),
        (("providers.work.url", "gopher://x"), 1, "URL"),
        (("port",), 2, "--unset"),
    ],
)
def test_wrong_values_are_not_written(empty, words, code, says):
    """A value that cannot work is refused, and the file stays as it was."""
    assert says in empty("config", "set", *words, code=code).err
    assert not folder(empty).exists()


def test_a_model_that_nobody_has_is_said(empty):
    """It is written, since its provider or key may be set next, with what is missing."""
    for model, says in (("nosuch/x", "No provider has the model"), ("groq/x", "keys set groq")):
        assert says in empty("config", "set", "model", model).err
    assert empty("config", "set", "model", "ollama/x").err == ""


def test_keys_are_kept_and_never_shown(empty):
    """A key is read from standard input, kept for its owner alone, used, and printed by nothing."""
    ran = empty("keys", "set", "groq", given=f"{KEY}\n")
    path = folder(empty) / "keys.toml"
    assert str(path) in ran.out
    assert KEY in path.read_text(encoding="utf-8")
    if os.name != "nt":
        assert path.stat().st_mode & 0o077 == 0
    note = empty("keys", "set", "mcp.notes", given=f"{KEY}\n")
    assert "[mcp.notes]" in note.err
    views = [ran, note, empty("config", "show"), empty("config", "show", "--json")]
    views.append(empty.run("doctor", GROQ_BASE_URL="http://127.0.0.1:9"))
    assert all(KEY not in view.out + view.err for view in views)
    assert shown(empty)["groq_api_key"] == ("set", "keys.toml")
    empty("keys", "set", "groq", "--remove")
    assert shown(empty)["groq_api_key"] == ("", "default")


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_a_key_is_typed_unseen(empty):
    """In a terminal the key that is typed is not echoed."""
    ran = empty.typed("keys", "set", "work", keys=f"{KEY}\n", after="not shown")
    assert ran.code == 0
    assert KEY in (folder(empty) / "keys.toml").read_text(encoding="utf-8")
    assert KEY not in ran.out
    assert "providers.work.url" in ran.out


def test_edit_checks_the_file(empty):
    """`config edit` opens the editor on the file, and says what is wrong with it afterwards."""
    assert "EDITOR" in empty("config", "edit", code=2).err
    assert "valid" in empty("config", "edit", EDITOR="true").out
    ran = empty("config", "edit", code=1, EDITOR="sh -c 'echo port = many > $0'")
    assert "config.toml" in ran.err
    assert "no-such-editor" in empty("config", "edit", code=1, EDITOR="no-such-editor").err


def test_unknown_variables_are_mentioned(empty):
    """`doctor` mentions a variable of GenPy's name that means nothing."""
    (empty.home / ".env").write_text("GENPY_MODLE=x\n", encoding="utf-8")
    assert "GENPY_MODLE" in empty("doctor").out
    assert empty("doctor", "--json").json["unknown"] == ["GENPY_MODLE"]


def test_mistakes_in_a_dotenv_are_named_with_their_line(empty):
    """A line of .env that is not NAME=VALUE is named, and so is a wrong value."""
    file = empty.home / ".env"
    file.write_text("GENPY_USER=ann\n\nthis is not a line = of it '\n", encoding="utf-8")
    assert f"{file} line 3" in empty("sessions", "list", code=1).err
    file.write_text("\nGENPY_PORT=many\n", encoding="utf-8")
    assert f"{file} line 2" in empty("sessions", "list", code=1).err


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a folder that is used")
def test_a_deleted_working_folder(empty):
    """In a folder that was deleted a command says so in a sentence."""
    import subprocess  # noqa: PLC0415 - here alone

    ended = subprocess.run(
        ["sh", "-c", GONE, "sh", *empty.words("sessions", "list")],
        cwd=empty.home,
        env=empty.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "deleted" in ended.stderr
