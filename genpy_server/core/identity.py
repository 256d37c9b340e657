"""Ids of sessions, and host names of this machine."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from uuid import UUID, uuid5

from genpy_server.errors import BadRequest

NAMESPACE = UUID("6d0f4c1e-5f0b-4f57-9c7e-2b9a3a5d8e11")

REF_PATTERN = "[A-Za-z0-9._-]{1,64}"
"""A session's name, or its UUID."""

_NAMED_VERSION = 8
_QUESTION_VERSION = 7
_QUESTION_MESSAGES = 2
_SHORT, _SHORT_QUESTION = 8, 13
_REF = re.compile(REF_PATTERN)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class Identity(NamedTuple):
    """A session's UUID, and its name if it was referred to by one."""

    id: str
    name: str


def checked_ref(ref: str) -> str | None:
    """The id in a reference, None for a name; raises `BadRequest` where it is neither."""
    if _UUID.fullmatch(ref):
        return ref.lower()
    if not _REF.fullmatch(ref):
        raise BadRequest(
            f"{ref!r} is neither an id nor a name of 1 to 64 of the characters A-Z a-z 0-9 . _ -"
        )
    return None


def named_id(secret: str, user_id: str, name: str) -> str:
    """The UUID (version 8) of a user's named session; computing it needs the secret."""
    import hmac  # noqa: PLC0415 - with OpenSSL, and only for names

    digest = hmac.digest(secret.encode(), f"{user_id}\0{name}".encode(), "sha256")
    value = int.from_bytes(digest[:16])
    value = value & ~(0xF000 << 64) | 0x8000 << 64
    value = value & ~(0xC000 << 48) | 0x8000 << 48
    return str(UUID(int=value))


def named_id_before(user_id: str, name: str) -> str:
    """The id of a named session in earlier versions."""
    return str(uuid5(NAMESPACE, f"{user_id}\0{name}"))


def is_named_id(session_id: str) -> bool:
    """Whether an id has the form of `named_id`; such an id exists only with its row."""
    return _uuid_version(session_id) == _NAMED_VERSION


def _uuid_version(session_id: str) -> int | None:
    """The version of a UUID; None for an id that another program wrote in another form."""
    try:
        return UUID(session_id).version
    except ValueError:
        return None


def question_id(milliseconds: int, chance: int) -> str:
    """A UUID (version 7) for a single question, of milliseconds since 1970 and 74 random bits."""
    value = (milliseconds & (1 << 48) - 1) << 80 | _QUESTION_VERSION << 76
    value |= (chance >> 62 & 0xFFF) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    return str(UUID(int=value))


def is_question(session_id: str, message_count: int) -> bool:
    """Whether a session is a single question that was not continued."""
    return message_count <= _QUESTION_MESSAGES and _uuid_version(session_id) == _QUESTION_VERSION


def short_id(session_id: str) -> str:
    """The start of an id that is shown and typed; a question's includes the time to a millisecond."""
    asked = _uuid_version(session_id) == _QUESTION_VERSION
    return session_id[: _SHORT_QUESTION if asked else _SHORT]


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The IP address in a text, without its scope; of an IPv4 address in IPv6, that one."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped if isinstance(found, IPv6Address) else None) or found


def is_loopback(host: str) -> bool:
    """Whether an address is reachable only from this machine."""
    found = address_of(host.strip("[]"))
    return host == "localhost" or (found is not None and found.is_loopback)


def is_near(host: str) -> bool:
    """Whether a host is this machine or one of its network."""
    if is_loopback(host) or host.endswith((".local", ".internal", ".lan")) or "." not in host:
        return ":" not in host or is_loopback(host)
    found = address_of(host)
    return found is not None and found.is_private
