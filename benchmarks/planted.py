"""Long synthetic conversations with planted facts, the same ones for the same seed.

A fact is said once in the flow of other talk, in words of its own; a question about it, asked much
later, uses others. Some facts change later on, and some things that are asked were never said.
"""

import random
from dataclasses import dataclass
from typing import NamedTuple

import varied_talk

PEOPLE = (
    "Marta Ilse Tobias Yusuf Priya Anneke Bruno Leilani Kwame Sigrid Ravi Odile Caspar Noor Hideo "
    "Fiona Matteo Zofia Emre Lucia Pavel Amara Jonas Beatriz Kofi Linnea Dmitri Salma Ewan Chiara"
).split()
PLACES = (
    "Lisbon Bergen Osaka Valparaiso Tartu Ghent Marrakesh Hobart Oaxaca Trieste Uppsala Galway "
    "Cusco Ljubljana Kyoto Porto Tbilisi Bologna Reykjavik Salzburg Seville Aarhus Split Hanoi"
).split()
TOOLS = (
    "Postgres Redis Kafka Terraform Ansible Django Svelte Rust Elixir Grafana Nginx RabbitMQ Vim "
    "Kubernetes SQLite Flask Haskell Webpack Celery Prometheus"
).split()
FOODS = (
    "lentils mango ramen rhubarb gnocchi tahini halloumi kimchi paella saffron okra quince "
    "falafel pierogi dumplings risotto"
).split()
PETS = ("dachshund", "parrot", "tortoise", "tabby cat", "greyhound", "hamster", "gecko", "rabbit")
MONTHS = (
    "January February March April May June July August September October November December"
).split()

# What is said, and two ways to ask for it, with other words where a person would use them.
FACTS: tuple[tuple[str, str, str], ...] = (
    ("My sister {person} is moving to {place} in {month}", "When does {person} move?", "Which city is my sister going to live in, {place} or another one?"),
    ("We called the new {pet} {person}, it suits him", "What is the name of our {pet}?", "How did we name the {pet} we got?"),
    ("I am allergic to {food}, found out the hard way", "Is there any food I can't eat, {food} for example?", "What was that thing with {food} and my allergies?"),
    ("The production {tool} runs on port {number}", "Which port does {tool} use in production?", "Where does our {tool} listen?"),
    ("My flight to {place} leaves on the {day} of {month}", "On which date do I fly to {place}?", "When is my trip to {place}?"),
    ("{person} from accounting wants the report by the {day}", "What is the deadline {person} gave me?", "Until when does {person} need the report?"),
    ("The cabin near {place} costs {number} a night", "How expensive was the cabin at {place}?", "What would a night in {place} cost?"),
    ("I finally fixed it: {tool} needed the flag number {number}", "How did I solve the trouble with {tool}?", "Which flag fixed {tool}?"),
    ("My doctor {person} told me to cut down on {food}", "Who advised me against {food}?", "What did the doctor say about {food}?"),
    ("Our wedding anniversary is the {day} of {month}, we met in {place}", "Where did we meet, before the wedding?", "When is our anniversary, I think in {month}?"),
    ("The password hint for the {tool} box is the street in {place}", "What's the hint for the {tool} machine?", "Which hint did I choose for {tool}?"),
    ("{person} recommended a bakery in {place} that makes {food}", "Who told me about the bakery with {food}?", "Where in {place} can I buy {food}?"),
    ("I am writing a novel about a {pet} who travels to {place}", "What is my novel about, the one with the {pet}?", "Where does the {pet} in my book go?"),
    ("My thesis with professor {person} compares {tool} and spreadsheets", "What does my thesis compare with {tool}?", "Who supervises my thesis?"),
    ("The budget for the {place} office is {number} thousand", "How much money does the office in {place} get?", "What is the {place} budget?"),
    ("{person} plays the cello in an orchestra in {place}", "Which instrument does {person} play?", "Who is the musician I know in {place}?"),
    ("I parked the car on level {number} near the {place} gate", "On which level is my car?", "Where did I park, by the {place} gate?"),
    ("My grandmother's recipe takes {number} grams of {food}", "How much {food} goes into grandmother's recipe?", "What did grandma put in, besides {food}?"),
    ("The interview with {person} is about {tool}, room {number}", "In which room do I meet {person}?", "What will {person} ask me about?"),
    ("We upgraded {tool} to version {number} on the {day} of {month}", "Which version of {tool} are we on?", "When was {tool} upgraded?"),
)  # fmt: skip

PARAPHRASES = {
    0: "Who in the family relocates soon?",
    1: "Which name did the household animal get?",
    2: "Which dish must never be on my plate?",
    5: "When must the finance paper be handed in?",
    6: "How pricey was the lodge in the woods?",
    8: "What did the physician advise against?",
    9: "When did I marry?",
    13: "Which topic does my dissertation have?",
    16: "Where did I leave the vehicle?",
    17: "How much of it did granny put into the dough?",
}
"""Questions about the fact of that number in `FACTS`, without a word of it."""

CHANGES = (
    ("The meeting with {person} is at {number}", "Change of plan: {person} now meets me at {other}", "At what time do I meet {person}?"),
    ("Our {tool} server lives in {place}", "We moved the {tool} server to {elsewhere}", "Where is the {tool} server now?"),
)  # fmt: skip

TALK = (
    "What would you cook with {food} on a rainy evening?",
    "I read an article about {place} yesterday, quite long",
    "Can you explain how {tool} handles concurrency?",
    "My {tool} build is slow again, about {number} seconds",
    "Thanks, that helps a lot, I will try it tonight",
    "{person} and I talked about music until late",
    "How do I write a loop over a dictionary in Python?",
    "The weather in {place} was awful for the whole of {month}",
    "Tell me a joke about a {pet}",
    "I need a regular expression for dates like {day} {month}",
    "Do you think {tool} is still worth learning?",
    "Let me think about it and come back on the {day}",
    "The {pet} woke me up at {number} this morning",
    "Could you shorten the text for {person}, please?",
)
REPLIES = (
    "Sure. Start with the simplest version and measure before you change anything.",
    "That sounds like a good plan; the details depend on how much time you have.",
    "Here is one way to do it, in three short steps that you can check one by one.",
    "I would keep {tool} out of it for now and look at the logs first.",
    "Good question. The short answer is that both work, with different costs.",
    "Noted. Tell me when you want to go on with it.",
    "{place} is lovely in {month}, take something warm for the evenings.",
)


SMALL_TALK = (
    "thanks!", "ok cool thx", "nice", "why?", "and then?", "can you explain that again?",
    "same error", "add error handling", "make it shorter", "what do you think?", "good morning",
    "hello there", "I am tired today", "that did not work", "try once more please", "lol",
    "which one is better?", "go on", "sounds good, let's do it", "now in French please",
    "my back hurts", "is that right?", "write a haiku about clouds", "what is 17 times 23?",
    "who wrote Don Quixote?", "convert 5 miles to kilometres", "the file is still missing",
    "can you write tests for it?", "how do I exit vim?", "rename the variable",
    "what's the capital of Mongolia?", "translate cheese into Spanish", "fix the typo",
    "how are you?", "is it going to rain?", "recommend me a film", "what does idempotent mean?",
    "summarise the text above", "give me a synonym for happy", "bye for now",
)  # fmt: skip
"""What people say that has nothing to do with what they said before."""


class Line(NamedTuple):
    """One message to store."""

    session: int
    role: str
    text: str


@dataclass(frozen=True)
class Question:
    """What is asked; `answers` are the indexes of the lines that hold the answer, none for none."""

    text: str
    answers: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class Talk:
    """A long history and the questions about it."""

    name: str
    lines: list[Line]
    questions: list[Question]


def _words(rng: random.Random) -> dict[str, object]:
    place, elsewhere = rng.sample(PLACES, 2)
    number, other = rng.sample(range(11, 9_999), 2)
    return {
        "person": rng.choice(PEOPLE),
        "place": place,
        "elsewhere": elsewhere,
        "tool": rng.choice(TOOLS),
        "food": rng.choice(FOODS),
        "pet": rng.choice(PETS),
        "month": rng.choice(MONTHS),
        "day": f"{rng.randint(1, 28)}th",
        "number": number,
        "other": other,
    }


def _said(rng: random.Random) -> str:
    return rng.choice(TALK)


def _answered(rng: random.Random) -> str:
    return rng.choice(REPLIES)


def make(messages: int, *, facts: int = 120, seed: int = 7, varied: bool = False) -> Talk:
    """`messages` lines over many sessions, with `facts` of them planted before the last twentieth.

    The talk around them is of a few sentences again and again, or `varied`.
    """
    rng = random.Random(seed)
    say, answer = (varied_talk.said, varied_talk.answered) if varied else (_said, _answered)
    lines = []
    for index in range(messages):
        role, speak = ("user", say) if index % 2 == 0 else ("assistant", answer)
        lines.append(Line(index // 100, role, speak(rng).format(**_words(rng))))
    room = range(0, messages * 19 // 20, 2)
    places = sorted(rng.sample(room, facts))
    questions: list[Question] = []
    paraphrases: list[Question] = []
    for number, place in enumerate(places):
        words = _words(rng)
        if number % 6 == 5:
            first, second, asked = CHANGES[number % len(CHANGES)]
            lines[place] = Line(lines[place].session, "user", first.format(**words))
            later = min(place + 2 * rng.randint(1, 40), messages - 2)
            if later in places:
                continue
            lines[later] = Line(lines[later].session, "user", second.format(**words))
            questions.append(Question(asked.format(**words), (later,), "changed"))
            continue
        kind = number % len(FACTS)
        fact, *asked_ways = FACTS[kind]
        lines[place] = Line(lines[place].session, "user", fact.format(**words))
        asked = rng.choice(asked_ways).format(**words)
        questions.append(Question(asked, (place,), "said"))
        if kind in PARAPHRASES:
            paraphrases.append(Question(PARAPHRASES[kind], (place,), "paraphrase"))
    questions += [
        Question(f"What did I say about my {thing}?", (), "never said")
        for thing in ("accordion", "pilgrimage", "telescope", "orthodontist", "glassblowing")
    ]
    said = [question for question in questions if question.kind == "said"]
    questions += [
        Question(f"{one.text} And {other.text}", one.answers + other.answers, "two facts")
        for one, other in zip(said[::4], said[2::4], strict=False)
    ]
    questions += paraphrases
    return Talk("varied" if varied else "plain", lines, questions)
