"""The page at `/docs`: every endpoint, frame, error and close code, with examples."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import msgspec

from genpy_server.errors import BY_CODE
from genpy_server.web.docs import documents
from genpy_server.web.docs.schemas import components, example, text_of
from genpy_server.web.pages.assets import page_text
from genpy_server.web.router import Route
from genpy_server.web.routes import ROUTES
from genpy_server.wire import CLOSE_AGAIN, PROTOCOL, Frame

LARGEST = 2**63 - 1
"""A maximum that is not shown: the largest integer that msgspec reads."""

COUNTS = "<p>It counts towards the limit of messages and changes in a minute.</p>"


def docs_page() -> str:
    """The whole page: `docs.html` with what follows from the routes, the frames and the errors."""
    parts = {
        "address": documents.ADDRESS,
        "protocol": PROTOCOL,
        "close_codes": ", ".join(map(str, sorted(CLOSE_AGAIN))),
        "to_server": _frames(documents.CLIENT_FRAMES),
        "to_client": _frames(documents.SERVER_FRAMES),
        "endpoints": "".join(map(_route, ROUTES)),
        "errors": _errors(),
    }
    page = page_text("docs.html")
    for name, part in parts.items():
        page = page.replace(f"{{{name}}}", part, 1)
    return page


def _frames(kinds: Sequence[type[Frame]]) -> str:
    schemas = components(kinds)
    parts = []
    for kind in kinds:
        name, schema = documents.tag(kind), schemas[kind.__name__]
        parts.append(f'<article id="frame-{name}"><h4><code>{name}</code></h4>')
        parts += [f"<p>{_inline(part)}</p>" for part in text_of(kind).split("\n\n")]
        parts += [_fields(schema), _json(example(kind), f"Example of {name}"), "</article>"]
    return "".join(parts)


def _route(route: Route) -> str:
    parts = [
        f'<article id="{documents.operation_id(route)}"><h3><span class="method">{route.method}</span> ',
        f"<code>{escape(route.pattern)}</code></h3><p>{_inline(route.doc)}</p>",
    ]
    if route.counts:
        parts.append(COUNTS)
    for head, kind in (("Query", route.query), ("Body", route.body), ("Answer", route.answer)):
        if kind is None:
            continue
        parts.append(f"<h4>{head}</h4>")
        if kind is not route.answer:
            parts.append(_fields(components([kind])[kind.__name__]))
        if kind is not route.query:
            parts.append(_json(example(kind), f"{head} of {route.method} {route.pattern}"))
    return "".join([*parts, "</article>"])


def _errors() -> str:
    rows = [
        (f"<code>{code}</code>", str(kind.status), "yes" if kind.retryable else "no", text_of(kind))
        for code, kind in sorted(BY_CODE.items())
    ]
    return _table(("Code", "Status", "Try again", "When"), rows)


def _fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        (
            f"<code>{name}</code>",
            escape(_kind(field)) + ("" if name in required else ", optional"),
            _inline(field.get("description", "")),
        )
        for name, field in schema["properties"].items()
        if name != "type"
    ]
    return _table(("Field", "Type", ""), rows) if rows else ""


def _kind(schema: dict[str, Any]) -> str:
    """A type in words: `string`, `integer from 1 to 5`, `one of a, b`."""
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    bounds = [
        f" {word} {schema[key]}"
        for word, key in (("from", "minimum"), ("to", "maximum"))
        if schema.get(key, LARGEST) < LARGEST
    ]
    return str(schema.get("type", "anything")) + "".join(bounds)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{text}</th>' if text else "<td></td>" for text in heads)
    body = "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in rows)
    return (
        '<div class="wide" role="group" tabindex="0" aria-label="Table"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _json(value: Any, label: str) -> str:
    text = escape(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    return f'<pre role="group" tabindex="0" aria-label="{escape(label)}"><code>{text}</code></pre>'


def _inline(text: str) -> str:
    """Escaped text, with parts in backquotes as code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(pieces))
