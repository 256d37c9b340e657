"""Whether a message asks GenPy for its own records: precise, since the model can ask as well.

A request names the conversation itself (this chat, I, we, you) and is whole: anchored at both
ends, so that a sentence about some other system's messages is none. Slips of the keyboard are
mended before the patterns look; the keyword is taken from what was written.
"""

import re

import msgspec

from genpy_server.core.mending import Mender
from genpy_server.core.periods import period_in
from genpy_server.core.request_words import tool_by_words

LONGEST = 200
"""Characters of a message that can be a request."""
MOST_KEYWORDS = 6
_LEXICON = (
    "show list display sessions session chats chat conversation conversations history messages "
    "message search find mention mentioned talk talked discuss discussed previous earlier older "
    "past statistics stats many long what when where about have questions words written before "
    "open other exchanged anything said brought asked number count"
)
_SPARED = (
    "charts chart lists lost past last fast test massage massages whale when then them wheat that "
    "this here there were hat chap cheat shop shot shown shows slow snow fund fine mind kind wind "
    "stalk tall walk take states state status start session's word world worlds sword loud save "
    "hive gave haven otter order orders opens upon long lone song along mane man any main section "
    "sections mansion pasta paste pass passt oldest bold holder folder folders counts county country "
    "court numbers sad sail paid laid aside list's sends research seashore searches fins finds"
)
_MENDER = Mender(_LEXICON.split(), _SPARED.split())
_SHORTHAND = {
    "msgs": "messages",
    "msg": "message",
    "convo": "conversation",
    "u": "you",
    "hav": "have",
}
_SHORTHAND |= {
    "convos": "conversations",
    "convs": "conversations",
    "wat": "what",
    "whats": "what's",
}
_SHORTHAND |= {"mny": "many", "lst": "list", "meny": "many", "beleive": "believe"}
_SHORTHAND |= {
    "hw": "how",
    "al": "all",
    "abot": "about",
    "abuot": "about",
    "hwo": "how",
    "ddi": "did",
    "shw": "show",
    "sows": "shows",
}
_WORD = re.compile(r"[a-z']+")


class ToolRequest(msgspec.Struct, frozen=True):
    """A tool and its arguments, and why."""

    name: str
    args: dict[str, str]
    reason: str


_CHAT = r"(?:chat|conversation|session|thread|talk|discussion|history)s?"
_OURS = (
    rf"(?:this|our|the|my|the current|this whole|the whole|current|this very) {_CHAT}(?: with you)?"
)
_HERE = rf"(?:(?:so far|already )?(?:in |of |for |during |about |within )?{_OURS}|so far|here|today|until now|up to now|by now|yet|to each other|altogether|in total|overall)"
_OPENING = (
    r"(?:(?:hi|hey|hello|ok|okay|so|well|nice|great|cool|thanks|thank you|please|btw|by the way|and|now|done|ok done here|wait|hmm|sorry|quick question|just curious|one question|remind me|out of curiosity)[,.!:?]*\s+)*"
    r"(?:(?:any chance )?(?:can|could|would|will) you (?:please )?|(?:any chance )?you can |please (?:to )?|i(?:'?d| would)? (?:like|love|want|wish|need) (?:to )?(?:(?:know|see|have) )?|tell (?:to )?me |do you (?:know|remember|recall) (?:if |whether )?|can i (?:see|get|have) |may i see |let me (?:see|have) |give me |show me |i wonder |i forgot[,:]? |check (?:if|whether) )*"
)
_TAIL = r"(?:[,.]? (?:please|thanks|thank you|can you check|do you know|pls|again|for me|right now|now|can you tell me|i wonder))?\s*[?.!]*\s*"
_WE = r"(?:i|we|you)"
_SAY = r"(?:mention|say|write|talk about|talked about|speak about|discuss|cover|bring up|touch on|ask about|ask you about|tell you about|ask for|refer to|use the word|go over|chat about)"
_SAID = r"(?:mentioned|said|written|wrote|talked about|talk about|spoken about|spoke about|discussed|covered|brought up|touched on|asked about|asked you about|told you about|asked for|referred to|used the word|gone over|chatted about|mention|say|discuss)"
_EVER = r"(?:(?:ever|already|also|really|actually|at any point) )?"
_THING = r"(?:(?:anything|something|a word|a thing) (?:about|on|regarding) |the (?:word|term|name|topic) )?"
_WHEN = rf"(?: (?:before|earlier|already|yet|at some point|at any point|somewhere|anywhere|previously|in the past|last time|a while ago|{_HERE}))*"
_UNIT = r"(?:messages?|questions?|words|lines|exchanges|turns|replies|answers|tokens|characters)"

_STATS = (
    rf"how (?:many|much) (?:{_UNIT}|times) (?:(?:have|did|has|do|had) )?{_WE} (?:have |did |had )?(?:already |all )?(?:exchange|send|sent|write|wrote|written|ask|asked|put|say|said|type|typed|have|had|made|make|use|used|swap|swapped|post|posted|given?|spoken|exchanged|talked|trade|traded)(?: (?:to )?(?:you|me|each other))?(?: {_HERE}| about)*",
    r"how many times (?:i've|have i|i have|did i) (?:written|write|wrote|ask|asked|talk|talked) (?:to )?you(?: (?:here|today|so far|in this chat|in this conversation))+",
    rf"how (?:many|much) {_UNIT}(?: (?:are|were|is|have been|has|does|do|did))?(?: there| sent| exchanged| it)?(?: we)? ?{_HERE}(?: (?:have|has|contain|got))?",
    rf"how many {_UNIT} (?:does|do|has|have) {_OURS} (?:have|has|contain|got)",
    rf"how (?:long|big|large|old) (?:has|have|is|was) {_OURS}(?: (?:been going(?: on)?|been|lasted|running|taken|gone on|already))*(?: (?:so far|already|now|by now))?",
    r"how long (?:have|did) (?:we|i|you and i) (?:been )?(?:chatting|talking|talk|chat|speaking|at this|at it|here|writing)(?: (?:to you|with you|to each other|here|for|now|already|so far|today|with each other))*",
    rf"(?:the |some |all |a few )?(?:session |chat |conversation |message )?(?:stats|statistics|numbers|figures|metrics|length|duration|size|word count|message count)(?: {_HERE})+",
    rf"(?:what(?:'s| is| are| were) )?(?:the |my |our |this )?(?:current )?(?:session|chat|conversation)(?:'s)? (?:stats|statistics|length|size|duration|numbers|metrics)(?: {_HERE})?",
    rf"what(?:'s| is| are) (?:the )?(?:stats|statistics|numbers|length|duration|size|message count|word count|number of {_UNIT})(?: {_HERE})+",
    rf"(?:the )?(?:number|count|total) of {_UNIT} {_HERE}",
    rf"count (?:the |my |our |all )?{_UNIT} {_HERE}|count (?:my|our) (?:messages|questions)(?: {_HERE})?",
    rf"(?:when|at what time) did (?:this|our) {_CHAT} (?:start|begin)",
    r"message count|(?:show )?stats|session stats",
)
_SEARCH = (
    rf"(?:did|do|have|has|had) {_WE} {_EVER}(?:{_SAY}|{_SAID}) {_THING}(?P<a>.+?){_WHEN}",
    rf"(?:(?:check|see|verify|look|confirm) )?(?:if|whether) {_WE} {_EVER}(?:have |had )?{_EVER}(?:{_SAID}) {_THING}(?P<b>.+?){_WHEN}",
    rf"(?:when|where|how often|in which message|at what point)(?: exactly)? (?:did|have) {_WE} {_EVER}(?:last )?(?:{_SAY}|{_SAID}) {_THING}(?P<c>.+?){_WHEN}",
    rf"what (?:did|have) {_WE} (?:say|said|tell you|told you|tell me|told me|write|written|mention|decide|decided|conclude|agree|discuss|ask) (?:about|regarding|on|concerning) (?P<d>.+?){_WHEN}",
    rf"what was it (?:that )?{_WE} said about (?P<e>.+?){_WHEN}",
    rf"(?:was|were|has|have|is) (?P<f>.+?) (?:ever |already |been )*(?:mentioned|discussed|brought up|talked about|come up)(?: (?:anywhere|before|earlier|somewhere|at all|at some point))*(?: {_HERE})+",
    rf"(?:has|did) (?P<g>.+?) (?:come|came) up(?: (?:anywhere|before|earlier|at all))*(?: {_HERE})+",
    rf"(?:search|check|look|go|scan|grep|comb|query)(?: (?:through|in|into|inside))? (?:all (?:of )?)?(?:my|our|this|the) (?:whole |entire |old |past |previous |earlier |own )?(?:{_CHAT}|messages|chat history|conversation history|message history)(?: with you)? for (?:the word |the term |the phrase |(?:any )?mentions? of |anything about |anything on |where i mentioned )?(?P<h>.+?)",
    rf"(?:search|look) for (?:the word |mentions? of )?(?P<i>.+?) in (?:all )?(?:my|our|this|these) (?:old |past |previous |earlier )?(?:{_CHAT}|messages|chat history|conversation history)",
    rf"(?:find|look up|locate|dig up|show me|show|search for|search) (?:me )?(?:where|when|the (?:place|part|bit|message|spot|moment|point)s?(?: where| when| in which| that)?|what|the messages? (?:where|in which)) {_WE} (?:last |first )?{_SAID}(?: about)? {_THING}(?P<j>.+?){_WHEN}",
    rf"(?:find|show|get)(?: me)? (?:all |any |every |the |my |our )*(?:messages?|mentions?|parts?|questions?) (?:about|of|on|mentioning|with|containing) (?P<k>.+?) (?:in |from )?{_OURS}",
    r"(?:find|show)(?: me)? (?:all |any )?(?:my|our) (?:earlier |old |past |previous )?messages? (?:about|on|mentioning|with|containing) (?P<l>.+?)",
    rf"(?:is there |was there |do you see )?any (?:earlier )?mentions? of (?P<m>.+?){_WHEN}",
    rf"i (?:think|believe|guess|am sure|'?m sure) (?:that )?{_WE} (?:have )?(?:{_SAID}) (?P<n>.+?){_WHEN},? (?:can|could|would) you (?:check|find it|look|look it up|confirm|verify)",
    rf"(?:didn't|haven't) {_WE} (?:{_SAY}|{_SAID}) (?P<o>.+?)(?: (?:before|earlier|already|{_HERE}))+",
)
_OLD = r"(?:all |other |old |older |past |previous |earlier |recent |last |ten |five |three |first |saved |archived |entire |whole |of |the )*"
_SESSIONS = (
    rf"(?:list|show|see|display|open|open up|bring up|bring back|view|browse|pull up|get|load|find|look at|go to|go back to|have a look at|give|give me|retrieve|fetch)(?: me)? {_OLD}(?:my|our) {_OLD}(?:{_CHAT}|chat history|conversation history|list of {_CHAT})(?: (?:with you|list|i had|again|from before|of before|of the past|from the past|history|from last week|from yesterday|from this week))*",
    rf"(?:list|show|see|display|bring up|view)(?: me)? (?:all |the |past |previous |earlier |old |older |other )+(?:{_CHAT})(?: (?:with you|we had|we've had|we have had|i had|i have had|i've had|i had with you|list))*",
    r"(?:my |our |the )?(?:list of )?(?:all )?(?:my |our )?(?:old|past|previous|earlier|older|other|recent) (?:chats|conversations|sessions|discussions)",
    r"(?:my|all|all my) (?:chats|conversations|sessions)|(?:chat|conversation) history",
    rf"(?:what|which) (?:other |old |past |previous )?{_CHAT} (?:(?:did|do|have) (?:i|we) (?:have|had|start|started)|i have|are there|exist|have i had|have we had)(?: (?:with you|before|so far|already|today|this week|last week|yesterday|until now|here|earlier|in the past))*",
    rf"(?:an |a )?(?:overview|list|summary) of (?:all )?(?:the |my |our )?{_OLD}{_CHAT}(?: (?:i|we|i've|we've) (?:had|have|have had)(?: with you)?| with you| so far)*",
    rf"where (?:i can|can i|do i) (?:see|find|open) (?:all )?(?:my|our) {_OLD}(?:{_CHAT})(?: (?:of|from) before)?",
    r"how many (?:chats|conversations|sessions) (?:have|did|do) (?:i|we) (?:have|had|start|started)(?: (?:with you|before|so far|already|today|this week|last week|until now))*",
    r"what (?:did|have) we (?:talk|talked|chat|speak) about (?:last|this|yester|on|in our last|the other|in earlier|in previous).{0,25}",
    rf"(?:go|take me|switch|bring me|return|jump)(?: back)? to (?:my|our) {_OLD}{_CHAT}",
    rf"(?:the |a )?list of (?:all )?(?:my|our) {_OLD}{_CHAT}",
    r"what were we (?:talking|chatting|speaking) about (?:last|this|yester|on|in our last|the other).{0,25}",
)
_NOT_A_THING = re.compile(
    r"^so$|^(?:(?:that|it|he|she|they|there)\b|i |i'm |i've |how |to |it$|this$|that$|you |we |my name$|what |something (?:wrong|else|bad|stupid|good|nice)|wrong)"
    r"|[?!.;] |\b(?:but|anyway|because|so how|so what|, so|which)\b|[(){}=<>]|,",
    re.IGNORECASE,
)
_ARTICLES = re.compile(
    r"^(?:the (?:word|term|name|topic) |the |a |an |my |our |your |any |about )+", re.IGNORECASE
)
QUOTES = " \"'`\u201c\u201d\u2018\u2019?.!,;:"


def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re.compile(f"{_OPENING}(?:{joined}){_TAIL}", re.IGNORECASE)


_TABLE = (
    ("get_all_sessions", _compiled(_SESSIONS), "asks for earlier conversations"),
    ("get_session_stats", _compiled(_STATS), "asks for numbers of this conversation"),
    ("search_chat_history", _compiled(_SEARCH), "asks what was said before"),
)
_HINT = re.compile(
    r"\b(?:i|i've|we|you|my|our|chats?|conversations?|sessions?|stats|history|messages?|mention\w*|discuss\w*)\b"
)


def find_tool_request(text: str) -> ToolRequest | None:
    """The tool that a message asks for, or None."""
    if len(text) > LONGEST:
        return None
    written = text.strip().replace("\u2019", "'").split()
    mended = [_mended(word) for word in written]
    line = " ".join(mended)
    if "\n" in text.strip() or _HINT.search(line) is None:
        return None
    for name, pattern, reason in _TABLE:
        found = pattern.fullmatch(line)
        if found is None:
            continue
        if name != "search_chat_history":
            return ToolRequest(name, _period(name, line), reason)
        group = next(key for key, value in found.groupdict().items() if value is not None)
        first = line.count(" ", 0, found.start(group))
        words = written[first : first + len(found[group].split())]
        keyword = _ARTICLES.sub("", " ".join(words).strip(QUOTES)).strip(QUOTES).lower()
        if keyword and len(words) <= MOST_KEYWORDS and not _NOT_A_THING.search(keyword):
            return ToolRequest(name, {"keyword": keyword}, reason)
    by_words = tool_by_words(line)
    if by_words is None:
        return None
    return ToolRequest(by_words, _period(by_words, line), "asks only about these chats")


def _period(name: str, line: str) -> dict[str, str]:
    """The days that a request for sessions names."""
    period = period_in(line) if name == "get_all_sessions" else None
    return {} if period is None else {"period": period}


def _mended(word: str) -> str:
    """A word in lower case with its slip mended, its punctuation kept."""
    lowered = word.lower()
    found = _WORD.search(lowered)
    if found is None:
        return lowered
    core = found.group()
    return lowered.replace(core, _SHORTHAND.get(core) or _MENDER.mend(core), 1)
