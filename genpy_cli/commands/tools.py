"""`genpy tools`."""

from typing import Annotated, Literal

import typer

from genpy_cli import backend, options, output


def tools(
    *,
    action: Annotated[
        Literal["list", "revoke"],
        typer.Argument(help="List the tools, or revoke the permission of one."),
    ] = "list",
    name: Annotated[str | None, typer.Argument(help="The tool to revoke.", metavar="TOOL")] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the tools that a model may call, and revoke permissions."""
    if (action == "revoke") != (name is not None):
        raise options.WrongUsageError(
            "A permission is revoked by the name of its tool: genpy tools revoke NAME."
        )
    found = backend.run(
        backend.on_server(
            backend.settings_with(server),
            lambda records: records.tools() if name is None else records.revoke_tool(name),
        )
    )
    if as_json:
        output.json_document(found)
        return
    if name is not None:
        output.note(f"{name} asks again before it acts.")
        return
    rows = []
    for tool in found.tools:
        runs = "reads only" if tool.reads_only else "always" if tool.always else "when allowed"
        first = tool.description.split("\n\n", maxsplit=1)[0].partition(". ")[0].rstrip(".")
        rows.append((tool.name, runs, tool.origin, f"{first}."))
    rows += [(absent, "always", "not here now", "") for absent in found.absent]
    output.table(("TOOL", "RUNS", "FROM", "DOES"), rows, cut=("DOES",))
    connected = [(one.origin, one.state) for one in found.sources if not one.message]
    if connected:
        output.text("")
        output.table(("SOURCE", "STATE"), connected)
    for one in found.sources:
        if one.message:
            output.note(f"{one.origin}: {one.state}: {one.message}")
