"""What every store promises of search."""

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.scripts import TEXTS
from support.users import Person

from genpy_server.core.models import MessageMeta, Metrics, ToolRecord
from genpy_server.core.words import words
from genpy_server.stores.base import Result, Store


async def _texts(person: Person, query: str, **where: str) -> list[str]:
    hits = await person.store.search(person.id, query, limit=10, **where)
    return [hit.message.text for hit in hits]


async def test_any_word_finds_and_more_words_rank_higher(store: Store, person: Person) -> None:
    """Words are joined by OR: a message with more of them, or rarer ones, comes first."""
    for n in range(40):
        await person.say(f"Kafka topic number {n}" if n < 8 else f"Nothing to see at number {n}")
    await person.say("A zebra eats the green grass")
    await person.say("A zebra reads from a Kafka topic")
    hits = await store.search(person.id, "zebra kafka unknownword", limit=3)
    assert hits[0].message.text == "A zebra reads from a Kafka topic"
    assert hits[1].message.text == "A zebra eats the green grass"
    assert hits[0].score > hits[1].score > hits[2].score


async def test_a_hit_is_a_whole_message_with_its_title(store: Store, person: Person) -> None:
    """A hit carries the stored message and the title of its session."""
    message = await person.say("a penguin", title="Birds")
    (hit,) = await store.search(person.id, "penguin", limit=3)
    assert (hit.message, hit.session_title, hit.found_in) == (message, "Birds", "message")
    assert hit.before is hit.after is None


async def test_neighbours_come_from_the_same_session(store: Store, person: Person) -> None:
    """A hit has the messages right before and after it, none beyond a session's ends."""
    elsewhere = str(uuid4())
    before = await person.say("what swims?")
    await person.say("something else", session=elsewhere)
    await person.say("a penguin")
    await person.say("something else", session=elsewhere)
    after = await person.say("indeed")
    (hit,) = await store.search(person.id, "penguin", limit=3)
    assert (hit.before, hit.after) == (before, after)
    (hit,) = await store.search(person.id, "swims", limit=3)
    assert (hit.before, hit.after) == (None, hit.after)


async def test_search_within_one_session(store: Store, person: Person) -> None:
    """`session_id` leaves other sessions out."""
    await person.say("a penguin here")
    elsewhere = str(uuid4())
    await person.say("a penguin there", session=elsewhere)
    assert await _texts(person, "penguin", session_id=elsewhere) == ["a penguin there"]
    assert await _texts(person, "penguin", session_id=str(uuid4())) == []


@pytest.mark.parametrize(
    "query", ["run", "RUNNING", "runs?", "naïve", "naive", 'it\'s naive, "running"!']
)
async def test_word_forms_case_and_accents_do_not_matter(
    store: Store, person: Person, query: str
) -> None:
    """English word forms, upper case, accents and punctuation make no difference."""
    await person.say("She was Running, a naïve idea")
    assert len(await _texts(person, query)) == 1


async def test_stop_words_do_not_find_when_other_words_can(store: Store, person: Person) -> None:
    """A question's small words are left out."""
    await person.say("what was the name of it")
    await person.say("my dog Rex")
    assert await _texts(person, "What was the name of my dog?") == [
        "my dog Rex",
        "what was the name of it",
    ]
    assert await _texts(person, "what was my dog?") == ["my dog Rex"]


async def test_parts_of_text_without_spaces_are_found(store: Store, person: Person) -> None:
    """A Chinese or Japanese word is found inside a sentence."""
    await person.say("今天天气很好")
    await person.say("東京へ行きたいです")
    assert await _texts(person, "天气") == ["今天天气很好"]
    assert await _texts(person, "東京") == ["東京へ行きたいです"]
    assert await _texts(person, "气天") == []


async def test_a_query_without_a_word_finds_nothing(store: Store, person: Person) -> None:
    """Punctuation, emoji and nothing at all are no words."""
    await person.say("anything 🙂 ???")
    for query in ("", "  ", "???", "🙂", '"', "*", "\0", "\ud800", "--"):
        assert await _texts(person, query) == []


HOSTILE = [
    'penguin" OR "1',
    "penguin AND",
    "NOT penguin",
    "NEAR(penguin",
    "message: penguin",
    "penguin*",
    "^penguin",
    "(penguin",
    "penguin & | ! <-> x",
    "penguin'; DROP TABLE sessions; --",
    "penguin \\",
    "penguin:*",
    "penguin\0",
    "penguin \ud800",
    "penguin " * 20_000,
]


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
async def test_operators_of_a_query_language_mean_nothing(
    store: Store, person: Person, query: str
) -> None:
    """Whatever stands around a word, the word is found."""
    await person.say("a penguin")
    assert await _texts(person, query) == ["a penguin"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(st.characters(codec=None), max_size=40))
async def test_any_text_is_a_query(store: Store, person: Person, query: str) -> None:
    """No text makes the search fail."""
    assert await store.search(person.id, query, limit=3) == []


async def test_deleted_messages_are_not_found(store: Store, person: Person) -> None:
    """What was deleted is gone from the index."""
    await person.say("a penguin")
    await store.delete(person.id, person.session)
    assert await _texts(person, "penguin") == []


async def test_the_limit_counts_the_users_own_hits(
    store: Store, person: Person, stranger: Person
) -> None:
    """Better hits of other users take no place among the user's own."""
    for _ in range(5):
        await stranger.say("penguin penguin penguin")
    await person.say("one penguin in a long sentence about the cold south of the world")
    assert len(await store.search(person.id, "penguin", limit=1)) == 1
    assert await store.search(person.id, "penguin", limit=0) == []


async def test_a_search_may_end_before_a_message(store: Store, person: Person) -> None:
    """`before` leaves a message and all later ones out, better hits or not, also beside a hit."""
    first = await person.say("one penguin in a long sentence about the cold south")
    second = await person.say("penguin penguin")
    await person.say("penguin")
    for distinct in (False, True):
        hits = await store.search(
            person.id, "penguin", limit=1, before=second.id, distinct=distinct
        )
        assert [(hit.message, hit.after) for hit in hits] == [(first, None)]


async def test_distinct_hits_count_the_same_words_once(store: Store, person: Person) -> None:
    """However often something is said, it takes one place, the newest; a plain search has all."""
    for _ in range(6):
        await person.say("Tell me a  joke about a gecko")
        newest = await person.say("tell me a joke\nabout a Gecko")
    told = await person.say("Once upon a time we called the new gecko Kofi, and it suits him well")
    elsewhere = await person.say("A gecko, again", session=str(uuid4()))
    hits = await store.search(person.id, "gecko", limit=3, distinct=True)
    assert [hit.message for hit in hits] == [newest, elsewhere]
    assert hits[0].after == told
    assert len(await store.search(person.id, "gecko", limit=20)) == 14


async def test_distinct_hits_hold_three_that_differ_in_numbers(
    store: Store, person: Person
) -> None:
    """Of messages with other numbers alone three count, the one asked for before all."""
    said = [
        await person.say(f"The gecko woke me up at {n}", session=str(uuid4()))
        for n in range(11, 31)
    ]
    told = await person.say("Once upon a time we called the new gecko Kofi", session=str(uuid4()))
    hits = await store.search(person.id, "gecko 12", limit=10, distinct=True)
    assert hits[0].message == said[1]
    assert len(hits) == 4
    assert told in [hit.message for hit in hits]


async def test_distinct_hits_are_ones_own(store: Store, person: Person, stranger: Person) -> None:
    """The same words of another user, said later, take nobody's place."""
    mine = await person.say("a penguin")
    await stranger.say("a penguin")
    (hit,) = await store.search(person.id, "penguin", limit=5, distinct=True)
    assert hit.message == mine


async def test_a_hit_in_a_title_comes_first(store: Store, person: Person) -> None:
    """With `titles`, a title that holds every word precedes messages, then summaries and topics."""
    about, named, other = (str(uuid4()) for _ in range(3))
    first = await person.say("Where to?", session=named, title="A trip to Lisbon")
    await person.say("Ideas?", session=about, title="Plans")
    lisbon = await person.say("A hotel in Lisbon, Lisbon!", session=other, title="Hotels")
    ending = await store.claim_ending(person.id, about, lease_seconds=60)
    assert ending is not None
    await store.finish_ending(ending, Result(Metrics(), "They go to Lisbon.", topics=("travel",)))
    hits = await store.search(person.id, "lisbon", limit=5, titles=True)
    assert [(hit.found_in, hit.message.session_id) for hit in hits] == [
        ("title", named),
        ("summary", about),
        ("message", other),
    ]
    assert hits[0].message == first
    (hit,) = await store.search(person.id, "lisbon", limit=5)
    assert hit.message == lisbon
    await store.rename(person.id, named, "Porto instead")
    (hit, *_) = await store.search(person.id, "porto", limit=5, titles=True)
    assert (hit.found_in, hit.session_title) == ("title", "Porto instead")
    (hit,) = await store.search(person.id, "travel", limit=5, titles=True)
    assert hit.found_in == "summary"
    assert await store.search(person.id, "travel", limit=5) == []


async def test_titles_are_ones_own_and_go_with_their_session(
    store: Store, person: Person, stranger: Person
) -> None:
    """Nobody finds another's title, nor one that was deleted."""
    await person.say("Hello", title="Penguins")
    assert await store.search(stranger.id, "penguins", limit=5, titles=True) == []
    await store.delete(person.id, person.session)
    assert await store.search(person.id, "penguins", limit=5, titles=True) == []


@pytest.mark.parametrize(
    "typed", ["pengiun", "penguinn", "pengin", "penguim", "PENGIUNS", "kafak", "recieved", "hosue"]
)
async def test_a_mistyped_word_finds_what_was_meant(
    store: Store, person: Person, typed: str
) -> None:
    """A letter too many, missing, wrong or swapped, in any form of the word, is forgiven."""
    await person.say("The penguin is received in Kafka's house")
    await person.say("Nothing of that kind here")
    assert await _texts(person, typed) == ["The penguin is received in Kafka's house"]


@pytest.mark.parametrize("typed", ["lisbno trip", "lisbon tripp", "travle"])
async def test_a_mistyped_word_finds_a_title_or_summary(
    store: Store, person: Person, stranger: Person, typed: str
) -> None:
    """Words of titles, and of summaries and topics, are mended by those of one's own alone."""
    await person.say("Where to?", title="A trip to Lisbon")
    ending = await store.claim_ending(person.id, person.session, lease_seconds=60)
    assert ending is not None
    await store.finish_ending(ending, Result(Metrics(), "They go.", topics=("travel",)))
    await stranger.say("Where to?", title="Something else")
    await store.search(person.id, typed, limit=5, titles=True)
    await store.indexed()  # what changed is indexed after a search came across it
    (hit,) = await store.search(person.id, typed, limit=5, titles=True)
    assert hit.session_title == "A trip to Lisbon"
    assert await store.search(stranger.id, typed, limit=5, titles=True) == []


@pytest.mark.parametrize("typed", ["pelican", "pen", "kiwi", "recent", "h0use", "x'y", "''"])
async def test_another_word_is_not_taken_for_a_mistyped_one(
    store: Store, person: Person, typed: str
) -> None:
    """Words that merely begin alike find nothing."""
    await person.say("The penguin is received in Kafka's house")
    assert await _texts(person, typed) == []


async def test_a_known_word_is_not_mended_and_only_ones_own_words_mend(
    store: Store, person: Person, stranger: Person
) -> None:
    """What somebody did say is looked for as it is, and nobody mends by the words of another."""
    await person.say("a penguin")
    await person.say("a pengiun was typed here")
    await stranger.say("something else")
    assert await _texts(person, "pengiun") == ["a pengiun was typed here"]
    assert await _texts(stranger, "pengiun") == []


async def test_questions_about_the_records_are_left_out(store: Store, person: Person) -> None:
    """Without `about_records` neither they nor their answers are hits, or stand beside one."""
    told = await person.say("We saw a penguin in the south")
    await person.say("Did I mention penguins?")
    searched = MessageMeta(tools=(ToolRecord("search_chat_history"),))
    await person.say("Yes: a penguin in the south", role="assistant", meta=searched)
    (hit,) = await store.search(person.id, "penguin", limit=5, about_records=False)
    assert (hit.message, hit.after) == (told, None)
    assert len(await store.search(person.id, "penguin", limit=5)) == 3


async def test_messages_can_be_left_out(store: Store, person: Person) -> None:
    """What is named by id is not a hit, and stands beside none."""
    first = await person.say("a penguin")
    second = await person.say("a penguin again")
    (hit,) = await store.search(person.id, "penguin", limit=5, left_out=[second.id])
    assert (hit.message, hit.after) == (first, None)


async def test_coverage_is_the_share_of_the_query_that_is_held(
    store: Store, person: Person
) -> None:
    """All of its weight for a message with every word; little where the telling word is missing."""
    for n in range(9):
        await person.say(f"A report about number {n}", session=str(uuid4()))
    await person.say("The zebra report", session=str(uuid4()))
    hits = await store.search(person.id, "zebra report", limit=20)
    assert hits[0].coverage == pytest.approx(1)
    assert 0 < hits[1].coverage < 0.1
    hits = await store.search(person.id, "report about walruses", limit=20)
    assert max(hit.coverage for hit in hits) < 0.5


async def test_coverage_counts_what_the_messages_beside_hold(store: Store, person: Person) -> None:
    """A question and its answer are one: their terms are counted together, each once."""
    await person.say("Which zebra do you mean?")
    await person.say("The one in the report, in the report")
    for query, coverage, terms in (("zebra report", 1.0, 2), ("zebra walruses", 0.5, 1)):
        (hit, *_) = await store.search(person.id, query, limit=5, distinct=True)
        assert hit.coverage == pytest.approx(coverage, abs=0.25)
        assert hit.terms == terms
    alone = await person.say("A walrus", session=str(uuid4()))
    hits = await store.search(person.id, "zebra walruses", limit=5)
    assert [hit.terms for hit in hits if hit.message == alone] == [1]


async def test_a_message_between_others_that_match_is_worth_more(
    store: Store, person: Person
) -> None:
    """Neighbours lend score, so that of two equal messages the one in the midst of it comes first."""
    alone = str(uuid4())
    await person.say("Was it the zebra?")
    within = await person.say("It was the zebra")
    await person.say("The zebra it was")
    await person.say("It was the zebra", session=alone)
    hits = await store.search(person.id, "zebra", limit=5)
    assert hits[0].message == within
    assert hits[-1].message.session_id == alone


async def test_what_holds_every_word_comes_before_much_about_one(
    store: Store, person: Person
) -> None:
    """A remark with both words precedes a whole conversation about one of them."""
    for n in range(12):
        await person.say(f"The zebra and the zebra again, {n}")
    both = await person.say("A zebra of the report, in a long remark on this", session=str(uuid4()))
    for n in range(12):
        await person.say(f"A report {n}", session=str(uuid4()))
    hits = await store.search(person.id, "zebra report", limit=5)
    assert hits[0].message == both


async def test_a_ranking_does_not_depend_on_others(
    store: Store, person: Person, stranger: Person
) -> None:
    """What other users write changes neither the order nor the scores of one's own hits."""
    for text in ("a zebra report", "a report", "the zebra", "another zebra entirely"):
        await person.say(text, session=str(uuid4()))
    before = await store.search(person.id, "zebra report", limit=5)
    for _ in range(20):
        await stranger.say("zebra zebra zebra")
    after = await store.search(person.id, "zebra report", limit=5)
    assert after == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
async def test_any_word_of_any_message_finds_it(store: Store, person: Person, text: str) -> None:
    """In every script, and wherever scripts touch."""
    message = await person.say(text, session=str(uuid4()))
    for word in [*words(text), *text.split()]:
        hits = await store.search(person.id, word, limit=200)
        if words(word):
            assert message.id in [hit.message.id for hit in hits], word


SAME = {
    "Turkish": ("\u0131s\u0131 ISI isi", "\u0130zmir izmir IZMIR"),
    "Latin letters": ("S\xf8ren Soren", "\u0141\xf3d\u017a Lodz \u0142\xf3d\u017a", "\xc6ble aeble", "\u0111i di \u0110i", "stra\xdfe STRASSE",
                      "\u0153uvre oeuvre", "\xdeor thor", "\u01a5ar par", "caf\xe9 cafe\u0301 CAFE"),
    "Arabic": ("\u0645\u064e\u0631\u062d\u064e\u0628\u064b\u0627 \u0645\u0631\u062d\u0628\u0627 \u0645\u0631\u062d\u0640\u0640\u0628\u0627", "\u0623\u062d\u0645\u062f \u0627\u062d\u0645\u062f \u0671\u062d\u0645\u062f",
               "\u0645\u062f\u0631\u0633\u0629 \u0645\u062f\u0631\u0633\u0647", "\u0645\u0648\u0633\u0649 \u0645\u0648\u0633\u064a \u0645\u0648\u0633\u06cc", "\u06a9\u062a\u0627\u0628 \u0643\u062a\u0627\u0628"),
    "Hebrew": ("\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u05e9\u05dc\u05d5\u05dd", '\u05e6\u05d4\u05f4\u05dc \u05e6\u05d4\u05dc \u05e6\u05d4"\u05dc'),
    "digits": ("42 \u0664\u0662 \u096a\u0968 \uff14\uff12 \u0e54\u0e52", "1,000 1000 1.000 1'000 \u0661\u066c\u0660\u0660\u0660", "1,00,000 100000"),
    "Indic": ("\u0939\u093f\u0928\u094d\u0926\u0940 \u0939\u093f\u0902\u0926\u0940", "\u091a\u093e\u0901\u0926 \u091a\u093e\u0902\u0926", "\u092b\u093c\u094b\u0928 \u092b\u094b\u0928", "\u0915\u094d\u200d\u0937 \u0915\u094d\u0937",
              "\u0d05\u0d35\u0d7b \u0d05\u0d35\u0d28\u0d4d\u200d"),
    "invisible": ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0645\u06cc\u062e\u0648\u0627\u0647\u0645", "co\xadoperate cooperate", "zero\u200bwidth zerowidth", "Acme\u2122 acme"),
    "kana": ("\uff76\uff9e\uff97\uff7d \u30ac\u30e9\u30b9 \u304c\u3089\u3059", "\u3089\u30fc\u3081\u3093 \u30e9\u30fc\u30e1\u30f3"),
    "Greek and Cyrillic": ("\u039f\u0394\u039f\u03a3 \u03bf\u03b4\u03cc\u03c2 \u03bf\u03b4\u03bf\u03c3", "\u0451\u043b\u043a\u0430 \u0435\u043b\u043a\u0430 \u0401\u041b\u041a\u0410", "Hawai\u02bbi Hawai'i hawaii",
        "\u043f\u02bc\u044f\u0442\u044c \u043f'\u044f\u0442\u044c \u043f\u2019\u044f\u0442\u044c \u043f\u044f\u0442\u044c"),
    "Vietnamese": ("ti\u1ebfng tieng tie\u0302\u0301ng", "\u0111\u01b0\u1eddng duong"),
    "particles": ("\u0643\u062a\u0627\u0628 \u0627\u0644\u0643\u062a\u0627\u0628 \u0648\u0627\u0644\u0643\u062a\u0627\u0628 \u0628\u0627\u0644\u0643\u062a\u0627\u0628 \u0644\u0644\u0643\u062a\u0627\u0628 \u0641\u0627\u0644\u0643\u062a\u0627\u0628 \u0643\u0627\u0644\u0643\u062a\u0627\u0628 \u0648\u0643\u062a\u0627\u0628",
                  "\u05d9\u05dc\u05d3 \u05d4\u05d9\u05dc\u05d3 \u05d5\u05d4\u05d9\u05dc\u05d3 \u05db\u05e9\u05d4\u05d9\u05dc\u05d3 \u05dc\u05d9\u05dc\u05d3"),
    "umlauts": ("M\xfcller Mueller", "Gr\xf6\xdfe groesse"),
    "ampersands": ("AT&T att At&t", "R&D r&d", "Q&A Q&A\u2019s q&a"),
    "hashes": ("3f2b9c1 3f2b9c1d8e7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c 3f2b9c1d8e",),
    "names": ("getUserName get_user_name getusername get-user-name", "HTTPServer http_server",
              "os.path.join ospathjoin", "Node.js nodejs", "U.S.A. USA usa"),
    "punctuation": ("e-mail email E-Mail", "don't dont don\u2019t", "O'Brien obrien O\u2019Brien",
                    "co\u2011op co-op coop", "col\xb7lecci\xf3 colleccio"),
}  # fmt: skip
"""Words that a reader takes for the same, with spaces between them, by kind."""


@pytest.mark.parametrize("kind", SAME)
async def test_forms_of_a_word_find_each_other(store: Store, person: Person, kind: str) -> None:
    """Each form that a reader takes for the same finds every other, the one asked for first."""
    for forms in (row.split() for row in SAME[kind]):
        said = {form: await person.say(f"zz {form}", session=str(uuid4())) for form in forms}
        for asked, message in said.items():
            hits = await store.search(person.id, asked, limit=9)
            found = [hit.message.id for hit in hits]
            assert {other.id for other in said.values()} <= {*found}, asked
            assert found.index(message.id) < len(said)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("call getUserName()", "name"),
        ("the \xc9coleDeParis", "ecole"),
        ("\u4eca\u5929Wi-Fi\u63a5\u7d9a", "wifi"),
        ("the M.I.T. library", "mit"),
        (
            "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd\u0ba8\u0bbe\u0b9f\u0bc1",
            "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd",
        ),
        ("all userIDs", "ids"),
        ("it has a NameOfSoManyPartsThatGoesOnAndOnAndOn", "goes"),
        ("ran 333m", "333"),
        ("ran 333m", "333 m"),
        ("ran 333 m", "333m"),
        ("a disk of 10 GB", "10gb"),
        ("on Python3", "python"),
        ("an iPhone15", "iphone 15"),
        ("now v2.10.3 is out", "2.10.3"),
        ("now 2.10.3 is out", "v2.10.3"),
        ("a 3.5mm jack", "3.5 mm"),
        ("the snake__case__x", "snake_case_x"),
        ("a b64encode call", "encode"),
        ("1\u202f000\u202f000 people", "1000000"),
        ("\u06a9\u062a\u0627\u0628\u200c\u0647\u0627", "\u06a9\u062a\u0627\u0628"),
        ("die Donaudampfschifffahrt", "Donaudampf"),
        ("drei Lebensversicherungen", "Lebensversicherung"),
        ("\u5b66\u6821\u306b\u884c\u304f", "\u5b66\u6821\u3078"),
        ("\uc11c\uc6b8 \uc5ec\ud589", "\uc11c\uc6b8\uc5d0\uc11c"),
        ("an HTTPServer", "server"),
        ("use os.path.join", "path"),
        ("in max_tokens_left", "tokens"),
        ("l'ordinateur", "ordinateur"),
        ("\u0e1b\u0e35\u0e52\u0e55\u0e56\u0e57", "2567"),
        ("cost 1,000.50", "1000"),
        ("der AT&T-Vertrag", "AT&T"),
        ("that is AT&T\u2019s plan", "at&t's"),
    ],
)
async def test_parts_of_a_word_find_it(store: Store, person: Person, said: str, asked: str) -> None:
    """A part of a name or of what punctuation joins finds the whole."""
    await person.say(said)
    assert await _texts(person, asked) == [said]


async def test_a_name_of_stop_words_is_a_word(store: Store, person: Person) -> None:
    """AT&T is looked for, alone and with others, and small words elsewhere are not taken for it."""
    told = await person.say("The AT&T contract ends in March")
    await person.say("I can't look at it", session=str(uuid4()))
    for asked in ("AT&T", "What about AT&T?", "at&t's"):
        hits = await store.search(person.id, asked, limit=5)
        assert [hit.message for hit in hits] == [told]


async def test_other_forms_come_behind_what_was_asked_for(store: Store, person: Person) -> None:
    """However many messages have another form of a word, those with the word itself come first."""
    for n in range(8):
        await person.say(f"JavaScript, number {n}")
        await person.say(f"version 3.11 of the e-mail in 1,000 parts, {n}")
    for text in (
        "the java we drank on that long and quiet evening",
        "1000 of them on a long evening",
    ):
        await person.say(text, session=str(uuid4()))
        word = text.split()[0 if text[0] == "1" else 1]
        assert (await _texts(person, word))[0] == text
    assert await _texts(person, "311") == []
    assert await _texts(person, "ill") == []


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("我用Python写程序", "python"),
        ("我用Python写程序", "程序"),
        ("版本3下载", "3"),
        ("今天天气很好", "好"),
        ("cafe\u0301 au lait", "café"),
        ("café", "cafe\u0301"),
        ("STRASSE", "straße"),
        ("İstanbul", "istanbul"),
        ("हिन्दी में लिखो", "हिन्दी"),
        ("مَرحَبًا", "مَرحَبًا"),
        ("\uff21\uff22\uff23", "abc"),
        ("می‌خواهم", "میخواهم"),
    ],
)
async def test_scripts_and_marks(store: Store, person: Person, said: str, asked: str) -> None:
    """Words are found beside other scripts, with marks however written, and in any case."""
    await person.say(said)
    assert await _texts(person, asked) == [said]
