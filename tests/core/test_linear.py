"""The shipped linear models, whose features are decoded in groups."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from genpy_server.core.understanding import intents, tool_requests
from genpy_server.core.understanding.linear import GROUPED_BY, features, shipped

TEXT = "Wie viele Nachrichten habe ich über 東京 geschickt? Qzxv!"


@pytest.mark.parametrize("file", [intents.MODEL, tool_requests.MODEL])
def test_a_feature_stands_in_the_group_of_its_beginning(file):
    """Each group has the features that begin as it is called, and each of them a byte a label."""
    model = shipped(file, dict[str, Any])
    assert len(model["weights"]) > 1_000
    for beginning, group in model["weights"].items():
        assert {name[:GROUPED_BY] for name in group} == {beginning}
        assert {len(packed) for packed in group.values()} == {8}  # four bytes in base64


@pytest.mark.parametrize(
    "read",
    [lambda: intents.intent_model.__wrapped__()[0], tool_requests.request_model.__wrapped__],
)
def test_threads_that_need_a_group_first_get_the_same(read):
    """A message is scored the same while other threads decode its groups, and after that."""
    model = read()
    together = Barrier(4)

    def score(_):
        together.wait()
        return model.score(features(TEXT))

    with ThreadPoolExecutor(4) as threads:
        scores = [*threads.map(score, range(4)), model.score(features(TEXT))]
    assert scores == [scores[0]] * 5
    assert 0 < scores[0].known < 1
