"""Work beside the screen: started now, waited for by nobody, cancelled with its widget."""

from collections.abc import Callable, Coroutine
from typing import Any, cast

from textual.dom import DOMNode


def background(
    node: DOMNode, work: Callable[[], Coroutine[Any, Any, object]], group: str | None = None
) -> None:
    """Run `work`; in a group, what is new there replaces what is not done yet."""
    start = cast("Any", node.run_worker)  # its overloads cannot tell a function from a value
    start(work, exclusive=group is not None, group=group or "default")
