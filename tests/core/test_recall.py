"""How found messages are ranked, and when a model is reminded of any."""

import pytest

from genpy_server.core.context.recall import (
    Candidate,
    Scores,
    are_relevant,
    asks_about_conversation,
    needs_recall,
    ranked,
    weight,
)
from genpy_server.core.models import Hit, Message
from genpy_server.core.words import DERIVED, query_words


def candidate(number, score, *, session="s", form=None, beside=(None, None), whole=False):
    before, after = beside
    return Candidate(
        number, session, score, form or f"form {number}x", whole, (None, before, after, None)
    )


def order(candidates, limit=10, *, distinct=False):
    scores = {one.id: one.score for one in candidates}
    return [one.id for one in ranked(candidates, scores, limit, distinct=distinct)]


def worth(scores, *documents):
    return [*scores.of(dict(enumerate(documents))).values()]


def test_the_best_come_first_and_newer_ones_of_the_same_worth():
    """By score, then by id, up to the limit."""
    found = [candidate(n, score, session=str(n)) for n, score in ((1, 2), (2, 3), (3, 2))]
    assert order(found) == [2, 3, 1]
    assert order(found, 2) == [2, 3]
    assert order([]) == []


def test_what_holds_every_term_comes_first():
    """However much its session and neighbours lend another; not where distinct hits are wanted."""
    found = [candidate(n, 3.0, beside=(n - 1, n + 1)) for n in range(1, 5)]
    found.append(candidate(9, 3.5, session="lone", whole=True))
    assert order(found)[0] == 9
    assert order(found, distinct=True)[0] != 9


def test_neighbours_lend_score():
    """Of two messages with the same words the one beside a match is worth more."""
    found = [
        candidate(1, 2.0, session="a"),
        candidate(5, 2.0, session="b", beside=(None, 6)),
        candidate(6, 1.0, session="b", beside=(5, None)),
    ]
    assert order(found)[0] == 5


def test_a_session_with_several_matches_is_lifted():
    """A match in a session of matches comes before a lone one of the same score."""
    found = [candidate(9, 2.0, session="lone")]
    found += [candidate(n, 2.0, session="full") for n in (1, 3, 5)]
    assert order(found)[-1] == 9


def test_what_is_shown_as_a_neighbour_takes_no_place():
    """With `distinct` a hit beside a better hit is left out."""
    found = [candidate(1, 3.0, beside=(None, 2)), candidate(2, 2.0, beside=(1, None))]
    assert order(found, distinct=True) == [1]
    assert order(found) == [1, 2]


def test_what_follows_a_passage_that_matches_is_a_hit():
    """With `distinct` a message without any term may be one, with what its neighbours lend it."""
    found = [
        Candidate(1, "s", 3.0, "form a", whole=False, near=(None, None, 2, 3)),
        Candidate(2, "s", 2.5, "form b", whole=False, near=(None, 1, 3, 4)),
        candidate(9, 0.5, session="lone"),
    ]
    scores = {one.id: one.score for one in found}
    forms = {3: "form c", 4: "form d"}

    def ids(*usable, distinct):
        def terms_of(wanted):
            return {n: forms[n] for n in wanted if n in usable}

        hits = ranked(found, scores, 10, distinct=distinct, terms_of=terms_of)
        return [(hit.id, *hit.near[1:3]) for hit in hits]

    assert ids(3, 4, distinct=True) == [(1, None, 2), (3, 2, 4), (9, None, None)]
    assert ids(4, distinct=True) == [(1, None, 2), (9, None, None)]
    assert ids(3, 4, distinct=False) == [(1, None, 2), (2, 1, 3), (9, None, None)]


def test_what_says_the_same_takes_one_place():
    """With `distinct` the newest of equal texts stays, and three that differ in numbers alone."""
    same = [candidate(n, 2.0, session=str(n), form="a gecko") for n in range(5)]
    assert order(same, distinct=True) == [4]
    numbered = [candidate(n, 2.0, session=str(n), form=f"a gecko {n}") for n in range(5)]
    assert order(numbered, distinct=True) == [4, 3, 2]


def test_rare_words_weigh_more_and_length_counts_little():
    """The weight falls with the frequency; a longer document of the same words scores less."""
    assert weight(100, 1) > weight(100, 50) > 0
    scores = Scores(query_words("gecko purr"), {"gecko": 3, "purr": 40}, 50, 4)
    short, long = worth(scores, " purr gecko", " purr gecko" + " x" * 8)
    assert short > long > 0.5 * short
    assert worth(scores, " x y", " geckos pur", "") == [0.0, 0.0, 0.0]
    once, twice, thrice = worth(scores, " gecko x y", " gecko gecko x", " gecko gecko gecko")
    assert once < twice < thrice


def test_only_documents_that_may_have_a_form_are_looked_through():
    """Those that an index names; a form that it does not name is looked for in all."""
    scores = Scores(query_words("gecko purr"), {"gecko": 3, "purr": 40}, 50, 4)
    documents = {1: " gecko x", 2: " gecko purr", 3: " purr y"}
    found = scores.of(documents)
    assert scores.of(documents, {"gecko": [1, 2, 9], "purr": [3, 2]}) == found
    assert scores.of(documents, {"gecko": [2]}) == {**found, 1: 0.0}


def test_a_question_that_nobody_has_words_of_scores_nothing():
    """There is a score for every document, and it is 0."""
    assert worth(Scores(query_words("gecko"), {}, 9, 4), " gecko") == [0.0]


def test_coverage_is_the_share_of_the_weight_with_the_number_of_terms():
    """What no document holds counts in the whole; one character stands for the pairs it begins."""
    scores = Scores(query_words("gecko purr unsaid"), {"gecko": 3, "purr": 3}, 50, 4)
    whole = 2 * weight(50, 3) + weight(50, 0)
    assert scores.coverage(" purr gecko purr") == (pytest.approx(2 * weight(50, 3) / whole), 2)
    assert scores.coverage(" x y") == (0.0, 0)
    assert Scores(query_words("天"), {"天": 1}, 4, 4).coverage(" 天气 气") == (1.0, 1)
    both = Scores(query_words("天 天气"), {"天": 1, "天气": 1}, 4, 4)
    assert (both.coverage(" 天气 气"), both.whole(" 天气 气")) == ((1.0, 2), 2)


def test_other_forms_of_a_word_count_as_it_and_score_less():
    """A part of a name, or a word without its hyphen, covers what was asked for, behind the same word."""
    frequencies = {"java": 1, f"{DERIVED}java": 1, "email": 1}
    scores = Scores(query_words("java e-mail"), frequencies, 9, 4)
    asked, derived = worth(scores, " java", f" {DERIVED}java")
    assert asked > derived > 0
    assert scores.coverage(f" {DERIVED}java email") == (1.0, 2)
    assert [scores.whole(held) for held in (" java e mail", f" {DERIVED}java email", " java")] == [
        0,
        1,
        0,
    ]
    as_asked = Scores(query_words("java e-mail"), frequencies | {"e": 1, "mail": 1}, 9, 4)
    assert as_asked.whole(" java e mail") == 2


@pytest.mark.parametrize(
    ("text", "coverage", "terms", "does"),
    [
        ("fix the gecko", 0.2, 2, True),
        ("fix the gecko", 0.1, 2, False),
        ("fix the gecko", 0.4, 1, False),
        ("fix the gecko", 0.6, 1, True),
        ("which gecko?", 0.2, 1, True),
        ("守宫叫什么？", 0.2, 1, True),
        ("which gecko?", 0.1, 1, False),
    ],
)
def test_a_hit_bears_on_a_message(text, coverage, terms, does):
    """A fifth of its weight is enough in two terms or for a question, else it takes half."""
    hit = Hit(Message(1, "s", "user", "x", ""), "", 1.0, coverage=coverage, terms=terms)
    assert are_relevant([hit], text) is does
    assert are_relevant([hit], text, free=True) is (coverage >= 0.2)
    assert not are_relevant([], text)


@pytest.mark.parametrize(
    "text",
    [
        "What is my sister's name?", "Which port does Redis use", "plan a trip to Rome", "天气怎么样",
        "Where is my hat?", "Did I go to MIT?", "Wo wohne ich?", "Comment s'appelle mon chien ?",
        "¿Cómo se llama mi perro?", "Onde eu moro?", "Как зовут мою собаку?", "ما اسم كلبي؟",
        "कुत्ते का नाम क्या है?", "我的狗叫什么？", "犬の名前は？",
    ],
)  # fmt: skip
def test_questions_ask(text):
    """Questions and requests with a subject may be answered by what was said before."""
    assert needs_recall(text)


@pytest.mark.parametrize(
    "text",
    [
        "thanks a lot!", "nice", "ok cool thx", "why?", "and then?", "explain it again please",
        "My sister moves to Lisbon in May", "I like the second one", "", "?!",
        "danke dir!", "Warum?", "kannst du das nochmal erklären?", "merci beaucoup", "qu'en penses-tu ?",
        "¿por qué?", "¿qué opinas?", "tudo bem?", "o que você acha?", "спасибо", "что ты думаешь?",
        "شكرا جزيلا", "لماذا؟", "धन्यवाद", "तुम क्या सोचते हो?", "谢谢！", "能再解释一遍吗？", "ありがとう！", "もう一度説明して？",
    ],
)  # fmt: skip
def test_thanks_follow_ups_and_statements_do_not(text):
    """Nothing is looked for where nothing is asked."""
    assert not needs_recall(text)


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("What did we talk about?", True),
        ("what did I just say", True),
        ("recap please, what was said so far?", True),
        ("What did we say about Rome?", False),
        ("Worüber haben wir gerade gesprochen?", True),
        ("de quoi on a parlé jusqu'ici ?", True),
        ("¿De qué estábamos hablando?", True),
        ("resume nossa conversa por favor", True),
        ("что мы сейчас обсуждали?", True),
        ("عن ماذا كنا نتحدث؟", True),
        ("हम किस बारे में बात कर रहे थे?", True),
        ("我们刚才聊了什么？", True),
        ("さっき何の話してたっけ", True),
        ("Worüber haben die Römer gesprochen?", False),
        ("de quoi parle ce film", False),
        ("我们聊聊红楼梦", False),
        ("猫の話をして", False),
        ("What is it about?", False),
        ("", False),
    ],
)
def test_a_question_about_the_conversation_names_nothing_else(text, does):
    """Any other word is what is asked about."""
    assert asks_about_conversation(text) is does
