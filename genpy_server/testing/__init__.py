"""What adapters and clients of others are tested with: `pip install genpy-chat[testing]`.

`StoreSuite` and `ModelSuite` are what a store and a model must pass; `ScriptedModel` is a service of
models that says what a test tells it; `serving` is a server in front of it. Nothing of GenPy
imports this package, and pytest imports it at every start: so each is imported when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genpy_server.testing.model_suite import ModelSuite
    from genpy_server.testing.running_server import serving
    from genpy_server.testing.scripted_model import ScriptedModel
    from genpy_server.testing.store_suite import StoreSuite

__all__ = ["ModelSuite", "ScriptedModel", "StoreSuite", "serving"]

_PLACES = {
    "ModelSuite": "model_suite",
    "ScriptedModel": "scripted_model",
    "StoreSuite": "store_suite",
    "serving": "running_server",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
