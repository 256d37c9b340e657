"""A second look for requests whose every word is one that people use to ask about their chats.

A closed vocabulary keeps out whatever is about something else: a product, a person or a topic
is not in it, and neither is a negation or a feeling.
"""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ASKING = _words(
    "show list display see open view browse get give find look bring pull tell know count have had load where which what are is there"
)
_AMOUNT = _words(
    "many much long big large number numbers count total statistics stats length duration size figures metrics"
)
_CHATS = _words("chats conversations sessions discussions")
_CHAT = {"chat", "conversation", "session", "discussion", "talk"}
_UNITS = _words("messages message questions question words replies answers exchanges turns lines")
_OLD = _words("old older past previous earlier other last recent before")
_OURS = _words("i we my our me us this here i've we've")
_LINKS = _words("a all already altogether an and any anything at been by can chatting could d did do does each ever every exchanged "
    "for from going great has hello hey hi how i'd if in it it's just let like long made now of ok okay on one out overall "
    "please point sent since so some started start talking talked thanks that the them time today total until "
    "up us very want was week were will with within wonder would written wrote write asked ask you yesterday "
    "far current currently lasted running gone speaking spoken kept contain got whole entire yet again "
    "to back need interested curious about nice cool yes well remind said say typed typed swapped posted")  # fmt: skip
_VOCABULARY = _ASKING | _AMOUNT | _CHATS | _CHAT | _UNITS | _OLD | _OURS | _LINKS
_INSTRUCTION = re.compile(
    r"\bhow (?:to|do|can|would|could)\b|\bto (?:list|count|store|keep)\b|\bcan i\b(?! (?:see|get|have|open|find|view|browse|look)\b)|\blet's\b"
)
_CLAIM = re.compile(
    r"^(?:i|we) (?:had|have|like|want to talk|talked|wrote|said|asked|started)\b|^(?:my|our|this) [\w ]+ (?:is|are|was|were|has|had)\b|\babout (?:it|that|this|them|you|me|us)\b"
)
_WORD = re.compile(r"[^\s?.!,:;]+")


def tool_by_words(line: str) -> str | None:
    """The tool that a line in lower case asks for when nothing in it is about anything else."""
    words = _WORD.findall(line)
    found = set(words)
    if not found or not found <= _VOCABULARY or _INSTRUCTION.search(line) or _CLAIM.search(line):
        return None
    old = found & _OLD and found & _CHAT and not found & {"this"}
    if ((found & _CHATS and found & (_OURS | _OLD)) or old) and found & _ASKING:
        return "get_all_sessions"
    counts = found & _UNITS or found & _CHAT or {"talking", "chatting", "speaking"} & found
    if found & _AMOUNT and counts and found & _OURS:
        return "get_session_stats"
    return None
