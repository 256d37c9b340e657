"""`genpy explain`."""

from typing import TYPE_CHECKING, Annotated

from genpy_cli import output
from genpy_cli.grid import Column
from genpy_cli.parameters import Argument, Json, Option
from genpy_server.settings import load

if TYPE_CHECKING:
    from genpy_server.sessions.explain import Explanation, Sent


def run(
    *,
    text: Annotated[str, Argument("What somebody might say.", "TEXT")],
    session: Annotated[
        str | None,
        Option("Said in this conversation.", metavar="SESSION", completes=True),
    ] = None,
    full: Annotated[bool, Option("Show what would be sent, word for word.")] = False,
    as_json: Json = False,
) -> None:
    """Show what GenPy makes of a text: the kind of help, the tool, the context."""
    from genpy_server.sessions.explain import explain  # noqa: PLC0415 - brings in asyncio

    explanation = explain(load(), text, session)
    if as_json:
        output.json_document(explanation)
        return
    output.pairs(_facts(explanation))
    if explanation.context is not None:
        _show_context(explanation.context)
        if full:
            for message in explanation.context.messages:
                output.text("")
                output.heading(message.role)
                output.text(message.content)


def _facts(explanation: "Explanation") -> list[tuple[str, str]]:
    intent, tool = explanation.intent, explanation.tool
    facts = [
        ("Kind of help", f"{intent.name.replace('_', ' ')} ({intent.score:.0%})"),
        ("Because", intent.reason),
    ]
    if tool is None:
        return [*facts, ("Tool", "none; a model may still ask for one itself")]
    arguments = ", ".join(f"{name}={value!r}" for name, value in tool.args.items())
    return [*facts, ("Tool", f"{tool.name}({arguments})"), ("Because", tool.reason)]


def _show_context(context: "Sent") -> None:
    output.text("")
    output.heading(context.title, f"{context.total:,} of {context.budget:,} tokens")
    rows = [
        [part, f"{tokens:,}", "█" * round(30 * tokens / context.budget)]
        for part, tokens in context.tokens.items()
    ]
    output.table([Column("PART"), Column("TOKENS", right=True), Column("SHARE")], rows)
