"""Tools from files of a folder and from entry points."""

import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest
from support.tools import call_tool

from genpy_server import plugins
from genpy_server.tools.base import ToolContext
from genpy_server.tools.registry import GROUP, ToolRegistry

GOOD = '''
from genpy_server import tool

def helper() -> None:
    """No tool."""

@tool
def greet(name: str) -> str:
    """Greet somebody."""
    return f"hello {name}"
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good.py").write_text(GOOD)
    return tmp_path


def test_a_changed_file_changes_the_digest_of_its_tools(folder):
    """A permission for good ends when anything in the file of a tool changes."""
    digests = []
    for text in (GOOD, GOOD, GOOD.replace("No tool", "Still no tool")):
        (folder / "good.py").write_text(text)
        registry = ToolRegistry()
        registry.add_files(folder)
        digests.append(registry.find("greet").digest)
    assert digests[0] == digests[1] != digests[2]


async def test_marked_functions_of_a_folder_are_tools(folder):
    """A file's functions with @tool are called, in a process where they act."""
    registry = ToolRegistry()
    assert registry.add_files(folder) == []
    assert [tool.origin for tool in registry.tools[3:]] == ["file good.py"]
    result = await call_tool(registry, "greet", {"name": "Ann"}, ToolContext(None, "ann", "s"))
    assert result.data == "hello Ann"


def test_a_broken_file_costs_its_own_tools_only(folder, caplog):
    """What fails is named; the others are there."""
    (folder / "bad.py").write_text("def x(:")
    (folder / "twice.py").write_text(f"{GOOD}\n@tool\ndef a() -> None:\n    'First.'\n")
    (folder / "script.py").write_text("import sys\nsys.exit('usage: script FILE')")
    registry = ToolRegistry()
    failed = registry.add_files(folder)
    assert [one.origin for one in failed] == ["file bad.py", "file script.py", "file twice.py"]
    assert "SyntaxError" in failed[0].message
    assert failed[1].message == "SystemExit: usage: script FILE"
    assert "Two tools are called greet: one of file good.py and one" in failed[2].message
    assert [tool.spec.name for tool in registry.tools[3:]] == ["greet"]
    assert registry.find("greet").origin == "file good.py"
    assert ToolRegistry().add_files(folder / "none") == []


def test_entry_points_are_a_function_or_a_list(folder, monkeypatch):
    """A package brings one function, or several; one that fails is named."""
    monkeypatch.syspath_prepend(str(folder))
    (folder / "brought.py").write_text(GOOD + "\nmany = [greet]\nnothing = 3\n")
    entries = [
        EntryPoint("one", "brought:many", GROUP),
        EntryPoint("two", "brought:nothing", GROUP),
        EntryPoint("three", "absent:x", GROUP),
    ]
    monkeypatch.setattr(plugins, "_installed", lambda: EntryPoints(entries))
    registry = ToolRegistry()
    failed = registry.add_packages()
    assert registry.find("greet").origin == "package brought"
    assert [one.origin for one in failed] == ["package absent", "package brought"]
    assert "neither a function nor a list" in failed[1].message
    sys.modules.pop("brought")
