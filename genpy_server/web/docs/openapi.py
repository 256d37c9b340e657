"""The HTTP API as OpenAPI 3.1, generated from the route table."""

import re
from collections.abc import Sequence
from typing import Any

from genpy_server import __version__
from genpy_server.core.identity import REF_PATTERN
from genpy_server.core.models import ErrorAnswer
from genpy_server.web.docs.schemas import components, reference
from genpy_server.web.messages import JSON
from genpy_server.web.pages.assets import ASSETS, VERSION_PATTERN
from genpy_server.web.router import Route

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


def openapi(routes: Sequence[Route], *, tokens: bool = True) -> dict[str, Any]:
    """The whole document; `tokens` is whether the server requires one."""
    kinds = [kind for route in routes for kind in (route.query, route.body, route.answer) if kind]
    schemas = components([*kinds, ErrorAnswer])
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.pattern, {})[route.method.lower()] = _operation(
            route, schemas, tokens=tokens
        )
    queries = {route.query.__name__ for route in routes if route.query is not None}
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
    content = {JSON: {"schema": reference(route.answer)}} if route.answer else {"*/*": {}}
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.doc,
        "parameters": [*_path_parameters(route), *_query_parameters(route, schemas)],
        "responses": {
            "200": {"description": route.doc, "content": content},
            "default": {
                "description": "A failure.",
                "content": {JSON: {"schema": reference(ErrorAnswer)}},
            },
        },
    }
    if route.counts:
        operation["responses"]["429"] = {
            "description": "Too many messages and changes in a minute.",
            "headers": {"Retry-After": {"schema": {"type": "integer"}}},
            "content": {JSON: {"schema": reference(ErrorAnswer)}},
        }
    if route.public and tokens:
        operation["security"] = [{}, {"token": []}]
    if route.body is not None:
        body = {"required": True, "content": {JSON: {"schema": reference(route.body)}}}
        operation["requestBody"] = body
    return operation


def operation_id(route: Route) -> str:
    """A unique name for a route: `post_api_session_ref_rate`."""
    return "_".join([route.method.lower(), *re.findall(r"\w+", route.pattern)])


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": PATH_PARTS[name]}
        for name in _PART.findall(route.pattern)
    ]


def _query_parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = schemas[route.query.__name__]
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema["properties"].items()
    ]
