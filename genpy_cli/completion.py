"""Completion of sessions, models and modes by the shell, from what this machine has."""

from genpy_cli.backend import with_records
from genpy_server.errors import GenPyError
from genpy_server.records import Records
from genpy_server.settings import load

SESSIONS = 100
SHORT = 8
TITLE_CHARS = 50


def complete_session(incomplete: str) -> list[tuple[str, str]]:
    """Names and ids that begin so, each with its title."""
    try:
        sessions = _sessions()
    except GenPyError:
        return []  # a shell that completes has no place for a sentence
    length = None if len(incomplete) > SHORT else SHORT
    named = [("last", "the newest")]
    named += [(name or id_[:length], _harmless(title)) for id_, name, title in sessions]
    return [(ref, title) for ref, title in named if ref.startswith(incomplete)]


def complete_model(incomplete: str) -> list[tuple[str, str]]:
    """Models that begin so, of the lists that `genpy models` kept; no provider is asked."""
    from genpy_server.llm.catalog import kept_models, known_providers

    try:
        named = kept_models(known_providers(load()))
    except GenPyError:
        return []
    return [(name, "") for name in named if name.startswith(incomplete)]


def complete_mode(incomplete: str) -> list[tuple[str, str]]:
    """Modes of this machine that begin so, each with its label."""
    from genpy_server.modes import open_modes

    try:
        modes = open_modes(load().folder).listed
    except GenPyError:
        return []
    return [
        (mode.name, _harmless(mode.label)) for mode in modes if mode.name.startswith(incomplete)
    ]


def _sessions() -> list[tuple[str, str, str]]:
    """Of each session its id, the name that it can be called by, and its title."""
    if load().server is not None:
        return []  # a key press must not wait for a network

    async def newest(records: Records) -> list[tuple[str, str, str]]:
        found = await records.sessions(limit=SESSIONS)
        return [(s.id, await _name(records, s.id, s.title), s.title) for s in found]

    return with_records(None, newest)


async def _name(records: Records, session_id: str, title: str) -> str:
    """The title, where the session was opened with it as its name."""
    try:
        return title if (await records.session(title)).id == session_id else ""
    except GenPyError:  # a title that is not a name
        return ""


def _harmless(title: str) -> str:
    """A title without what a shell's completion script could evaluate."""
    kept = "".join(c if c.isalnum() or c in " .,+-" else " " for c in title)
    return " ".join(kept.split())[:TITLE_CHARS]
