"""JSON schemas and examples of the types of the API, generated from the types.

Descriptions are the docstrings of fields.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

TEMPLATE = "#/components/schemas/{name}"
SAMPLES: dict[str, Any] = msgspec.json.decode(Path(__file__).with_name("samples.json").read_bytes())
"""Sample values by field name; one that does not fit the field's type is not used."""


_PLAIN: dict[type[msgspec.inspect.Type], tuple[type | tuple[()], Any]] = {
    msgspec.inspect.StrType: (str, "text"),
    msgspec.inspect.IntType: (int, 3),
    msgspec.inspect.FloatType: (float, 1.0),
    msgspec.inspect.BoolType: ((), True),
    msgspec.inspect.DictType: (dict, {}),
    msgspec.inspect.AnyType: ((), {}),
    msgspec.inspect.NoneType: ((), None),
}
"""The type of a sample that fits, and the example without one."""


def components(kinds: Iterable[type]) -> dict[str, Any]:
    """The schemas of these types and of the types of their fields, by name."""
    found = list(dict.fromkeys(kinds))
    _, schemas = msgspec.json.schema_components(found, ref_template=TEMPLATE)
    for kind in _structs(found):
        schema = schemas.get(kind.__name__, {})
        for name, text in field_docs(kind).items():
            schema["properties"][name] |= {"description": text}
    for kind in found:
        if kind.__name__ in schemas:
            schemas[kind.__name__]["examples"] = [example(kind)]
    return schemas


def reference(kind: type) -> dict[str, str]:
    """A reference to a type's schema."""
    return {"$ref": TEMPLATE.format(name=kind.__name__)}


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


def example(kind: Any) -> Any:
    """An example as a JSON value with every field."""
    return _example(msgspec.inspect.type_info(kind), "")


def _example(info: msgspec.inspect.Type, name: str) -> Any:
    if isinstance(info, msgspec.inspect.Metadata):
        return _example(info.type, name)
    if isinstance(info, msgspec.inspect.StructType):
        tag = {} if info.tag_field is None else {info.tag_field: info.tag}
        return tag | {f.encode_name: _field(f, info.cls.__name__) for f in info.fields}
    if isinstance(info, msgspec.inspect.UnionType):
        return _example(info.types[0], name)
    if isinstance(info, msgspec.inspect.LiteralType):
        return info.values[0]
    if isinstance(info, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
        return [_example(info.item_type, name)]
    return _PLAIN[type(info)][1]


def _field(field: msgspec.inspect.Field, owner: str) -> Any:
    name = field.encode_name
    sample = SAMPLES.get(f"{owner}.{name}", SAMPLES.get(name))
    kind = field.type.type if isinstance(field.type, msgspec.inspect.Metadata) else field.type
    if sample is not None and _fits(sample, kind):
        return sample
    return _example(field.type, name)


def _fits(sample: Any, info: msgspec.inspect.Type) -> bool:
    if isinstance(info, msgspec.inspect.UnionType):
        return any(_fits(sample, member) for member in info.types)
    if isinstance(info, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
        return isinstance(sample, list) and _fits(sample[0], info.item_type)
    return isinstance(sample, _PLAIN.get(type(info), ((), None))[0])
