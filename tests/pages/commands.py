"""Writes the page's table of slash commands from the terminal client's.

    .venv/bin/python tests/pages/commands.py

Writes genpy_server/web/pages/assets/commands.js. Needs Node, as the tests of the pages do.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

from genpy_server.core.models import Effort
from genpy_tui.commands import AS_IT_IS, BY_SLASH, PART_CHARS, SETTINGS

FILE = Path(__file__).parents[2] / "genpy_server/web/pages/assets/commands.js"
HEAD = """// Every slash command of the terminal client, written by tests/pages/commands.py from its table.
"""


def tables() -> dict[str, Any]:
    """What the file exports, by name."""
    fields = ("slash", "help", "argument", "pattern", "asks")
    return {
        "AS_IT_IS": AS_IT_IS,
        "EFFORTS": list(get_args(Effort)),
        "PART_CHARS": PART_CHARS,
        "SETTINGS": SETTINGS,
        "COMMANDS": [
            {name: getattr(command, name) for name in fields} for command in BY_SLASH.values()
        ],
    }


def main() -> None:
    """Write the file as the formatter leaves it."""
    exported = (f"export const {name} = {json.dumps(v)};\n" for name, v in tables().items())
    FILE.write_text(HEAD + "\n" + "\n".join(exported), "utf-8")
    prettier = Path(__file__).parent / "node_modules/prettier/bin/prettier.cjs"
    config = Path(__file__).parent / ".prettierrc.json"
    subprocess.run(["node", prettier, "--write", "--config", config, FILE], check=True)


if __name__ == "__main__":
    sys.exit(main())
