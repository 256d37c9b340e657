"""Small talk in which hardly a sentence is said twice: each is put together from several parts.

It names the same people, places and things as the planted facts do, as often as the plain small
talk does, so that a question's words alone do not tell the answer from the talk around it.
"""

import random

OPENINGS = (
    "By the way,", "So,", "Honestly,", "You know what,", "Well,", "To be fair,", "Once more:",
    "A small thing:", "Before I forget,", "As I was thinking,", "Hm,", "Okay,", "Another matter:",
    "Between us,", "Funny story:", "On the train just now", "After lunch", "This week", "Lately",
    "At the weekend", "Last night", "All morning", "", "", "", "", "", "",
)  # fmt: skip
MAINS = (
    "{person} sent me a picture of a {pet}",
    "I saw a film about {place} with subtitles",
    "the people from {place} were louder than expected",
    "my colleague {person} complains about {tool} every single time",
    "we had {food} again, the third day in a row",
    "the {pet} of our neighbours slept on our doorstep",
    "I tried to teach {person} a few chords on the guitar",
    "a package from {place} came with half of the screws missing",
    "{tool} took {number} seconds to start, no idea why",
    "nobody in our team wants to look after {tool} on Fridays",
    "I bought too much {food} and gave some to {person}",
    "the podcast about {tool} was longer than my patience",
    "{person} laughed at how I pronounce {place}",
    "I dreamed of a {pet} that could speak",
    "they sell {food} at the station for {number} cents",
    "the map of {place} on the wall fell down",
    "I asked {person} to water the plants in {month}",
    "the talk on {tool} got {number} views",
    "somebody left a bag of {food} in the meeting room",
    "I cannot decide between {place} and staying at home in {month}",
    "{person} wrote a long letter by hand",
    "a {pet} ran across the road and everybody stopped",
    "there was a power cut, {tool} and everything else went down",
    "the rain in {place} reminds me of my school days",
    "I read {number} pages on the sofa and remember none",
    "{person} and {pet} do not get along at all",
    "the kitchen smells of {food}",
    "an old ticket to {place} fell out of my coat",
    "{tool} printed {number} warnings and then went on as if nothing had happened",
    "I promised {person} to be on time in {month}",
)  # fmt: skip
ENDINGS = (
    "and it made my day", "which is fine with me", "but it could be worse", "as always",
    "and I still wonder why", "so we went for a walk", "and then it was dark already",
    "which nobody had told me", "and we laughed about it", "although I was tired",
    "because there was nothing better to do", "while the radio was playing", "for once",
    "and I would do it again", "not that it matters", "so much for my plans",
    "if I remember it right", "and that was it", "which took longer than I thought",
    "until the phone rang", "just like a year ago", "and the coffee went cold", "", "", "", "",
)  # fmt: skip
CLOSINGS = (
    "Anyway.", "What do you make of it?", "Do you see what I mean?", "Never mind.",
    "That is all for now.", "Would you have done the same?", "Let us talk of something else.",
    "I should get back to work.", "It is what it is.", "How would you put that in one sentence?",
    "Tomorrow is another day.", "Any idea?", "It was a good one, though.", "", "", "", "", "",
)  # fmt: skip
REPLIES = (
    "I can see how {thing} would stay with you", "That happens more often than one thinks",
    "There is not much to add about {thing}", "It sounds as if {thing} kept you busy",
    "Perhaps sleep on it before you decide", "{thing} has that effect on many people",
    "You could write it down while it is fresh", "I would leave it as it is",
    "Small things like that make a week", "Some would say {thing} is overrated",
    "A second look at {thing} may help", "With a little patience it sorts itself out",
)  # fmt: skip


def said(rng: random.Random) -> str:
    """A pattern of something that a person says in passing."""
    parts = (rng.choice(OPENINGS), rng.choice(MAINS), rng.choice(ENDINGS))
    return f"{' '.join(part for part in parts if part)}. {rng.choice(CLOSINGS)}".strip()


def answered(rng: random.Random) -> str:
    """A pattern of what is replied to it."""
    first, second = rng.sample(REPLIES, 2)
    thing = rng.choice(("{place}", "{tool}", "{food}", "{person}"))
    text = f"{first}, {rng.choice(ENDINGS) or 'I think'}. {second}. {rng.choice(CLOSINGS)}"
    return text.replace("{thing}", thing).strip()
