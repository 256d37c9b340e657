"""Work beside the screen: started now, waited for by nobody, cancelled with its widget."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.screen import Screen


def background(
    node: DOMNode, work: Callable[[], Coroutine[Any, Any, object]], group: str | None = None
) -> None:
    """Run `work`; in a group, what is new there replaces what is not done yet."""

    async def run() -> object:
        try:
            return await work()
        except NoMatches:
            if isinstance(node, Screen) and node not in node.app.screen_stack:
                return None  # it was dismissed meanwhile, and its widgets are gone
            raise

    start = cast("Any", node.run_worker)  # its overloads cannot tell a function from a value
    start(run, exclusive=group is not None, group=group or "default")
