"""Generates an example of any type of the API from the type itself."""

from typing import Any

import msgspec
from msgspec import inspect

SAMPLES: dict[str, Any] = {
    "PromptValues.arguments": {"city": "Rome"},
    "args": {"limit": 5},
    "ToolRequest.args": {"keyword": "Rome"},
    "at": "2026-01-31T12:00:00Z",
    "before": 4100,
    "call": "call_1",
    "client_id": "9f6fb2",
    "code": "rate_limited",
    "corrected_from": "tutorial",
    "end_time": "2026-01-31T12:30:00Z",
    "epoch": "b7a2f0",
    "error": "The tool did not answer in time.",
    "first_at": "2026-01-31T12:00:00Z",
    "first_token_ms": 180.0,
    "id": "9f6fb2",
    "intent": "code_assistant",
    "intents": {"code_assistant": 3},
    "last_at": "2026-01-31T12:30:00Z",
    "kind": "sqlite",
    "message": "Too many messages or changes in a minute. Wait 3 s and try again.",
    "message_id": 4213,
    "label": "Code assistant",
    "model": "openai/gpt-oss-120b",
    "ms": 950.0,
    "name": "get_session_stats",
    "note": "No summary was written. No model is configured.",
    "offset": 0,
    "key_outcomes": ["A binary search was written."],
    "quota": {"requests_left": 900, "tokens_left": 7000},
    "rated_at": "2026-01-31T12:31:00Z",
    "re": "9f6fb2",
    "reason": "asks to write a function",
    "replaces": 4211,
    "result": "| messages | 6 |",
    "retry_after": 3.0,
    "run": "5c1e88",
    "score": 0.92,
    "sentiment": "positive",
    "server": "1.0.0",
    "session": "6ea7f0c2-4a4e-4f0f-8f5e-0f6a4ff2a6f1",
    "session_id": "6ea7f0c2-4a4e-4f0f-8f5e-0f6a4ff2a6f1",
    "start_time": "2026-01-31T12:00:00Z",
    "store": "sqlite",
    "summary": "How a binary search works, and one in Python.",
    "text": "How does a binary search work?",
    "title": "How does a binary search work?",
    "token": "the server's GENPY_TOKEN",
    "tools": {"get_session_stats": 1},
    "topics": ["binary search"],
    "updated_at": "2026-01-31T12:30:00Z",
    "user": "local",
    "user_id": "local",
    "version": "1.0.0",
    "where": "genpy.db",
}
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
