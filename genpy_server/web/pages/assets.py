"""The files of the pages, read once, each with an address that changes when any file changes.

A page refers to its files as `assets/VERSION/NAME`, where VERSION is a hash of all files, so that
browsers may cache them forever and still load new ones after an update. The pages themselves are
revalidated each time by their ETag.
"""

import base64
import re
from collections.abc import Collection, Sequence
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files

import msgspec

from genpy_server.errors import GenPyError, NotFound
from genpy_server.web.messages import HTML, Response

SCRIPT = "text/javascript; charset=utf-8"
STYLE = "text/css; charset=utf-8"
IMAGE = "image/svg+xml"

_TYPES = {"js": SCRIPT, "css": STYLE, "svg": IMAGE}
_FOLDER = files(__package__).joinpath("assets")

ASSETS = {
    name: _TYPES[ending]
    for name in sorted(file.name for file in _FOLDER.iterdir())
    if (ending := name.rpartition(".")[2]) in _TYPES
}
"""The type of each file."""

CHAT = "chat.js"
SCRIPTS = {"chat.html": CHAT, "summary.html": "summary.js"}
"""The pages of this folder, and the script of each."""

_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_COMMENT = re.compile(r"^ *(?:/\*\*(?:[^*]|\*(?!/))*\*/|//[^\n]*)\n", re.MULTILINE)
"""Comments on their own lines, a quarter of a script's bytes."""
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)

_THEME = (
    "try { document.documentElement.dataset.theme = localStorage.getItem('genpy-theme') ?? 'system'; }"
    " catch {}"
)
"""Chooses the colours as theme.js does, which comes later than what it colours."""
_SHEET = re.compile(r' *<link rel="stylesheet" href="\{assets\}/(\w+\.css)" />\n')

VERSION_PATTERN = "[0-9a-f]{12}"
_VERSION = re.compile(VERSION_PATTERN)

FOREVER = "public, max-age=31536000, immutable"

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types genpy"
)
"""What a page may load and run: what this server sends, and nothing in the page itself but what a hash names.

Only api.js makes nodes of HTML, through the one policy named here.
"""


@cache
def source(name: str) -> str:
    """A file as it is written."""
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")


@cache
def imported(name: str) -> tuple[str, ...]:
    """The modules that a module imports, directly or not, each behind those that it imports itself."""
    found: dict[str, None] = {}
    for _, module in _IMPORT.findall(source(name)):
        found.update(dict.fromkeys([*imported(f"{module}.js"), f"{module}.js"]))
    return tuple(found)


@cache
def asset(name: str) -> bytes:
    """The content of a file as it is sent; raises `NotFound` for any other name.

    The script of a page holds all that it imports: over HTTP/1.1 some twenty modules take several
    round trips. A module that the chat page loads later shares the ones that its script holds.
    """
    if name not in ASSETS:
        raise NotFound("The pages have no such file.")
    if name in SCRIPTS.values():
        return _joined([*imported(name), name]).encode()
    shared = imported(CHAT)
    text = source(name)
    if ASSETS[name] == SCRIPT and name not in shared:
        text = _IMPORT.sub(lambda found: _shared(found, shared), text)
    return text.encode()


def _joined(names: Sequence[str]) -> str:
    """Modules as one, in which each is the object of what it exports: `$dom` for dom.js."""
    parts = []
    for name in names:
        text = _COMMENT.sub("", _IMPORT.sub(r"const \1 = $\2;", source(name)))
        exported = ", ".join(found[1] for found in _EXPORT.findall(text))
        body = _EXPORT.sub(r"\1", text)
        parts.append(f"const ${name[:-3]} = (() => {{\n{body}return {{ {exported} }};\n}})();\n")
    return "".join([*parts, f"export {{ {', '.join('$' + name[:-3] for name in names)} }};\n"])


def _shared(found: re.Match[str], shared: Collection[str]) -> str:
    names, module = found.groups()
    if f"{module}.js" not in shared:
        return found[0]
    return f'import {{ ${module} }} from "./{CHAT}";\nconst {names} = ${module};'


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
    return page_response(page_text(name), root)


def page_text(name: str) -> str:
    """A page of this folder as it is written."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def page_response(text: str, root: str = "./", policy: str = CONTENT_POLICY) -> Response:
    """A page that is the same for everyone.

    `{root}` in it is the address of the chat page from here, and `{assets}` where the files are, so
    that the pages may stand below any folder of a host.
    """
    body = text.replace("{assets}", f"{root}assets/{version()}").replace("{root}", root).encode()
    return Response.file(body, HTML, {"Content-Security-Policy": policy})


@cache
def _chat_with_style() -> Response:
    """The chat page that holds its style sheets and its choice of a theme, by their hash in the policy.

    What stands in the document is then shown as it is to be, before any file has come.
    """
    text = page_text("chat.html")
    style = "".join(source(name) for name in _SHEET.findall(text))
    head = f"<script>{_THEME}</script><style>{style}</style></head>"
    policy = CONTENT_POLICY
    for kind, inline in (("script", _THEME), ("style", style)):
        digest = base64.b64encode(sha256(inline.encode()).digest()).decode()
        policy = policy.replace(f"{kind}-src 'self'", f"{kind}-src 'self' 'sha256-{digest}'")
    return page_response(_SHEET.sub("", text).replace("</head>", head), policy=policy)


def chat_with_data(data: bytes, title: str, shown: str) -> Response:
    """The chat page with JSON for its script, which is for one user and never kept.

    `shown` is the safe HTML of the messages that are seen until the script has come.
    """
    page = _chat_with_style()
    # Without a "<" it cannot end its element; as data it is nothing that the policy would run.
    script = b'<script type="application/json" id="sent">%b</script></body>'
    places = {b"</body>": script % data.replace(b"<", b"\\u003c")}
    if shown:
        entries = b'<div id="messages"><div class="entries">%b</div>' % shown.encode()
        places |= {
            b'<div id="messages">': entries,
            b'id="welcome"': b'id="welcome" hidden',
            b'id="conversation"': b'id="conversation" class="still"',
            b">New conversation</h1>": b">%b</h1>" % escape(title).encode(),
        }
    # In one go, so that no place is sought in what was filled in.
    body = re.sub(b"|".join(places), lambda place: places[place[0]], page.body)
    return msgspec.structs.replace(page, body=body, etag=None)


def error_page(error: GenPyError, path: str) -> Response:
    """A failure as a page, for a person who opened the address of a path in a browser."""
    text = page_text("error.html")
    shown = Response(error.status)
    text = text.replace("{title}", shown.reason).replace("{message}", escape(error.message))
    page = page_response(text, "../" * (path.count("/") - 1) or "./")
    return msgspec.structs.replace(page, status=error.status, etag=None)
