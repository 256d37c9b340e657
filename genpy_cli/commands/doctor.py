"""`genpy doctor`."""

from collections.abc import Awaitable, Sequence
from typing import NamedTuple

import msgspec
import typer

from genpy_cli import backend, exit_codes, options, output
from genpy_cli.commands.config_show import shown_settings
from genpy_server import __version__
from genpy_server.core.display import count
from genpy_server.errors import ConfigError, GenPyError, LlmError, StoreError
from genpy_server.settings import Settings, load

CHECK_SECONDS = 15.0
"""Time limit of each check."""
COUNTED_SESSIONS = 1_000_000
"""Sessions that are counted at most, where the store does not count them itself."""
NO_MODEL = (
    "no model is configured. `genpy setup` sets one up; or set GROQ_API_KEY, or GENPY_LLM_URL for "
    "a server such as Ollama."
)


class Check(NamedTuple):
    """The state of one part; `detail` is what was found, or the error and what to do about it."""

    part: str
    ok: bool
    detail: str


def doctor(
    *, trust: options.Trust = False, server: options.Server = None, as_json: options.Json = False
) -> None:
    """Check settings, database and model; say what to do about faults."""
    settings = load()
    rows = shown_settings(settings)
    sources = {*settings.sources.values()}
    if not as_json:
        output.text(f"GenPy {__version__}\n")
        chosen = [(row.variable, row.source, row.value) for row in rows if row.source in sources]
        if chosen:
            output.table(("SETTING", "FROM", "VALUE"), chosen)
        others = "Every other setting" if chosen else "Every setting"
        output.text(f"{others} has its default; `genpy config show` lists them.")
        for name in settings.unknown:
            output.text(f"! {name} is set, but GenPy has no such setting. Is it misspelt?")
        output.text("")
    checks = backend.run(_checks(backend.settings_with(server), trust=trust))
    ok = all(check.ok for check in checks)
    if as_json:
        output.json_document(
            {
                "ok": ok,
                "version": __version__,
                "settings": [row._asdict() for row in rows],
                "unknown": settings.unknown,
                "checks": [check._asdict() for check in checks],
            }
        )
    for check in checks if not as_json else ():
        output.text(f"{'✓' if check.ok else '✗'} {check.part}: {check.detail}")
    if not ok:
        raise typer.Exit(exit_codes.FAILED)


async def _checks(settings: Settings, *, trust: bool) -> list[Check]:
    if settings.server is not None:
        return await _server(settings.server, backend.token_of(settings))
    checks = [
        await _checked("modes", _modes(settings)),
        await _checked("database", _database(settings)),
    ]
    if all(check.ok for check in checks):  # else a server does not start
        checks.append(await _checked("tools", _tools(settings)))
    return [*checks, await _checked("model", _model(settings, trust=trust))]


async def _checked(part: str, check: Awaitable[str]) -> Check:
    import asyncio

    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return Check(part, ok=True, detail=await check)
    except GenPyError as error:
        return Check(part, ok=False, detail=error.message)
    except TimeoutError:
        return Check(
            part, ok=False, detail=f"It did not answer within {CHECK_SECONDS:.0f} seconds."
        )


async def _modes(settings: Settings) -> str:
    from genpy_server.modes import open_modes

    failed: list[str] = []
    modes = open_modes(settings.folder, failed=failed.append)
    if failed:
        raise ConfigError(" ".join(failed))
    return ", ".join(modes)


async def _tools(settings: Settings) -> str:
    """The names of the tools; raises where a source failed, or a mode names an unknown tool."""
    from genpy_server.modes import open_modes

    found = await backend.on_server(settings, lambda records: records.tools())
    known = {tool.name for tool in found.tools}
    faults = [f"{one.origin}: {one.message}" for one in found.sources if one.message]
    faults += [
        f"the mode {mode.name} names unknown tools: {', '.join(unknown)}"
        for mode in open_modes(settings.folder).values()
        if (unknown := sorted(set(mode.tools or ()) - known))
    ]
    if faults:
        raise ConfigError("; ".join(faults))
    return ", ".join(sorted(known))


async def _database(settings: Settings) -> str:
    from genpy_server.stores.select import open_store

    store = open_store(settings)
    try:
        await store.open()
        seen = await store.check()
        await store.touch({}, 0)  # a write that changes nothing, to see whether writing works
        if seen.full is not None:
            raise StoreError(seen.full)
        if not seen.users:  # the store does not count: count those of this user
            mine = await store.sessions(settings.user, limit=COUNTED_SESSIONS)
            for session in mine[:1]:
                await store.messages(settings.user, session.id, limit=1)
            counts = {"sessions": len(mine), "messages": sum(one.message_count for one in mine)}
            seen = msgspec.structs.replace(seen, **counts)
    finally:
        await store.close()
    sessions, messages = (count(seen.sessions, "conversation"), count(seen.messages, "message"))
    unindexed = f", {seen.unindexed:,} of them still to be indexed" if seen.unindexed else ""
    owners = "" if seen.users else f" of {settings.user!r}"
    if seen.users > 1:
        owners = f", of {seen.users} users; yours are those of {settings.user!r}"
    return f"{seen.kind} at {seen.where}, {sessions}, {messages}{unindexed}{owners}"


async def _model(settings: Settings, *, trust: bool) -> str:
    from genpy_server.llm.providers import Providers

    if not trust and not backend.is_trusted(settings):
        raise ConfigError(
            f"{settings.folder_address} comes from the .env of this folder and was not allowed "
            "yet. `genpy chat` asks about it; --trust allows it for now."
        )
    models = Providers(settings)
    models.find(settings.model)  # raises where no provider has it
    llm = models.default.llm
    if llm.kind == "offline":
        return NO_MODEL
    unlisted = ""
    try:
        try:
            await llm.check()
        except LlmError as error:
            unlisted = f"; chat works, its list of models does not: {error.message}"
        seen = await llm.probe()
    finally:
        await llm.close()
    return f"{seen.model} at {seen.where}{_left_out(seen.left_out)}{unlisted}"


def _left_out(parts: Sequence[str]) -> str:
    return f", without {', '.join(parts)}" if parts else ""


async def _server(url: str, token: str | None) -> list[Check]:
    from genpy_server.client.http_records import RemoteRecords

    async with RemoteRecords(url, token) as records:
        health = await records.health()
        await records.sessions(limit=1)  # health answers without a token too
    owner = f"; you see the conversations of the user {health.user!r}" if health.user else ""
    where = f"GenPy {health.version} at {records.address.http}{owner}"
    checks = [Check("server", ok=True, detail=where)]
    for part, seen in (("database", health.store), ("model", health.model)):
        if seen is not None:
            facts = (seen.kind, seen.model or "", f"at {seen.where}" if seen.where else "")
            detail = seen.error or " ".join(fact for fact in facts if fact)
            detail += _left_out(seen.left_out)
            checks.append(Check(part, seen.ok, detail))
    return checks
