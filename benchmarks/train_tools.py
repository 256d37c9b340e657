"""Train what recognises tool requests and their keywords: one command, the same file every time.

    pip install scikit-learn && python benchmarks/train_tools.py

Reads benchmarks/data/tools_train.jsonl, messages composed of the forms and words in
benchmarks/data/tools_forms.jsonl (seeded) and, as messages that ask for no tool, the first of
benchmarks/data/intents_train.jsonl; writes genpy_server/core/understanding/tool_model.json and
keyword_model.json, which only a search reads.
Requests are told from others by a multinomial logistic regression; the words of a keyword by a
logistic regression of one word at a time. Copies with slips of the keyboard and with other
requests' keywords (seeded) teach both that what is looked for can be anything.
"""

import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from forms import Composed, composed
from linear_training import (
    Labelled,
    Matrix,
    Trained,
    bytes_of,
    packed,
    slip,
    temperature_for,
    write,
)
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from genpy_server.core.understanding import keywords
from genpy_server.core.understanding.keywords import (
    AROUND,
    OTHER,
    SEEN,
    Word,
    without_article,
    word_features,
    words_of,
)
from genpy_server.core.understanding.linear import Features, features
from genpy_server.core.understanding.roles import role_features
from genpy_server.core.understanding.tool_requests import (
    LONGEST,
    MODEL,
    NO_TOOL,
    SEARCH,
    SURE,
)

HERE = Path(__file__).parent
DATA = HERE / "data" / "tools_train.jsonl"
FORMS = DATA.with_name("tools_forms.jsonl")
OTHERS = DATA.with_name("intents_train.jsonl")
TARGET = HERE.parent / "genpy_server" / "core" / "understanding" / MODEL
KEYWORDS = TARGET.with_name(keywords.MODEL)
OTHERS_READ = 6_015
"""How many of them: those added later tell intents from each other, and are about nothing else."""
LABELS = (NO_TOOL, "get_session_stats", SEARCH, "get_all_sessions")
SLIPS, KEYWORD_SLIPS = 2, 3
"""Each so many-th message of forms is there with slips of the keyboard, too, also for keywords."""
KEYWORD_FORMS = 2_738
"""Lines of forms that teach what a keyword is: in those added later slang stands around it, whose
words ("mano", "hen") are looked for elsewhere."""
SEED = 6
FOLDS = 3
"""One of them is judged by a model of the others; each more takes a minute."""
STRENGTH = 30.0
MOST_FEATURES = 64_000
FRAME_AT_LEAST = 4
"""Times a word must be met in the frames of requests to be known by name."""
FAINT = 2
"""A feature of a word none of whose weights has so many steps is left out."""
SWAPS = 4
"""Copies of a search with another keyword."""
TIMES = 12
"""Messages that are composed of each form."""
MARK = re.compile(r"[^\w\s]")
KEYWORD_SLOTS = ("k", "n", "p", "q")
"""Slots of what is looked for, as the word stands in different places of a sentence."""
ARTICLES = frozenset(("a", "an", "the"))


def request_features(line: str) -> Features:
    """What requests are told by: also what their words do, whatever they are about."""
    return features(line)._replace(roles=role_features(line))


class Row(NamedTuple):
    """A message, its tool and what it looks for; `source` is the one that it is made of, if any."""

    text: str
    tool: str
    keyword: str | None = None
    language: str = "en"
    source: str = ""


def read() -> list[Row]:
    """The training messages."""
    rows = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
    return [
        Row(
            row["text"],
            row["tool"] or NO_TOOL,
            row["args"].get("keyword"),
            row.get("language", "en"),
        )
        for row in rows
    ]


def of_forms(slips: int, lines: int | None = None) -> list[Row]:
    """The messages that are composed of so many lines, and each so many-th with slips of the keyboard."""
    chance = random.Random(SEED)
    rows = list(dict.fromkeys(map(_row, composed(FORMS, TIMES, chance, lines))))
    return rows + [slipped(row, chance) for row in rows[::slips]]


def _row(made: Composed) -> Row:
    tool, language = made.form["tool"], made.form["language"]
    form = made.form["form"]
    if tool != SEARCH:
        return Row(made.text, tool or NO_TOOL, None, language, form)
    found, *_ = (made.drawn[name] for name in KEYWORD_SLOTS if name in made.drawn)
    keyword = without_article(found.strip(AROUND), english=language == "en")
    return Row(made.text, SEARCH, keyword.lower(), language, form)


def others() -> list[Row]:
    """Messages that could be requests by their form, and ask for no tool."""
    rows = [json.loads(line) for line in OTHERS.read_text(encoding="utf-8").splitlines()]
    kept = [row for at, row in enumerate(rows) if at < OTHERS_READ or "language" in row]
    return [
        Row(row["text"], NO_TOOL, language=row.get("language", "en"))
        for row in kept
        if len(row["text"]) <= LONGEST and "\n" not in row["text"]
    ]


def plain(text: str) -> list[str]:
    """Words as a keyword is compared: without signs and articles, in lower case."""
    return [word for word in MARK.sub("", text.lower()).split() if word not in ARTICLES]


def place(words: list[Word], keyword: str) -> tuple[int, int] | None:
    """The first and the last word of the keyword's last place."""
    flat = [(part, at) for at, word in enumerate(words) for part in plain(word.text)]
    wanted = [part for word in words_of(keyword) for part in plain(word.text)]
    for first in range(len(flat) - len(wanted), -1, -1):
        if [part for part, _ in flat[first : first + len(wanted)]] == wanted:
            return flat[first][1], flat[first + len(wanted) - 1][1]
    return None


def swapped(row: Row, keywords: Sequence[str], chance: random.Random) -> Row | None:
    """The same request for something else."""
    words = words_of(row.text)
    found = place(words, row.keyword or "")
    if found is None:
        return None
    other = chance.choice(keywords)
    shown = chance.choice((other, other, other.title(), other.upper()))
    before, after = row.text[: words[found[0]].start], row.text[words[found[1]].end :]
    swap = row._replace(text=before + shown + after, keyword=other, source=row.text)
    swap = slipped(swap, chance) if chance.random() < 0.3 else swap
    return swap if place(words_of(swap.text), other) else None


def slipped(row: Row, chance: random.Random) -> Row:
    """The same with slips of the keyboard, but none in what is looked for."""
    words = words_of(row.text)
    found = place(words, row.keyword) if row.keyword else None
    if found is None:
        return row._replace(text=slip(row.text, chance))
    start, end = words[found[0]].start, words[found[1]].end
    parts = (row.text[:start], row.text[start:end], row.text[end:])
    slips = (slip(part, chance) if part.count(" ") > 1 else part for part in (parts[0], parts[2]))
    return row._replace(text=parts[1].join(slips))


def searches(rows: list[Row], chance: random.Random) -> list[Row]:
    """The searches, and copies that look for other things."""
    asked = [row for row in rows if row.keyword]
    keywords: dict[str, list[str]] = {}
    for row in asked:
        keywords.setdefault(row.language, []).append(row.keyword or "")
    copies = [swapped(row, keywords[row.language], chance) for row in asked for _ in range(SWAPS)]
    return asked + [row for row in copies if row is not None]


def fit_requests(rows: list[Row], forms: list[Row], more: list[Row]) -> Trained:
    """A classifier of requests."""
    chance = random.Random(SEED)
    grown = [*more, *forms, *searches(rows, chance)[:: SWAPS + 1]]
    for row in rows:
        bare = row.text.lower().rstrip("?.!")
        texts = (row.text, slip(row.text, chance), bare)
        grown += [row._replace(text=text, source=row.text) for text in texts]
    labelled = [Labelled(row.text, row.tool, row.language, row.source) for row in grown]
    return Trained(labelled, LABELS, request_features, STRENGTH, MOST_FEATURES)


class Keywords:
    """A classifier of words by their surroundings."""

    def __init__(self, rows: list[Row], forms: list[Row]) -> None:
        self.inside, self.frame = Counter[str](), Counter[str]()
        for row in (*rows, *forms):
            if row.tool != NO_TOOL:
                inside, frame = self._counts(row)
                self.inside += inside
                self.frame += frame
        names, truth = list[list[tuple[str, int, str]]](), list[int]()
        self.places: dict[str, int] = {}
        for row in (
            *searches(rows, random.Random(SEED)),
            *(form for form in forms if form.keyword),
        ):
            words = words_of(row.text)
            found = place(words, row.keyword or "")
            if found is None:
                continue
            own = self._counts(row)
            kinds = [self._kind(word.text, *own) for word in words]
            columns = word_features(words, kinds)
            self.places = {kind: len(each) - len(words) + 1 for kind, each in columns.items()}
            for at in range(len(words)):
                names.append(
                    [
                        (kind, place, columns[kind][at + place])
                        for kind, places in self.places.items()
                        for place in range(places)
                        if columns[kind][at + place]
                    ]
                )
                truth.append(int(found[0] <= at <= found[1]))
        met = Counter(name for word in names for name in word)
        self.names = sorted(name for name, count in met.items() if count > 2)
        column = {name: at for at, name in enumerate(self.names)}
        places, ends = list[int](), [0]
        for word in names:
            places += [column[name] for name in word if name in column]
            ends.append(len(places))
        shape = (len(names), len(self.names))
        self.machine = LogisticRegression(C=1.0, max_iter=400)
        self.machine.fit(csr_matrix((np.ones(len(places)), places, ends), shape=shape), truth)

    def _counts(self, row: Row) -> tuple[Counter[str], Counter[str]]:
        """How often each word stands in the keyword of a message, and in what is around it."""
        words = words_of(row.text)
        first, last = (row.keyword and place(words, row.keyword)) or (0, -1)
        inside = Counter(word.text.lower() for word in words[first : last + 1])
        return inside, Counter(word.text.lower() for word in words) - inside

    def _kind(self, word: str, inside: Counter[str], frame: Counter[str]) -> str:
        """As `keywords.Tagger.kind`, from what all other messages say about the word."""
        low = word.lower()
        if not low[0].isalnum():
            return low
        others, within = self.frame[low] - frame[low], self.inside[low] - inside[low]
        if others >= FRAME_AT_LEAST and others > 3 * within:
            return low
        return SEEN if others > within else OTHER

    def plain(self) -> dict[str, Any]:
        """As `core.keywords.tagger` reads it."""
        none = Counter[str]()
        kinds = {word: self._kind(word, none, none) for word in self.frame if word[0].isalnum()}
        whole, scale = bytes_of(self.machine.coef_[0])
        weights: dict[str, dict[str, Matrix]] = {kind: {} for kind in self.places}
        for (kind, place, value), weight in zip(self.names, whole, strict=True):
            row = weights[kind].setdefault(value, np.zeros(self.places[kind], np.int8))
            row[place] = weight
        packed_weights = {
            kind: {value: packed(row) for value, row in rows.items() if np.abs(row).max() >= FAINT}
            for kind, rows in weights.items()
        }
        return {
            "frame": " ".join(sorted(word for word, kind in kinds.items() if kind == word)),
            "seen": " ".join(sorted(word for word, kind in kinds.items() if kind == SEEN)),
            "bias": round(float(self.machine.intercept_[0]) / scale, 2),
            "weights": packed_weights,
        }


def main() -> None:
    rows, forms, more = read(), of_forms(SLIPS), others()
    truth = np.array([LABELS.index(row.tool) for row in rows])
    seen, unseen = next(KFold(FOLDS, shuffle=True, random_state=SEED).split(rows))
    trained = fit_requests([rows[at] for at in seen], forms, more)
    logits, truth = trained.logits([rows[at].text for at in unseen]), truth[unseen]
    temperature = temperature_for(logits, truth)
    scaled = np.exp(logits / temperature)
    asked = 1 - scaled[:, 0] / scaled.sum(axis=1)
    for sure in (0.7, 0.75, 0.8, SURE, 0.9):
        said = np.where(asked >= sure, logits.argmax(axis=1), 0)
        false = (said[truth == 0] > 0).mean()
        print(f"a third, sure {sure}: tool {(said == truth).mean():.3f}, false {false:.3f}")
    model = {
        "fingerprint": hashlib.sha256(DATA.read_bytes() + FORMS.read_bytes()).hexdigest(),
        **fit_requests(rows, forms, more).plain(temperature),
    }
    write(TARGET, model)
    write(KEYWORDS, Keywords(rows, of_forms(KEYWORD_SLIPS, KEYWORD_FORMS)).plain())
    print(
        f"{len(rows)} + {len(forms)} + {len(more)} messages, temperature {temperature:.2f}, ",
        end="",
    )
    print(f"{TARGET.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
