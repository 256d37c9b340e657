"""`genpy schema`."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

import genpy_server
from genpy_cli import backend, exit_codes, options, output
from genpy_server.core.display import count
from genpy_server.errors import StoreError
from genpy_server.settings import Settings, load

LOCK_SECONDS = 0.5
"""How long schema.sql locks the tables at most, when it upgrades an earlier version."""
INDEX_SECONDS, FIRST_SECONDS = 0.2, 4.0
"""How much longer per 100,000 messages, and from the first version; see benchmarks/schema_upgrade.py."""
PLACED = 18
"""The version since which each message has its place in the index: later ones write none again."""


class SchemaState(msgspec.Struct, frozen=True):
    """What schema.sql would do in a project."""

    installed: int
    """The version of the project; 0 for none."""
    needed: int
    sessions: int | None = None
    """Rows of the table, if there is one."""
    messages: int | None = None
    lock_seconds: float | None = None
    """How long other programs wait for a table at most while it runs."""
    rewritten: int | None = None
    """Messages that it writes again, at most; a change of one of them waits for all."""


def schema(
    *,
    check: Annotated[
        bool,
        typer.Option("--check", help="Print what it would do in your project; change nothing."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Print schema.sql, which prepares a Supabase project."""
    if not check:
        if as_json:
            raise options.WrongUsageError("--json goes with --check.")
        package = Path(genpy_server.__file__).parent
        # A wheel has it in the package; a clone, on which tests and `pip install -e` run, above it.
        places = (package / "schema.sql", package.parent / "schema.sql")
        found = next(place for place in places if place.exists())
        output.text(found.read_text("utf-8"), end="")
        return
    settings = load()
    if settings.supabase_url is None:
        raise options.WrongUsageError(
            "No Supabase project is configured: set SUPABASE_URL and SUPABASE_KEY."
        )
    state = backend.run(_state(settings))
    output.result(state, _sentence(state), as_json=as_json)
    if state.installed < state.needed:
        raise typer.Exit(exit_codes.FAILED)


async def _state(settings: Settings) -> SchemaState:
    from genpy_server.stores.supabase.client import SCHEMA_VERSION
    from genpy_server.stores.supabase.store import SupabaseStore

    store = SupabaseStore(settings.supabase_url or "", settings.supabase_key or "")
    try:
        installed = await store.installed_version()
        try:
            sessions, messages, indexed = await store.table_rows()
        except StoreError:  # there are no tables
            return SchemaState(installed, SCHEMA_VERSION)
        longest, rewritten = 0.0, 0
        if installed < SCHEMA_VERSION:
            each = INDEX_SECONDS if installed else FIRST_SECONDS
            longest = LOCK_SECONDS + each * messages / 100_000
            if installed < PLACED:
                rewritten = indexed if installed else messages
        return SchemaState(
            installed, SCHEMA_VERSION, sessions, messages, round(longest, 1), rewritten
        )
    finally:
        await store.close()


def _sentence(state: SchemaState) -> str:
    rows = ""
    if state.sessions is not None and state.messages is not None:
        sessions = count(state.sessions, "session")
        rows = f" It has {sessions} and {count(state.messages, 'message')}, which stay."
        if state.lock_seconds:
            rows += f" Programs that use it may wait up to {state.lock_seconds:g} s for a table."
        if state.rewritten:
            rows += (
                f" It writes up to {count(state.rewritten, 'message')} again; a change or deletion of "
                "one of them waits until it has."
            )
    what, todo = "no functions of GenPy yet.", "Run the output of `genpy schema` in its SQL editor."
    if state.installed:
        what = f"version {state.installed} of schema.sql, and this program needs {state.needed}."
    if state.installed >= state.needed:
        what, todo = f"version {state.installed} of schema.sql,", "which is up to date."
    return f"The project has {what} {todo}{rows}"
