"""Turns an HTTP status, an error's body or a lost connection into an `LlmError` with its sentence.

Error codes decide first, then the status, then the text, since many servers of the dialect send
neither. The service's own message is quoted, shortened.
"""

import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx
import msgspec

from genpy_server import errors
from genpy_server.core.identity import is_near
from genpy_server.llm import field_names
from genpy_server.llm.base import Quota
from genpy_server.llm.field_names import PHRASES, plain
from genpy_server.llm.lenient_json import objects
from genpy_server.network import BadVariable

QUOTED_CHARS = 200
SENTENCE_WORDS = 4
"""Words from which the text of a page may say more than the status in its title."""
BROKEN_PART = 8
"""Data is binary if more than one in so many characters is not valid UTF-8."""
MAX_WAIT = 7 * 86_400.0
"""Seconds; a longer wait is shortened to this."""
LOADING_SECONDS = 2.0
"""When to retry while a model is loaded, if the service does not say."""


class Service(msgspec.Struct, frozen=True):
    """A service: its dialect, its address, and the names of its settings for error messages."""

    kind: Literal["groq", "compatible"]
    where: str
    key_setting: str
    address_setting: str

    @property
    def host(self) -> str:
        """The host of its address."""
        return urlsplit(self.where).hostname or ""

    @property
    def local(self) -> bool:
        """Whether it runs on this machine or in its network."""
        return is_near(self.host)


CHOOSE_ANOTHER = "Choose another one with /model, -m or GENPY_MODEL"
_SENTENCES: dict[type[errors.LlmError], str] = {
    errors.LlmBadToolCall: "The model called a tool in a way that its service refuses. Try again.",
    errors.LlmBadOutput: "The model's answer is not in the form asked for. Try again.",
    errors.LlmModelUnknown: "The model {model!r} is not available at {where}{reason}. "
    f"{CHOOSE_ANOTHER}; `genpy models` lists them.",
    errors.LlmTooLarge: "The conversation is larger than the model accepts{reason}. "
    "Lower GENPY_CONTEXT_TOKENS or GENPY_REPLY_TOKENS.",
    errors.LlmTimeout: "The model at {where} took too long{reason}. Try again in a moment.",
    errors.LlmQuotaSpent: "The account at the model's service has no credit left{reason}.",
    errors.LlmLoading: "The model at {where} is still loading. Try again in a moment.",
}
CODES: dict[str, type[errors.LlmError]] = {
    code: kind
    for own, codes in PHRASES.pairs("codes").items()
    if issubclass(kind := errors.BY_CODE[own], errors.LlmError)
    for code in codes.split()
}
STATUSES: dict[int, type[errors.LlmError]] = {
    401: errors.LlmKeyRejected,
    402: errors.LlmQuotaSpent,
    403: errors.LlmKeyRejected,
    407: errors.LlmUnavailable,
    408: errors.LlmTimeout,
    413: errors.LlmTooLarge,
    425: errors.LlmUnavailable,
    429: errors.LlmRateLimited,
    498: errors.LlmUnavailable,  # Groq: at capacity
    504: errors.LlmTimeout,
    522: errors.LlmUnavailable,
    524: errors.LlmTimeout,
}
NOTHING_THERE = {404, 405, 410}
REDIRECTS = range(300, 400)
TEXT_DECIDES = {None, 400, 403, 404, 409, 410, 412, 422, 500, 503}
"""Statuses with several causes, for which the text is read."""


def _any_of(section: str) -> re.Pattern[str]:
    return re.compile(f"(?i){PHRASES.any_of(section)}")


_A_PART = (
    r"(\d+(?:\.\d+)?)\s*(ms|milli[a-z]*|d(?:ays?)?|h(?:(?:ou)?rs?)?|m(?:in(?:ute)?s?)?"
    r"|s(?:ec(?:ond)?s?)?)(?![a-z])[\s,]*(?:and\s+)?"
)
_PART = re.compile(f"(?i){_A_PART}")
_AT = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:\s?(?:Z|UTC)|[+-]\d\d:?\d\d)?"
_WAIT = re.compile(
    r"(?i)(?:\b(?:again|retry|wait|resets?|available)[ _-]?(?:in|after|for|about)?[:=\s]*"
    rf"(?P<parts>(?:{_A_PART})+)|\bretry[ _-]after[:=\s]*(?P<number>\d+(?:\.\d+)?)(?!\s?[\w.])"
    r"|\b(?:dans|en|nach|через) (?P<seconds>\d+)\s?(?:seconde|segundo|sekunde|секунд)"
    r"|(?P<later>\d+)\s?(?:秒钟?[后後]|초 ?후|sekunden (?:erneut|wieder))"
    rf"|\b(?:again|retry|resets?|until)\b[^.\d]{{0,10}}(?P<time>{_AT}))"
)
_PASSES = re.compile(rf"{_WAIT.pattern}|\brate limit|\btry again")
"""A limit that passes by itself."""
_SECONDS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_FIRST_TIME, _FIRST_MS = 10**9, 10**12
"""From these on, a number is not a duration but a time: in seconds, and in milliseconds, since 1970."""
_LIMIT = re.compile(
    r"(?i)(?:context|maximum|max|limit|allowed|window|>)[^\d]{0,60}?(\d[\d,]{2,8})(?!\d)"
)
_MODEL = re.compile(r"(?i)\bmod(els?|ell|[eè]les?|elos?)\b|модел|模型|モデル|모델")
_FILTERED = _any_of("filtered")
_BAD_KEY = _any_of("bad key")
_NO_REGION = _any_of("no region")
_QUOTA = _any_of("no credit")
_NO_ROUTE = _any_of("no route")
_NO_ROUTE_PAGE = _any_of("no route page")
"""Titles of pages that give no reason beyond "not found"."""
_NO_SERVER = _any_of("no server")
"""Messages of tunnels whose other end is not connected."""
_BY_TEXT: tuple[tuple[re.Pattern[str], type[errors.LlmError]], ...] = (
    (_NO_SERVER, errors.LlmUnavailable),
    (_any_of("loading"), errors.LlmLoading),
    (_any_of("too long"), errors.LlmTooLarge),
    (_QUOTA, errors.LlmQuotaSpent),
    (_FILTERED, errors.LlmError),
    (_BAD_KEY, errors.LlmKeyRejected),
    (_any_of("no model"), errors.LlmModelUnknown),
)
"""The kind of trouble by the text; the first match counts."""
_SIGN_IN = _any_of("sign in")
_RESET = re.compile(r"\b(?:t|reset)=(\d+)")
"""In the header RateLimit of the IETF's draft."""
_STOPS = re.compile(r"([.!?。！？])\.")
"""The full stop of a sentence behind the one that it quotes."""
_CODE = re.compile(r"[\w.-]{1,64}")
_COUNT = re.compile(r"[0-9]{1,15}")
_SECRET = re.compile(r"(?s)(?<=://)[^/]*@|[?#].*")
"""The password and the query of an address."""
_KEY = re.compile(r"\b(?:sk|gsk|pk|key|hf|xai)[-_][\w*.-]{6,}|\bBearer \S+")
_TITLE = re.compile(r"(?is)<title[^>]*>(.*?)</title>|<h1[^>]*>(.*?)</h1>")
_XML = re.compile(r"(?is)^\s*(<\?xml|<error|<fault|<[\w:]*response)")
_XML_TEXT = re.compile(r"(?is)<(?:message|faultstring|detail|description)>([^<]*)</")
_XML_CODE = re.compile(r"(?is)<(?:code|faultcode)>([\w.-]{1,64})</")
_HTML = re.compile(r"(?is)^\s*(<!doctype html|<html|<head|<body)")
_HIDDEN = re.compile(r"(?is)<(script|style|svg)\b.*?(</\1>|$)|<[^>]*>|<!--.*?-->")
"""The parts of a web page that are not its text."""
_CLOUDFLARE = re.compile(r"error code: (\d{3,4})\s*")
CLOUDFLARE = PHRASES.pairs("cloudflare")


class Complaint:
    """The codes, texts and waiting time of an error's body, in any of the shapes that servers use."""

    def __init__(self, body: Any, status: int | None = None) -> None:
        self.codes: list[str] = []
        self.fields: list[str] = []
        """The names of the request's fields in it."""
        self.retry_after: float | None = None
        self._numbers: list[int] = []
        self._texts: list[str] = []
        self.page = isinstance(body, str) and bool(_HTML.match(body) or _CLOUDFLARE.match(body))
        """Whether it is a web page, or Cloudflare's short form of one."""
        self._read(body, 0)
        self.text = "; ".join(dict.fromkeys(text for text in self._texts if text))[:4_000]
        inside = next((n for n in self._numbers if 300 <= n <= 599), None)  # noqa: PLR2004 - statuses
        self.status = status if status is not None else inside

    def _read(self, body: Any, depth: int) -> None:
        if depth > 6:  # noqa: PLR2004 - no service nests deeper
            return
        if isinstance(body, str):
            self._read_text(body, depth)
        elif isinstance(body, list | tuple):
            for item in body[:5]:
                self._read(item, depth + 1)
        elif isinstance(body, dict):
            self._read_fields(body, depth)

    def _read_text(self, text: str, depth: int) -> None:
        if _XML.match(text):
            self._texts += [unescape(found).strip() for found in _XML_TEXT.findall(text[:20_000])]
            self.codes += _XML_CODE.findall(text[:20_000])
        elif _HTML.match(text):
            self._texts.append(_page_text(text[:20_000]))
        elif cloudflare := _CLOUDFLARE.fullmatch(text):
            number = cloudflare[1]
            means = f", {CLOUDFLARE[number]}" if number in CLOUDFLARE else ""
            self._texts.append(f"Cloudflare error {number}{means}")
        elif text.lstrip().startswith("{") and (inner := next(objects(text), None)):
            self._read(inner, depth + 1)
        else:
            self._texts.append(text.encode("utf-8", "replace").decode().strip())

    def _read_fields(self, body: dict[str, Any], depth: int) -> None:
        body = plain(body)
        for name in field_names.ERROR_CODES:
            word = body.get(name)
            if isinstance(word, str) and _CODE.fullmatch(word) and not word.isdigit():
                self.codes.append(word)
        for name in field_names.ERROR_NUMBERS:
            number = body.get(name)
            if isinstance(number, str) and number.isdecimal() and len(number) <= 4:  # noqa: PLR2004 - digits
                number = int(number)
            if isinstance(number, int) and not isinstance(number, bool):
                self._numbers.append(number)
        for name in field_names.ERROR_FIELDS:
            named = body.get(name)
            parts = named if isinstance(named, list) else [named]
            self.fields += [part for part in parts if isinstance(part, str) and part != "body"]
        waits = [_until(str(body.get(name, ""))) for name in field_names.WAITS]
        waits += [duration(f"{body[name]}ms") for name in field_names.WAITS_MS if name in body]
        self.retry_after = next((w for w in waits if w is not None), self.retry_after)
        self._read_texts(body, depth)

    def _read_texts(self, body: dict[str, Any], depth: int) -> None:
        before = len(self._texts)
        for name in field_names.ERROR_TEXTS:
            self._read(body.get(name), depth + 1)
        if body.get("loc") and len(self._texts) > before and self.fields:
            self._texts[before] = f"{self.fields[-1]}: {self._texts[before]}"
        for name in field_names.MORE_ERROR_TEXTS:
            self._read(body.get(name), depth + 1)
        state = body.get("status")
        if len(self._texts) == before and isinstance(state, str) and " " in state:
            self._texts.append(state)
        if isinstance(state, dict):
            self._read(body["status"], depth + 1)
        if isinstance(body.get("errors"), dict) and len(self._texts) == before:
            for field, message in body["errors"].items():  # keyed by fields of the request
                self.fields.append(str(field))
                self._read(message, depth + 1)

    @property
    def quoted(self) -> str:
        """The text on one line, shortened, without keys."""
        text = _KEY.sub("…", " ".join(self.text.split()))
        return text if len(text) <= QUOTED_CHARS else text[:QUOTED_CHARS] + "…"

    @property
    def names_no_reason(self) -> bool:
        """Whether it gives no reason beyond "not found"."""
        pattern = _NO_ROUTE_PAGE if self.page else _NO_ROUTE
        texts = [text.strip(" .!\n") for text in self._texts]
        return all(pattern.fullmatch(text) for text in texts if text)

    @property
    def says_only_status(self) -> bool:
        """Whether its text is empty, or no more than the name of the status."""
        name = HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else ""
        return self.text.strip(" .!\n").lower() in {"", name.lower()}

    @property
    def refuses_access(self) -> bool:
        """Whether access is refused for a reason that is not said to be the key."""
        forbidden = self.status == HTTPStatus.FORBIDDEN and not self.says_only_status
        return forbidden and not _BAD_KEY.search(self.text)

    @property
    def is_filtered(self) -> bool:
        """Whether a content filter refuses the request."""
        return bool(_FILTERED.search(" ".join((self.text, *self.codes))))

    @property
    def nothing_there(self) -> bool:
        """Whether the service has nothing at the address, and gives no other reason."""
        known = self.status in NOTHING_THERE or (self.status is None and bool(self.text))
        return known and self.names_no_reason

    @property
    def limit(self) -> int | None:
        """The most tokens that the model accepts, if the text has a number."""
        numbers = [int(found.replace(",", "")) for found in _LIMIT.findall(self.text)]
        return min((n for n in numbers if n >= 256), default=None)  # noqa: PLR2004 - no window is smaller

    @property
    def kind(self) -> type[errors.LlmError]:
        """The class of the error."""
        kinds = [CODES[code.lower()] for code in self.codes if code.lower() in CODES]
        known = next((kind for kind in kinds if kind is not errors.LlmRateLimited), None)
        by_status = STATUSES.get(self.status or 0)
        if known is not None:
            return known
        # Groq sends rate_limit_exceeded with status 413 for a request that is always too large.
        if by_status is errors.LlmTooLarge:
            return by_status
        if errors.LlmRateLimited in (*kinds, by_status):
            passes = self.retry_after is not None or _PASSES.search(self.text)
            return (
                errors.LlmQuotaSpent
                if _QUOTA.search(self.text) and not passes
                else errors.LlmRateLimited
            )
        if self.status in TEXT_DECIDES:
            by_text = next((kind for words, kind in _BY_TEXT if words.search(self.text)), None)
            if by_text is None and self.status == HTTPStatus.NOT_FOUND and _MODEL.search(self.text):
                by_text = errors.LlmModelUnknown
            if by_text is not None:
                return by_text
        if by_status is not None:
            return by_status
        failed = self.status is None or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        failed = failed and not self.nothing_there
        return errors.LlmUnavailable if failed else errors.LlmError


def _page_text(page: str) -> str:
    """What a page says: its title, where that is more than a status, or else its text too."""
    found = _TITLE.search(page)
    title = " ".join(unescape(next(filter(None, found.groups()), "")).split()) if found else ""
    text = " ".join(unescape(_HIDDEN.sub(" ", page)).split())
    text = text.replace(title, "").strip() if title else text
    if title and not (title[:3].isdigit() and len(text.split()) >= SENTENCE_WORDS):
        return title
    return ": ".join(filter(None, (title, text)))


def refusal(
    service: Service,
    model: str,
    *,
    status: int | None,
    body: Any,
    headers: Mapping[str, str] | None = None,
) -> errors.LlmError:
    """The error of a response; `status` is None for an error inside a stream."""
    headers = headers or {}
    if isinstance(body, dict) and "unreadable" in body:
        return _unreadable(service, str(body["unreadable"]))
    if status in REDIRECTS:
        target = _SECRET.sub("", headers.get("location", ""))[:QUOTED_CHARS] or "another address"
        if _SIGN_IN.search(target):
            return _asks_to_sign_in(service, target)
        return errors.LlmError(
            f"{service.where} redirects to {target}. "
            f"Put that address into {service.address_setting}, without /chat/completions."
        )
    complaint = Complaint(body, status)
    kind = complaint.kind
    wait = _wait(complaint, headers)
    if kind is errors.LlmRateLimited:
        why = f": {complaint.quoted}" if wait is None and complaint.quoted else ""
        sentence = f"The model's service limits how much you may ask{why}. Try again {_when(wait)}."
        return errors.LlmRateLimited(_STOPS.sub(r"\1", sentence), retry_after=wait)
    if kind is errors.LlmLoading:
        wait = LOADING_SECONDS if wait is None else wait
    sentence = _sentence(kind, complaint, service, model)
    if kind is errors.LlmUnavailable:
        sentence += f" Try again {_when(wait)}."
    return kind(sentence, retry_after=wait if issubclass(kind, errors.LlmUnavailable) else None)


def lost(error: BaseException, service: Service, *, begun: bool) -> errors.LlmError:
    """The error of a failed connection; `begun`: a part of the reply was received."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, BadVariable):
            return errors.LlmUnavailable(str(cause))
    if any(isinstance(cause, httpx.ConnectTimeout) for cause in causes):
        return errors.LlmUnavailable(
            f"{service.where} takes no connection. GENPY_LLM_CONNECT_SECONDS allows more time."
        )
    if any(isinstance(cause, TimeoutError | httpx.TimeoutException) for cause in causes):
        setting = "GENPY_LLM_TOKEN_SECONDS" if begun else "GENPY_LLM_FIRST_TOKEN_SECONDS"
        return errors.LlmTimeout(
            f"The model at {service.where} took too long. Try again, or allow more with {setting}."
        )
    if begun:
        return errors.LlmCutOff("The connection to the model broke off. Try again.")
    if any("certificate" in str(cause).lower() for cause in causes):
        sentence = (
            f"The certificate of {service.where} is not trusted. "
            "Name the file of its authority in SSL_CERT_FILE, or correct the address."
        )
    elif any(isinstance(cause, httpx.DecodingError) for cause in causes):
        sentence = (
            f"{service.where} answered in a compression that cannot be read. "
            "Check a proxy before it, and try again."
        )
    else:
        check = "the network" if service.kind == "groq" else "that it runs and the address is right"
        sentence = f"No model answers at {service.where}. Check {check}."
    return errors.LlmUnavailable(sentence)


def _sentence(
    kind: type[errors.LlmError], complaint: Complaint, service: Service, model: str
) -> str:
    reason = f": {complaint.quoted}" if complaint.quoted else ""
    if kind is errors.LlmKeyRejected:
        sentence = _key_rejected(complaint, service, reason)
    elif kind is errors.LlmUnavailable and _NO_SERVER.search(complaint.text):
        sentence = f"The tunnel at {service.where} has no model server at its end{reason}."
    elif kind is errors.LlmUnavailable:
        status = f" ({complaint.status})" if complaint.status else ""
        what = f"reports a problem{reason}" if reason else f"is in trouble{status}"
        sentence = f"The model's service {what}."
    elif kind in _SENTENCES:
        sentence = _SENTENCES[kind].format(model=model, where=service.where, reason=reason)
    else:
        return _refused(complaint, service, reason)
    return _STOPS.sub(r"\1", sentence)


def _key_rejected(complaint: Complaint, service: Service, reason: str) -> str:
    if _NO_REGION.search(" ".join((complaint.text, *complaint.codes)).replace("_", " ")):
        return (
            f"The model's service does not answer requests from here{reason}. "
            "Another key does not help: choose a model of another service with /model or -m."
        )
    if complaint.page:
        return (
            f"{service.where} refuses access with a web page ({complaint.status}){reason}. A proxy "
            f"may stand before it; check {service.key_setting} and {service.address_setting}."
        )
    if complaint.refuses_access:
        return (
            f"The model's service refuses access{reason}. "
            f"See what the key in {service.key_setting} may use, and from where."
        )
    return f"The model's service refuses the key. Put a valid one into {service.key_setting}."


def _refused(complaint: Complaint, service: Service, reason: str) -> str:
    if complaint.nothing_there:
        return (
            f"No chat completions at {service.where}. "
            f"Correct {service.address_setting}; such an address mostly ends in /v1."
        )
    if complaint.status in NOTHING_THERE and complaint.page:
        return (
            f"{service.where} answered with a web page ({complaint.status}){reason}. "
            f"Check {service.address_setting}."
        )
    if complaint.is_filtered:
        return f"The content filter of the model's service refuses this{reason or '.'}"
    why = ", ".join([*map(str, filter(None, [complaint.status])), *complaint.codes[:1]])
    return f"The model's service refused the request ({why}){reason or '.'}"


def _unreadable(service: Service, text: str) -> errors.LlmError:
    """The error of a response with status 200 that is not a reply."""
    complaint = Complaint(text)
    if complaint.page and _SIGN_IN.search(complaint.text):
        return _asks_to_sign_in(service, complaint.quoted)
    broken = text.count("\ufffd") > len(text) // BROKEN_PART
    if broken:
        what = "data that is not text, compressed perhaps"
    else:
        what = "a web page" if complaint.page else "something that is not a reply"
    quoted = f": {complaint.quoted}" if complaint.quoted and not broken else ""
    return errors.LlmCutOff(
        f"{service.where} answered with {what}{quoted}. Check {service.address_setting}."
    )


def _asks_to_sign_in(service: Service, page: str) -> errors.LlmError:
    return errors.LlmKeyRejected(
        f"{service.where} asks to sign in on a web page ({page}). Make it reachable without that, "
        f"as a public port is, or check {service.address_setting}."
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def duration(text: str) -> float | None:
    """Seconds of a duration such as 1d2h, 2m59.56s, PT3M, 900 ms or 7; None for anything else."""
    text = text.strip()
    try:
        seconds = float(text)
    except ValueError:
        text = text.removeprefix("PT")
        parts = _PART.findall(text.lower())
        if not parts or _PART.sub("", text):
            return None
        sizes = (0.001 if u.startswith(("ms", "milli")) else _SECONDS[u[0]] for _, u in parts)
        seconds = sum(float(number) * size for (number, _), size in zip(parts, sizes, strict=True))
    return min(seconds, MAX_WAIT) if math.isfinite(seconds) and seconds >= 0 else None


def _wait(complaint: Complaint, headers: Mapping[str, str]) -> float | None:
    """Seconds until a retry, by the headers, the text or the body; None if not given."""
    in_text = _WAIT.search(complaint.text)
    spent = "request" if headers.get("x-ratelimit-remaining-requests") == "0" else "token"
    resets = sorted(
        (name for name in headers if "reset" in name), key=lambda name: spent not in name
    )
    draft = _RESET.search(headers.get("ratelimit", ""))
    waits = (
        duration(headers.get("retry-after-ms", "") and f"{headers['retry-after-ms']}ms"),
        _until(headers.get("retry-after") or headers.get("x-retry-after", "")),
        _until(next(filter(None, in_text.group(*_WAIT.groupindex)))) if in_text else None,
        complaint.retry_after,
        *(_until(headers[name]) for name in resets),
        duration(draft[1]) if draft else None,
    )
    return next((seconds for seconds in waits if seconds is not None), None)


def _until(text: str) -> float | None:
    """Seconds of a duration, or until a time (a date, or seconds or milliseconds since 1970)."""
    text = text.strip(' "').removesuffix("UTC").rstrip()
    try:
        due = _time(text)
    except (TypeError, ValueError, OverflowError):
        return duration(text.partition(",")[0])  # a proxy may send a field twice
    return duration(text) if due is None else duration(str(max(due - time.time(), 0.0)))


def _time(text: str) -> float | None:
    """A time in seconds since 1970, None for a number that is a duration."""
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        if not _FIRST_TIME <= number < math.inf:
            return None
        return number / 1000 if number >= _FIRST_MS else number
    try:
        due = datetime.fromisoformat(text)
    except ValueError:
        due = parsedate_to_datetime(text)
    return due.replace(tzinfo=due.tzinfo or UTC).timestamp()


def _when(wait: float | None) -> str:
    if not wait:
        return "in a moment"
    if wait < 120:  # noqa: PLR2004 - two minutes
        return f"in {math.ceil(wait)} s"
    hours, minutes = divmod(math.ceil(wait / 60), 60)
    return f"in {hours} h {minutes} min" if hours else f"in {minutes} min"


def quota(headers: Mapping[str, str]) -> Quota | None:
    """The remaining quota by the headers of a response; None if it has none of them."""
    numbers = {
        f"{what}_{end}": int(text)
        for what in ("requests", "tokens")
        for end, word in (("left", "remaining"), ("limit", "limit"))
        if _COUNT.fullmatch(text := headers.get(f"x-ratelimit-{word}-{what}", ""))
    }
    return Quota(**numbers) if numbers else None
