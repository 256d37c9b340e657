"""Mode detectors of each person, with what was learned from their corrections.

That is stored in one file per person in the data folder.
"""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from genpy_server.core.modes import Modes
from genpy_server.core.understanding.examples import ExampleModel
from genpy_server.core.understanding.intents import IntentDetector
from genpy_server.core.understanding.learned import Learned
from genpy_server.files import read_json, write_json
from genpy_server.modes import own_modes
from genpy_server.settings import Settings

FOLDER = "learned"
CACHED_FILES = 256
"""Persons whose file is looked for at each message without making its path again."""


class LearnedFiles:
    """Reads and writes the learned file of each person; a read is cached until the file changes."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.database.parent / FOLDER
        self._read: dict[str, tuple[int, Learned | None]] = {}

    def path(self, user_id: str) -> Path:
        """The file of a person; the name is hashed because it may have any characters."""
        return _file_of(self._folder, user_id)

    def of(self, user_id: str) -> Learned | None:
        """The learned data of a person; None without a file, or with an invalid one."""
        path = self.path(user_id)
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            self._read.pop(user_id, None)
            return None
        known = self._read.get(user_id)
        if known is None or known[0] != changed:
            known = self._read[user_id] = (changed, read_json(path, Learned))
        return known[1]

    def keep(self, user_id: str, learned: Learned) -> Path:
        """Write the learned data of a person; returns the file."""
        path = self.path(user_id)
        write_json(path, learned)
        return path


@lru_cache(CACHED_FILES)
def _file_of(folder: Path, user_id: str) -> Path:
    return folder / f"{sha256(user_id.encode()).hexdigest()[:16]}.json"


class Detectors:
    """The detector of each person."""

    def __init__(self, modes: Modes, settings: Settings) -> None:
        self._names = frozenset(modes)
        own = own_modes()
        self._examples = ExampleModel(
            {
                mode.name: (*mode.examples, mode.when)
                for mode in modes.values()
                if mode.examples and mode != own.get(mode.name)
            }
        )
        self._learned = LearnedFiles(settings)

    def prepare(self) -> None:
        """Build the model of the examples."""
        self._examples.prepare()

    def of(self, user_id: str) -> IntentDetector:
        """The detector of a person, with their corrections."""
        return IntentDetector(self._names, self._examples, self._learned.of(user_id))

    def unlearned(self) -> IntentDetector:
        """The detector without any corrections."""
        return IntentDetector(self._names, self._examples)
