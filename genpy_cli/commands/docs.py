"""`genpy docs`."""

from pathlib import Path
from typing import Annotated

import typer

from genpy_cli import output


def docs(
    folder: Annotated[Path, typer.Argument(help="Where to write them.")] = Path("docs"),
) -> None:
    """Write openapi.json and asyncapi.json: every endpoint and frame, for programs."""
    from genpy_server.web.docs.documents import write_documents

    for path in write_documents(folder):
        output.text(str(path))
