"""Generates an example of any type of the API from the type itself."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

SAMPLES: dict[str, Any] = msgspec.json.decode(Path(__file__).with_name("samples.json").read_bytes())
"""Sample values by field name; one that does not fit the field's type is not used."""


_PLAIN: dict[type[inspect.Type], tuple[type | tuple[()], Any]] = {
    inspect.StrType: (str, "text"),
    inspect.IntType: (int, 3),
    inspect.FloatType: (float, 1.0),
    inspect.BoolType: ((), True),
    inspect.DictType: (dict, {}),
    inspect.AnyType: ((), {}),
    inspect.NoneType: ((), None),
}
"""The type of a sample that fits, and the example without one."""


def example(kind: Any) -> Any:
    """An example as a JSON value with every field."""
    return _example(inspect.type_info(kind), "")


def _example(info: inspect.Type, name: str) -> Any:
    if isinstance(info, inspect.Metadata):
        return _example(info.type, name)
    if isinstance(info, inspect.StructType):
        tag = {} if info.tag_field is None else {info.tag_field: info.tag}
        return tag | {f.encode_name: _field(f, info.cls.__name__) for f in info.fields}
    if isinstance(info, inspect.UnionType):
        return _example(info.types[0], name)
    if isinstance(info, inspect.LiteralType):
        return info.values[0]
    if isinstance(info, inspect.ListType | inspect.VarTupleType):
        return [_example(info.item_type, name)]
    return _PLAIN[type(info)][1]


def _field(field: inspect.Field, owner: str) -> Any:
    name = field.encode_name
    sample = SAMPLES.get(f"{owner}.{name}", SAMPLES.get(name))
    kind = field.type.type if isinstance(field.type, inspect.Metadata) else field.type
    if sample is not None and _fits(sample, kind):
        return sample
    return _example(field.type, name)


def _fits(sample: Any, info: inspect.Type) -> bool:
    if isinstance(info, inspect.UnionType):
        return any(_fits(sample, member) for member in info.types)
    if isinstance(info, inspect.ListType | inspect.VarTupleType):
        return isinstance(sample, list) and _fits(sample[0], info.item_type)
    return isinstance(sample, _PLAIN.get(type(info), ((), None))[0])


def as_json(value: Any) -> str:
    """Indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
