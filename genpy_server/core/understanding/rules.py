"""Rules of high precision about intents.

A rule that matches overrides the linear model. It stays only while it is right on at least 19 of
20 training messages that it matches (`benchmarks/understanding.py` prints the counts). Patterns
run in linear time: no nested repetition, bounded gaps.
"""

import re
from typing import NamedTuple

from genpy_server.core.patterns import lazy_pattern

SUPPORT, CODE, TUTORIAL, CASUAL = (
    "technical_support",
    "code_assistant",
    "tutorial",
    "casual_chat",
)
_ARTIFACT = r"(?:function|regex|endpoint|decorator|unit tests?|dockerfile)"
_NAMED = r"(?:python|javascript|typescript|kotlin|golang|php|bash|sql|c\+\+|c#|django|flask|pandas)"
"""Languages whose name is hardly anything else in a sentence about code or about daily life."""
_LANGUAGE = rf"(?:{_NAMED}|rust|java|swift|go|ruby|react|shell|powershell)"
_CODE = rf"(?:{_ARTIFACT}|code|class|script|method|quer(?:y|ies)|component|one-liner|snippet)"
"""What is code behind the name of a language: a class may be one of yoga, a script a film's."""


class Rule(NamedTuple):
    """A pattern that speaks for an intent; `example` is a message that it fires on.

    One of the `needed` words stands in every text that it fires on, in lower case: looking for
    them takes a tenth of the time.
    """

    intent: str
    why: str
    needed: tuple[str, ...]
    pattern: re.Pattern[str]
    example: str


def _rule(intent: str, why: str, needed: str, pattern: str, example: str) -> Rule:
    compiled = lazy_pattern(pattern, re.IGNORECASE | re.MULTILINE)
    return Rule(intent, why, tuple(needed.split("|")), compiled, example)


RULES = (
    _rule(
        SUPPORT,
        "shows a traceback",
        "traceback (|exception in|panic: |npm err!|fatal: ",
        r"traceback \(most recent call last\):\W{1,20}file\b|^exception in thread|^panic: |^npm err!|^fatal: ",
        'Traceback (most recent call last):\n  File "app.py", line 3, in <module>',
    ),
    _rule(
        SUPPORT,
        "shows a logged error",
        "error|fatal|critical",
        r"^[\[\d][\d:., t\]z-]{7,40}(?:error|fatal|critical)\b",
        "2024-05-01 12:00:01 ERROR db - connection reset",
    ),
    _rule(
        SUPPORT,
        "says that it still fails",
        "still",
        r"(?:\A|[,.;:] ?|\b(?:it|and|but|nope) )still (?:nothing|fails|broken|crash(?:es|ing)|not working|doesn'?t work|no (?:sound|picture|luck|internet))\W*\Z",
        "rebooted, still nothing",
    ),
    _rule(
        TUTORIAL,
        "wants the idea, not code",
        "don|do not|code",
        r"\b(?:don'?t|do not) (?:need|want) (?:any )?(?:code|a script)\b.{0,40}\b(?:idea|concept|theory|explain|explanation|understand|know|tell me (?:how|why|what))\b|^(?:no code(?: please)?|without (?:any )?code)[,:]",
        "I don't need code, just the idea",
    ),
    _rule(
        CODE,
        "wants code, not an explanation",
        "explain|explanation|theory",
        rf"\b(?:no need to explain|don'?t explain|no explanations?|skip the theory)\b.{{0,30}}\b{_CODE}\b",
        "no need to explain, only the regex",
    ),
    _rule(
        CODE,
        "asks for code to be written",
        "write|implement|generate|create",
        rf"^(?:please |can you |could you |now )?(?:write|implement|generate|create) (?:me )?(?:an? |the |some )?(?:[\w#+-]+ ){{0,2}}(?:(?:[\w#+-]+ )?{_ARTIFACT}|{_LANGUAGE} {_CODE})\b",
        "Write a Jest unit test",
    ),
    _rule(
        CODE,
        "asks how to do it in a language",
        "how ",
        rf"^how (?:do|can|would|to) (?:(?:i|you|we) )?(?!.{{0,80}}\b(?:work|differ)s?\b)[a-z].{{2,80}}\b(?:in|with|using) {_NAMED}\W*$",
        "How do I format a date in PHP?",
    ),
    _rule(
        TUTORIAL,
        "asks how it works",
        "how ",
        rf"^how (?:do|does|did) (?:(?!(?:i|you|we|my|your|our|this|that|it|they|not)\b)[\w'-]+ ){{1,4}}work(?: (?:in|with) {_NAMED})?\W*$",
        "How do decorators work in Python?",
    ),
    _rule(
        TUTORIAL,
        "asks for a difference",
        "difference",
        r"\bwhat(?:['\u2019]?s| is| are) the differences? between (?!.{0,80}\b(?:my|mine|your|yours|you|ours?)\b)",
        "What's the difference between RAM and ROM?",
    ),
    _rule(
        CASUAL,
        "greets or thanks, and no more",
        "",
        r"\A\W*(?:hi|hello|hey|thanks?|thank you|cheers|good (?:morning|evening|night)|bye|ok|okay|cool|great|nice|perfect|lol|haha|no (?:problem|worries)|you'?re welcome|never ?mind|all good)(?:[ ,!.]+(?:there|again|you|so much|a lot|all|everyone|mate|friend|bye|thanks|thank you|ok|okay|hello))?\W*\Z",
        "hello there!",
    ),
)

FOLLOW_UP = lazy_pattern(
    r"\W*(?:(?:but |and )?(?:why|how so|how come|really)(?: not| so| that)?"
    r"|(?:and|or|now|same|what about|how about)(?: \w+){0,4} (?:in|for|with) [\w#+. ]{1,20}"
    r"|(?:and |but )?which(?: \w+)?|(?:and |but )?(?:where|which)(?: \w+){0,4} (?:that|this|it|one|them|those)(?: \w+)?"
    r"|(?:and |but )?how (?:do|can|would|should) (?:i|we) \w+ (?:that|this|it|them)"
    r"|(?:and|again|go on|continue|more|next|another(?: one)?|one more|the other one|what else|anything else)(?: please)?)\W*",
    re.IGNORECASE,
)
"""A message that means nothing without the one before."""
_SAID = (
    r"(?:yes|yeah|yep|yup|no|nope|nah|sure|done|still|same|maybe|please|both|neither|dunno|not (?:sure|yet)|no idea"
    r"|go on|(?:the )?same as before|no change|the (?:first|second|third|last|other|left|right)(?: one| option)?|(?:go ahead|(?:ok(?:ay)? )?(?:do|try) (?:it|that|so)|go for it)"
    r"|i (?:do|did|have|can)(?:n['\u2019]?t| not)?(?: know| think so)?|i (?:think|guess|hope) so"
    r"|(?:i )?(?:already )?(?:did|tried|done|have) (?:that|it|this|both)(?: already| too)?|it (?:is|does|did|has|was)(?:n['\u2019]?t| not)?)"
)
ANSWER = lazy_pattern(
    rf"\W*(?:(?:ok|okay|and|but|hm+|oh|ah|um) ?\W{{0,2}})?{_SAID}(?:\W{{1,3}}{_SAID})?(?:\W{{1,3}}{_SAID})?\W*",
    re.IGNORECASE,
)
"""What only answers a question."""
GOES_ON = lazy_pattern(
    r"\W*(?:and|but|so|or|now|then|also|what about|how about|instead)\b", re.IGNORECASE
)
REFERS = lazy_pattern(
    r"\b(?:it|its|that|this|them|those|these|ones?|instead|again|same|too|shorter|longer|above|the (?:last|first|second|other))\b",
    re.IGNORECASE,
)
"""Points at what was said before."""
WISHES = lazy_pattern(
    r"\W*(?:(?:hi+|hello|he+y+|hiya|dear|good (?:morning|afternoon|evening|day))\b(?: \w+){0,2}[\s,!.-]{1,4})?"
    r"(?:(?:and )?(?:i )?(?:do )?(?:hope|trust|wish)\b (?:that )?(?:you|u|ur|all|everyone|everything|i'?m not|i am not|this|your (?:day|week|weekend|year|morning|evening))\b[^.!?,:;\n]{0,60}"
    r"|(?:happy|merry) \w+|sorry (?:to|for|about) (?:bother|disturb|troubl|the)[^.!?,:;\n]{0,60})(?:[.!?,:;)]{1,4}|\n)\s*",
    re.IGNORECASE,
)
"""A greeting with good wishes, as stands before what a message is about."""
