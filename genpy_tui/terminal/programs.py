"""Programs of the system that the chat runs: those of the clipboard, and the person's editor."""

import asyncio
import base64
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from textual.app import App, SuspendNotSupported

from genpy_server.core.display import newlines

PROGRAMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
)
"""A variable that must be set, and the program that reads the text from standard input."""
PROGRAM_SECONDS = 2.0
OSC_LIMIT = 74_994
"""Most base64 bytes that many terminals accept by OSC 52."""


def copy(app: App[object], text: str, what: str) -> None:
    """Copy a text to the system's clipboard if there is one, and to the terminal's (OSC 52); say so."""
    copied = _by_program(text)
    size = len(base64.b64encode(text.encode()))
    if size <= OSC_LIMIT:
        app.copy_to_clipboard(text)
    if copied:
        app.notify(f"Copied {what}.")
    elif size > OSC_LIMIT:
        app.notify(f"Could not copy {what}: it is too large for the terminal's clipboard.")
    else:
        app.notify(f"Handed {what} to the terminal's clipboard (if your terminal allows it).")


def _by_program(text: str) -> bool:
    """Copy by the first program of the system that is there; False where that fails."""
    if sys.platform == "darwin":
        commands: list[tuple[str, ...]] = [("pbcopy",)]
    elif sys.platform == "win32":
        commands = [("clip.exe",)]
    else:
        commands = [command for name, command in PROGRAMS if os.environ.get(name)]
    command = next((one for one in commands if shutil.which(one[0])), None)
    if command is None:
        return False
    encoding = "utf-16-le" if sys.platform == "win32" else "utf-8"
    try:
        done = subprocess.run(  # noqa: S603 - one of the fixed commands above
            [str(shutil.which(command[0])), *command[1:]],
            input=text.encode(encoding),
            check=False,
            timeout=PROGRAM_SECONDS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


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
            run = partial(subprocess.run, [*words, str(path)], check=False)
            with app.batch_update(), app.suspend():  # Textual comes back after no exception
                (done,) = await asyncio.gather(asyncio.to_thread(run), return_exceptions=True)
            if isinstance(done, BaseException):
                raise done
            # Editors add a newline at the end, and some a byte order mark at the start.
            return newlines(path.read_bytes().decode("utf-8-sig")).removesuffix("\n")
        except UnicodeDecodeError:
            app.notify("The editor did not write UTF-8 text. Your message is unchanged.")
        except (OSError, ValueError, SuspendNotSupported) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            app.notify(f"Could not write in {command}: {reason}", severity="error")
    return None
