"""The tools of each user: which of them the user may use, and which may always run."""

from collections.abc import Mapping, Sequence

from genpy_server.core import models
from genpy_server.errors import BadRequest, NotFound
from genpy_server.settings import EVERYONE
from genpy_server.stores.base import Store
from genpy_server.tools.base import UNUSABLE, Tool
from genpy_server.tools.registry import ToolRegistry

STARTING = (
    "{origin} is still starting; its tools are used from the next message on when it is ready."
)


class ToolServers:
    """Programs with tools of their own, such as MCP servers; as it stands, none."""

    def states(self) -> list[models.ToolSource]:
        """The state of each."""
        return []

    async def ready(self) -> None:
        """Wait, for a few seconds at most, until each is connected or has failed."""

    async def prompts(self) -> list[models.ListedPrompt]:
        """The prompts that they offer."""
        return []

    async def prompt(self, name: str, values: dict[str, str]) -> str:  # noqa: ARG002 - of the others
        """Fill in a prompt; raises `NotFound` for an unknown one, `BadRequest` for wrong values."""
        raise NotFound(f"Unknown prompt {name}.")

    async def close(self) -> None:
        """Disconnect."""


class ToolAccess:
    """The tools of each user.

    `acting` are the names of tools that act, by user; None allows all of them, on the person's own
    machine. `failed` are sources of tools that do not work.
    """

    def __init__(
        self,
        store: Store,
        registry: ToolRegistry,
        acting: Mapping[str, frozenset[str]] | None = None,
        failed: Sequence[models.ToolSource] = (),
        servers: ToolServers | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._acting = acting
        self._failed = failed
        self.servers = servers or ToolServers()

    def of(self, user_id: str) -> tuple[Tool, ...]:
        """The tools of a user."""
        names = self._acting_of(user_id)
        return tuple([tool for tool in self._registry.tools if _may_use(names, tool)])

    def find(self, user_id: str, name: str) -> Tool:
        """The tool of a name; raises `BadRequest` where it is unknown or not allowed."""
        tool = self._registry.find(name)
        if not _may_use(self._acting_of(user_id), tool):
            raise BadRequest(f"The operator of this server does not allow the tool {name}.")
        return tool

    def _acting_of(self, user_id: str) -> frozenset[str] | None:
        """The names of the tools that act for a user; None for all."""
        acting, none = self._acting, frozenset[str]()
        return None if acting is None else acting.get(user_id, none) | acting.get(EVERYONE, none)

    def missing(self, user_id: str) -> list[str]:
        """A sentence on each source of tools for this user that brings none now."""
        names = self._acting_of(user_id)
        return [
            UNUSABLE.format(origin=one.origin, message=one.message)
            if one.state == "failed"
            else STARTING.format(origin=one.origin)
            for one in self._sources()
            if one.state != "connected" and (names is None or any(map(one.names, names)))
        ]

    def _sources(self) -> list[models.ToolSource]:
        return [*self._failed, *self.servers.states()]

    async def listed(self, user_id: str) -> models.ToolList:
        """The tools of a user, and which of them may always run."""
        await self.servers.ready()
        kept = await self._store.approved_tools(user_id)
        approved = {(one.name, one.digest) for one in kept}
        tools = [
            models.ListedTool(
                name=tool.spec.name,
                description=tool.spec.description,
                origin=tool.origin,
                reads_only=tool.reads_only,
                always=(tool.spec.name, tool.digest) in approved,
            )
            for tool in self.of(user_id)
        ]
        absent = {name for name, _ in approved} - {tool.name for tool in tools}
        return models.ToolList(tools, self._sources(), sorted(absent))

    async def prompts(self) -> models.PromptList:
        """The prompts of all servers."""
        await self.servers.ready()
        return models.PromptList(await self.servers.prompts())

    async def prompt(self, name: str, values: dict[str, str]) -> models.PromptText:
        """See `ToolServers.prompt`."""
        return models.PromptText(await self.servers.prompt(name, values))

    async def revoke(self, user_id: str, name: str) -> None:
        """Revoke a permission to always run; raises `NotFound` where there was none."""
        if not await self._store.revoke_tool(user_id, name):
            raise NotFound(f"The tool {name} has no permission to always run.")


def _may_use(names: frozenset[str] | None, tool: Tool) -> bool:
    """Whether a user may use a tool, by the names of the tools that act for the user; None for all."""
    return tool.reads_only or names is None or tool.spec.name in names
