"""Modes: kinds of help, each a Markdown file with a head and a prompt.

    ---
    name: recipes
    label: Recipes
    when: The person wants to cook, or asks what a dish needs.
    temperature: 0.4
    tools: []
    examples: [What can I cook with eggs and rice?, How long does risotto take?]
    ---
    The person wants to cook. Give amounts for two people, then numbered steps.

The head has `name: value` lines. A list is in brackets, with commas between its items, or below
its name, one `- item` per line. Without `name` it is the name of the file.
"""

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Annotated, Any

import msgspec

from genpy_server.errors import BadRequest, ConfigError

_HEAD = re.compile(r"\A\ufeff?\s*---[^\S\n]*\n(.*?)^---[^\S\n]*$\n?", re.DOTALL | re.MULTILINE)
_FIELD = re.compile(r"([a-z_]+)[^\S\n]*:(?:[^\S\n]+(.*))?")
_ITEM = re.compile(r"\s*-\s+(.*)")
_QUOTED = re.compile(r"""(["'])(.*)\1""")

ModeName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Mode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of help: its prompt, and the parameters of its requests.

    Mode(name="recipes", prompt="The person wants to cook.", examples=("How do I boil rice?",))
    """

    name: ModeName
    """1 to 40 small letters, digits and underscores; a mode replaces another one of its name."""
    prompt: str = ""
    """Instructions to the model, sent with each message in this mode."""
    label: Annotated[str, msgspec.Meta(max_length=40)] = ""
    """The name shown to people, at most 40 characters; made from `name` if empty."""
    when: str = ""
    """When to choose it, in a sentence for people."""
    examples: tuple[str, ...] = ()
    """Messages that ask for it, from which GenPy learns to recognise others."""
    model: str | None = None
    """The model that answers, as PROVIDER/NAME, unless the person chose one."""
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    """How varied the replies are, 0 to 2, unless the person set it."""
    tools: tuple[str, ...] | None = None
    """Names of the tools that the model may call; None: all of them."""

    def __post_init__(self) -> None:
        if not self.label:
            words = self.name.replace("_", " ")
            msgspec.structs.force_setattr(self, "label", words[:1].upper() + words[1:])


class ListedMode(msgspec.Struct, frozen=True):
    """A mode in a list for clients."""

    name: str
    label: str
    when: str = ""


class Modes(dict[str, Mode]):
    """Modes by name; of several with one name the last one, in the place of the first."""

    def __init__(self, modes: Iterable[Mode]) -> None:
        super().__init__((mode.name, mode) for mode in modes)

    @cached_property
    def listed(self) -> tuple[ListedMode, ...]:
        """The modes for clients."""
        return tuple(ListedMode(mode.name, mode.label, mode.when) for mode in self.values())

    def check(self, name: str | None) -> None:
        """Raise `BadRequest` for an unknown name; None is automatic detection."""
        if name is not None and name not in self:
            raise BadRequest(f"Unknown mode. Choose one of {', '.join(self)}.")


def parse_mode(text: str, name: str) -> Mode:
    """Parse the Markdown file of a mode; raises `ConfigError`."""
    head = _HEAD.match(text)
    if head is None:
        raise ConfigError("a mode begins with a head between two lines of ---")
    fields = {"name": name, **_fields(head[1]), "prompt": text[head.end() :].strip()}
    try:
        return msgspec.convert(fields, Mode, strict=False)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$.")
        reason = reason.replace("Object contains unknown", "unknown").replace(
            "Expected", "expected"
        )
        raise ConfigError(f"{place[:-1]}: {reason}" if place else reason) from None


def _fields(head: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    listed = ""
    for number, line in enumerate(head.splitlines(), start=2):
        if listed and (item := _ITEM.fullmatch(line)):
            fields[listed].append(_scalar(item[1]))
        elif field := _FIELD.fullmatch(line.rstrip()):
            name, value = field[1], (field[2] or "").strip()
            listed = "" if value else name
            if not value or (value.startswith("[") and value.endswith("]")):
                fields[name] = [_scalar(part) for part in value[1:-1].split(",") if part.strip()]
            else:
                fields[name] = _scalar(value)
        elif line.strip() and not line.lstrip().startswith("#"):
            raise ConfigError(f"line {number} of the head is not of the form `name: value`")
    # A name without a value or items is ignored.
    return {name: value for name, value in fields.items() if value != [] or name == "tools"}


def _scalar(text: str) -> str:
    text = text.strip()
    quoted = _QUOTED.fullmatch(text)
    return quoted[2] if quoted else text
