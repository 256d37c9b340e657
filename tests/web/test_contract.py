"""The OpenAPI document is kept: requests made from it get the answers that it promises."""

import asyncio
import re
import sys
from pathlib import Path
from urllib.parse import urljoin
from uuid import uuid4

import httpx
import pytest
from support.running_server import serving

TOKEN = "t" * 24
EXAMPLES = 6


async def test_generated_requests_find_nothing(tmp_path: Path) -> None:
    """Schemathesis makes hundreds of calls, right and wrong ones, and each is answered as stated."""
    limits = {"messages_per_minute": 100_000}
    async with serving(tmp_path / "genpy.db", limits=limits, GENPY_TOKEN=TOKEN) as server:
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).parent / "schemathesis",
            *("run", f"{server.url}/docs/openapi.json", "-H", f"Authorization: Bearer {TOKEN}"),
            *("--seed", "1", "--max-examples", str(EXAMPLES), "--no-color", "--warnings", "off"),
            *("--generation-database", "none"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    said = output.decode()
    assert process.returncode == 0, said
    calls = re.search(r"(\d+) generated", said)
    assert calls is not None
    assert int(calls.group(1)) > 300, said


async def test_a_rating_may_be_written_as_json_writes_numbers(tmp_path: Path) -> None:
    """4.0 is the whole number 4 in JSON, and is kept as 4."""
    async with serving(tmp_path / "genpy.db") as server:
        session = str(uuid4())
        await server.app.store.append("local", session, "user", "hello", title="trip")
        async with httpx.AsyncClient(base_url=server.url) as client:
            headers = {"Content-Type": "application/json"}
            path = f"/api/session/{session}/rate"
            answer = await client.post(path, content=b'{"rating": 4.0}', headers=headers)
    assert answer.status_code == 200
    assert b'"rating":4,' in answer.content or b'"user_rating":4,' in answer.content


async def test_a_token_is_stated_where_one_is_asked_for(tmp_path: Path) -> None:
    """The document asks for a token only where the server does."""
    for variables, wanted in (({}, []), ({"GENPY_TOKEN": TOKEN}, [{"token": []}])):
        async with serving(tmp_path / "genpy.db", **variables) as server:
            async with httpx.AsyncClient(base_url=server.url) as client:
                document = (await client.get("/docs/openapi.json")).json()
                status = (await client.get("/api/sessions")).status_code
        assert document["security"] == wanted
        assert ("securitySchemes" in document["components"]) is bool(wanted)
        assert status == (401 if wanted else 200)


@pytest.mark.parametrize("accept", ["text/html", "text/html,application/xhtml+xml;q=0.9"])
async def test_an_address_that_does_not_exist_is_a_page(tmp_path: Path, accept: str) -> None:
    """Who opens a wrong address in a browser gets a page with the same status; programs get JSON."""
    async with serving(tmp_path / "genpy.db") as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            for path, status in (
                ("/nothing<b>", 404),
                ("/summary/a%20b", 400),
                ("/ws/session/a", 426),
                ("/?session=%ff", 400),
                ("/?session=a&session=b", 400),
            ):
                page = await client.get(path, headers={"Accept": accept})
                assert (page.status_code, page.headers["content-type"][:9]) == (status, "text/html")
                (link,) = re.findall(r'<a href="([^"]*)">Open the chat</a>', page.text)
                assert urljoin(f"{server.url}{path}", link) == f"{server.url}/"
                assert "script-src 'self'" in page.headers["content-security-policy"]
                assert page.headers["cache-control"] == "no-store"
                plain = await client.get(path)
                assert plain.status_code == status
                assert plain.json()["error"]["message"]
