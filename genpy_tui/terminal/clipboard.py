"""Copies text to the system's clipboard if there is one, and to the terminal's (OSC 52)."""

import base64
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.app import App

PROGRAMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
)
"""A variable that must be set, and the program that reads the text from standard input."""
PROGRAM_SECONDS = 2.0
OSC_LIMIT = 74_994
"""Most base64 bytes that many terminals accept by OSC 52."""


def copy(app: "App[object]", text: str) -> str:
    """Copy a text; returns a sentence about the result, with `{what}` in it."""
    copied = _by_program(text)
    size = len(base64.b64encode(text.encode()))
    if size <= OSC_LIMIT:
        app.copy_to_clipboard(text)
    if copied:
        return "Copied {what}."
    if size > OSC_LIMIT:
        return "Could not copy {what}: it is too large for the terminal's clipboard."
    return "Handed {what} to the terminal's clipboard (if your terminal allows it)."


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
