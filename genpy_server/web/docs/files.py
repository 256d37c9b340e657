"""Writes the OpenAPI and AsyncAPI documents to files."""

from pathlib import Path

import msgspec

from genpy_server.web.api import Handlers
from genpy_server.web.docs.asyncapi import asyncapi
from genpy_server.web.docs.handlers import Docs
from genpy_server.web.docs.openapi import openapi
from genpy_server.web.pages.handlers import Pages
from genpy_server.web.routes import api_routes, page_routes


def documents() -> dict[str, bytes]:
    """The documents by file name, for a server that requires tokens."""
    # The handlers are described, and never called.
    api = api_routes(Handlers.__new__(Handlers))
    routes = (*api, *page_routes(Pages.__new__(Pages), Docs.__new__(Docs)))
    found = {"openapi.json": openapi(routes), "asyncapi.json": asyncapi()}
    return {
        name: msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
        for name, document in found.items()
    }


def write_documents(folder: Path) -> list[Path]:
    """Write both into a folder, which is created if needed; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, document in documents().items():
        (folder / name).write_bytes(document)
        written.append(folder / name)
    return written
