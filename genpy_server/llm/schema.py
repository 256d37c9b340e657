"""A msgspec type as the JSON schema that strict structured output wants."""

from typing import Any

import msgspec


def strict_schema(kind: type) -> dict[str, Any]:
    """The schema with references put in place, every field required, and nothing else allowed."""
    (root,), components = msgspec.json.schema_components([kind])
    schema = _strict(root, components)
    assert isinstance(schema, dict)  # noqa: S101 - a schema of a struct is an object
    return schema


def _strict(node: Any, components: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_strict(item, components) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _strict(components[node["$ref"].rsplit("/", 1)[1]], components)
    strict = {k: _strict(v, components) for k, v in node.items() if k not in {"title", "default"}}
    if "properties" in strict:
        strict["required"] = list(strict["properties"])
        strict["additionalProperties"] = False
    return strict
