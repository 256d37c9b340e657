"""`genpy learn`."""

from typing import TYPE_CHECKING, Annotated

import typer

from genpy_cli import backend, options, output
from genpy_server.errors import ConfigError
from genpy_server.settings import load

if TYPE_CHECKING:
    from genpy_server.sessions.learn import Share


def learn(
    *,
    forget: Annotated[bool, typer.Option("--forget", help="Remove what was learned.")] = False,
    as_json: options.Json = False,
) -> None:
    """Learn from the modes that you corrected, on this machine."""
    settings = load()
    if settings.server is not None:
        raise ConfigError(
            f"The conversations are kept at {settings.server}. Run `genpy learn` on that machine."
        )
    from genpy_server.sessions.learn import forget_learned, learn_from

    if forget:
        removed = forget_learned(settings)
        output.text("What was learned is removed." if removed else "Nothing was learned yet.")
        return

    learning = backend.with_records(None, lambda records: learn_from(records, settings))
    if as_json:
        output.json_document(learning)
        return
    if not learning.corrections.messages:
        output.text(
            "No corrections to learn from. Answer a message again in another mode "
            "(/retry MODE, or f5) where the detected one is wrong."
        )
        return
    rows = [
        _row("Your corrections", learning.corrections),
        _row("Your other messages", learning.others),
        _row("GenPy's own examples", learning.shipped),
    ]
    output.table(("HELD OUT", "MESSAGES", "BEFORE", "AFTER"), rows, right=("MESSAGES", "BEFORE"))
    output.text("")
    if learning.kept:
        output.text(
            f"Learned in {learning.seconds:.1f} s and used from the next message on. "
            "`genpy learn --forget` removes it."
        )
    else:
        output.text("Not kept: no more messages are right than before. Nothing has changed.")


def _row(name: str, share: "Share") -> tuple[str, ...]:
    def right(count: int) -> str:
        return f"{count / share.messages:.0%}" if share.messages else "–"

    return name, f"{share.messages:,}", right(share.before), right(share.after)
