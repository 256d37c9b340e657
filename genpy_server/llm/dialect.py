"""The chat-completions dialect: what is sent in a request, and what an unstreamed answer holds."""

import re
from typing import Any, Literal

import msgspec

from genpy_server.core.models import ChatMessage, ToolSpec
from genpy_server.llm.schema import strict_schema

Form = Literal["json_schema", "json_object", "words"]
"""How an answer of a given form is asked for; in every form but strict Groq's in words as well."""

_FENCE = re.compile(r"^\s*```(?:json)?\s*(.*?)\s*```\s*$", re.DOTALL)


class Model(msgspec.Struct):
    """A model that a service lists."""

    id: str


class Models(msgspec.Struct):
    """The answer to GET /models."""

    data: list[Model] | None = None


class Answer(msgspec.Struct):
    """The message of a whole reply."""

    content: str | None = None


class AnswerChoice(msgspec.Struct):
    """The only choice that is asked for."""

    message: Answer


class Completion(msgspec.Struct):
    """A whole reply."""

    choices: list[AnswerChoice] = []

    def json(self) -> str:
        """The reply's text, without the fence that some models put around JSON."""
        content = (self.choices[0].message.content or "") if self.choices else ""
        fenced = _FENCE.match(content)
        return fenced.group(1) if fenced else content


def message_row(message: ChatMessage) -> dict[str, Any]:
    """A message as it is sent; what is for a person's eyes is not."""
    row: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        row["content"] = message.content or None
        row["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        row["tool_call_id"] = message.tool_call_id
    return row


def tool_row(tool: ToolSpec) -> dict[str, Any]:
    """A tool as it is offered."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    }


def in_form(body: dict[str, Any], form: Form, kind: type, *, in_words: bool) -> dict[str, Any]:
    """The request `body`, asking for an answer that is JSON of `kind`."""
    schema = strict_schema(kind)
    asked = dict(body)
    if form == "json_schema":
        wanted = {"name": "answer", "strict": True, "schema": schema}
        asked["response_format"] = {"type": form, "json_schema": wanted}
    elif form == "json_object":
        asked["response_format"] = {"type": form}
    if in_words:
        first, *others = body["messages"]
        text = (
            f"Answer with nothing but JSON of this schema:\n{msgspec.json.encode(schema).decode()}"
        )
        asked["messages"] = [{**first, "content": f"{first['content']}\n\n{text}"}, *others]
    return asked


def first_for_chat(models: list[str]) -> str | None:
    """The first model that can talk: servers list models for embeddings beside the others."""
    return next((name for name in models if "embed" not in name.lower()), None)


def is_listed(model: str, models: list[str]) -> bool:
    """Whether a service has the model; Ollama also knows `name:latest` as `name`."""
    return model in models or f"{model}:latest" in models
