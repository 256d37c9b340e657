"""Tools to test adapters and clients in other packages: `pip install genpy-chat[testing]`.

`StoreSuite` and `ModelSuite` are tests that every store and every model must pass. `ScriptedModel` is
a model service whose replies a test defines; `serving` starts a server that uses it. GenPy does not
import this package, but pytest does at every start, so that its modules are imported when used.
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
