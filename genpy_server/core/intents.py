"""Which kind of help a message wants, with how sure that is and why."""

import re
from typing import NamedTuple

import msgspec

INTENTS = ("casual_chat", "code_assistant", "tutorial", "technical_support")
LOOKED_AT = 4_000
"""Characters that are looked at: the beginning and the end of a longer message."""


class Intent(msgspec.Struct, frozen=True):
    """A kind of help; `score` is a probability, `reason` a short sentence for a person."""

    name: str
    score: float
    reason: str


class Rule(NamedTuple):
    """A pattern that speaks for an intent."""

    intent: str
    score: float
    why: str
    pattern: re.Pattern[str]


def _rule(intent: str, score: float, why: str, *patterns: str) -> Rule:
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    return Rule(intent, score, why, re.compile(joined, re.IGNORECASE))


# The first rule that fits decides. A failure that is denied or solved is none, so those who deny
# stand first; then failures, then wishes for code, then questions, then talk.
RULES = (
    _rule(
        "casual_chat", 0.9, "says that all is well",
        r"\b(?:no|not? an?|without) (?:problems?|issues?|errors?|worries)\b.{0,30}\b(?:thanks?|hello|hi)\b",
        r"\bworks (?:like a charm|great|perfectly|fine)\b.{0,60}$",
        r"\b(?:never mind|all good|no worries)\b",
    ),
    _rule(
        "tutorial", 0.9, "wants the idea, not code",
        r"\b(?:don'?t|do not|no) (?:need|want) (?:any )?code\b",
        r"\bjust (?:the|an?) (?:idea|concept|explanation)\b",
    ),
    _rule(
        "code_assistant", 0.9, "wants code, not an explanation",
        r"\bno need to explain\b|\bonly the (?:regex|code|query|function|command)\b",
    ),
    _rule(
        "technical_support", 0.95, "shows an error",
        r"traceback \(most recent call last\)",
        r"\b[A-Z]\w*(?:Error|Exception)\b\s*:",
        r"\b(?:exit code|errno|segmentation fault|core dumped|stack trace)\b",
        r"\bHTTP (?:4|5)\d\d\b|\breturns? (?:a )?(?:4|5)\d\d\b",
    ),
    _rule(
        "tutorial", 0.8, "asks to explain",
        r"^\W*(?:(?:hey|hi|hello|please|thanks)\b[^.!?]{0,40}[.,!?]\s*)?(?:please |can you |could you )*"
        r"(?:explain|teach me|describe|tell me (?:about|how|why|what)|walk me through|what(?:'s| is| are) the difference)\b",
    ),
    _rule(
        "technical_support", 0.85, "reports that something fails",
        r"\b(?:won'?t|doesn'?t|does not|don'?t|can'?t|cannot|isn'?t|stopped) "
        r"(?:start|work|connect|install|load|open|boot|charge|turn|run|compile|build|print|respond|update|sync)\w*\b",
        r"\b(?:crash|freez|fail|break|hang)(?:s|es|ed|ing)?\b|\b(?:frozen|stuck|broken|froze|broke)\b",
        r"\b(?:getting|get|got|gives?|throws?|shows?|see|seeing) (?:me )?(?:an? |the |this )*(?:\w+ ){0,2}(?:error|exception|warning)\b",
        r"\bstill (?:nothing|not|fails|broken)\b|\bkeeps? (?:\w+ )?(?:crash|clos|fail|freez|disconnect|restart)\w*",
        r"\b(?:not working|out of memory|permission denied|timed? out|refused to connect|blue screen)\b",
        r"\bwrong (?:output|result|answer)\b|\bprints (?:nan|none|null|undefined)\b",
    ),
    _rule(
        "code_assistant", 0.85, "asks for code",
        r"\b(?:write|create|generate|build|implement|make|code|need|give me|add|convert|refactor|rewrite|optimi[sz]e|review|translate|turn|simplify|port)\b"
        r".{0,60}\b(?:code|function|script|class|method|program|quer(?:y|ies)|regex|loop|test|tests|component|api|endpoint|route|app|snippet|one[- ]liner|module|table|struct|list comprehension|tool|sql|python|javascript|typescript|rust|java|go|php|ruby|bash|html|css)\b",
        r"\bhow (?:do|can|would|to) (?:i |you |we |one )?(?:\w+ ){0,6}(?:in|with|using) (?:python|javascript|typescript|rust|java|go|php|ruby|bash|sql|c\+\+|c#|react|django|flask|node|css|html|pandas|numpy)\b",
        r"\b(?:refactor|rewrite|optimi[sz]e|debug|review) (?:this|my|the|that)\b",
        r"\bthe same in (?:python|javascript|typescript|rust|java|go|php|ruby)\b",
    ),
    _rule(
        "tutorial", 0.8, "asks to understand",
        r"\b(?:explain|teach|tutorial|understand|learn(?:ing)?)\b",
        r"^\W*(?:and )?(?:what|why|how) (?:is|are|does|do|did|makes?|can|was|were)\b(?! (?:you|your|it going)\b)",
        r"\b(?:difference between|how \w+ works?|in a nutshell|for beginners|step by step|what does .{1,40} mean)\b|\bvs\.?\b",
    ),
    _rule(
        "casual_chat", 0.9, "greets, thanks or chats",
        r"^\W*(?:hi+|hello|hey|yo|good (?:morning|evening|afternoon|night)|thanks?|thank you|bye|goodbye|ok(?:ay)?|cool|nice|great|lol|haha\w*|gotcha)\b",
        r"\b(?:how are you|what'?s up|how'?s it going|joke|weekend|birthday|weather|favou?rite|feeling|dinner|movie|music)\b",
        r"\bi (?:love|like|baked|went|had|feel|bought)\b",
    ),
)  # fmt: skip
_CODE = re.compile(r"```|[{};]\s*$|\bdef \w+\(|\bfunction\b.*\(|=>|\bimport \w+", re.MULTILINE)
_FOLLOW_UP = re.compile(
    r"^\W*(?:and|but|so|or|what about|now|why|then|again|more)\b", re.IGNORECASE
)
SHORT_WORDS = 6


def detect_intent(text: str, previous: str | None = None) -> Intent:
    """The intent of a message; a follow-up with no evidence of its own keeps the previous one."""
    seen = text if len(text) <= LOOKED_AT else text[: LOOKED_AT // 2] + text[-LOOKED_AT // 2 :]
    for rule in RULES:
        found = rule.pattern.search(seen)
        if found is not None:
            words = " ".join(found.group().split())[:40]
            return Intent(rule.intent, rule.score, f'{rule.why} ("{words}")')
    if _CODE.search(seen):
        return Intent("code_assistant", 0.6, "holds code")
    short = len(seen.split()) <= SHORT_WORDS
    if previous in INTENTS and (short or _FOLLOW_UP.match(seen)):
        return Intent(previous, 0.6, "goes on with what was before")
    if seen.rstrip().endswith("?"):
        return Intent("tutorial", 0.4, "asks a question, of no certain kind")
    if short:
        return Intent("casual_chat", 0.4, "is a short remark, of no certain kind")
    return Intent("technical_support", 0.35, "tells of something, of no certain kind")
