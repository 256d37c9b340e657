"""The gate of HTTP and WebSocket: checks Host, Origin and token.

- Host must be a name of this server, or a page elsewhere could point a name of its own at this
  machine and read everything (DNS rebinding).
- Origin, which browsers send and pages cannot forge, must be this server's own or a listed one.
  Other programs send none.
- A token comes in the Authorization header, or in the first frame of a WebSocket that a browser
  opened, never in an address, where logs and histories would keep it.

Unauthenticated peers are limited in their connections and in their wrong tokens.
"""

import hmac
import time
from collections import Counter
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

import msgspec

from genpy_server.core.identity import address_of, checked_ref, is_loopback
from genpy_server.errors import BadRequest, Forbidden, TooMany, Unauthorized, UnknownProtocol
from genpy_server.settings import Settings
from genpy_server.web.messages import Request
from genpy_server.wire import PROTOCOL

FREE_ATTEMPTS = 5
"""Wrong tokens from one address before it has to wait."""
LONGEST_WAIT = 60.0
"""Longest wait between two attempts, in seconds."""
FORGOTTEN_AFTER = 900.0
"""Seconds after which the wrong tokens of an address are forgotten."""
ADDRESSES = 10_000
"""Addresses whose wrong tokens are remembered."""

Network = IPv4Network | IPv6Network


def bucket(address: str) -> str:
    """The key under which an address is counted: a /64 for IPv6, which one customer usually has."""
    found = address_of(address)
    if found is None:
        return address
    return str(ip_network(f"{found}/64", strict=False) if found.version == 6 else found)  # noqa: PLR2004 - the version of the protocol


class Proxies:
    """The proxies whose `X-Forwarded-For` is trusted."""

    def __init__(self, networks: tuple[str, ...]) -> None:
        self._networks: list[Network] = [ip_network(text, strict=False) for text in networks]

    def __contains__(self, address: str) -> bool:
        found = address_of(address)
        return found is not None and any(found in network for network in self._networks)

    def client(self, peer: str, headers: Mapping[str, str]) -> str:
        """The client's address: the last hop that is not a trusted proxy.

        A client can forge the beginning of the field, so it is read from its end.
        """
        address = peer
        hops = headers.get("x-forwarded-for", "").split(",")
        while address in self and hops:
            hop = address_of(hops.pop().strip())
            if hop is None:
                break
            address = str(hop)
        return address


class RemotePeer(msgspec.Struct, eq=False):
    """One connection; `drop` closes it when the limit is reached."""

    strangers: "Strangers"
    address: str
    drop: Callable[[], None]

    def moved(self, address: str) -> None:
        """Count it for the address behind a proxy; raises `TooMany` over the limit."""
        if address != self.address:
            counted = self in self.strangers
            self.strangers.remove(self)
            self.address = address
            if counted and not self.strangers.add(self):
                raise TooMany("Too many connections from your address have not sent a token.")

    def identified(self) -> None:
        """Stop counting it: it is authenticated or closed."""
        self.strangers.remove(self)

    left = identified


class Strangers:
    """Unauthenticated connections: limited in all, and for each remote address.

    Loopback has no limit of its own: its clients are this machine's, or all those of a proxy.
    """

    def __init__(self, most: int, most_per_address: int, proxies: Proxies) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._proxies = proxies
        self._peers: dict[RemotePeer, None] = {}
        self._counts: Counter[str] = Counter()

    def __contains__(self, peer: RemotePeer) -> bool:
        return peer in self._peers

    def __len__(self) -> int:
        return len(self._peers)

    def add(self, peer: RemotePeer) -> bool:
        """Count a connection; False where its address has too many.

        Where there are too many in all, the oldest one is dropped.
        """
        key = bucket(peer.address)
        bounded = peer.address not in self._proxies and not is_loopback(peer.address)
        if bounded and self._counts[key] >= self._most_per_address:
            return False
        if len(self._peers) >= self._most:
            oldest = next(iter(self._peers))
            self.remove(oldest)
            oldest.drop()
        self._peers[peer] = None
        self._counts[key] += 1
        return True

    def remove(self, peer: RemotePeer) -> None:
        """Stop counting a connection."""
        if peer in self._peers:
            del self._peers[peer]
            key = bucket(peer.address)
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key]


class WrongTokens:
    """Wrong tokens by address: after a few, each requires a growing wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}

    def check(self, address: str) -> None:
        """Raise `TooMany` while an address has to wait."""
        left = self.wait(address)
        if left > 0:
            raise TooMany(
                f"Too many wrong tokens from your address. Wait {left:.0f} s and try again.",
                retry_after=round(left, 1),
            )

    def wait(self, address: str) -> float:
        """Seconds that an address still has to wait."""
        count, at = self._seen.get(bucket(address), (0, 0.0))
        if count < FREE_ATTEMPTS:
            return 0.0
        pause = min(2.0 ** min(count - FREE_ATTEMPTS, 10), LONGEST_WAIT)
        return max(0.0, at + pause - self._clock())

    def add(self, address: str) -> None:
        """Count a wrong token."""
        key, now = bucket(address), self._clock()
        count, at = self._seen.pop(key, (0, 0.0))
        if now - at > FORGOTTEN_AFTER:
            count = 0
        if len(self._seen) >= ADDRESSES:
            del self._seen[next(iter(self._seen))]
        self._seen[key] = (count + 1, now)


DEFAULT_PORTS = {"http": 80, "https": 443}
SAFE = frozenset({"GET", "HEAD"})
OWN_SITE = frozenset({"same-origin", "none"})


class Attach(msgspec.Struct, frozen=True):
    """The request of a WebSocket; without `user` its first frame must be `auth`."""

    user: str | None
    ref: str
    query: dict[str, str] = msgspec.field(default_factory=dict)


class Gate:
    """Checks every request by the settings."""

    def __init__(self, settings: Settings) -> None:
        self._tokens = [(token.encode(), user) for token, user in settings.tokens.items()]
        self._user = settings.user
        self._wrong = WrongTokens()
        self._hosts = {host.lower() for host in (settings.host, *settings.hosts)}
        self._every_address = settings.host in {"0.0.0.0", "::", ""}  # noqa: S104 - compared only
        self._origins = {origin.lower().rstrip("/") for origin in settings.origins}

    def admit(self, request: Request) -> None:
        """Check Host and Origin; raises `Forbidden`."""
        host = request.headers.get("host")
        # HTTP/1.0 requires no Host, and browsers do not use it.
        if host is not None and not self._is_own_name(_authority(host, "http")[0]):
            raise Forbidden(
                "This server does not answer to that host name. Add it to GENPY_HOSTS if it should."
            )
        origin = request.headers.get("origin")
        if origin is not None:
            if self.listed_origin(request) is None and not _same_origin(origin, host):
                raise Forbidden(
                    "Pages of that origin may not connect. Add it to GENPY_ORIGINS if they should."
                )
        elif request.headers.get("sec-fetch-site", "none") not in OWN_SITE and not (
            request.method in SAFE
            and not request.upgrade
            and request.headers.get("sec-fetch-mode") == "navigate"
        ):
            raise Forbidden("A page of another site may link here, and nothing else.")

    def listed_origin(self, request: Request) -> str | None:
        """The request's Origin, if it is a configured one."""
        origin = request.headers.get("origin")
        return origin if origin is not None and origin.lower() in self._origins else None

    def user(self, request: Request, address: str = "") -> str | None:
        """The user of a request; None without a token where one is required.

        Raises `Unauthorized` for a wrong token, and `TooMany` after too many from one address.
        """
        if not self._tokens:
            return self._user
        authorization = request.headers.get("authorization")
        if authorization is None:
            return None
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("Send the token as `Authorization: Bearer TOKEN`.")
        return self.authenticate(token.strip(), address)

    def authenticate(self, token: str, address: str = "") -> str:
        """The user of a token, in constant time for wrong ones; raises as `user` does."""
        if not self._tokens:
            return self._user
        self._wrong.check(address)
        given = token.encode("utf-8", "surrogatepass")
        # No early exit: the time must not tell how much of a token is right.
        users = [user for known, user in self._tokens if hmac.compare_digest(known, given)]
        if not users:
            self._wrong.add(address)
            raise Unauthorized("The token is not one of this server's. See GENPY_TOKEN.")
        return users[0]

    def attach(self, request: Request, ref: str, address: str = "") -> Attach:
        """Check a request to open a WebSocket, before the handshake."""
        offered = request.listed("sec-websocket-protocol")
        if PROTOCOL not in offered and any(name.startswith("genpy.") for name in offered):
            raise UnknownProtocol(f"This server speaks {PROTOCOL}.")
        checked_ref(ref)  # raises for an invalid name
        user = self.user(request, address)
        if user is None and PROTOCOL not in offered:
            raise Unauthorized("Send a token as `Authorization: Bearer TOKEN`.")
        return Attach(user, ref, request.query)

    def _is_own_name(self, name: str) -> bool:
        if name in self._hosts or is_loopback(name):
            return True
        # An attacker can point a host name at this machine, but not an address.
        return self._every_address and address_of(name) is not None


def _authority(text: str, scheme: str) -> tuple[str, int]:
    """Host name (lower case, IPv6 without brackets) and port of `host[:port]`."""
    try:
        parts = urlsplit(f"{scheme}://{text}")
        name, port = parts.hostname, parts.port
    except ValueError:
        name, port = None, None
    if not name or parts.netloc != text or "@" in text:
        raise BadRequest("The Host cannot be read.")
    return name, DEFAULT_PORTS[scheme] if port is None else port


def _same_origin(origin: str, host: str | None) -> bool:
    """Whether a page is of the same host and port; a proxy may have added TLS."""
    scheme, separator, authority = origin.lower().partition("://")
    if not separator or scheme not in DEFAULT_PORTS or host is None:
        return False
    try:
        return _authority(authority, scheme) == _authority(host, scheme)
    except BadRequest:
        return False
