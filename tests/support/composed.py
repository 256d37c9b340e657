"""The messages that benchmarks compose of forms to train on, and the files of those they hold out."""

import random
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DATA = BENCHMARKS / "data"
TIMES = 12
SEED = 6
"""Those of the training."""


@cache
def _forms() -> ModuleType:
    spec = spec_from_file_location("benchmark_forms", BENCHMARKS / "forms.py")
    assert spec is not None
    assert spec.loader is not None
    forms = module_from_spec(spec)
    spec.loader.exec_module(forms)
    return forms


def composed_messages(name: str) -> set[str]:
    """The messages of a file of forms, without case and signs."""
    made = _forms().composed(DATA / name, TIMES, random.Random(SEED))
    return {_forms().bare(one.text) for one in made}


def held_out_files(kind: str) -> list[str]:
    """The names of the files of a kind, "intents" or "tools", that are not trained on."""
    return [path.name for path in _forms().held_out_files(DATA, kind)]
