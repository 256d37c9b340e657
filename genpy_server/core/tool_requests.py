"""Whether a message asks GenPy for its own records: precise, since the model can ask as well.

A request names the conversation itself (this chat, I, we, you) and is whole: anchored at both
ends, so that a sentence about some other system's messages is none.
"""

import re

import msgspec

QUOTES = " \"'`\u201c\u201d\u2018\u2019"
LONGEST = 200
"""Characters of a message that can be a request."""


class ToolRequest(msgspec.Struct, frozen=True):
    """A tool and its arguments, and why."""

    name: str
    args: dict[str, str]
    reason: str


_CHAT = r"(?:chat|conversation|session|thread|talk|discussion)s?"
_HERE = rf"(?:(?:in |of |for |during |about )?(?:this|our|the|the current|the whole) {_CHAT}|so far|here|today|until now)"
_OPENING = (
    r"(?:(?:hi|hey|hello|ok|okay|so|well|nice|thanks|thank you|please|btw|by the way|and|done|ok done here)[,.!:]*\s+)*"
    r"(?:(?:can|could|would) you (?:please )?|please |i'?d (?:like|love) to (?:know|see) |tell me |do you know |i want (?:to know )?|give me |show me )*"
)
_TAIL = r"(?:[,.]? (?:please|thanks|thank you|can you check))?\s*[?.!]*\s*"

_STATS = (
    rf"how many (?:messages|msgs|questions|words|times) .{{0,30}}\b(?:i|we|you|have|did|are|were)\b.{{0,40}}(?:{_HERE}|exchanged|sent|written|asked|said)(?: {_HERE})?",
    rf"how many (?:messages|msgs|questions|words)(?: are| were)? {_HERE}",
    rf"how long (?:has|have|is|was|are) (?:this|our|we|the) ?(?:{_CHAT})?.{{0,30}}",
    rf"(?:the |some |all )?(?:session |chat |conversation )?(?:stats|statistics|numbers|figures|metrics)(?: {_HERE})",
    r"(?:what(?:'s| is| are) )?(?:the |my |our )?(?:session|chat|conversation) (?:stats|statistics|length|size)",
    r"message count",
)
_SEARCH = (
    rf"(?:did|have|has) (?:i|we|you) (?:ever |already )?(?:mention|mentioned|say|said|talk about|talked about|discuss|discussed|bring up|brought up|tell you about|told you about)(?: (?:anything|something) about)? (?P<k>.+?)(?: (?:before|earlier|already|yet|{_HERE}|at some point))?",
    rf"(?:when|where) did (?:i|we|you) (?:mention|say|talk about|discuss|bring up) (?P<k2>.+?)(?: {_HERE})?",
    rf"what did (?:i|we|you) (?:say|tell you|write) (?:about|regarding|on) (?P<k3>.+?)(?: {_HERE}| before| earlier)?",
    rf"was (?P<k4>.+?) (?:mentioned|discussed|brought up)(?: (?:anywhere|before|earlier))?(?: {_HERE})",
    rf"(?:search|check|look through|scan|grep) (?:my|our|this|the) (?:{_CHAT}|messages|chat history|history) for (?:the word |mentions? of )?(?P<k5>.+?)",
    rf"find (?:where|when|the place where|what) (?:i|we|you) (?:talked about|mentioned|said|discussed|wrote about) (?P<k6>.+?)(?: {_HERE})?",
    r"any mention of (?P<k7>.+?)",
)
_SESSIONS = (
    rf"(?:list|show|see|display|open|bring up|view)(?: me)? (?:all )?(?:of )?(?:my|our) (?:all |other |old |older |past |previous |earlier |recent |last )*(?:{_CHAT})",
    rf"(?:my )?(?:old|past|previous|earlier|older) (?:{_CHAT})",
    rf"(?:what|which) (?:{_CHAT}) did (?:i|we) have.{{0,20}}",
    rf"(?:an )?overview of all (?:the |my |our )?(?:{_CHAT})(?: i (?:had|have) with you)?",
    rf"where (?:i can|can i) see my (?:{_CHAT})(?: of before)?",
    r"what did we talk about (?:last|this|yester).{0,20}",
)
_NOT_A_THING = re.compile(r"^(?:that |i |how |to )|[?!.] |\b(?:but|anyway|because)\b")
_ARTICLES = re.compile(r"^(?:the|a|an|my|our|your|any|about)\s+", re.IGNORECASE)


def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re.compile(f"{_OPENING}(?:{joined}){_TAIL}", re.IGNORECASE)


_TABLE = (
    ("get_all_sessions", _compiled(_SESSIONS), "asks for earlier conversations"),
    ("get_session_stats", _compiled(_STATS), "asks for numbers of this conversation"),
    ("search_chat_history", _compiled(_SEARCH), "asks what was said before"),
)


def find_tool_request(text: str) -> ToolRequest | None:
    """The tool that a message asks for, or None."""
    line = " ".join(text.split())
    if not line or len(line) > LONGEST or len(line) != len(text.strip()):
        return None
    for name, pattern, reason in _TABLE:
        found = pattern.fullmatch(line)
        if found is None:
            continue
        if name != "search_chat_history":
            return ToolRequest(name, {}, reason)
        keyword = next(part for part in found.groups() if part is not None)
        keyword = _ARTICLES.sub("", keyword.strip(QUOTES)).lower()
        if keyword and not _NOT_A_THING.search(keyword):
            return ToolRequest(name, {"keyword": keyword}, reason)
    return None
