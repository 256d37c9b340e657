"""Which found messages are kept for the context."""

from genpy_server.core.context.recall import best
from genpy_server.core.models import Hit, Message


def hit(number: int, text: str, score: float) -> Hit:
    return Hit(Message(number, "s", "user", text, "2026-01-01T00:00:00+00:00"), "t", score)


def test_what_adds_something_comes_before_another_wording_of_the_same():
    """Many wordings of one remark take one of the first places, and fill the rest when alone."""
    alike = [hit(n, f"Well, the gecko woke me up on day {n} again", 9.0) for n in range(1, 30)]
    told = hit(99, "We called the gecko Kofi", 5.0)
    assert [h.message.id for h in best([*alike, told], "What is the gecko's name?", 2)] == [1, 99]
    assert len(best(alike, "What is the gecko's name?", 10)) == 10


def test_the_words_of_the_question_make_no_two_messages_alike():
    """Messages that share nothing but what was asked for are each worth their score."""
    hits = [
        hit(1, "Kafka topics in Bergen", 9.0),
        hit(2, "Bergen: topics of Kafka, renamed", 8.0),
        hit(3, "Something about horses", 7.0),
    ]
    kept = best(hits, "Which Kafka topics were in Bergen?", 3)
    assert [h.message.id for h in kept] == [1, 2, 3]


def test_statements_come_before_questions_of_the_same_score():
    """What is asked seldom holds an answer."""
    hits = [hit(1, "Where is Rome?", 4.0), hit(2, "Rome is where I was born", 4.0)]
    assert [h.message.id for h in best(hits, "Rome", 2)] == [2, 1]


def test_no_more_than_the_limit_is_kept():
    """The best of many are kept, best first."""
    hits = [hit(n, f"text {n}", float(n)) for n in range(50)]
    assert [h.message.id for h in best(hits, "text", 3)] == [49, 48, 47]
    assert best([], "text", 3) == []
