"""Set-up of a model over HTTP, for the owner of the machine only.

With `genpy chat` the person may choose the model. With `genpy serve` a client of the same machine
may, while there is no model and the server is not for others: one that is reached through a proxy,
has further host names, or has several users refuses.
"""

from collections.abc import Callable

from genpy_server.core.identity import is_loopback
from genpy_server.core.models import ChosenSetup, FoundServer, ModelChoice, SetupState
from genpy_server.errors import Forbidden
from genpy_server.llm import setup
from genpy_server.settings import Settings
from genpy_server.web.messages import Request
from genpy_server.web.router import Call

PROXY_FIELDS = (
    *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"),
)
"""Header fields of a request that came through a proxy."""
NOT_HERE = "This server's model is chosen where it runs: with `genpy setup`, or in its operator's settings."


class SetupHandlers:
    """Chooses the model of a server; `use` is called with the new settings."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        use: Callable[[Settings], None],
        *,
        has_model: Callable[[], bool],
        personal: bool,
    ) -> None:
        self._settings = settings
        self._use = use
        self._has_model = has_model
        self._personal = personal

    async def state(self, call: Call[None, None]) -> SetupState:
        """Whether the server has a model, and whether you may choose one.

        The owner gets the local model servers too.
        """
        if not self._is_owner(call.request):
            return SetupState(self._has_model(), allowed=False)
        found = [
            FoundServer(one.provider, one.url, len(one.models))
            for one in await setup.local_servers()
        ]
        return SetupState(self._has_model(), allowed=True, servers=found)

    async def choose(self, call: Call[None, ModelChoice]) -> ChosenSetup:
        """Try a model and use it from now on; from the server's own machine only.

        A choice without a model is answered with those to choose from.
        """
        if not self._is_owner(call.request):
            raise Forbidden(NOT_HERE)
        answer, chosen = await setup.set_up(self._settings(), call.body)
        if chosen is not None:
            self._use(chosen)
        return answer

    def _is_owner(self, request: Request) -> bool:
        if self._personal:
            return True
        settings = self._settings()
        for_others = (
            *settings.hosts,
            *settings.origins,
            *settings.proxies,
            *(user for user in settings.tokens.values() if user != settings.user),
        )
        direct = not any(name in request.headers for name in PROXY_FIELDS)
        own = settings.folder is not None and is_loopback(settings.host)
        return own and direct and not for_others and not self._has_model()
