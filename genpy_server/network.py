"""Proxies and trusted certificates, from the environment."""

import os
import ssl
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.request import getproxies

import httpx


class BadVariable(httpx.ConnectError):
    """A variable of the environment is invalid; the message is for a person."""


def http_client(url: str, *, trust_env: bool = True, **options: Any) -> httpx.AsyncClient:
    """An HTTP client for one address, with the proxy of the environment if `trust_env`.

    Raises `BadVariable`.
    """
    if trust_env:
        options["proxy"] = proxy_for(httpx.URL(url))
    # httpx would read certifi's list, which takes 40 ms, for plain HTTP too.
    encrypted = url.startswith("https:")
    options["verify"] = certificates() if encrypted else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(trust_env=False, **options)


def certificates() -> ssl.SSLContext:
    """The trusted certificates: SSL_CERT_FILE or SSL_CERT_DIR, or else certifi's list.

    Cached for the values of the two variables. Raises `BadVariable`.
    """
    return _read_certificates(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=1)
def _read_certificates(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        raise BadVariable(
            "The certificates of SSL_CERT_FILE or SSL_CERT_DIR cannot be read: "
            "correct that variable, or unset it."
        ) from error


def proxy_for(url: httpx.URL) -> str | None:
    """The proxy of the environment for an address, None where NO_PROXY names its host.

    httpx itself fails on a network of IPv6 addresses in NO_PROXY.
    """
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or _bypassed(url.host.lower(), proxies.get("no", "")):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not proxy.startswith(("http://", "https://")):
        raise BadVariable(
            f"A proxy of the environment ({url.scheme.upper()}_PROXY or ALL_PROXY) is not an HTTP "
            "proxy: correct that variable, or name the host in NO_PROXY."
        )
    return proxy


def _bypassed(host: str, names: str) -> bool:
    for entry in names.lower().replace(",", " ").split():
        try:
            if ip_address(host) in ip_network(entry.strip("[]"), strict=False):
                return True
        except ValueError:  # one of them is a name
            name = entry.split(":")[0].removeprefix("*").lstrip(".")
            if entry == "*" or (name and f".{host}".endswith(f".{name}")):
                return True
    return False
