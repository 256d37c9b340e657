"""Background work of a widget, cancelled with it."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from textual.css.query import NoMatches
from textual.dom import DOMNode
from textual.screen import Screen


def background(
    node: DOMNode, work: Callable[[], Coroutine[Any, Any, object]], group: str | None = None
) -> None:
    """Run `work`; in a group, new work cancels unfinished work."""

    async def run() -> object:
        try:
            return await work()
        except NoMatches:
            if isinstance(node, Screen) and node not in node.app.screen_stack:
                return None  # the screen was dismissed meanwhile
            raise

    start = cast("Any", node.run_worker)  # its overloads do not fit a coroutine function
    start(run, exclusive=group is not None, group=group or "default")
