"""What the client remembers of a person's taste: the theme, in a small file beside the database."""

import json
from pathlib import Path

NAME = "terminal.json"


def theme(folder: Path) -> str | None:
    """The theme that was chosen last."""
    try:
        value = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    name = value.get("theme") if isinstance(value, dict) else None
    return name if isinstance(name, str) else None


def remember_theme(folder: Path, name: str) -> bool:
    """Keep it; False where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NAME).write_text(json.dumps({"theme": name}) + "\n", encoding="utf-8")
    except OSError:
        return False
    return True
