"""The models that a service lists, and which of them can chat."""

import re
from codecs import BOM_UTF8
from typing import Any

from genpy_server.llm import field_names
from genpy_server.llm.field_names import PHRASES
from genpy_server.llm.lenient_json import loads

_NOT_CHAT = re.compile(PHRASES.any_of("not for chat"))
_NOT_CHAT_KINDS = re.compile(PHRASES.any_of("kinds not for chat"))


def listed(answer: bytes) -> list[str] | None:
    """The ids of all models in an answer to GET /models; None if it is not a list of models."""
    rows = _rows(answer)
    return None if rows is None else [name for row in rows if (name := _name(row))]


def chatting(answer: bytes) -> list[str]:
    """The ids of the listed models that can chat, by their rows and names."""
    return [name for name, _ in chatting_rows(answer) or ()]


def chatting_rows(answer: bytes) -> list[tuple[str, Any]] | None:
    """As `chatting`, with the service's row of each; None if it is not a list of models."""
    rows = _rows(answer)
    if rows is None:
        return None
    named: dict[str, Any] = {}
    for row in rows:
        named.setdefault(_name(row), row)
    return [(n, row) for n, row in named.items() if n and named_for_chat(n) and _may_chat(row)]


def named_for_chat(model: str) -> bool:
    """Whether a model may chat, judged by its name."""
    return not _NOT_CHAT.search(model.lower())


def is_listed(model: str, models: list[str]) -> bool:
    """Whether a service has the model; Ollama also knows `name:latest` as `name`."""
    return bool({model, f"{model}:latest", f"models/{model}"} & set(models))


def _rows(answer: bytes) -> list[Any] | None:
    try:
        found = loads(answer.removeprefix(BOM_UTF8))
    except ValueError:
        return None
    depth = 0
    while isinstance(found, dict):
        name = next((key for key in field_names.MODELS if key in found), None)
        if name is None:
            return list(found) if depth else None
        found, depth = found[name], depth + 1
    return found if isinstance(found, list) else []


def _name(row: Any) -> str:
    if isinstance(row, dict):
        row = field_names.first(row, field_names.MODEL_IDS)
    return row if isinstance(row, str) else ""


def _may_chat(row: Any) -> bool:
    if not isinstance(row, dict):
        return True
    info = row.get("model_info")
    holders = (row, info) if isinstance(info, dict) else (row,)
    kinds = [one.get(key) for one in holders for key in field_names.MODEL_KINDS]
    kinds = [kind.get("name") if isinstance(kind, dict) else kind for kind in kinds]
    if row.get("active") is False or any(
        isinstance(kind, str) and _NOT_CHAT_KINDS.search(kind.lower()) for kind in kinds
    ):
        return False
    abilities, shape = row.get("capabilities"), row.get("architecture")
    if isinstance(abilities, list) and abilities:
        return not all(_NOT_CHAT_KINDS.search(str(ability).lower()) for ability in abilities)
    parts = [part for part in (row, abilities, shape) if isinstance(part, dict)]
    flags = [part[key] for part in parts for key in field_names.CHAT_FLAGS if key in part]
    lists = [
        word in part[key]
        for part in parts
        for key, word in field_names.CHAT_LISTS.items()
        if isinstance(part.get(key), list) and part[key]
    ]
    return all(flags) and all(lists)
