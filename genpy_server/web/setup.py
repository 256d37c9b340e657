"""Set-up of a model over HTTP, for the owner of the machine only.

With `genpy chat` the person may choose the model. With `genpy serve` a client of the same machine
may, while there is no model and the server is not for others: one that is reached through a proxy,
has further host names, or has several users refuses.
"""

from typing import Any

from genpy_server.core.identity import is_loopback
from genpy_server.core.models import ChosenSetup, FoundServer, ModelChoice, SetupState
from genpy_server.errors import Forbidden
from genpy_server.llm import setup
from genpy_server.web.router import Call

PROXY_FIELDS = (
    *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"),
)
"""Header fields of a request that came through a proxy."""
NOT_HERE = "This server's model is chosen where it runs: with `genpy setup`, or in its operator's settings."


async def setup_state(call: Call[None, None]) -> SetupState:
    """Whether the server has a model, and whether you may choose one.

    The owner gets the local model servers too.
    """
    has_model = not call.app.chat.models.is_offline
    if not _is_owner(call):
        return SetupState(has_model, allowed=False)
    found = [
        FoundServer(one.provider, one.url, len(one.models)) for one in await setup.local_servers()
    ]
    return SetupState(has_model, allowed=True, servers=found)


async def choose_model(call: Call[None, ModelChoice]) -> ChosenSetup:
    """Try a model and use it from now on; from the server's own machine only.

    A choice without a model is answered with those to choose from.
    """
    if not _is_owner(call):
        raise Forbidden(NOT_HERE)
    answer, chosen = await setup.set_up(call.app.server.settings, call.body)
    if chosen is not None:
        call.app.server.use_model(chosen)
    return answer


def _is_owner(call: Call[Any, Any]) -> bool:
    if call.app.server.personal:
        return True
    settings = call.app.server.settings
    for_others = (
        *settings.hosts,
        *settings.origins,
        *settings.proxies,
        *(user for user in settings.tokens.values() if user != settings.user),
    )
    direct = not any(name in call.request.headers for name in PROXY_FIELDS)
    own = settings.folder is not None and is_loopback(settings.host)
    return own and direct and not for_others and call.app.chat.models.is_offline
