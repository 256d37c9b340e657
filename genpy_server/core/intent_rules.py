"""Rules of high precision for intents: what they say outweighs what the linear model would guess.

A rule stands here only while it is right on at least nineteen of twenty training messages that
it fires on; `benchmarks/understanding.py` prints how often each is right. Every pattern is linear:
no repetition stands inside another, and gaps are bounded.
"""

import re
from typing import NamedTuple

SUPPORT, CODE, TUTORIAL, CASUAL = (
    "technical_support",
    "code_assistant",
    "tutorial",
    "casual_chat",
)
_ARTIFACT = r"(?:function|script|class|method|quer(?:y|ies)|regex|component|endpoint|decorator|unit tests?|dockerfile|one-liner|snippet)"
_LANGUAGE = r"(?:python|javascript|typescript|rust|java|kotlin|swift|golang|go|php|ruby|bash|sql|c\+\+|c#|react|django|flask|pandas)"


class Rule(NamedTuple):
    """A pattern that speaks for an intent; `example` is a message that it fires on."""

    intent: str
    why: str
    pattern: re.Pattern[str]
    example: str


def _rule(intent: str, why: str, pattern: str, example: str) -> Rule:
    return Rule(intent, why, re.compile(pattern, re.IGNORECASE | re.MULTILINE), example)


RULES = (
    _rule(
        SUPPORT,
        "shows a traceback",
        r"traceback \(most recent call last\)|^exception in thread|^panic: |^npm err!|^fatal: ",
        "Traceback (most recent call last):",
    ),
    _rule(
        SUPPORT,
        "shows a logged error",
        r"^[\[\d][\d:., t\]z-]{7,40}(?:error|fatal|critical)\b",
        "2024-05-01 12:00:01 ERROR db - connection reset",
    ),
    _rule(
        SUPPORT,
        "says that it still fails",
        r"\bstill (?:nothing|fails|broken|crash(?:es|ing)|not working|doesn'?t work|no (?:sound|picture|luck|internet))\b",
        "rebooted, still nothing",
    ),
    _rule(
        SUPPORT,
        "says that something keeps failing",
        r"\bkeeps (?:crashing|freezing|disconnecting|rebooting|restarting|dying|failing|closing|logging me out)\b",
        "my router keeps rebooting",
    ),
    _rule(
        SUPPORT,
        "gets an error",
        r"\bi(?:'m| am)? (?:keep )?gett?(?:ing)? (?:an? |the |this )?[\w\"' ]{0,20}(?:error|exception|traceback)\b",
        "I get a strange error on start",
    ),
    _rule(
        TUTORIAL,
        "wants the idea, not code",
        r"\b(?:don'?t|do not) (?:need|want) (?:any )?(?:code|a script)\b.{0,20}\b(?:just|but|only|i want|i'?d|tell|how)\b|^no code\b|^without code\b",
        "I don't need code, just the idea",
    ),
    _rule(
        CODE,
        "wants code, not an explanation",
        r"\b(?:no need to explain|don'?t explain|no explanations?|skip the theory)\b",
        "no need to explain, only the regex",
    ),
    _rule(
        CODE,
        "asks for code to be written",
        rf"^(?:please |can you |could you |now )?(?:write|implement|generate|create) (?:me )?(?:an? |the |some )?(?:[\w#+-]+ ){{0,3}}{_ARTIFACT}\b",
        "Write a Jest unit test",
    ),
    _rule(
        CODE,
        "asks how to do it in a language",
        rf"^how (?:do|can|would|to) (?:(?:i|you|we) )?(?!.{{0,80}}\b(?:work|differ)s?\b)[a-z].{{2,80}}\b(?:in|with|using) {_LANGUAGE}\W*$",
        "How do I format a date in PHP?",
    ),
    _rule(
        TUTORIAL,
        "asks for a difference",
        r"\bwhat(?:'s| is| are) the differences? between\b",
        "What's the difference between RAM and ROM?",
    ),
    _rule(
        CASUAL,
        "greets or thanks, and no more",
        r"\A\W*(?:hi|hello|hey|thanks?|thank you|cheers|good (?:morning|evening|night)|bye|ok|okay|cool|great|nice|perfect|lol|haha)(?:[ ,!.]+(?:there|again|you|so much|a lot|all|everyone|mate|friend|bye|thanks|thank you|ok|okay|hello))?\W*\Z",
        "hello there!",
    ),
)

FOLLOW_UP = re.compile(
    r"\W*(?:(?:but |and )?(?:why|how so|how come|really)(?: not| so| that)?"
    r"|(?:and|or|now|same|what about|how about)(?: \w+){0,4} (?:in|for|with) [\w#+. ]{1,20}"
    r"|(?:and|again|go on|continue|more|next|another(?: one)?|one more|the other one|what else|anything else)(?: please)?)\W*",
    re.IGNORECASE,
)
"""A message that means nothing without the one before."""
GOES_ON = re.compile(
    r"\W*(?:and|but|so|or|now|then|also|what about|how about|instead)\b", re.IGNORECASE
)
