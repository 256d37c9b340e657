"""The scripted service of the testing kit, under the name that these tests have for it."""

from genpy_server.testing.scripted_model import (
    DONE,
    USAGE,
    Script,
    call_piece,
    chunk,
    event,
)
from genpy_server.testing.scripted_model import ScriptedModel as Upstream

__all__ = ["DONE", "USAGE", "Script", "Upstream", "call_piece", "chunk", "event"]
