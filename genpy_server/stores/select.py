"""Chooses the store by the settings."""

from genpy_server.errors import ConfigError
from genpy_server.settings import Settings
from genpy_server.stores.base import Store

GROUP = "genpy.stores"
"""Entry points named like the scheme of `GENPY_STORE`: functions that take the settings."""


def open_store(settings: Settings) -> Store:
    """The store of the settings, before `open`; its driver is imported only here."""
    if settings.store is not None:
        return _of_package(settings, settings.store.partition(":")[0])
    if settings.supabase_url is not None and settings.supabase_key is not None:
        from genpy_server.stores.supabase.store import SupabaseStore  # noqa: PLC0415 - heavy, rarely used

        return SupabaseStore(settings.supabase_url, settings.supabase_key)
    from genpy_server.stores.sqlite.store import SqliteStore  # noqa: PLC0415 - only when used

    return SqliteStore(settings.database)


def _of_package(settings: Settings, scheme: str) -> Store:
    from genpy_server.plugins import made, points  # noqa: PLC0415 - only for stores of packages
    from genpy_server.stores.core import completed  # noqa: PLC0415 - only for stores of packages

    known = {point.name for point in points(GROUP)}
    if scheme in known:
        return completed(made(GROUP, scheme, settings))
    names = ", ".join(sorted(known)) or "none"
    raise ConfigError(
        f"GENPY_STORE: no installed package has a store {scheme!r}. Known are: {names}. "
        "Without GENPY_STORE it is SQLite or Supabase."
    )
