"""The project keeps its own word: what is documented is there, and what is there is documented."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from genpy_server.settings import FIELDS, limit_fields

SETTINGS = (*FIELDS, *limit_fields())

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODULES = sorted(
    path
    for package in ("genpy_server", "genpy_tui", "genpy_cli")
    for path in (ROOT / package).rglob("*.py")
)
TESTS = sorted(
    path for path in (ROOT / "tests").rglob("test_*.py") if "node_modules" not in path.parts
)


@pytest.mark.parametrize("field", SETTINGS, ids=lambda field: field.variable)
def test_every_setting_is_documented(field):
    """A setting stands in .env.example and in the README, with its help and default."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert f"# {field.help}\n# {field.variable}={field.default}\n" in example
    default = f"`{field.default}`" if field.default else ""
    assert f"| `{field.variable}` | {default} | {field.help} |" in README


def test_no_other_setting_is_documented():
    """The README and .env.example name no variable that is not read."""
    known = {field.variable for field in SETTINGS}
    text = README + (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(?:GENPY|GROQ|SUPABASE)_[A-Z_]+\b", text))
    assert named <= known


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_states_a_fact(path):
    """A test's docstring is a sentence."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test"
        ):
            fact = ast.get_docstring(node) or ""
            assert re.fullmatch(r".{10,}[.!?]", fact, re.DOTALL), f"{node.name}: {fact!r}"


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.name == "__init__.py"],
    ids=lambda path: str(path.parent.relative_to(ROOT)),
)
def test_every_folder_says_what_lives_there(path):
    """The docstring of a package says what lives there and what does not."""
    described = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert len(re.findall(r"[.:](?:\s|$)", described)) >= 2, described


def test_a_class_name_is_used_once():
    """No two public classes of the packages share a name, so that a search finds the one place."""
    names = [
        node.name
        for path in MODULES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    ]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_no_sentence_names_a_part_of_a_module():
    """No text for a person holds `backend.run` or the like, as a renaming may leave behind."""
    parts = re.compile(
        r"(?<![\w./])(?:backend|options|output|exit_codes|errors|models|wire)\.[a-z_]"
    )
    for path in MODULES:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        texts = [
            node.value
            for node in nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
            if id(node) not in docstrings
        ]
        assert [text for text in texts if " " in text and parts.search(text)] == [], path


def test_the_architecture_page_names_files_that_exist():
    """Every path in docs/architecture.md is a file or a folder of the tree."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+(?:/|\.(?:py|sql|md|toml|example)))`", page))
    assert len(named) > 20
    packages = ("", "genpy_server/", "genpy_tui/")
    lost = [
        name
        for name in named
        if "NAME" not in name and not any((ROOT / base / name).exists() for base in packages)
    ]
    assert lost == []


def test_nothing_names_a_machine_or_a_neighbour():
    """No file of the tree holds a path of the machine it was written on, or of its workplace."""
    files = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    strange = re.compile(rb"/(?:work|root|home/\w+)/|\.\./shared")
    for name in files:
        if name != "tests/test_project.py" and (ROOT / name).is_file():
            assert not strange.search((ROOT / name).read_bytes()), name


def test_changelog_follows_keep_a_changelog():
    """The changelog has an Unreleased section first, and only the headings of Keep a Changelog."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    assert sections[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", name) for name in sections[1:])
    kinds = set(re.findall(r"^### (.+)$", changelog, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_layers_hold():
    """Imports run downward only, and a file in no layer fails."""
    lint = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout


HEAVY = "textual websockets httpx supabase groq aiohttp pydantic"


@pytest.mark.parametrize("module", ["genpy_server", "genpy_server.local", "genpy_server.settings"])
def test_light_modules_import_nothing_heavy(module):
    """What small commands import brings none of the heavy packages."""
    code = f"import sys, {module}; print(*set({HEAVY!r}.split()) & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == []
