"""Runs the person's editor in place of the screen."""

import asyncio
import os
import shlex
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from textual.app import App, SuspendNotSupported

from genpy_server.core.display import newlines

WINDOWS = os.name == "nt"
DEFAULT = "notepad" if WINDOWS else "vi"


async def written_in_editor(app: App[object], text: str) -> str | None:
    """The text as saved in the editor; None, after a notice, when that failed.

    The connection stays open meanwhile.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or DEFAULT
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "message.md"
        path.write_text(text, encoding="utf-8", newline="")
        try:
            words = [word.strip('"') for word in shlex.split(command, posix=not WINDOWS)]
            failed = await _suspended(app, [*words, str(path)])
            if failed is not None:
                raise failed
            # Editors add a newline at the end, and some a byte order mark at the start.
            return newlines(path.read_bytes().decode("utf-8-sig")).removesuffix("\n")
        except UnicodeDecodeError:
            app.notify("The editor did not write UTF-8 text. Your message is unchanged.")
        except (OSError, ValueError, SuspendNotSupported) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            app.notify(f"Could not write in {command}: {reason}", severity="error")
    return None


async def _suspended(app: App[object], command: list[str]) -> OSError | None:
    """Run a command in place of the screen; returns its error.

    Textual does not restore the screen after an exception.
    """
    run = partial(subprocess.run, command, check=False)
    with app.batch_update(), app.suspend():
        try:
            await asyncio.to_thread(run)
        except OSError as error:
            return error
    return None
