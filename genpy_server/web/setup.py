"""The way to a model over HTTP, for the owner of the machine alone.

Whoever runs the server at their own terminal may choose its model. At `genpy serve` that is a
visitor on the same machine, while there is no model yet and nothing says that the server is for
others: one that is reached through a proxy, has further names, or has several users refuses.
"""

from collections.abc import Callable

from genpy_server.core.identity import is_loopback
from genpy_server.core.models import FoundServer, ModelChoice, SetupState
from genpy_server.errors import Forbidden
from genpy_server.llm import setup
from genpy_server.settings import Settings
from genpy_server.web.messages import Request, Response
from genpy_server.web.router import Call

PROXY_FIELDS = (
    *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"),
)
"""Fields of a request that did not come straight from this machine."""
NOT_HERE = (
    "This server's model is chosen where it runs: with `genpy setup`, or in the settings of who "
    "runs it."
)


class SetupHandlers:
    """Chooses the model of a server; `use` is given the settings with it."""

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

    async def state(self, call: Call[None, None]) -> Response:
        """Whether there is a model, and who may choose one; to the owner also what was found."""
        if not self._is_owner(call.request):
            return Response.json(SetupState(self._has_model(), allowed=False))
        found = [
            FoundServer(one.provider, one.url, len(one.models))
            for one in await setup.local_servers()
        ]
        return Response.json(SetupState(self._has_model(), allowed=True, servers=found))

    async def choose(self, call: Call[None, ModelChoice]) -> Response:
        """Try a model, keep it and answer with it from now on; or the models to choose from."""
        if not self._is_owner(call.request):
            raise Forbidden(NOT_HERE)
        answer, chosen = await setup.set_up(self._settings(), call.body)
        if chosen is not None:
            self._use(chosen)
        return Response.json(answer)

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
