"""Completion of sessions by the shell, from the local store."""

from genpy_cli.backend import with_records
from genpy_server.core.identity import identify
from genpy_server.core.models import ListedSession, Session
from genpy_server.errors import BadRequest, GenPyError
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
    named = [("last", "the newest")] + [(_ref(s, incomplete), _harmless(s.title)) for s in sessions]
    return [(ref, title) for ref, title in named if ref.startswith(incomplete)]


def _sessions() -> list[ListedSession]:
    if load().server is not None:
        return []  # a key press must not wait for a network

    async def newest(records: Records) -> list[ListedSession]:
        return await records.sessions(limit=SESSIONS)

    return with_records(None, newest)


def _ref(session: Session, incomplete: str) -> str:
    """The name that a session was opened with, where its title still is that name; else its id."""
    try:
        if identify(session.user_id, session.title).id == session.id:
            return session.title
    except BadRequest:
        pass  # a title that cannot be a name
    return session.id if len(incomplete) > SHORT else session.id[:SHORT]


def _harmless(title: str) -> str:
    """A title without what a shell's completion script could evaluate."""
    kept = "".join(c if c.isalnum() or c in " .,+-" else " " for c in title)
    return " ".join(kept.split())[:TITLE_CHARS]
