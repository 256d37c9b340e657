"""One run from its first event to its last: tools, the model's stream, the stored reply.

A run always stores a reply, whose metadata says how it ended; an error is one sentence in it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from uuid import uuid4

import msgspec

from genpy_server import errors, wire
from genpy_server.core import models
from genpy_server.core.backoff import Backoff
from genpy_server.core.context.budget import Context
from genpy_server.core.context.tokens import fit_tools, message_tokens, offer_tokens
from genpy_server.llm import base
from genpy_server.llm.providers import ChosenModel
from genpy_server.runs.approvals import Approvals
from genpy_server.runs.context import Chat, Publisher, ReplyPlan, RunRequest
from genpy_server.runs.journal import ReplyJournal
from genpy_server.runs.tool_calls import ToolCalls
from genpy_server.tools.registry import BUILT_IN

TOOL_RESULT_TOKENS = 800
SHORTEST_ROUND = 200
"""Tokens that must be left for tools to be offered."""
DEFAULT_WAIT = 5.0
"""Seconds to wait for a rate-limited model without a `retry_after`."""
RATE_LIMITED = Backoff(first=1.0, longest=16.0, attempts=7)
"""Retries after the first one, whose wait may be 0 seconds if the service says so."""
LOADING = Backoff(first=1.0, longest=10.0)
SILENT_SECONDS = 4.0
"""After which a local model that has not begun its reply is reported as loading."""
REASONING_CHARS = 50_000
"""Characters of a model's reasoning that are shown and stored."""
JOURNAL_PATIENCE = 30.0
"""Seconds that a reply waits in all for the journal, before it is shown without one."""
WAITING_SECONDS = 1.0
"""After which a reply that waits for the journal is reported."""
IS_LOADING = "Loading the model; the reply begins when it is ready."
EMPTY = "The model returned an empty reply. Try again, or ask in other words."
ONLY_REASONING = (
    "The model returned its reasoning and no answer. Let it think less (reasoning_effort), or allow "
    "a longer reply (max_tokens), and try again."
)
TOO_LONG = (
    "The message is too long for the model, which was given {sent:,} of its {total:,} characters: "
    "the beginning and the end."
)
NOT_TAKEN = "{model} does not take {name} {value}; it is left out."
NAMED_TOOLS = 5
NO_ROOM = (
    "The model's context has no room for the tools {names}. "
    "Choose a mode that lists fewer tools, or set a larger context_tokens."
)
WAITS = "The reply goes on as soon as what you see of it is stored."
GOES_ON = "The reply goes on, but is not stored yet: keep what you need of it."
UNSAVED = "The reply is on the screen and will be stored when the database is back."
LOST = "The reply is on the screen and cannot be stored."
DELETED = "The session was deleted while this reply was written: it is not stored."

log = logging.getLogger("genpy.run")


class RunControl(msgspec.Struct):
    """Whether a run was cancelled, and whether it still can be."""

    status: models.RunStatus = "stopped"
    """The status of the run if it is cancelled."""
    cancelled: bool = False
    closing: bool = False
    """Whether it is being stored, and cannot be cancelled."""

    def cancel(self, status: models.RunStatus) -> None:
        """Note that the run ends with this status; one that has not begun does so at once."""
        self.status, self.cancelled = status, True


class ReplyRun:
    """One run: its text and usage so far."""

    def __init__(
        self,
        chat: Chat,
        request: RunRequest,
        publisher: Publisher,
        approvals: Approvals,
        *,
        store: Callable[[RunRequest, models.Message], Awaitable[models.Message]],
        journal: ReplyJournal,
        sent_notices: set[str],
    ) -> None:
        self.chat = chat
        self._store = store
        self._journal = journal
        self._patience = JOURNAL_PATIENCE
        self._sent_notices = sent_notices
        """Notices that are sent once per conversation."""
        self.request = request
        self.publisher = publisher
        self.id = uuid4().hex
        self.parts: list[str] = []
        self.length = 0
        self._joint = ""
        """What separates the text of a further request from that before it."""
        self.reasoning: list[str] = []
        self.reasoning_length = 0
        self.reasoning_spans: list[tuple[int, int]] = []
        """Start and end of parts of the text that turned out to be reasoning."""
        self.usage = models.Usage()
        self.quota: base.Quota | None = None
        self.context: models.ContextSize | None = None
        self.started = time.monotonic()
        self.first_token_ms: float | None = None
        self.dropped_upto = 0
        """See `budget.Context`."""
        self.intent = chat.intent(request)
        self.model: ChosenModel | None = None
        name = chat.model_name(request, self.intent) or chat.models.default.name
        self.tool_calls = ToolCalls(chat, request, self.id, publisher, approvals, model=name)
        self.meta = models.MessageMeta(
            run=self.id,
            reply_to=request.question.id,
            intent=self.intent.name,
            intent_score=round(self.intent.score, 4),
            intent_reason=self.intent.reason,
            intent_corrected_from=request.corrected_from,
            intent_corrected_text=request.question.text if request.corrected_from else None,
            model=name,
        )

    def metadata(self) -> models.MessageMeta:
        """The metadata of the reply so far."""
        return msgspec.structs.replace(
            self.meta,
            model=self.meta.model if self.model is None else self.model.name,
            usage=self.usage if self.usage != models.Usage() else None,
            ms=self._ms(),
            first_token_ms=self.first_token_ms,
            tools=tuple(self.tool_calls.records),
            reasoning="".join(self.reasoning) or None,
        )

    async def answer(
        self, control: RunControl, model_asked: Callable[[], None]
    ) -> models.Message | None:
        """Run to the end; always stores a reply and publishes `run_finished`.

        Returns the reply, whose id is 0 if it is not stored yet; None if the session was deleted
        meanwhile by another server. `model_asked` is called when the model is asked. Cancelling the
        task stops the run; then this does not raise `CancelledError`.
        """
        self.publisher.publish(wire.run_started(self.meta))
        error: errors.GenPyError | None = None
        status: models.RunStatus
        try:
            status = control.status if control.cancelled else await self._reply(model_asked)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            status = control.status
        except errors.GenPyError as caught:
            error, status = caught, "interrupted" if "".join(self.parts).strip() else "error"
        except Exception:  # a bug in a run must not lose its partial reply
            log.exception("run failed")
            error = errors.GenPyError(
                "GenPy itself failed; the server's log says where. Try again."
            )
            status = "error"
        if error is not None:
            self.publisher.publish(wire.error_frame(error, run=self.id, seq=0))
        control.closing = True
        return await self._finish(status, error)

    async def _finish(
        self, status: models.RunStatus, error: errors.GenPyError | None
    ) -> models.Message | None:
        text = "".join(self.parts)
        self.reasoning[:0] = [text[start:end] for start, end in self.reasoning_spans]
        self.meta = msgspec.structs.replace(
            self.metadata(), status=status, error=error.message if error is not None else None
        )
        session_id = self.request.session_id
        reply = models.Message(
            0, session_id, "assistant", self._answer, "", client_id=self.id, meta=self.meta
        )
        deleted = False
        try:
            reply = await self._store(self.request, reply)
        except errors.NotFound as gone:
            deleted = True
            self.publisher.publish(wire.Notice(seq=0, code=gone.code, text=DELETED))
        except errors.GenPyError as failed:
            text = f"{failed.message} {UNSAVED if failed.retryable else LOST}"
            self.publisher.publish(wire.Notice(seq=0, code=failed.code, text=text))
        quota = msgspec.to_builtins(self.quota) if self.quota else None
        finished = wire.run_finished(self.meta, reply=reply, quota=quota, context=self.context)
        self.publisher.publish(finished)
        if self.reasoning_spans and reply.id:
            self.publisher.publish(wire.message_event(reply))  # with the corrected text
        return None if deleted else reply

    async def _reply(self, model_asked: Callable[[], None]) -> models.RunStatus:
        chat, request = self.chat, self.request
        await self._await_journal()
        name = chat.model_name(request, self.intent)
        self.model = model = chat.models.get(name)
        await chat.models.verify(name)
        await chat.tools.servers.ready()
        asked = await self.tool_calls.requested()
        await chat.models.await_window(model)
        plan = chat.plan(request, self.intent, model)
        built = await chat.context(request, plan, asked)
        if model.llm.kind != "offline":  # whole messages, which only that model reads
            built = msgspec.structs.replace(built, recalled=())
        self.dropped_upto = built.dropped_upto
        if built.question_chars is not None:
            self.meta = msgspec.structs.replace(self.meta, question_chars=built.question_chars)
            total = len(request.question.text)
            self._notice(wire.MESSAGE_CUT, TOO_LONG.format(sent=built.question_chars, total=total))
        if model.llm.kind != "offline" and (plan.mode is None or plan.mode.tools != ()):
            self._tell_missing_tools(plan)
        used = built.total + offer_tokens(plan.tools)
        self.context = models.ContextSize(used, plan.budget, chat.models.window(model))
        model_asked()
        reason = await self._rounds(plan, built)
        answered = bool(self._answer.strip())
        if not answered and (self.reasoning_length or self.reasoning_spans):
            raise errors.LlmCutOff(ONLY_REASONING)
        if reason in {"length", "content_filter"}:
            return reason
        if not answered:
            raise errors.LlmCutOff(EMPTY)
        return "done"

    async def _rounds(self, plan: ReplyPlan, built: Context) -> base.FinishReason:
        """Ask the model, and again with the results of the tools it calls; returns the last reason."""
        params, limits = plan.params, self.chat.settings.limits
        request = base.ChatRequest(
            messages=built.messages,
            tools=plan.tools,
            recalled=built.recalled,
            max_tokens=params.max_tokens or self.chat.settings.reply_tokens,
            temperature=params.temperature or 0.0,
            reasoning_effort=params.reasoning_effort,
            seed=params.seed,
            stop=params.stop or (),
            question=self.request.question.text,
        )
        room = plan.budget - built.total - offer_tokens(plan.tools)
        for rounds_left in reversed(range(limits.tool_rounds + 1)):
            if not rounds_left or room < SHORTEST_ROUND:
                request = msgspec.structs.replace(request, tools=())
            sent = await self.chat.hooks.context(
                self.request.user_id, self.request.session_id, request
            )
            try:
                finish, calls = await self._stream(plan.model, sent)
            except errors.LlmBadToolCall:
                if not sent.tools:
                    raise
                request = msgspec.structs.replace(request, tools=())
                continue
            if not calls:
                break
            await self._await_journal()
            answers = [await self.tool_calls.call(call) for call in calls]
            call_message = models.ChatMessage("assistant", "", tool_calls=tuple(calls))
            most = message_tokens(call_message) + TOOL_RESULT_TOKENS * len(calls)
            added = fit_tools((call_message, *answers), min(room, most))
            room -= sum(map(message_tokens, added))
            spent = self.tool_calls.failures > 1 or not added
            request = msgspec.structs.replace(
                request,
                messages=(*request.messages, *added),
                tools=() if spent else request.tools,
            )
        return finish.reason

    def _tell_missing_tools(self, plan: ReplyPlan) -> None:
        """Send notices about tools of others that the model is not offered."""
        user_id = self.request.user_id
        texts = self.chat.tools.missing(user_id)
        without_room = [
            tool.spec.name
            for tool in self.chat.usable(user_id, plan.mode)
            if tool not in BUILT_IN and tool.spec not in plan.tools
        ]
        if without_room:
            named, more = without_room[:NAMED_TOOLS], len(without_room) - NAMED_TOOLS
            names = ", ".join(named) + (f" and {more} more" if more > 0 else "")
            texts.append(NO_ROOM.format(names=names))
        self._notice_once(wire.TOOLS_MISSING, texts)

    def _notice_once(self, code: str, texts: Sequence[str]) -> None:
        """Send notices that the conversation has not had."""
        for text in texts:
            if text not in self._sent_notices:
                self._sent_notices.add(text)
                self._notice(code, text)

    async def _stream(
        self, model: ChosenModel, request: base.ChatRequest
    ) -> tuple[base.Finish, list[models.ToolCall]]:
        """One request, retried while the model is rate limited, overloaded or loading."""
        patience = self.chat.settings.limits.rate_limit_seconds
        loaded_by = time.monotonic() + model.llm.first_token_seconds
        failures = 0
        while True:
            try:
                return await self._events(model, request)
            except errors.LlmLoading as busy:
                wait = LOADING.delay(failures, retry_after=busy.retry_after)
                if self.length or time.monotonic() + wait > loaded_by:
                    raise
                if not failures:
                    self._notice(busy.code, IS_LOADING)
            except (errors.LlmRateLimited, errors.LlmUnavailable) as busy:
                limited = isinstance(busy, errors.LlmRateLimited)
                asked = DEFAULT_WAIT if limited and busy.retry_after is None else busy.retry_after
                if asked is None or self.length or RATE_LIMITED.exhausted(failures + 1):
                    raise
                wait = RATE_LIMITED.delay(failures - 1, retry_after=asked) if failures else asked
                if wait > patience:
                    raise
                patience -= wait
                what = "rate limited" if limited else "overloaded"
                self._notice(busy.code, f"The model is {what}; trying again in {wait:.0f} s.", wait)
            await asyncio.sleep(wait)
            failures += 1

    async def _await_journal(self) -> None:
        """Wait while what was shown is not journalled as it should be, and say so; at most the patience."""
        if self._journal.shows_more.is_set() or self._patience <= 0:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        notice = loop.call_later(WAITING_SECONDS, self._tell_wait)
        try:
            async with asyncio.timeout(self._patience):
                await self._journal.shows_more.wait()
        except TimeoutError:
            trouble = self._journal.trouble
            self._notice(trouble.code, f"{trouble.message} {GOES_ON}")
        finally:
            notice.cancel()
            self._patience -= loop.time() - began

    def _tell_wait(self) -> None:
        self._notice(wire.REPLY_WAITS, f"{self._journal.trouble.message} {WAITS}")

    def _notice(self, code: str, text: str, retry_after: float | None = None) -> None:
        self.publisher.publish(wire.Notice(seq=0, code=code, text=text, retry_after=retry_after))

    async def _events(
        self, model: ChosenModel, request: base.ChatRequest
    ) -> tuple[base.Finish, list[models.ToolCall]]:
        calls: list[models.ToolCall] = []
        self._joint = "\n\n" if self.length else ""
        start = self.length + len(self._joint)
        silent: asyncio.TimerHandle | None = None
        if model.llm.local:
            silent = asyncio.get_running_loop().call_later(
                SILENT_SECONDS, self._notice, errors.LlmLoading.code, IS_LOADING
            )
        try:
            request = msgspec.structs.replace(request, show=self._show)
            async with aclosing(model.stream(request)) as events:
                async for event in events:
                    if silent is not None:
                        silent.cancel()
                    if isinstance(event, base.TextDelta | base.ReasoningDelta):
                        await self._await_journal()
                        self._add(event)
                    elif type(event) is base.LeftOut:
                        self._left_out(model, event.parts)
                    elif type(event) is models.ToolCall:
                        calls.append(event)
                    elif type(event) is base.Finish:
                        self._finished(model, event, start)
                        return event, calls[: self.chat.settings.limits.tool_calls]
        finally:
            if silent is not None:
                silent.cancel()
        raise errors.LlmCutOff("The model's service ended the reply early. Try again.")

    def _finished(self, model: ChosenModel, finish: base.Finish, start: int) -> None:
        """Note what the end of a stream says, whose text begins at `start`."""
        self.usage += finish.usage
        self.quota = finish.quota or self.quota
        self.chat.models.learn(model, finish.quota)
        if finish.reasoning_chars:
            self.reasoning_spans.append((start, start + finish.reasoning_chars))

    @property
    def _answer(self) -> str:
        """The text without the parts that turned out to be reasoning."""
        text = "".join(self.parts)
        for start, end in reversed(self.reasoning_spans):
            text = text[:start] + text[end:]
        return text

    def _left_out(self, model: ChosenModel, parts: Sequence[str]) -> None:
        """Send a notice about parameters that the model does not accept, once per conversation."""
        params = self.request.settings.params.over(self.chat.settings.chosen_params)
        names = {name.replace("max_completion_tokens", "max_tokens") for name in parts}
        for name in params.__struct_fields__:
            value = getattr(params, name)
            text = NOT_TAKEN.format(model=model.name, name=name, value=value)
            if name in names and value is not None:
                self._notice_once(wire.PARAMETER_LEFT_OUT, [text])

    def _show(self, event: base.TextDelta | base.ReasoningDelta) -> bool:
        """See `ChatRequest.show`."""
        if self._journal.shows_more.is_set():
            self._add(event)
            return True
        return False

    def _add(self, event: base.TextDelta | base.ReasoningDelta) -> None:
        if type(event) is base.TextDelta:
            self._add_text(self._joint + event.text)
            self._joint = ""
        else:
            self._add_reasoning(event.text)

    def _add_reasoning(self, text: str) -> None:
        text = text[: REASONING_CHARS - self.reasoning_length]
        if text:
            self.publisher.publish(
                wire.Reasoning(seq=0, run=self.id, offset=self.reasoning_length, text=text)
            )
            self.reasoning.append(text)
            self.reasoning_length += len(text)

    def _add_text(self, text: str) -> None:
        if self.first_token_ms is None:
            self.first_token_ms = self._ms()
        self.publisher.publish(wire.Delta(seq=0, run=self.id, offset=self.length, text=text))
        self.parts.append(text)
        self.length += len(text)

    def _ms(self) -> float:
        return round((time.monotonic() - self.started) * 1000, 1)
