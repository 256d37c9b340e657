"""The tools of a server as its users have them: which each may use, and what each allowed for good."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from genpy_server.core.models import (
    ListedPrompt,
    ListedTool,
    PromptList,
    PromptText,
    ToolList,
    ToolSource,
)
from genpy_server.errors import BadRequest, NotFound
from genpy_server.settings import EVERYONE
from genpy_server.stores.base import ApprovalStore, Store
from genpy_server.tools.base import Tool
from genpy_server.tools.registry import ToolRegistry

NOBODY = frozenset[str]()


class ToolServers(Protocol):
    """Programs whose tools come and go with them; MCP servers are some."""

    def states(self) -> list[ToolSource]:
        """How each of them is."""

    async def ready(self) -> None:
        """Wait, for a few seconds at most, until each is connected or has failed."""

    async def prompts(self) -> list[ListedPrompt]:
        """The prompts that they offer."""

    async def prompt(self, name: str, values: dict[str, str]) -> str:
        """A prompt filled in; raises `NotFound` for an unknown one, `BadRequest` for wrong values."""

    async def close(self) -> None:
        """Disconnect."""


class ToolAccess:
    """See the module.

    `acting` are the names of acting tools by user, None where every user may use all: on the
    person's own machine. `failed` are sources of tools that do not work, `servers` those that come
    and go.
    """

    def __init__(
        self,
        store: Store,
        registry: ToolRegistry,
        acting: Mapping[str, frozenset[str]] | None = None,
        failed: Sequence[ToolSource] = (),
        servers: "ToolServers | None" = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._acting = acting
        self._failed = failed
        self.servers = servers

    def of(self, user_id: str) -> tuple[Tool, ...]:
        """The tools of a user."""
        return tuple(tool for tool in self._registry.tools if self._may_use(user_id, tool))

    def find(self, user_id: str, name: str) -> Tool:
        """A tool of a user; raises `BadRequest` where there is none of that name."""
        tool = self._registry.find(name)
        if not self._may_use(user_id, tool):
            raise BadRequest(f"The operator of this server does not allow the tool {name}.")
        return tool

    def _may_use(self, user_id: str, tool: Tool) -> bool:
        if tool.reads_only or self._acting is None:
            return True
        acting = self._acting
        return tool.spec.name in acting.get(user_id, NOBODY) | acting.get(EVERYONE, NOBODY)

    async def ready(self) -> None:
        """Wait until servers of tools are connected, or have failed, for a few seconds at most."""
        if self.servers is not None:
            await self.servers.ready()

    async def close(self) -> None:
        """Disconnect the servers of tools."""
        if self.servers is not None:
            await self.servers.close()

    async def listed(self, user_id: str) -> ToolList:
        """The tools of a user, with what was allowed for good."""
        await self.ready()
        store = self._store
        kept = await store.approved_tools(user_id) if isinstance(store, ApprovalStore) else []
        approved = {(one.name, one.digest) for one in kept}
        tools = [
            ListedTool(
                name=tool.spec.name,
                description=tool.spec.description,
                origin=tool.origin,
                reads_only=tool.reads_only,
                always=(tool.spec.name, tool.digest) in approved,
            )
            for tool in self.of(user_id)
        ]
        sources = [*self._failed, *(self.servers.states() if self.servers else ())]
        absent = {name for name, _ in approved} - {tool.name for tool in tools}
        return ToolList(tools, sources, sorted(absent))

    async def prompts(self) -> PromptList:
        """The prompts of the servers of tools."""
        await self.ready()
        return PromptList([] if self.servers is None else await self.servers.prompts())

    async def prompt(self, name: str, values: dict[str, str]) -> PromptText:
        """A prompt filled in; see `ToolServers.prompt`."""
        if self.servers is None:
            raise NotFound(f"Unknown prompt {name}.")
        return PromptText(await self.servers.prompt(name, values))

    async def revoke(self, user_id: str, name: str) -> None:
        """Take a permission for good back; raises `NotFound` where there was none."""
        store = self._store
        if not isinstance(store, ApprovalStore) or not await store.revoke_tool(user_id, name):
            raise NotFound(f"The tool {name} was not allowed for good.")
