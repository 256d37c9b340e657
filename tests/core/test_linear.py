"""The shipped linear models, whose features are decoded in groups."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from genpy_server.core.understanding import detect_intent, find_tool_request, linear

TEXT = "Wie viele Nachrichten habe ich über 東京 geschickt? Qzxv!"


@pytest.mark.parametrize("file", [linear.INTENT_MODEL, linear.REQUEST_MODEL])
def test_a_feature_stands_in_the_group_of_its_beginning(file):
    """Each group has the features that begin as it is called, and each of them a byte a label."""
    model = linear.shipped(file, dict[str, Any])
    assert len(model["weights"]) > 1_000
    for beginning, group in model["weights"].items():
        assert {name[: linear.GROUPED_BY] for name in group} == {beginning}
        assert {len(packed) for packed in group.values()} == {8}  # four bytes in base64


@pytest.mark.parametrize("place", [0, 1])
def test_threads_that_need_a_group_first_get_the_same(place):
    """A message is scored the same while other threads decode its groups, and after that."""
    *models, rows = linear.models.__wrapped__()
    together = Barrier(4)

    def score(_):
        together.wait()
        return models[place].score(rows.weigh(linear.features(TEXT)))

    with ThreadPoolExecutor(4) as threads:
        scores = [*threads.map(score, range(4))]
    scores.append(linear.models()[place].score(linear.weighed(TEXT)))
    assert scores == [scores[0]] * 5
    assert 0 < scores[0].known < 1


def test_a_message_is_read_once_for_both_models(monkeypatch):
    """Its intent is found when its reply begins, after the requests of many other messages."""
    read, features = [], linear.features
    monkeypatch.setattr(linear, "features", lambda text: read.append(text) or features(text))
    asked = [f"How many messages of {number} were weighed then?" for number in range(200)]
    for text in asked:
        find_tool_request(text)
    assert {detect_intent(text).reason.partition(":")[0] for text in asked} == {"words"}
    assert read == asked
