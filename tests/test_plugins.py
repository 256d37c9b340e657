"""What packages bring: found by name, and named where it fails."""

from importlib import metadata
from importlib.metadata import EntryPoint, EntryPoints
from shutil import make_archive

import pytest

from genpy_server import modes, plugins
from genpy_server.core.modes import Mode
from genpy_server.errors import ConfigError, StoreUnavailable
from genpy_server.modes import open_modes, own_modes
from genpy_server.plugins import made

SOURCE = """
import os
from genpy_server import Mode
from genpy_server.errors import StoreUnavailable

def echo(text): return text
def fails(text): raise KeyError("SHELVES_URL")
def leaves(text): raise SystemExit(3)
def is_down(text): raise StoreUnavailable("The shelves are closed.")

number = 3
shelves = Mode(name="shelves")
"""


@pytest.fixture
def brought(tmp_path, monkeypatch):
    """Names the objects of a module as entry points."""
    (tmp_path / "brought_module.py").write_text(SOURCE)
    (tmp_path / "broken_module.py").write_text("raise SystemExit('no licence')")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = []
    monkeypatch.setattr(plugins, "_installed", lambda: EntryPoints(found))

    def bring(name, value, group="g"):
        found.append(EntryPoint(name, value, group))

    return bring


def test_a_function_of_a_package_is_called(brought):
    """The function of the entry point of a name returns what is used."""
    brought("one", "brought_module:echo")
    assert made("g", "one", "text") == "text"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("brought_module:fails", r"brought_module \(g: one\) failed: KeyError: 'SHELVES_URL'\."),
        ("brought_module:leaves", r"failed: SystemExit: 3\."),
        ("brought_module:number", "failed: TypeError"),
        ("brought_module:absent", "cannot be loaded: AttributeError"),
        ("broken_module:x", "cannot be loaded: SystemExit: no licence"),
    ],
)
def test_what_fails_is_named_with_its_package(brought, value, words):
    """A package that cannot be used is a sentence with its name, whatever it raises."""
    brought("one", value)
    with pytest.raises(ConfigError, match=words):
        made("g", "one", "text")


def test_an_error_of_ours_stays_itself(brought):
    """A factory may say in GenPy's own words what is wrong."""
    brought("one", "brought_module:is_down")
    with pytest.raises(StoreUnavailable, match="closed"):
        made("g", "one", "text")


def test_two_packages_with_one_name_are_refused(brought):
    """Which of two is meant cannot be known, and both are named."""
    brought("one", "brought_module:echo")
    brought("one", "broken_module:x")
    with pytest.raises(ConfigError, match="broken_module and brought_module"):
        made("g", "one", "text")
    with pytest.raises(ConfigError, match="No installed package brings two"):
        made("g", "two", "text")


def test_a_package_with_wrong_modes_costs_its_own_only(brought):
    """The modes of other packages are there, and each failure is told once."""
    for name, value in (
        ("a", "brought_module:number"),
        ("b", "broken_module:x"),
        ("c", "brought_module:shelves"),
    ):
        brought(name, value, modes.GROUP)
    failed = []
    found = open_modes(failed=failed.append)
    assert list(found) == [*own_modes(), "shelves"]
    assert found["shelves"] == Mode(name="shelves")
    assert [text.split(" (")[0] for text in failed] == ["brought_module", "broken_module"]


@pytest.fixture
def fresh():
    """Packages are read again before and after the test."""
    plugins._installed.cache_clear()
    yield
    plugins._installed.cache_clear()


def install(folder, text):
    """A package in a folder of `sys.path` with these entry points."""
    info = folder / "shelves-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shelves\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(text)


@pytest.mark.usefixtures("fresh")
def test_the_installed_packages_are_read_once(tmp_path, monkeypatch):
    """However many kinds of entry points are asked for, the files of the packages are read once."""
    install(tmp_path, "[genpy.tools]\none = m:x\n[genpy.modes]\ntwo = m:y\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    read = []
    monkeypatch.setattr(
        metadata, "entry_points", lambda of=metadata.entry_points: read.append(1) or of()
    )
    groups = ("genpy.tools", "genpy.modes", "genpy.tools", "genpy.stores")
    found = [plugins.points(group) for group in groups]
    assert [[point.name for point in points] for points in found] == [["one"], ["two"], ["one"], []]
    assert plugins.package_of(found[0][0]) == "shelves"
    assert read == [1]


@pytest.mark.usefixtures("fresh")
def test_what_cannot_be_read_hides_no_package(tmp_path, monkeypatch):
    """A folder with an impossible name, and entry points that are no file, are passed over."""
    install(tmp_path / "there", "[genpy.tools]\none = m:x\n")
    (tmp_path / "a-1.dist-info" / "entry_points.txt").mkdir(parents=True)
    for place in ("there", "x" * 5_000, "."):
        monkeypatch.syspath_prepend(str(tmp_path / place))
    assert [point.name for point in plugins.points("genpy.tools")] == ["one"]


@pytest.mark.usefixtures("fresh")
def test_a_package_in_a_zip_file_is_found(tmp_path, monkeypatch):
    """Packages are also found in an archive that Python imports from."""
    install(tmp_path / "shelves", "[genpy.tools]\none = m:x\n")
    monkeypatch.syspath_prepend(make_archive(str(tmp_path / "all"), "zip", tmp_path / "shelves"))
    assert [point.name for point in plugins.points("genpy.tools")] == ["one"]
