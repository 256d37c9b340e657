"""The wheel that people install."""

import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from genpy_server.web.docs.documents import write_documents

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (path,) = folder.glob("genpy_chat-*.whl")
    with ZipFile(path) as archive:
        yield archive


def text(wheel, name):
    """A file of the wheel's metadata."""
    (path,) = (n for n in wheel.namelist() if n.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_schema_is_in_the_wheel(wheel, tmp_path):
    """`genpy schema` of an installed wheel prints schema.sql, byte for byte."""
    wheel.extractall(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-m", "genpy_cli", "schema"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    assert ran.stdout == (ROOT / "schema.sql").read_bytes()


@pytest.mark.parametrize("name", ["openapi.json", "asyncapi.json"])
def test_documents_follow_the_code(wheel, name, tmp_path):
    """The file in docs/ is what `genpy docs` writes now (else run it), and stands in the wheel."""
    kept = (ROOT / "docs" / name).read_bytes()
    write_documents(tmp_path)
    assert kept == (tmp_path / name).read_bytes(), "run `genpy docs`"
    assert wheel.read(f"genpy_server/web/docs/{name}") == kept


def test_types_are_in_the_wheel(wheel):
    """Each package says that it is typed."""
    names = set(wheel.namelist())
    assert {f"genpy_{part}/py.typed" for part in ("server", "tui", "cli")} <= names


def test_both_names_start_the_command(wheel):
    """The command is called genpy, and genpy-chat for `uvx genpy-chat`."""
    scripts = text(wheel, "entry_points.txt")
    for name in ("genpy", "genpy-chat"):
        assert f"{name} = genpy_cli.__main__:main\n" in scripts


def test_description_has_no_broken_link(wheel):
    """The long description shows no picture and links to nothing that is not published."""
    description = text(wheel, "METADATA").partition("\n\n")[2]
    assert "# GenPy" in description
    assert re.findall(r"!?\[[^]]*\]\([^)]*\)", description) == []
    assert "<img" not in description
