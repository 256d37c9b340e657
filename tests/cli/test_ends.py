"""How a command ends: its exit code, and one sentence where something went wrong."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import COMMANDS, parsed

from genpy_cli import exit_codes
from genpy_server import __version__

MISTAKES = (
    "chatt",
    "sessions lst",
    "sessions list --nothing",
    "sessions list --limit many",
    "sessions list --limit 0",
    "sessions list --status gone",
    "sessions list too many",
    "sessions show",
    "sessions rename last",
    "rate last",
    "rate last 6",
    "search",
    "serve --port 70000",
    "summary last --server",
    "--nothing",
)
WATCHED = """
import os, sys
from genpy_cli.__main__ import main

written = set()

def watch(event, arguments):
    opens = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
    if opens or event in {"os.mkdir", "os.rename", "os.symlink", "sqlite3.connect"}:
        written.add(str(arguments[0]).removeprefix("file:").partition("?")[0])

sys.addaudithook(watch)
code = main()
print("WRITTEN", *written)
sys.exit(code)
"""
"""A command that tells which files it opened to write to, and which folders it made."""


def test_version(empty):
    """`genpy --version` is the version of the package."""
    assert empty("--version").out == f"genpy {__version__}\n"


def test_help_names_every_command_in_its_group(empty):
    """`genpy --help` names every command under the title of its group; `genpy` alone does too."""
    shown = empty("--help").out
    for command in COMMANDS:
        assert f"\n  {command.split()[0]} " in shown
    for group in ("Chat:", "Conversations:", "Setup and server:"):
        assert f"\n{group}\n" in shown
    assert parsed().out + parsed().err == shown


def test_a_group_alone_shows_its_help():
    """A group without a command shows its commands, as wrong usage."""
    ran = parsed("sessions")
    assert ran.code == 2
    assert ran.err.startswith("Usage: genpy sessions ")
    assert "rename" in ran.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    """Every command and every parameter is explained in a sentence, with an example to type."""
    ran = parsed(*command.split(), "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: genpy {command} ")
    assert f"genpy {command.removeprefix('sessions ')}" in ran.out.replace(
        "genpy sessions ", "genpy "
    )
    built = COMMANDS[command]
    for sentence in (built.help, *(parameter.help for parameter in built.params)):
        assert sentence.rstrip("`").endswith("."), sentence
        assert " ".join(sentence.split()) in " ".join(ran.out.split())


@pytest.mark.parametrize("line", MISTAKES)
def test_wrong_usage(line):
    """A line that cannot be understood is exit code 2, explained on standard error."""
    ran = parsed(*line.split())
    assert ran.code == 2
    assert ran.out == ""
    assert "Error: " in ran.err


def test_wrong_usage_of_a_process(empty):
    """The process ends with that code as well, without a traceback."""
    ran = empty("sessions", "list", "--nothing", code=2)
    assert "--nothing" in ran.err
    assert "Traceback" not in ran.err


def test_wrong_settings(empty):
    """Settings that cannot work are all named at once, and are an expected failure."""
    ran = empty("sessions", "list", code=1, GENPY_PORT="many", GENPY_GRACE_SECONDS="-1")
    assert "GENPY_PORT" in ran.err
    assert "GENPY_GRACE_SECONDS" in ran.err


def test_a_file_of_settings_that_is_no_text(empty):
    """A .env that cannot be read is an expected failure that names it."""
    (empty.home / ".env").write_bytes(b"\xff\xfe GENPY_PORT")
    assert ".env" in empty("sessions", "list", code=1).err


def test_a_database_that_is_none(empty):
    """A file that is not a database gets a sentence."""
    empty.database.write_bytes(b"no database at all" * 100)
    ran = empty("sessions", "list", code=1)
    assert "Traceback" not in ran.err
    assert ran.err.strip()


def test_a_bug_is_kept(empty):
    """A bug is one sentence, and a file in the user's state folder with traceback and versions."""
    code = (
        "import sys, genpy_cli.commands.rate as command, genpy_cli.__main__ as m\n"
        "def fails(*args, **options): raise ZeroDivisionError('inside')\n"
        "command.backend.with_records = fails\n"
        "sys.exit(m.run(['rate', 'last', '5']))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=empty.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    logs = [path for path in empty.home.rglob("*.log") if str(path) in ended.stderr]
    assert len(logs) == 1
    kept = logs[0].read_text(encoding="utf-8")
    assert "ZeroDivisionError: inside" in kept
    assert __version__ in kept


def test_a_bug_that_cannot_be_kept(tmp_path, monkeypatch):
    """Where the file cannot be written, the sentence says so instead of failing again."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    monkeypatch.setattr("platformdirs.user_state_path", lambda *_, **__: blocked / "genpy")
    assert "could not be written" in exit_codes.keep_bug_report(ValueError("x"))


def test_a_reader_that_has_enough(kept):
    """When a pipe is closed, as `head` closes it, the command ends quietly."""
    process = subprocess.Popen(
        kept.words("sessions", "export", "--all"),
        env=kept.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait() in {0, 1}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_disk_that_is_full(kept):
    """Output that cannot be written is an expected failure, and no bug."""
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            kept.words("sessions", "list"),
            env=kept.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "bug" not in ended.stderr


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C reaches the tests as well")
def test_serve_and_interrupt(empty):
    """`genpy serve` says where it listens; Ctrl-C ends it in good order, with nothing to complain of."""
    process = subprocess.Popen(
        empty.words("serve", "--port", "0"),
        env=empty.environment,
        cwd=empty.home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert "http://127.0.0.1:" in line
    address = line[line.index("http://") :].split()[0]
    assert empty("sessions", "list", "--json", "--server", address).json == []
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode in {0, 130}
    assert "Traceback" not in err


def test_serving_everybody_needs_a_token(empty):
    """A server beyond this machine without a token refuses, and says what to set."""
    assert "GENPY_TOKEN" in empty("serve", "--host", "0.0.0.0", code=1).err


def test_chat_needs_a_terminal(empty):
    """Without a terminal the chat names the command for scripts instead of drawing into a file."""
    ran = empty("chat", code=1)
    assert "genpy ask" in ran.err
    assert ran.out == ""


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that closes what is read")
@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("chat", 1, "genpy ask"),
        ("sessions delete last", 2, "--yes"),
        ("ask", 2, "genpy ask"),
        ("import -", 1, "Standard input is not an export"),
    ],
)
def test_nothing_to_read_from(kept, line, code, says):
    """With standard input closed a command that would read says what to do instead."""
    ended = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *kept.words(*line.split())],
        env=kept.environment,
        cwd=kept.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code
    assert says in ended.stderr
    assert "bug" not in ended.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_chat_with_what_is_not_there(empty):
    """In a terminal a conversation that cannot be meant is refused before anything is drawn."""
    for ref in ("last", "no name"):
        ran = empty.typed("chat", "--session", ref)
        assert ran.code == 1
        assert "\x1b" not in ran.out


def test_the_home_stays_clean(empty):
    """A command writes its database and nothing else, least of all in the real home."""
    for words, code in ((["sessions", "list"], 0), (["ask", "x"], 1)):
        ended = subprocess.run(
            [sys.executable, "-B", "-c", WATCHED, *words],
            env=empty.environment,
            cwd=empty.home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == code
        written = {Path(name) for name in ended.stdout.partition("WRITTEN")[2].split()}
        assert written == {empty.database, empty.home}
    names = {path.name for path in empty.home.iterdir()}
    assert names <= {"genpy.db", "genpy.db-wal", "genpy.db-shm"}


def test_the_default_database_is_in_the_data_folder(empty):
    """Without a setting the database is in the user's data folder, readable by nobody else."""
    del empty.environment["GENPY_DATABASE"]
    empty("sessions", "list")
    found = list(empty.home.rglob("genpy.db"))
    assert len(found) == 1
    if os.name != "nt":
        assert found[0].stat().st_mode & 0o077 == 0
