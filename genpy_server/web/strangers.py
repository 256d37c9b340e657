"""Limits of unauthenticated peers: their connections, and their wrong tokens.

Pure bookkeeping: no I/O, and the clock is given.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

from genpy_server.core.identity import address_of, is_loopback
from genpy_server.errors import TooMany

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
