"""Ranks found messages, the same for a search and for the messages recalled for a model.

A store finds *candidates*: messages with any term of a question. A message gets a share of the
scores of its neighbours and of the best messages of its session. The neighbours of the best
candidates are ranked too, even without a term of the question: they often have the answer in other
words. A message that is shown as the neighbour of a better hit is not a hit of its own.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

import msgspec

from genpy_server.core import words
from genpy_server.core.models import Hit
from genpy_server.core.patterns import listed
from genpy_server.core.words import STOP_WORDS

T = TypeVar("T")

SATURATION: Final = 1.2
"""BM25's k1: how soon more of the same term adds nothing."""
LENGTH_WEIGHT: Final = 0.35
"""BM25's b: how much the length of a message lowers its score; less for chats than for articles."""
RARITY_POWER: Final = 1.2
"""The power of a term's weight in a score, so that a rare term counts more than in BM25."""
OTHER_FORM: Final = 0.7
"""The share of a term's score for one of its other forms, such as a part of a name in camel case."""
NEXT: Final = 0.4
AFTER_NEXT: Final = 0.1
"""The share of a message's score that is added to the messages one and two places from it."""
SESSION: Final = 0.25
"""The share of the scores of the best messages of a session that is added to each of its messages."""
SESSION_BEST: Final = 3
"""How many messages of a session count as its best."""
MIN_COVERAGE: Final = 0.19
"""The share of a question's weight that a hit and its neighbours must have to be recalled."""
MIN_COVERAGE_ALONE: Final = 0.5
"""The same for a hit with a single term of a message that is not a question."""
VARIANTS: Final = 3
"""How many messages that differ only in numbers may be hits."""
RANKED_VARIANTS: Final = 12
"""How many of them are ranked with their neighbours, before the best are chosen."""


class Candidate(msgspec.Struct):
    """A message with terms of a question."""

    id: int
    session: str
    score: float
    """The BM25 score of its own terms."""
    form: str
    """Its terms; the same for messages with the same words."""
    whole: int
    """2 if it has every word of the question as it was asked for, 1 in any form, else 0."""
    near: tuple[int, int, int, int]
    """The ids two and one places before it, and one and two places after it, in its session; 0 for none."""


def weight(documents: int, frequency: int) -> float:
    """The weight of a term by how many of a user's documents have it (BM25's idf)."""
    return math.log(1 + (max(documents, frequency) - frequency + 0.5) / (frequency + 0.5))


def score(weight: float) -> float:
    """The score of a term of this weight that is once in a document of average length."""
    return math.pow(weight, RARITY_POWER)


class HeldForm(NamedTuple):
    """A form of a term of a question which some documents have."""

    form: str
    frequency: int
    """How many documents have it."""
    score: float
    """Its score where it is once in a document of average length."""
    term: words.QueryTerm


class Scores:
    """BM25 of a question for the documents of one user.

    `documents` is their number, and `frequencies` that of documents with each form of the question's
    terms. `meant` has the likely spellings of mistyped terms with their frequencies, by a term's
    key. A form that was not asked for has the share `OTHER_FORM` of its term's score.
    """

    def __init__(
        self,
        asked: Sequence[words.QueryWord],
        frequencies: Mapping[str, int],
        documents: int,
        average_length: float,
        meant: Mapping[str, Sequence[tuple[str, int]]] = MappingProxyType({}),
    ) -> None:
        self.average_length = max(average_length, 1)
        self.forms_of: dict[words.QueryTerm, list[str]] = {}
        """The forms of each term which some documents have."""
        held: dict[str, HeldForm] = {}
        weights: dict[words.QueryTerm, float] = {}
        for term in dict.fromkeys(term for word in asked for way in word.ways for term in way):
            forms = [(form, often) for form in term.forms if (often := frequencies.get(form))]
            forms = forms or list(meant.get(term.key, ()))
            # A term that no document has weighs most, so that a question about it finds little.
            worth = weights[term] = weight(documents, sum(often for _, often in forms))
            self.forms_of[term] = [form for form, _ in forms]
            as_asked = score(worth)
            for form, often in forms:
                once = as_asked * OTHER_FORM if form in term.forms[1:] else as_asked
                if form not in held or held[form].score < once:
                    held[form] = HeldForm(form, often, once, term)
        self.forms = sorted(held.values(), key=lambda one: one.frequency)
        """All forms, the rarest first."""
        self._parts = {
            one.form: f" {one.form}" if one.term.is_beginning else f" {one.form} "
            for one in self.forms
        }
        """How each form stands among terms with a space on both sides."""
        self._as_asked = {term.forms[0] for word in asked for term in word.ways[0]}
        self._ways = [
            [[(self.forms_of[term], weights[term]) for term in way] for way in word.ways]
            for word in asked
        ]
        """Of each word the ways to write it, each with the held forms of its terms and their weights."""
        self._least = [min(sum(worth for _, worth in way) for way in ways) for ways in self._ways]
        self._total = sum(self._least)

    def of(
        self,
        documents: Mapping[int, str],
        having: Mapping[str, Collection[int]] = MappingProxyType({}),
    ) -> dict[int, float]:
        """The scores of documents by their ids, from their terms with a space before each.

        `having` has the documents with a form, for some forms. Forms are counted in the text: to
        divide a long one into its terms takes several times as long.
        """
        texts = {id_: f"{held} " for id_, held in documents.items()}
        norms = {
            id_: SATURATION
            * (1 - LENGTH_WEIGHT + LENGTH_WEIGHT * held.count(" ") / self.average_length)
            for id_, held in documents.items()
        }
        worth = dict.fromkeys(texts, 0.0)
        for one in self.forms:
            part, most = self._parts[one.form], one.score * (SATURATION + 1)
            behind = len(part) - 1  # the next one may begin with the last space of this one
            held_by = having.get(one.form, texts)
            for id_ in texts if len(held_by) >= len(texts) else texts.keys() & held_by:
                text = texts[id_]
                often, at = 0, text.find(part)
                while at >= 0:
                    often += 1
                    at = text.find(part, at + behind)
                if often:
                    worth[id_] += most * often / (often + norms[id_])
        return worth

    def coverage(self, held: str) -> tuple[float, int]:
        """The share of the question's weight that these terms have, 0 to 1, and how many of its terms."""
        found = self._forms_in(held)
        covered, number = 0.0, 0
        for ways, least in zip(self._ways, self._least, strict=True):
            most, terms = 0.0, 0
            for way in ways:
                worths = [worth for forms, worth in way if not found.isdisjoint(forms)]
                if worths:
                    most, terms = max(most, sum(worths)), max(terms, len(worths))
            if terms:
                covered += min(most, least)
                number += terms
        return covered / self._total, number

    def whole(self, held: str) -> int:
        """2 if these terms have every word as it was asked for, 1 in any form, else 0."""
        found = self._forms_in(held)
        if self._as_asked <= found:
            return 2
        return int(
            all(
                any(all(not found.isdisjoint(forms) for forms, _ in way) for way in ways)
                for ways in self._ways
            )
        )

    def _forms_in(self, held: str) -> set[str]:
        """The forms among these terms, which are not divided: that takes longer for a long text."""
        padded = f" {held} "
        return {form for form, part in self._parts.items() if part in padded}


TermsOf = Callable[[Sequence[int]], Mapping[int, str]]


def ranked(
    candidates: Sequence[Candidate],
    scores: Mapping[int, float],
    limit: int,
    *,
    distinct: bool,
    terms_of: TermsOf = lambda _: {},
) -> list[Candidate]:
    """The best candidates, best first, with the shares of their neighbours' and session's scores.

    `scores` has the scores of messages by id, also of those that are not candidates.

    Messages with every word of the question come first, those with every word as asked for before
    those with other forms, however often other messages have some of the words.

    With `distinct`, order is by score alone. Of messages with the same words, only the newest is
    kept, of those that differ only in numbers, `VARIANTS`, and none that is the neighbour of a better
    hit. Neighbours of the best candidates are ranked too; `terms_of` returns the terms of those that
    may be hits, by id.
    """
    if distinct:
        best_first = sorted(candidates, key=lambda one: (one.score, one.id), reverse=True)
        best = list(islice(_distinct(best_first), 2 * limit))
        candidates = [*candidates, *_beside(best, candidates, scores, terms_of)]
    totals = _totals(candidates, scores)
    best_first = sorted(
        candidates,
        key=lambda one: (0 if distinct else one.whole, totals[one.id], one.id),
        reverse=True,
    )
    kept: list[Candidate] = []
    shown = set[int]()
    for candidate in _distinct(best_first) if distinct else best_first:
        if len(kept) >= limit:
            break
        if distinct and candidate.id in shown:
            continue
        kept.append(msgspec.structs.replace(candidate, score=totals[candidate.id]))
        shown |= {candidate.id, *candidate.near[1:3]}
    return kept


def first_variants(best_first: Iterable[T], form_of: Callable[[T], str], most: int) -> Iterable[T]:
    """The items without those that differ only in numbers from `most` items before them."""
    seen: dict[bytes, int] = {}
    for one in best_first:
        form = form_of(one).encode().translate(None, b"0123456789")
        seen[form] = times = seen.get(form, 0) + 1
        if times <= most:
            yield one


def _totals(candidates: Sequence[Candidate], scores: Mapping[int, float]) -> dict[int, float]:
    """The scores of candidates with the shares of their neighbours' and session's scores, by id."""
    of, totals = scores.get, dict[int, float]()
    sessions: dict[str, list[float]] = {}
    for one in candidates:
        first, before, after, last = one.near
        beside = NEXT * (of(before, 0.0) + of(after, 0.0))
        totals[one.id] = lent = one.score + beside + AFTER_NEXT * (of(first, 0.0) + of(last, 0.0))
        sessions.setdefault(one.session, []).append(lent)
    shares = {
        session: SESSION * sum(sorted(lent, reverse=True)[:SESSION_BEST])
        for session, lent in sessions.items()
    }
    for one in candidates:
        totals[one.id] += shares[one.session]
    return totals


def _beside(
    best: Sequence[Candidate],
    candidates: Sequence[Candidate],
    scores: Mapping[int, float],
    terms_of: TermsOf,
) -> list[Candidate]:
    """The neighbours of the best candidates which are not candidates, as far as they may be hits.

    Their `form` includes that of their neighbours, so that the same remark in two places counts as
    two messages.
    """
    by_id = {one.id: one for one in candidates}
    sessions = {
        id_: one.session for one in best for id_ in one.near[1:3] if id_ and id_ not in by_id
    }
    if not sessions:
        return []
    held_of = terms_of([*sessions])
    before, after = dict[int, int](), dict[int, int]()
    about = {sessions[id_] for id_ in held_of}
    for one in candidates:
        if one.session in about:
            first, previous, following, last = one.near
            before[previous], before[one.id], before[following], before[last] = (
                first, previous, one.id, following,
            )  # fmt: skip
            after[first], after[previous], after[one.id], after[following] = (
                previous, one.id, following, last,
            )  # fmt: skip
    before[0] = after[0] = 0
    added = []
    for id_, held in held_of.items():
        first, last = before.get(id_, 0), after.get(id_, 0)
        forms = [by_id[near].form for near in (first, last) if near in by_id]
        near = before.get(first, 0), first, last, after.get(last, 0)
        form = " ".join((held, *forms))
        added.append(Candidate(id_, sessions[id_], scores.get(id_, 0.0), form, whole=0, near=near))
    return added


def _distinct(best_first: Sequence[Candidate]) -> Iterable[Candidate]:
    newest: dict[str, Candidate] = {}
    """The newest of the messages with the same words, in the place of the best one."""
    for one in best_first:
        same = newest.get(one.form)
        if same is None or one.id > same.id:
            newest[one.form] = one
    return first_variants(newest.values(), lambda one: one.form, VARIANTS)


def titles_first(hits: Sequence[Hit]) -> list[Hit]:
    """The hits in titles and summaries, then those in messages, with scores raised to that order."""
    best = max((hit.score for hit in hits), default=0.0)
    titled = [hit for hit in hits if hit.found_in != "message"]
    lifted = [
        msgspec.structs.replace(hit, score=best + place)
        for place, hit in zip(range(len(titled), 0, -1), titled, strict=True)
    ]
    return [*lifted, *(hit for hit in hits if hit.found_in == "message")]


def are_relevant(hits: Sequence[Hit], text: str, *, free: bool = False) -> bool:
    """Whether any of the hits covers enough of the terms of a message to be worth sending with it.

    A hit with one term must cover more, unless the message is a question or hits cost nothing
    (`free`).
    """
    alone = MIN_COVERAGE if free or _is_question(text) else MIN_COVERAGE_ALONE
    return any(hit.coverage >= (MIN_COVERAGE if hit.terms > 1 else alone) for hit in hits)


def _is_question(text: str) -> bool:
    return any(mark in text for mark in "?\uff1f\u061f\u037e")


def needs_recall(text: str) -> bool:
    """Whether earlier messages may help to answer a message: no thanks, follow-ups or statements."""
    all_words = words.words(text)
    return not any(
        words.cut_at_known(all_words, known) <= known for known in _about_nothing()
    ) and (_is_question(text) or all_words[0] not in listed("statements"))


@cache
def _about_nothing() -> tuple[frozenset[str], ...]:
    """The words of messages that are about nothing, in English and in other languages."""
    return (
        STOP_WORDS | listed("small talk") | listed("carries on"),
        listed("small talk elsewhere") | listed("carries on") | listed("asking about it"),
    )


def asks_about_conversation(text: str) -> bool:
    """Whether a message asks about the conversation itself ("what did we talk about?"), not a topic."""
    about = listed("about the conversation")
    expected = about | STOP_WORDS | listed("asking about it")
    found = words.cut_at_known(words.words(text), expected)
    return not found.isdisjoint(about) and found <= expected
