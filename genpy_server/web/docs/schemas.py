"""JSON schemas and examples of the types of the API, generated from the types.

Descriptions are the docstrings of fields.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

TEMPLATE = "#/components/schemas/{name}"
SAMPLES: dict[str, Any] = msgspec.json.decode(Path(__file__).with_name("samples.json").read_bytes())
"""Sample values by field name; one that does not fit the field's type is not used."""


_PLAIN: dict[type[msgspec.inspect.Type], Any] = {
    msgspec.inspect.StrType: "text",
    msgspec.inspect.IntType: 3,
    msgspec.inspect.FloatType: 1.0,
    msgspec.inspect.BoolType: True,
    msgspec.inspect.DictType: {},
    msgspec.inspect.AnyType: {},
    msgspec.inspect.NoneType: None,
}
"""The example of a type without a sample."""


def components(kinds: Iterable[type]) -> dict[str, Any]:
    """The schemas of these types and of the types of their fields, by name."""
    found = list(dict.fromkeys(kinds))
    _, schemas = msgspec.json.schema_components(found, ref_template=TEMPLATE)
    for struct in _structs():
        for name, text in field_docs(struct).items() if struct.__name__ in schemas else ():
            schemas[struct.__name__]["properties"][name] |= {"description": text}
    for kind in found:
        if kind.__name__ in schemas:
            schemas[kind.__name__]["examples"] = [example(kind)]
    return schemas


def reference(kind: type) -> dict[str, str]:
    """A reference to a type's schema."""
    return {"$ref": TEMPLATE.format(name=kind.__name__)}


def _structs(base: type[Any] = msgspec.Struct) -> Iterator[type]:
    """GenPy's struct types; a name is used once among them."""
    for kind in base.__subclasses__():
        if kind.__module__.startswith("genpy_server."):
            yield kind
        yield from _structs(kind)


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
    return _example(msgspec.inspect.type_info(kind))


def _example(info: msgspec.inspect.Type) -> Any:
    if isinstance(info, msgspec.inspect.Metadata):
        return _example(info.type)
    if isinstance(info, msgspec.inspect.StructType):
        tag = {} if info.tag_field is None else {info.tag_field: info.tag}
        return tag | {f.encode_name: _field(f, info.cls) for f in info.fields}
    if isinstance(info, msgspec.inspect.UnionType):
        return _example(info.types[0])
    if isinstance(info, msgspec.inspect.LiteralType):
        return info.values[0]
    if isinstance(info, msgspec.inspect.ListType | msgspec.inspect.VarTupleType):
        return [_example(info.item_type)]
    return _PLAIN[type(info)]


def _field(field: msgspec.inspect.Field, owner: type) -> Any:
    name = field.encode_name
    sample = SAMPLES.get(f"{owner.__name__}.{name}", SAMPLES.get(name))
    if sample is not None:
        with suppress(msgspec.ValidationError):
            msgspec.convert(sample, get_type_hints(owner, include_extras=True)[field.name])
            return sample
    return _example(field.type)
