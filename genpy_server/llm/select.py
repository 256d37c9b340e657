"""Which model the settings ask for."""

from genpy_server.llm.base import Llm
from genpy_server.settings import Settings


def open_llm(settings: Settings) -> Llm:
    """The model of the settings; the SDK is imported here and not before."""
    if settings.llm_url is None and settings.groq_key is None:
        from genpy_server.llm.offline import OfflineLlm  # noqa: PLC0415 - only when used

        return OfflineLlm()
    from genpy_server.llm.groq import GroqLlm  # noqa: PLC0415 - a quarter of a second

    waits = (
        settings.llm_connect_seconds,
        settings.llm_first_token_seconds,
        settings.llm_token_seconds,
    )
    if settings.llm_url is not None:
        return GroqLlm(
            key=settings.llm_key, model=settings.llm_model, url=settings.llm_url, waits=waits
        )
    return GroqLlm(
        key=settings.groq_key,
        model=settings.groq_model,
        groq_url=settings.groq_base_url,
        waits=waits,
    )
