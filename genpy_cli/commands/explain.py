"""`genpy explain`."""

from typing import Annotated

import typer

from genpy_cli import options, output
from genpy_cli.standard_input import piped_text
from genpy_server.core.models import RequestContext
from genpy_server.settings import load


def explain(
    *,
    text: Annotated[
        str | None,
        typer.Argument(help="What a person might write; standard input where it is left out."),
    ] = None,
    session: Annotated[
        str | None, options.session_option("As the next message of this conversation.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Show what would be sent, word for word.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show how GenPy understands a text, and what it would send."""
    from genpy_server.runs.run import TOO_LONG
    from genpy_server.sessions.explain import explain as explain_text

    if text is None:
        text = piped_text("Waiting for standard input to end.").strip("\n")
    if not text.strip():
        raise options.WrongUsageError('Name a text: genpy explain "Where is my order?"')
    explanation = explain_text(load(), text, session)
    if as_json:
        output.json_document(explanation)
        return
    intent, tool = explanation.intent, explanation.tool
    facts = [
        ("Kind of help", f"{intent.name.replace('_', ' ')} ({intent.score:.0%})"),
        ("Reason", intent.reason),
        ("Tool", "none; the model may still call one"),
    ]
    if tool is not None:
        arguments = ", ".join(f"{name}={value!r}" for name, value in tool.args.items())
        facts[2:] = [("Tool", f"{tool.name}({arguments})"), ("Reason", tool.reason)]
    output.pairs(facts)
    if explanation.question_chars is not None:
        output.text(TOO_LONG.format(sent=explanation.question_chars, total=len(text)))
    if explanation.context is not None:
        _show_context(explanation.context)
        if full:
            for message in explanation.context.messages:
                output.text("")
                output.heading(message.role)
                output.text(message.content)


def _show_context(context: RequestContext) -> None:
    output.text("")
    output.heading(context.title, f"{context.total:,} of {context.budget:,} tokens")
    rows = [
        (part, f"{tokens:,}", "█" * round(30 * tokens / context.budget))
        for part, tokens in context.tokens.items()
    ]
    output.table(("PART", "TOKENS", "SHARE"), rows, right=("TOKENS",))
