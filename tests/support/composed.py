"""The training messages that benchmarks compose of forms."""

import random
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TIMES = 12
SEED = 6
"""Those of the training."""


def composed_messages(name: str) -> set[str]:
    """The messages of a file of forms, without case and signs."""
    spec = spec_from_file_location("benchmark_forms", BENCHMARKS / "forms.py")
    assert spec is not None
    assert spec.loader is not None
    forms = module_from_spec(spec)
    spec.loader.exec_module(forms)
    made = forms.composed(BENCHMARKS / "data" / name, TIMES, random.Random(SEED))
    return {forms.bare(one.text) for one in made}
