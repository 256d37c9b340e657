"""A tool that acts: it writes into a file, and only when the person allows it.

    genpy chat --app examples.todo_tool:app

`todos` reads and runs at once; each call of `add_todo` is shown first, to be allowed once, for this
conversation or always.
"""

import asyncio
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from genpy_server import App, Context, tool

FILE = Path("todo.txt")


@tool(reads_only=True)
def todos() -> list[str]:
    """What is to be done, one text an entry."""
    return FILE.read_text("utf-8").splitlines() if FILE.exists() else []


@tool(seconds=5)
async def add_todo(
    context: Context, text: Annotated[str, Meta(max_length=200, description="One line.")]
) -> str:
    """Add an entry to the list of what is to be done."""
    line = " ".join(text.split())
    if line in todos() and not await context.ask(f"Add {line!r} a second time?"):
        return "It is on the list already."
    context.progress("writing")
    await asyncio.to_thread(_append, line)
    return f"Added as number {len(todos())}."


def _append(line: str) -> None:
    with FILE.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


app = App(tools=[todos, add_todo])

if __name__ == "__main__":
    asyncio.run(app.serve())
