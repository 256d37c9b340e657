"""The notes of a running memory: their stored form, changes, and selection for a context.

A memory is stored as text, one note per line: "- likes tea [#12]" came from the message with id 12;
"~" instead of "-" marks a forgotten note, and a first line "(off)" a memory that is switched off.
Notes of older versions have no message id.
"""

from collections.abc import Container, Sequence

import msgspec

from genpy_server.core.context.tokens import count_tokens, cut
from genpy_server.core.patterns import lazy_pattern
from genpy_server.core.words import search_words

LEFT_OUT = "[\u2026 {count} notes left out here to fit \u2026]"
OFF = "(off)"
FORGOTTEN_LIKENESS = 0.6
"""A new note with at least this share of a forgotten note's words counts as the same."""

_STORED = lazy_pattern(r"(?P<mark>[-~]) ?(?P<text>.*?)(?: \[#(?P<id>\d{1,18})\])?")
_WRITTEN = lazy_pattern(r"[-*]? ?(?:\[#?(?P<id>\d{1,18})\]:?)?\s*(?P<text>.*)")


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """One note; `message_id` is the message it came from, None if unknown."""

    text: str
    message_id: int | None = None
    forgotten: bool = False


def is_off(stored: str) -> bool:
    """Whether the memory is switched off: no notes are made or sent."""
    return stored.split("\n", 1)[0] == OFF


def read_notes(stored: str) -> list[Note]:
    """Parse all notes of a stored memory, including forgotten ones."""
    notes = []
    for line in stored.split("\n"):
        found = _STORED.fullmatch(line)
        if found is not None:
            id_ = found["id"]
            notes.append(Note(found["text"], int(id_) if id_ else None, found["mark"] == "~"))
        elif line.strip() and line != OFF:
            notes.append(Note(line))
    return notes


def stored_notes(notes: Sequence[Note], *, off: bool = False) -> str:
    """The notes in stored form."""
    lines = [OFF] if off else []
    for note in notes:
        source = f" [#{note.message_id}]" if note.message_id is not None else ""
        lines.append(f"{'~' if note.forgotten else '-'} {note.text}{source}")
    return "\n".join(lines)


def written_notes(text: str, ids: Container[int], default: int) -> list[Note]:
    """Parse the notes of a model; one without a message id of `ids` gets the id `default`."""
    notes = []
    for line in text.splitlines():
        found = _WRITTEN.fullmatch(line.strip())
        if found is not None and found["text"].strip(" -"):
            id_ = int(found["id"] or 0)
            notes.append(Note(found["text"].strip(), id_ if id_ in ids else default))
    return notes


def without_forgotten(notes: Sequence[Note], earlier: Sequence[Note]) -> list[Note]:
    """The notes that do not repeat a forgotten one of the earlier notes."""
    forgotten = [frozenset(search_words(note.text)) for note in earlier if note.forgotten]
    return [note for note in notes if not _repeats(frozenset(search_words(note.text)), forgotten)]


def _repeats(words: frozenset[str], forgotten: Sequence[frozenset[str]]) -> bool:
    return any(len(words & old) >= FORGOTTEN_LIKENESS * len(old) for old in forgotten if old)


def shown_notes(stored: str) -> str:
    """The notes for a model, one per line; without forgotten ones, empty if switched off."""
    if is_off(stored):
        return ""
    return "\n".join(f"- {note.text}" for note in read_notes(stored) if not note.forgotten)


def fitting_notes(text: str, tokens: int) -> str:
    """The notes that fit into `tokens`, in their order, newer ones first; a note too long is cut."""
    if count_tokens(text) <= tokens:
        return text
    notes = [line for line in text.splitlines() if line.strip()]
    left = tokens - count_tokens(LEFT_OUT.format(count=len(notes))) - 1
    kept: list[str] = []
    for note in reversed(notes):
        cost = count_tokens(note) + 1
        if cost <= left:
            kept.append(note)
            left -= cost
    if not kept:
        return cut(notes[-1], tokens) if notes else ""
    missing = LEFT_OUT.format(count=len(notes) - len(kept))
    return "\n".join([missing, *reversed(kept)])
