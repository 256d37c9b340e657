"""`genpy doctor`."""

import os
from collections.abc import Awaitable
from typing import NamedTuple

from genpy_cli import output
from genpy_cli.backend import token_of
from genpy_cli.failures import FAILED
from genpy_cli.grid import Column
from genpy_cli.parameters import Json, Server
from genpy_server import __version__
from genpy_server.errors import GenPyError
from genpy_server.settings import FIELDS, Field, Settings, load

SECONDS = 15.0
"""Within which each part must answer."""
COLUMNS = (Column("SETTING"), Column("VALUE", least=20), Column("FROM", style=output.DIM))
OFFLINE = (
    "offline, for no model is configured. "
    "Set GROQ_API_KEY, or GENPY_LLM_URL for Ollama and its like."
)


class Check(NamedTuple):
    """How one part is: what was seen, or what fails and what to do."""

    part: str
    ok: bool
    detail: str


class Setting(NamedTuple):
    """One setting as it is in force."""

    variable: str
    value: str
    source: str


def run(*, server: Server = None, as_json: Json = False) -> int:
    """Show what is configured, what answers, and the next step for what does not."""
    import asyncio  # noqa: PLC0415 - `--help` needs none

    settings = load()
    rows = [_setting(field, settings) for field in FIELDS]
    if not as_json:
        output.text(f"GenPy {__version__}\n")
        output.table(COLUMNS, rows)
        output.text("")
    checks = asyncio.run(_checks(settings, server or settings.server))
    well = all(check.ok for check in checks)
    if as_json:
        document = {
            "ok": well,
            "version": __version__,
            "settings": [row._asdict() for row in rows],
            "checks": [check._asdict() for check in checks],
        }
        output.json_document(document)
    for check in checks if not as_json else ():
        output.text(f"{'✓' if check.ok else '✗'} {check.part}: {check.detail}")
    return 0 if well else FAILED


def _setting(field: Field, settings: Settings) -> Setting:
    if os.environ.get(field.variable, "").strip():
        source = "environment"
    else:
        source = ".env" if field.variable in settings.sources else "default"
    value = getattr(settings, field.name)
    if field.secret:
        shown = "set" if value else ""
    elif isinstance(value, bool):
        shown = "on" if value else "off"
    elif isinstance(value, tuple):
        shown = " ".join(value)
    else:
        shown = "" if value is None else str(value)
    return Setting(field.variable, shown, source)


async def _checks(settings: Settings, server: str | None) -> list[Check]:
    if server is not None:
        return await _server(server, token_of(settings))
    return [
        await _answers("database", _database(settings)),
        await _answers("model", _model(settings)),
    ]


async def _answers(part: str, check: Awaitable[str]) -> Check:
    import asyncio  # noqa: PLC0415 - see `run`

    try:
        async with asyncio.timeout(SECONDS):
            return Check(part, ok=True, detail=await check)
    except GenPyError as error:
        return Check(part, ok=False, detail=error.message)
    except TimeoutError:
        return Check(part, ok=False, detail=f"It did not answer within {SECONDS:.0f} seconds.")


async def _database(settings: Settings) -> str:
    from genpy_server.stores.select import open_store  # noqa: PLC0415 - may bring in Supabase

    store = open_store(settings)
    try:
        await store.open()
        seen = await store.check()
    finally:
        await store.close()
    return f"{seen.kind} at {seen.where}, {_holds(seen.sessions, seen.messages)}"


def _holds(sessions: int, messages: int) -> str:
    return f"{sessions:,} sessions, {messages:,} messages"


async def _model(settings: Settings) -> str:
    from genpy_server.llm.select import open_llm  # noqa: PLC0415 - may bring in the groq SDK

    llm = open_llm(settings)
    try:
        seen = await llm.check()
    finally:
        await llm.close()
    return OFFLINE if seen.kind == "offline" else f"{seen.model} at {seen.where}"


async def _server(url: str, token: str | None) -> list[Check]:
    from genpy_server.client.http_records import RemoteRecords  # noqa: PLC0415 - brings in httpx

    records = RemoteRecords(url, token)
    try:
        health = await records.health()
        await records.sessions(limit=1)  # health answers strangers too
    finally:
        await records.close()
    checks = [Check("server", ok=True, detail=f"GenPy {health.version} at {records.address.http}")]
    for part, seen in (("database", health.store), ("model", health.model)):
        if seen is not None:
            facts = (seen.kind, seen.model or "", f"at {seen.where}" if seen.where else "")
            detail = seen.error or " ".join(fact for fact in facts if fact)
            checks.append(Check(part, seen.ok, detail))
    return checks
