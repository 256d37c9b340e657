"""Mode detectors of each person, with what was learned from their corrections.

That is stored in one file per person in the data folder.
"""

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


class LearnedFiles:
    """Reads and writes the learned file of each person; a read is cached until the file changes."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.database.parent / FOLDER
        self._read: dict[str, tuple[int, Learned | None]] = {}

    def path(self, user_id: str) -> Path:
        """The file of a person; the name is hashed because it may have any characters."""
        return self._folder / f"{sha256(user_id.encode()).hexdigest()[:16]}.json"

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

    def keep(self, user_id: str, learned: Learned) -> None:
        """Write the learned data of a person."""
        write_json(self.path(user_id), learned)


class Detectors:
    """The detector of each person."""

    def __init__(self, modes: Modes, settings: Settings) -> None:
        self._names = frozenset(modes)
        own = own_modes()
        self.examples = ExampleModel(
            {
                mode.name: (*mode.examples, mode.when)
                for mode in modes.values()
                if mode.examples and mode != own.get(mode.name)
            }
        )
        self._learned = LearnedFiles(settings)

    def of(self, user_id: str) -> IntentDetector:
        """The detector of a person, with their corrections."""
        return IntentDetector(self._names, self.examples, self._learned.of(user_id))

    def unlearned(self) -> IntentDetector:
        """The detector without any corrections."""
        return IntentDetector(self._names, self.examples)
