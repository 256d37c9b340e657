"""How replies are made: the model, its settings and the mode; and another reply to the last message."""

import shlex
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from genpy_server.config import LOCAL_PROVIDERS
from genpy_server.core import models
from genpy_server.errors import BadRequest, GenPyError
from genpy_server.wire import Set
from genpy_tui.chat.control import NOT_CONNECTED, Control
from genpy_tui.chat.status import AUTOMATIC
from genpy_tui.commands import SETTINGS, Mistyped
from genpy_tui.dialogs.questions import AskLine, Choose, Item, Pick, Wait
from genpy_tui.render.message import MessageBlock, spoken
from genpy_tui.render.notes import notice

DEFAULT = "default"
LABELS = {
    "off": "Off: answer at once",
    "low": "Low",
    "medium": "Medium",
    "high": "High: think longest",
    DEFAULT: "Default: as configured, or as the model likes",
}


class RetryControl(Control):
    """Asks the server for another reply to the last message."""

    def retry(self, name: str = "") -> None:
        """Answer the last message again, perhaps in another mode."""
        self.again((self._named(name) if name.strip() else "") or None)

    def _obstacle(self) -> str:
        """Why the last turn cannot be answered again now; empty if it can."""
        if self._conversation.running is not None:
            return f"A reply is being written; {self._keys.way('stop')} stops it."
        if self._conversation.pending:
            return "Your last message is not sent yet. It is answered once it is."
        return "" if self._conversation.last_turn else self._missing("Nothing to answer again")

    def refused(self) -> bool:
        """Whether the last turn cannot be answered again now; notifies why."""
        obstacle = self._obstacle()
        if obstacle:
            self._notify(obstacle)
        return bool(obstacle)

    def again(self, mode: str | None = None, *, model: str | None = None) -> None:
        """Answer the last message again, perhaps in another mode or with another model."""
        client = self._conversation.client
        if client is None or self.refused():
            return
        client.retry(mode, model=model)
        if not self._conversation.online:
            self._notify("The retry is sent once the connection is back.")
        self._view.to_end()

    def on_last(self, action: Callable[[], object], block: MessageBlock) -> None:
        """Run an action on the last turn, unless the block is of another one."""
        if any(block.entry is entry for entry in self._conversation.last_turn):
            action()
        else:
            quote = self._keys.way("quote")
            self._notify(f"Only the last message can be answered again; {quote} quotes this one.")

    # The mode

    def choose_again(self) -> None:
        """Answer the last message again, in another mode."""
        if not self.refused():
            self._ask_for_mode()

    def choose(self, name: str = "") -> None:
        """Choose the mode of the next messages, or answer the last one again in it."""
        if name.strip():
            self._status.update(mode=self._named(name) or None)
        else:
            self._ask_for_mode()

    def check_mode(self) -> None:
        """Note that the server does not have the mode that was chosen before connecting."""
        mode = self._status.activity.mode
        try:
            self._status.update(mode=self._named(mode or AUTOMATIC) or None)
        except Mistyped as error:
            self._view.stack.note(notice(str(error), "error", "✗"))
            self._status.update(mode=None)

    def _named(self, name: str) -> str:
        """The mode with this name or label, "" for the automatic choice."""
        wanted = " ".join(name.lower().split())
        if wanted == AUTOMATIC:
            return ""
        modes = self._conversation.transcript.modes
        for mode in modes:
            if wanted in {mode.name, mode.label.lower()}:
                return mode.name
        begun = [one.name for one in modes if one.name.startswith(wanted.replace(" ", "_"))]
        if len(begun) == 1:
            return begun[0]
        labels = ", ".join([*(mode.label for mode in modes), AUTOMATIC])
        raise Mistyped(f"Unknown mode: {name.strip()}. Choose one of {labels}.")

    def _ask_for_mode(self) -> None:
        modes = self._conversation.transcript.modes
        last = self._conversation.last_turn[-1] if not self._obstacle() else None
        answers = {f"next {mode.name}": f"From now on: {mode.label}" for mode in modes}
        answers["next "] = f"From now on: {AUTOMATIC}, by what is asked"
        if last is not None:
            answers = {
                f"again {mode.name}": f"Answer again as: {mode.label}"
                for mode in modes
                if last.role == "user" or mode.name != last.meta.intent
            } | answers

        def chosen(answer: str) -> None:
            when, _, key = answer.partition(" ")
            if when == "again":
                self.again(key)
            else:
                self._status.update(mode=key or None)

        detail = ""
        if last is not None and last.role == "assistant" and last.meta.intent:
            reason = f" ({last.meta.intent_reason})" if last.meta.intent_reason else ""
            detail = f"The last reply was given as {spoken(last.meta.intent)}{reason}."
        self._ask(Choose("Which mode?", answers, detail), chosen)


class ModelControl(Control):
    """Sets the settings of the conversation, asking for values that are not given."""

    asked: tuple[tuple[Set, str], ...] = ()
    """Changes that the server has not made yet, oldest first, and what to notify then."""

    async def _look_up(self, name: str) -> None:
        """Notify that no provider lists a model, which may be mistyped."""
        found = await self._request(lambda records: records.models(), quiet=True)
        if found is None or name.lower() == DEFAULT:
            return
        listed = {model.name for model in found.models}
        if listed and not listed & {name, f"{found.default.partition('/')[0]}/{name}"}:
            self._notify(f"No provider lists the model {name}. /model shows what there is.")

    def again(self, name: str = "") -> None:
        """Answer the last message again with another model; opens a dialog if it is not given."""
        if name.strip():
            self._chat.retry.again(model=name.strip())
        elif not self._chat.retry.refused():
            question = "Which model answers again?"
            self._background(partial(self._pick, question, self.again, default=False), "model")

    async def _pick(
        self, question: str, chosen: Callable[[str], None], *, default: bool = True
    ) -> None:
        records = self._conversation.records
        if records is None:
            self._notify(NOT_CONNECTED)
            return
        waiting: Wait[models.ModelList] = Wait("Asking for the list of models …", records.models)
        found = await self._chat.app.push_screen_wait(waiting)
        if found is None:
            return
        if isinstance(found, GenPyError):
            self._fail(found)
            return
        items = [Item(model.name, model.name, remark(model)) for model in found.models]
        if default:
            # Before the first reply it may not be known yet.
            label = f"Default: {found.default}" if found.default else "Default"
            items.insert(0, Item(DEFAULT, label))
        silent = [
            f"{one.name or one.url}: {one.error}"
            for one in found.providers
            if one.error and one.url != LOCAL_PROVIDERS.get(one.name)
        ]
        now = self._conversation.transcript.next_model
        self._ask(Pick(question, items, chosen=now, detail="   ".join(silent)), chosen)

    # Reasoning

    def show_thinking(self) -> None:
        """Show or hide the reasoning of replies."""
        blocks = reversed(self._view.column.blocks)
        found = (b for b in blocks if isinstance(b, MessageBlock) and b.shown.reasoning)
        if block := next(found, None):
            self._view.fold(block)
        else:
            self._notify("No reply here has any thinking to show.")

    # All settings

    def set(self, argument: str = "") -> None:
        """Set the setting "NAME VALUE"; asks for the value, or for both, if not given."""
        name, _, value = argument.strip().partition(" ")
        if name:
            self.set_one(name.lower(), value)
            return
        now = values(self._conversation.transcript.settings)
        items = [Item(name, name, now.get(name, DEFAULT)) for name in SETTINGS]
        self._ask(Pick("Settings of this conversation", items), self.set_one)

    def set_one(self, name: str, value: str = "") -> None:
        """Set one setting; opens a dialog if no value is given."""
        now = values(self._conversation.transcript.settings).get(name, "")
        change = partial(self.change, name)
        if value.strip():
            self.change(name, value)
            if name == "model":
                self._background(partial(self._look_up, value.strip()), name)
        elif name == "model":
            self._background(partial(self._pick, "Which model answers from now on?", change), name)
        elif name == "reasoning_effort":
            answers = {
                key: f"{text} (now)" if key == (now or DEFAULT) else text
                for key, text in LABELS.items()
            }
            self._ask(Choose("How long may the model think?", answers), change)
        else:
            about = f"{SETTINGS[name]}; empty: default"
            self._ask(AskLine(name, now, detail=about, limit=2_000, optional=True), change)

    def change(self, name: str, text: str) -> None:
        """Set a setting to a typed value; the result is notified once the server has it."""
        client = self._conversation.client
        if client is None:
            self._notify(NOT_CONNECTED)
            return
        text = "" if text.strip().lower() == DEFAULT else text.strip()
        try:
            change = typed(name, text)
            models.checked_settings(change.applied(self._conversation.transcript.settings))
        except (BadRequest, ValueError) as error:
            raise Mistyped(f"Not set: {error}") from None
        self.asked += ((change, f"{name}: {text or DEFAULT}, from the next reply on."),)
        client.set(change)

    def settled(self) -> None:
        """Notify what the server has changed; its event may be of something else."""
        settings, asked = self._conversation.transcript.settings, self.asked
        self.asked = tuple(one for one in asked if one[0].applied(settings) != settings)
        for one in asked:
            if one not in self.asked:
                self._notify(one[1])

    def refused(self, reason: str) -> None:
        """Notify that the server has not made the oldest change."""
        self.asked = self.asked[1:]
        self._fail(f"Not set: {reason}")


def remark(model: models.ListedModel) -> str:
    """The context window and the abilities of a model."""
    window = "" if model.context_tokens is None else f"{model.context_tokens:,} tokens"
    return " · ".join(filter(None, (window, ", ".join(model.abilities))))


def values(settings: models.SessionSettings) -> dict[str, str]:
    """The settings that are not default, as they are typed."""
    given: dict[str, Any] = {"model": settings.model, "system": settings.system}
    given |= msgspec.structs.asdict(settings.params)
    shown = {name: value for name, value in given.items() if value is not None}
    return {name: shlex.join(v) if isinstance(v, tuple) else str(v) for name, v in shown.items()}


def typed(name: str, text: str) -> Set:
    """The change of a setting to a typed value; raises `ValueError` with what it must be."""
    if name in models.SessionSettings.__struct_fields__:
        return msgspec.convert({name: text or None}, Set)
    value = shlex.split(text) if name == "stop" else text.lower()
    try:
        return msgspec.convert({"params": {name: value or None}}, Set, strict=False)
    except msgspec.ValidationError:
        raise ValueError(f"{name} is {SETTINGS[name]}.") from None
