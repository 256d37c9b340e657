"""What GenPy leans on inside Textual is listed, and is as it was when the list was made."""

import ast
import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from support.conditions import eventually
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.driver import Driver
from textual.events import Resize
from textual.widgets import Static

import genpy_tui
from genpy_tui.terminal import internals
from genpy_tui.terminal.internals import INTERNALS

ALLOWED = {"genpy_tui/terminal/internals.py"}


def source(place: str) -> str:
    """The source of `module:name`, read from its file, since some modules are for Windows only."""
    module, _, name = place.partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).read_text(encoding="utf-8")
    node: ast.AST = ast.parse(text)
    for part in name.split("."):
        node = next(
            child
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and child.name == part
        )
    return ast.get_source_segment(text, node) or ""


@pytest.mark.parametrize("place", INTERNALS)
def test_each_internal_is_as_it_was_when_it_was_listed(place: str) -> None:
    """A changed part of Textual is named here before it can fail in a person's terminal."""
    assert hashlib.sha256(source(place).encode()).hexdigest()[:12] == INTERNALS[place]


def private_imports(tree: ast.AST) -> Iterator[str]:
    """The private modules of Textual that a file imports, and its drivers."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith(("textual._", "textual.drivers")):
                yield name


def test_one_file_imports_what_is_private_in_textual() -> None:
    """Every import of a private module of Textual stands in the file that lists them."""
    root = Path(genpy_tui.__file__).parents[1]
    found = {
        str(path.relative_to(root))
        for path in root.glob("genpy_*/**/*.py")
        if any(private_imports(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert found == ALLOWED


def overridden() -> Iterator[str]:
    """The private methods of Textual's classes that classes of GenPy redefine."""
    for module in pkgutil.walk_packages(genpy_tui.__path__, "genpy_tui."):
        for owner in vars(importlib.import_module(module.name)).values():
            if not inspect.isclass(owner) or owner.__module__ != module.name:
                continue
            for name in vars(owner):
                if not name.startswith("_") or name.startswith(("__", f"_{owner.__name__}__")):
                    continue
                for base in owner.__mro__[1:]:
                    if base.__module__.startswith("textual") and callable(vars(base).get(name)):
                        yield f"{base.__module__}:{base.__qualname__}.{name}"
                        break


def test_each_private_method_that_is_overridden_is_listed() -> None:
    """A method of Textual's that may change without notice is overridden knowingly."""
    assert set(overridden()) - set(INTERNALS) == set()


class Page(App[None]):
    """A page of text that scrolls."""

    def get_driver_class(self) -> type[Driver]:
        """The driver of GenPy's own application."""
        return internals.driver(super().get_driver_class())

    def compose(self) -> ComposeResult:
        """The page."""
        with VerticalScroll():
            yield Static(id="page")


async def test_text_is_measured_again_where_a_layout_came_between_two_changes() -> None:
    """A widget shows all of its newest text, also when an older one was measured meanwhile."""
    app = Page()
    async with app.run_test() as pilot:
        page, around = app.query_one("#page", Static), app.query_one(VerticalScroll)
        page.update("one")
        around._clear_arrangement_cache()
        app.screen._refresh_layout()
        page.update("one\ntwo\nthree")
        await pilot.pause()
        assert page.size.height == len(("one", "two", "three"))


class Told(Static):
    """A text that notes the widths that it is told."""

    widths: ClassVar[list[int]] = []

    def on_resize(self, event: Resize) -> None:
        """Note it."""
        self.widths.append(event.size.width)


async def test_a_widget_is_told_its_size_where_a_lookup_came_before_the_layout() -> None:
    """A widget learns its new width, also when somebody looked up its new place meanwhile."""
    app = Page()
    async with app.run_test() as pilot:
        around = app.query_one(VerticalScroll)
        told = Told("text")
        await around.mount(told)
        await pilot.pause()
        around.styles.width = 40
        app.screen._clear_arrangement_cache()
        app.screen._compositor._full_map_invalidated = True
        assert app.screen.find_widget(told).region.width == 40

        async def is_told() -> bool:
            return told.widths[-1] == 40

        await eventually(is_told)
