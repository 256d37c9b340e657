"""Which database the settings ask for."""

from genpy_server.settings import Settings
from genpy_server.stores.base import Store


def open_store(settings: Settings) -> Store:
    """The store of the settings, not opened yet; its driver is imported here and not before."""
    if settings.supabase_url is not None and settings.supabase_key is not None:
        from genpy_server.stores.supabase.store import SupabaseStore  # noqa: PLC0415 - heavy, rarely used

        return SupabaseStore(settings.supabase_url, settings.supabase_key)
    from genpy_server.stores.sqlite.store import SqliteStore  # noqa: PLC0415 - only when used

    return SqliteStore(settings.database)
