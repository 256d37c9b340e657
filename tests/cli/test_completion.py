"""What the shell offers when Tab is pressed."""

import pytest

ROME = "0b7e1f52-9a41-4f0e-8d55-2f6a3c1d9e01"
HOSTILE = "c9a4e6d8-1f23-4c57-9b0a-d3e5f7a91b03"


def offered(genpy, typed: str, **variables: str) -> list[str]:
    """The lines that zsh or fish would be given."""
    word = typed.rsplit(" ", maxsplit=1)[-1]
    return genpy.run(
        _GENPY_COMPLETE="complete_fish",
        _TYPER_COMPLETE_ARGS=typed,
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        _TYPER_COMPLETE_WORD_TO_COMPLETE=word,
        **variables,
    ).out.splitlines()


def test_sessions_are_offered(kept):
    """A session is offered by the beginning of its id, with its title, and so is `last`."""
    lines = offered(kept, "genpy sessions show ")
    assert f"{ROME[:8]}\tTrip to Rome" in lines
    assert any(line.startswith("last\t") for line in lines)
    assert [line.split("\t")[0] for line in offered(kept, "genpy summary 0b7")] == [ROME[:8]]
    assert offered(kept, "genpy chat --session 0b7")


def test_titles_are_harmless(kept):
    """A title that a shell or a terminal could take for a command is not one."""
    line = next(line for line in offered(kept, "genpy rate ") if line.startswith(HOSTILE[:8]))
    assert not set(line) & set("\x1b\x07\x9b\r\u202e`$\\")


def test_commands_are_offered(kept):
    """Commands and the options of a command are offered."""
    assert any(line.startswith("sessions") for line in offered(kept, "genpy s"))
    assert any(line.startswith("--json") for line in offered(kept, "genpy search --"))


def test_modes_are_offered(kept):
    """A mode is offered with its label."""
    assert offered(kept, "genpy ask --mode tut") == ["tutorial\tTutorial"]


def test_a_server_is_not_asked(kept):
    """A key press never waits for a network."""
    lines = offered(kept, "genpy rate ", GENPY_SERVER="http://127.0.0.1:9")
    assert [line.split("\t")[0] for line in lines] in ([], ["last"])


@pytest.mark.parametrize("variable", ["GENPY_PORT", "GENPY_DATABASE"])
def test_trouble_is_quiet(kept, variable):
    """Settings that cannot work complete nothing, and disturb no prompt."""
    ran = kept.run(
        _GENPY_COMPLETE="complete_fish",
        _TYPER_COMPLETE_ARGS="genpy rate ",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
        **{variable: "/"},
    )
    assert "Traceback" not in ran.out + ran.err
