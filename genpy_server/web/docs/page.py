"""The page at `/docs`: every endpoint, frame, error and close code, with examples."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import msgspec

from genpy_server.errors import BY_CODE
from genpy_server.web.docs.asyncapi import ADDRESS, CLIENT_FRAMES, SERVER_FRAMES, tag
from genpy_server.web.docs.examples import as_json, example
from genpy_server.web.docs.openapi import operation_id
from genpy_server.web.docs.schemas import components, field_docs, text_of
from genpy_server.web.router import Route
from genpy_server.wire import CLOSE_AGAIN, PROTOCOL, Frame

LARGEST = 2**63 - 1
"""The largest integer that msgspec reads, which is not shown as a bound."""

COUNTS = {
    "changes": "It counts towards the limit of messages and changes in a minute.",
}

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>API reference - GenPy</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="{assets}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{assets}/base.css">
<link rel="stylesheet" href="{assets}/docs.css">
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
<header id="top"><a class="brand" href="{root}">GenPy</a><nav aria-label="On this page">
<a href="#websocket">WebSocket</a> <a href="#http">HTTP</a> <a href="#errors">Errors</a></nav></header>
<main id="main">
"""

INTRODUCTION = """<h1>API reference</h1>
<p>Conversations are held over a WebSocket and kept; what is kept is read, searched and rated over
HTTP on the same port. This page is written from the tables of this server. For programs:
<a href="{root}docs/asyncapi.json">AsyncAPI</a> describes the WebSocket,
<a href="{root}docs/openapi.json">OpenAPI</a> the rest.</p>
<p>Where the server asks for a token, send it as <code>Authorization: Bearer TOKEN</code>. A
browser, which cannot do that for a WebSocket, sends it in its first frame.</p>
"""


def docs_page(routes: Sequence[Route]) -> str:
    """The whole page; `{assets}` in it is where its files are."""
    parts = [HEAD, INTRODUCTION, _websocket(), _http(routes), _errors(), "</main></body></html>\n"]
    return "".join(parts)


def _websocket() -> str:
    frames = components((*CLIENT_FRAMES, *SERVER_FRAMES))
    again = ", ".join(map(str, sorted(CLOSE_AGAIN)))
    return "".join(
        (
            '<section aria-labelledby="websocket"><h2 id="websocket">WebSocket</h2>',
            f"<p>Open <code>{ADDRESS}</code>, where the session is a UUID or a name of your own. ",
            "Without a subprotocol a text frame is a message, and the reply comes back as plain ",
            f"text. With <code>{PROTOCOL}</code> every frame is one of those below, as JSON.</p>",
            "<p>After a cut, <code>?epoch=…&amp;after=SEQ</code> goes on where you were, and ",
            "<code>?history=N</code> bounds the messages of a fresh start. ",
            "With <code>?features=html,approvals</code> the server sends safe HTML along, and asks ",
            "you before a tool acts; <code>?allow=TOOL</code> allows one in advance. ",
            f"The close codes {again} ",
            "mean that you may come back; any other means that it would not help.</p>",
            '<h3 id="to-server">From you to the server</h3>',
            *(_frame(kind, frames[kind.__name__]) for kind in CLIENT_FRAMES),
            '<h3 id="to-client">From the server to you</h3>',
            *(_frame(kind, frames[kind.__name__]) for kind in SERVER_FRAMES),
            "</section>",
        )
    )


def _frame(kind: type[Frame], schema: dict[str, Any]) -> str:
    name = tag(kind)
    return (
        f'<article id="frame-{name}"><h4><code>{name}</code></h4>{_paragraphs(text_of(kind))}'
        f"{_fields(kind, schema, skip='type')}{_json(example(kind), f'Example of {name}')}</article>"
    )


def _http(routes: Sequence[Route]) -> str:
    return (
        '<section aria-labelledby="http"><h2 id="http">HTTP</h2>'
        "<p>Answers are JSON except for the pages. A failure is "
        '<code>{"error": {"code", "message"}}</code> with a fitting status.</p>'
        + "".join(map(_route, routes))
        + "</section>"
    )


def _route(route: Route) -> str:
    parts = [
        f'<article id="{operation_id(route)}"><h3><span class="method">{route.method}</span> ',
        f"<code>{escape(route.pattern)}</code></h3><p>{_inline(route.doc)}</p>",
    ]
    if route.counts:
        parts.append(f"<p>{COUNTS[route.counts]}</p>")
    if route.query is not None:
        parts += ["<h4>Query</h4>", _fields(route.query, _schema(route.query))]
    if route.body is not None:
        label = f"Body of {route.method} {route.pattern}"
        parts += ["<h4>Body</h4>", _fields(route.body, _schema(route.body))]
        parts.append(_json(example(route.body), label))
    if route.answer is not None:
        label = f"Answer of {route.method} {route.pattern}"
        parts += ["<h4>Answer</h4>", _json(example(route.answer), label)]
    return "".join([*parts, "</article>"])


def _errors() -> str:
    rows = [
        (f"<code>{code}</code>", str(kind.status), "yes" if kind.retryable else "no", text_of(kind))
        for code, kind in sorted(BY_CODE.items())
    ]
    body = _table(("Code", "Status", "Try again", "When"), rows)
    return (
        '<section aria-labelledby="errors"><h2 id="errors">Errors</h2>'
        "<p>The same codes come in an HTTP answer and in an <code>error</code> frame.</p>"
        f"{body}</section>"
    )


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    schema: dict[str, Any] = components([kind])[kind.__name__]
    return schema


def _fields(kind: type, schema: dict[str, Any], skip: str = "") -> str:
    docs = field_docs(kind)
    required = schema.get("required", [])
    rows = [
        (
            f"<code>{name}</code>",
            escape(_kind(field)) + ("" if name in required else ", optional"),
            _inline(docs.get(name, "")),
        )
        for name, field in schema["properties"].items()
        if name != skip
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
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        '<div class="wide" role="group" tabindex="0" aria-label="Table"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    return f"<td>{text}</td>"


def _json(value: Any, label: str) -> str:
    text = escape(as_json(value))
    return f'<pre role="group" tabindex="0" aria-label="{escape(label)}"><code>{text}</code></pre>'


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n"))


def _inline(text: str) -> str:
    """Escaped, with what stands in backquotes as code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if n % 2 else p for n, p in enumerate(pieces))
