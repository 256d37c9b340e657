"""`genpy config edit`."""

import os
import shlex
import subprocess
import sys

from genpy_cli import options, output
from genpy_server.config import CONFIG, folder
from genpy_server.errors import ConfigError
from genpy_server.files import write_private
from genpy_server.settings import load

NEW_FILE = """\
# GenPy's settings. `genpy config show` lists them all with the values in force.
# model = "ollama/llama3.2"
# context_tokens = 5000

# [providers.work]
# url = "https://models.example.org/v1"
"""


def config_edit() -> None:
    """Open config.toml in your editor, and check it afterwards."""
    path = folder() / CONFIG
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise options.WrongUsageError(f"Set EDITOR to the name of your editor. The file is {path}.")
    if not path.exists():
        write_private(path, NEW_FILE)
    try:
        ended = subprocess.run([*shlex.split(editor), str(path)], check=False)  # noqa: S603 - chosen by the person
    except OSError as error:
        raise ConfigError(f"The editor {editor} cannot be started: {error.strerror}.") from error
    sys.stdout.flush()
    if ended.returncode != 0:
        raise ConfigError(f"The editor {editor} ended with code {ended.returncode}.")
    load()
    output.text(f"{path} is valid.")
