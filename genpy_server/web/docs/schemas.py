"""JSON schemas of the types of the API, with descriptions from the docstrings of their fields."""

import ast
import inspect
import textwrap
from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

from genpy_server.web.docs.examples import example

TEMPLATE = "#/components/schemas/{name}"


def components(kinds: Iterable[type]) -> dict[str, Any]:
    """The schemas of these types and of the types of their fields, by name."""
    found = list(dict.fromkeys(kinds))
    _, schemas = msgspec.json.schema_components(found, ref_template=TEMPLATE)
    for kind in _structs(found):
        schema = schemas.get(kind.__name__, {})
        for name, text in field_docs(kind).items():
            schema["properties"][name] = _described(schema["properties"][name], text)
    for kind in found:
        if kind.__name__ in schemas:
            schemas[kind.__name__]["examples"] = [example(kind)]
    return schemas


def reference(kind: type) -> dict[str, str]:
    """A reference to a type's schema."""
    return {"$ref": TEMPLATE.format(name=kind.__name__)}


def _described(schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {**schema, "description": text}


def _structs(kinds: Iterable[type]) -> list[type[msgspec.Struct]]:
    """The struct types among these types and their fields."""
    found: dict[type[msgspec.Struct], None] = {}

    def visit(info: msgspec.inspect.Type) -> None:
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in found:
                return
            found[info.cls] = None
            for field in info.fields:
                visit(field.type)
        for name in ("type", "item_type", "value_type"):
            if isinstance(inner := getattr(info, name, None), msgspec.inspect.Type):
                visit(inner)
        for inner in getattr(info, "types", ()):
            visit(inner)

    for kind in kinds:
        visit(msgspec.inspect.type_info(kind))
    return list(found)


@cache
def field_docs(kind: type) -> dict[str, str]:
    """The docstrings after the fields of a class, by field."""
    try:
        source = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    except OSError:  # installed without sources
        return {}
    assert isinstance(source, ast.ClassDef)  # noqa: S101 - the source of a class is one
    docs: dict[str, str] = {}
    for field, after in zip(source.body, source.body[1:], strict=False):
        match field, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = inspect.cleandoc(text)
    return docs


def text_of(kind: type) -> str:
    """The docstring of a class."""
    return inspect.cleandoc(kind.__doc__ or "")
