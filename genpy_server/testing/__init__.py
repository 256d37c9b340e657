"""What adapters and clients of others are tested with: `pip install genpy-chat[testing]`.

`StoreSuite` and `ModelSuite` are what a store and a model must pass; `ScriptedModel` is a service of
models that says what a test tells it; `serving` is a server in front of it. Nothing of GenPy
imports this package.
"""

from genpy_server.testing.model_suite import ModelSuite
from genpy_server.testing.running_server import serving
from genpy_server.testing.scripted_model import ScriptedModel
from genpy_server.testing.store_suite import StoreSuite

__all__ = ["ModelSuite", "ScriptedModel", "StoreSuite", "serving"]
