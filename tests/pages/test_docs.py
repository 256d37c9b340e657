"""The documentation says what the tables say, and its machine-readable forms are valid."""

import asyncio
import shutil
from pathlib import Path
from typing import Any, get_args

import httpx
import msgspec
import pytest
from openapi_spec_validator import validate
from support.running_server import Running

from genpy_server.errors import BY_CODE
from genpy_server.web.docs.documents import asyncapi, openapi, operation_id, tag
from genpy_server.web.docs.page import docs_page
from genpy_server.web.docs.schemas import example
from genpy_server.web.routes import ROUTES
from genpy_server.wire import ClientFrame, ServerFrame, decode_client, decode_server

pytestmark = pytest.mark.asyncio(loop_scope="session")

FRAMES = (*get_args(ClientFrame), *get_args(ServerFrame))


def as_sent(document: dict[str, Any]) -> dict[str, Any]:
    """A document as a client reads it."""
    read: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    return read


async def test_openapi_is_valid_by_its_own_validator():
    """The description of the HTTP side is a valid OpenAPI 3.1 document."""
    validate(as_sent(openapi()))


async def test_asyncapi_is_valid_by_its_own_parser(modules: Path):
    """AsyncAPI's parser has no error and no warning about the description of the WebSocket."""
    process = await asyncio.create_subprocess_exec(
        str(shutil.which("node")),
        "asyncapi.mjs",
        cwd=modules.parent,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(msgspec.json.encode(asyncapi()))
    assert said.decode() == ""
    assert process.returncode == 0


async def test_every_route_is_documented():
    """Each row of the table is on the page and in OpenAPI, with its method."""
    page, paths = docs_page(), openapi()["paths"]
    for route in ROUTES:
        assert f'id="{operation_id(route)}"' in page
        assert paths[route.pattern][route.method.lower()]["summary"] == route.doc
    assert sum(map(len, paths.values())) == len(ROUTES)


async def test_every_frame_is_documented():
    """Each frame of either direction is on the page and in AsyncAPI."""
    page, messages = docs_page(), asyncapi()["components"]["messages"]
    assert set(messages) == {tag(frame) for frame in FRAMES}
    for frame in FRAMES:
        assert f'id="frame-{tag(frame)}"' in page


async def test_every_error_is_documented():
    """Each code that can cross the wire is on the page."""
    page = docs_page()
    assert all(f"<td><code>{code}</code></td>" in page for code in BY_CODE)


@pytest.mark.parametrize("frame", FRAMES, ids=tag)
async def test_an_example_of_a_frame_is_that_frame(frame: type):
    """What the documentation shows is understood by the codec itself, and has every field."""
    shown = example(frame)
    decode = decode_client if frame in get_args(ClientFrame) else decode_server
    assert isinstance(decode(msgspec.json.encode(shown).decode()), frame)
    assert set(shown) == {"type", *frame.__struct_encode_fields__}


async def test_an_example_of_a_route_is_accepted():
    """What the documentation shows as body and answer is what the table asks for."""
    for route in ROUTES:
        for kind in (route.body, route.answer):
            if kind is not None:
                msgspec.convert(example(kind), kind)


async def test_the_documents_are_served(server: Running):
    """The page and both documents are answered to anyone, and can be kept by their ETag."""
    async with httpx.AsyncClient(base_url=server.url) as client:
        for path in ("/docs", "/docs/openapi.json", "/docs/asyncapi.json"):
            answer = await client.get(path)
            assert answer.status_code == 200
            again = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
