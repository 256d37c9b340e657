"""Which found messages are kept for the context."""

from genpy_server.core.models import Hit, Message
from genpy_server.core.recall import best


def hit(number: int, text: str, score: float) -> Hit:
    return Hit(Message(number, "s", "user", text, "2026-01-01T00:00:00+00:00"), "t", score)


def test_repeated_words_count_once():
    """The same text again and again takes one place, whatever its case and spaces."""
    hits = [hit(n, "tell me a  Joke" if n % 2 else "Tell me a joke", 9.0) for n in range(1, 30)]
    kept = best([*hits, hit(99, "We called the gecko Kofi", 5.0)], 10)
    assert [h.message.text for h in kept][1:] == ["We called the gecko Kofi"]


def test_statements_come_before_questions_of_the_same_score():
    """What is asked seldom holds an answer."""
    kept = best([hit(1, "Where is Rome?", 4.0), hit(2, "Rome is where I was born", 4.0)], 2)
    assert [h.message.id for h in kept] == [2, 1]


def test_the_question_itself_and_what_came_later_is_left_out():
    """Only messages before the question are recalled."""
    hits = [hit(5, "Rome", 1.0), hit(7, "Rome now", 3.0), hit(9, "Rome later", 2.0)]
    assert [h.message.id for h in best(hits, 10, before=7)] == [5]


def test_no_more_than_the_limit_is_kept():
    """The best of many are kept, best first."""
    hits = [hit(n, f"text {n}", float(n)) for n in range(50)]
    assert [h.message.id for h in best(hits, 3)] == [49, 48, 47]
