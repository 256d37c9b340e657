"""`genpy schema`."""

from pathlib import Path

import genpy_server
from genpy_cli import output


def schema() -> None:
    """Print schema.sql, which prepares a Supabase project."""
    package = Path(genpy_server.__file__).parent
    # A wheel has it in the package; a clone, on which tests and `pip install -e` run, above it.
    places = (package / "schema.sql", package.parent / "schema.sql")
    path = next(place for place in places if place.exists())
    output.text(path.read_text("utf-8"), end="")
