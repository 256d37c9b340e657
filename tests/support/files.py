"""What is known of a file beside its content."""

import os
from pathlib import Path

PRIVATE = 0o600


def mode(path: Path) -> int:
    """The permissions of a file; `PRIVATE` on Windows, which has none of this kind."""
    return PRIVATE if os.name == "nt" else path.stat().st_mode & 0o777
