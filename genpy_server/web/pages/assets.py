"""Every file of the pages, read once, under an address that changes when any of them does.

A page names its files as `assets/VERSION/NAME`, where VERSION stands for the content of all, so a
browser may keep them for good and still gets the new ones after an update. The pages themselves
are revalidated each time by their ETag.
"""

import gzip
import re
from functools import cache, lru_cache
from hashlib import sha256
from html import escape
from importlib.resources import files

import msgspec

from genpy_server.errors import GenPyError, NotFound
from genpy_server.web.messages import HTML, Request, Response

SCRIPT = "text/javascript; charset=utf-8"
STYLE = "text/css; charset=utf-8"
IMAGE = "image/svg+xml"

ASSETS = {
    "icon.svg": IMAGE,
    "base.css": STYLE,
    "chat.css": STYLE,
    "summary.css": STYLE,
    "docs.css": STYLE,
    "chat.js": SCRIPT,
    "summary.js": SCRIPT,
    "actions.js": SCRIPT,
    "api.js": SCRIPT,
    "body.js": SCRIPT,
    "charts.js": SCRIPT,
    "code.js": SCRIPT,
    "commands.js": SCRIPT,
    "composer.js": SCRIPT,
    "dom.js": SCRIPT,
    "entry.js": SCRIPT,
    "highlight.js": SCRIPT,
    "inline.js": SCRIPT,
    "link.js": SCRIPT,
    "markdown.js": SCRIPT,
    "memory.js": SCRIPT,
    "menu.js": SCRIPT,
    "outbox.js": SCRIPT,
    "page_commands.js": SCRIPT,
    "room.js": SCRIPT,
    "sessions.js": SCRIPT,
    "settings.js": SCRIPT,
    "setup.js": SCRIPT,
    "slash.js": SCRIPT,
    "stars.js": SCRIPT,
    "storage.js": SCRIPT,
    "theme.js": SCRIPT,
    "transcript.js": SCRIPT,
    "view.js": SCRIPT,
}

_SHARED = (
    *("dom.js", "api.js", "transcript.js", "entry.js", "body.js", "stars.js", "theme.js"),
    *("markdown.js", "inline.js", "code.js", "storage.js"),
)
MODULES = {
    "chat.html": (
        *_SHARED,
        *("actions.js", "room.js", "link.js", "outbox.js", "view.js", "sessions.js"),
        *("highlight.js", "composer.js", "menu.js"),
    ),
    "summary.html": (*_SHARED, "charts.js", "memory.js"),
}
"""What the script of a page imports, so that a browser can ask for all of it at once."""

VERSION_PATTERN = "[0-9a-f]{12}"
_VERSION = re.compile(VERSION_PATTERN)

FOREVER = "public, max-age=31536000, immutable"

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types genpy"
)
"""What a page may load and run: what this server sends, and nothing written into the page.

Only api.js makes nodes of HTML, through the one policy named here.
"""


@cache
def asset(name: str) -> bytes:
    """The content of a file of the table; raises `NotFound` for any other name."""
    if name not in ASSETS:
        raise NotFound("The pages have no such file.")
    return files(__package__).joinpath("assets", name).read_bytes()


@cache
def version() -> str:
    """What changes when any file does."""
    digest = sha256()
    for name in ASSETS:
        digest.update(asset(name))
    return digest.hexdigest()[:12]


def asset_response(name: str, asked: str) -> Response:
    """A file, to be kept for good where it was asked for under the current version.

    An earlier version is still answered, with today's file: a page may be older than the server.
    """
    if not _VERSION.fullmatch(asked):
        raise NotFound("Version not found.")
    lasting = {"Cache-Control": FOREVER} if asked == version() else {}
    return Response.file(asset(name), ASSETS[name], lasting)


@cache
def page(name: str, root: str = "./") -> Response:
    """A page of this folder, with the addresses of its files."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    preload = "\n".join(
        f'<link rel="modulepreload" href="{{assets}}/{module}">' for module in MODULES[name]
    )
    return page_response(text.replace("{modules}", preload), root)


def page_response(text: str, root: str = "./") -> Response:
    """A page that is the same for everyone.

    `{root}` in it is the address of the chat page from here, and `{assets}` where the files are, so
    that the pages may stand below any folder of a host.
    """
    body = text.replace("{assets}", f"{root}assets/{version()}").replace("{root}", root).encode()
    return Response.file(body, HTML, {"Content-Security-Policy": CONTENT_POLICY})


def error_page(error: GenPyError, path: str) -> Response:
    """A failure as a page, for a person who opened the address of a path in a browser."""
    text = files(__package__).joinpath("error.html").read_text(encoding="utf-8")
    shown = Response(error.status)
    text = text.replace("{title}", shown.reason).replace("{message}", escape(error.message))
    page = page_response(text, "../" * (path.count("/") - 1) or "./")
    return msgspec.structs.replace(page, status=error.status, etag=None)


def packed(response: Response, request: Request) -> Response:
    """The same in a third of the bytes, for a browser that can unpack it."""
    response = response.varying("Accept-Encoding")
    if not request.accepts_gzip:
        return response
    headers = {**response.headers, "Content-Encoding": "gzip"}
    return Response.file(_gzip(response.body), response.content_type, headers)


@lru_cache(maxsize=64)
def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)
