"""The HTTP API as OpenAPI 3.1 and the WebSocket as AsyncAPI 3.0.

They are generated from the route table and the frame types.
"""

import re
from pathlib import Path
from typing import Any, get_args

import msgspec

from genpy_server import __version__
from genpy_server.core.identity import REF_PATTERN
from genpy_server.core.models import ErrorAnswer
from genpy_server.web.docs.schemas import components, example, reference, text_of
from genpy_server.web.messages import JSON
from genpy_server.web.pages.assets import ASSETS, VERSION_PATTERN
from genpy_server.web.router import Route
from genpy_server.web.routes import ROUTES
from genpy_server.wire import PROTOCOL, ClientFrame, Frame, ServerFrame

CLIENT_FRAMES: tuple[type[Frame], ...] = get_args(ClientFrame)
SERVER_FRAMES: tuple[type[Frame], ...] = get_args(ServerFrame)
ADDRESS = "/ws/session/{session}"
PATH_PARTS: dict[str, dict[str, Any]] = {
    "ref": {
        "type": "string",
        "pattern": f"^{REF_PATTERN}$",
        "description": "A session's id or a prefix of it of 4 characters or more, its name, or `last`.",
    },
    "tool": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    "version": {"type": "string", "pattern": f"^{VERSION_PATTERN}$"},
    "name": {"type": "string", "enum": sorted(ASSETS)},
}
"""Schemas of the parameters in paths."""

_PART = re.compile(r"{(\w+)}")


def openapi(*, tokens: bool = True) -> dict[str, Any]:
    """The HTTP API; `tokens` is whether the server requires one."""
    kinds = [kind for route in ROUTES for kind in (route.query, route.body, route.answer) if kind]
    schemas = components([*kinds, ErrorAnswer])
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.pattern, {})[route.method.lower()] = _operation(
            route, schemas, tokens=tokens
        )
    queries = {route.query.__name__ for route in ROUTES if route.query is not None}
    schemes = {
        "token": {"type": "http", "scheme": "bearer", "description": "The user's GENPY_TOKEN."}
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "GenPy",
            "version": __version__,
            "description": "Conversations over HTTP. Messages are sent over a WebSocket: see AsyncAPI.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}] if tokens else [],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in schemas.items() if name not in queries},
            **({"securitySchemes": schemes} if tokens else {}),
        },
    }


def _operation(route: Route, schemas: dict[str, Any], *, tokens: bool) -> dict[str, Any]:
    content = _content(route.answer) if route.answer else {"*/*": {}}
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.doc,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": PATH_PARTS[name]}
                for name in _PART.findall(route.pattern)
            ),
            *_query_parameters(route, schemas),
        ],
        "responses": {
            "200": {"description": route.doc, "content": content},
            "default": {"description": "A failure.", "content": _content(ErrorAnswer)},
        },
    }
    if route.counts:
        operation["responses"]["429"] = {
            "description": "Too many messages and changes in a minute.",
            "headers": {"Retry-After": {"schema": {"type": "integer"}}},
            "content": _content(ErrorAnswer),
        }
    if route.public and tokens:
        operation["security"] = [{}, {"token": []}]
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _content(route.body)}
    return operation


def _content(kind: type) -> dict[str, Any]:
    return {JSON: {"schema": reference(kind)}}


def operation_id(route: Route) -> str:
    """A unique name for a route: `post_api_session_ref_rate`."""
    return "_".join([route.method.lower(), *re.findall(r"\w+", route.pattern)])


def _query_parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = schemas[route.query.__name__]
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema["properties"].items()
    ]


def tag(kind: type[Frame]) -> str:
    """The `type` of a frame."""
    return str(kind.__struct_config__.tag)


def asyncapi() -> dict[str, Any]:
    """The WebSocket."""
    kinds = (*CLIENT_FRAMES, *SERVER_FRAMES)
    channel = "#/channels/session"
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "GenPy",
            "version": __version__,
            "description": f"One conversation over a WebSocket with the subprotocol {PROTOCOL}. "
            "Without a subprotocol a text frame is a message, and the reply is plain text.",
        },
        "defaultContentType": "application/json",
        "servers": {"here": {"host": "127.0.0.1:8001", "protocol": "ws"}},
        "channels": {
            "session": {
                "address": ADDRESS,
                "parameters": {"session": {"description": "A UUID, or a name."}},
                "bindings": {"ws": {"method": "GET", "query": _query()}},
                "messages": {tag(k): {"$ref": f"#/components/messages/{tag(k)}"} for k in kinds},
            }
        },
        "operations": {
            name: {
                "action": action,
                "summary": summary,
                "channel": {"$ref": channel},
                "messages": [{"$ref": f"{channel}/messages/{tag(kind)}"} for kind in sent],
            }
            for name, action, summary, sent in (
                ("say", "receive", "What a client sends.", CLIENT_FRAMES),
                ("hear", "send", "What the server sends.", SERVER_FRAMES),
            )
        },
        "components": {
            "messages": {tag(kind): _message(kind) for kind in kinds},
            "schemas": components(kinds),
        },
    }


def _message(kind: type[Frame]) -> dict[str, Any]:
    return {
        "name": tag(kind),
        "summary": text_of(kind).partition("\n")[0],
        "payload": reference(kind),
        "examples": [{"name": tag(kind), "payload": example(kind)}],
    }


def _query() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "epoch": {"type": "string", "description": "`epoch` of the last `ready`."},
            "after": {"type": "integer", "description": "The last `seq` that was received."},
            "features": {
                "type": "string",
                "description": "Features, separated by commas: `html` adds safe HTML, "
                "`approvals` expects answers to approval requests.",
            },
            "allow": {
                "type": "string",
                "description": "Names of tools that may act without a request, separated by commas.",
            },
            "history": {"type": "integer", "description": "Most stored messages to send."},
        },
    }


def write_documents(folder: Path) -> list[Path]:
    """Write both into a folder, which is created if needed; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = {"openapi.json": openapi(), "asyncapi.json": asyncapi()}
    for name, document in documents.items():
        text = msgspec.json.format(msgspec.json.encode(document), indent=2)
        (folder / name).write_bytes(text + b"\n")
    return [folder / name for name in documents]
