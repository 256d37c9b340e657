"""What the README shows runs as it stands there."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
from support.command_line import COMMANDS
from support.running_server import serving

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


async def test_the_smallest_client_runs(tmp_path):
    """The Python program of the README talks to a server and prints what it says."""
    program = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert program is not None
    async with serving(tmp_path / "genpy.db") as server:
        port = server.url.rsplit(":", 1)[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program.group(1).replace("8001", port),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
    assert err == b""
    assert out.strip()


def test_every_command_is_in_the_readme():
    """The table of commands in the README names each one there is."""
    for command in COMMANDS:
        assert re.search(rf"^\| `genpy {command}\b", README, re.MULTILINE) or (
            command in {"sessions export", "export"} and f"genpy {command}" in README
        ), command


def test_no_other_command_is_in_the_readme():
    """The README names no command that is not there."""
    words = re.findall(r"\bgenpy ((?:(?:sessions|config|keys) )?[a-z]+)\b", README)
    for words_of_command in set(words):
        assert any(command.startswith(words_of_command) for command in COMMANDS), words_of_command


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_link_leads_somewhere(target):
    """A picture or file that the README shows is in the repository."""
    assert (ROOT / target).is_file()


def test_make_targets_are_there():
    """Every `make` command of the README is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
