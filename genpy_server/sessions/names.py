"""Session names: the id of a named session is made with a secret of the servers.

So nobody can compute the id of another user's named session, to probe or to take it.
"""

from genpy_server.core.identity import Identity, checked_ref, named_id, named_id_before
from genpy_server.stores.base import Store


class SessionNames:
    """Converts session names to ids."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._secret: str | None = None

    async def identify(self, user_id: str, ref: str) -> Identity:
        """The id and name of a user's session; raises `BadRequest` for an invalid name."""
        session_id = checked_ref(ref)
        if session_id is not None:
            return Identity(session_id, "")
        if self._secret is None:
            self._secret = await self._store.secret()
        new, old = named_id(self._secret, user_id, ref), named_id_before(user_id, ref)
        if await self._store.session(user_id, new) is not None:
            return Identity(new, ref)
        # It may be from before ids were made with a secret.
        existing = await self._store.session(user_id, old)
        return Identity(new if existing is None else old, ref)
