"""Writing in the person's own editor, in place of the screen."""

import asyncio
import os
import shlex
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from textual.app import App, SuspendNotSupported

WINDOWS = os.name == "nt"
DEFAULT = "notepad" if WINDOWS else "vi"


async def written_in_editor(app: App[object], text: str) -> str | None:
    """The text as it was saved in the editor; None, and a notice why, when that failed.

    The connection is kept meanwhile: only the drawing waits.
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
            # Editors end a file with a newline, and some begin it with a mark of its encoding.
            return path.read_text(encoding="utf-8-sig").removesuffix("\n")
        except UnicodeDecodeError:
            app.notify("The editor did not write UTF-8 text. Your message is as it was.")
        except (OSError, ValueError, SuspendNotSupported) as error:
            app.notify(f"Could not write in {command}: {error}", severity="error")
    return None


async def _suspended(app: App[object], command: list[str]) -> OSError | None:
    """Run a command in place of the screen; what went wrong, once the screen is back.

    Textual does not bring the screen back when something is raised while it is away.
    """
    run = partial(subprocess.run, command, check=False)  # the person's own choice
    with app.batch_update(), app.suspend():
        try:
            await asyncio.to_thread(run)
        except OSError as error:
            return error
    return None
