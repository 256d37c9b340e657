"""The page's transcript is the server's own: the same frames leave the same screen."""

import random
from typing import Any

import msgspec
import pytest
from pages.conftest import Call

from genpy_server.client.transcript import Entry, Gap, Transcript
from genpy_server.wire import (
    Delta,
    ErrorFrame,
    Frame,
    MessageEvent,
    Ready,
    RunFinished,
    RunStarted,
    SessionEvent,
    SnapshotEnd,
    SummaryEvent,
    ToolFinished,
    ToolStarted,
    decode_server,
    encode,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

SEEDS = 60
TEXTS = ("a", "word ", "\N{GRINNING FACE}", "e\u0301", "\N{GRINNING FACE}x\n", "\n\n```\n")

PLAY = """async ([source, plays]) => {
  const { Transcript, Gap } = await import(source.replace("chat.js", "transcript.js"));
  return plays.map((frames) => {
    const transcript = new Transcript();
    let gaps = 0;
    for (const frame of frames) {
      try {
        transcript.apply(JSON.parse(frame));
      } catch (error) {
        if (!(error instanceof Gap)) throw error;
        gaps += 1;
      }
    }
    const { seq, epoch, title, status, rating, before } = transcript;
    const entries = transcript.entries.map((entry) => [entry.role, entry.text, entry.length,
      entry.messageId, entry.clientId, entry.at, entry.run, entry.replyTo, entry.intent, entry.status,
      entry.replaces, entry.replaced,
      entry.error, entry.earlier.map(({ text }) => text), entry.tools.map((tool) => [tool.call, tool.name, tool.ok, tool.result])]);
    return [gaps, seq, epoch, title, status, rating, before, entries];
  });
}"""


def shown(entry: Entry) -> list[Any]:
    """What is compared of an entry."""
    tools = [[line.call, line.name, line.ok, line.result or line.error] for line in entry.tools]
    return [
        *(entry.role, entry.text, entry.length, entry.message_id, entry.client_id, entry.at),
        *(entry.meta.run, entry.meta.reply_to, entry.meta.intent, entry.status),
        *(entry.meta.replaces, entry.replaced, entry.meta.error or ""),
        *([earlier.text for earlier in entry.earlier], tools),
    ]


def play(frames: list[str]) -> list[Any]:
    """The frames as the server's own fold sees them."""
    transcript = Transcript()
    gaps = 0
    for frame in frames:
        try:
            transcript.apply(decode_server(frame))
        except Gap:
            gaps += 1
    state = [transcript.seq, transcript.epoch, transcript.title, transcript.status]
    state += [transcript.rating, transcript.before]
    return [gaps, *state, [shown(entry) for entry in transcript]]


class Storm:
    """A session's frames with overlaps, gaps, retries and new starts, as no good network sends them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seq = 0
        self.ids = 0
        self.run = ""
        self.length = 0
        self.asked = 0

    def frames(self) -> list[str]:
        """A ready and what follows it."""
        kinds = (self.message, self.start, self.delta, self.delta, self.delta, self.tool)
        rare = (
            self.finish,
            self.stored,
            self.session,
            self.summary,
            self.error,
            self.ready,
            self.end,
        )
        choices = (*kinds, *kinds, *rare)
        made = [self.ready(), *(self.random.choice(choices)() for _ in range(60))]
        return [encode(frame) for frame in made]

    def next(self) -> int:
        """A sequence number."""
        self.seq += 1
        return self.seq

    def ready(self) -> Frame:
        """A start, or a return after a cut."""
        replay: Any = self.random.choice(("complete", "none", "truncated"))
        before = self.random.choice((None, 7))
        return Ready("s", f"e{self.seq}", self.seq, replay, "m", "sqlite", "T", before=before)

    def end(self) -> Frame:
        """The end of a snapshot."""
        return SnapshotEnd(self.seq)

    def message(self) -> Frame:
        """A person's message, sometimes the same again, sometimes in place of the one before."""
        self.ids += self.random.choice((0, 1, 1))
        before, self.asked = self.asked, self.ids
        meta = {"replaces": before} if before and self.random.random() < 0.2 else {}
        client_id = f"c{self.ids}"
        return MessageEvent(self.next(), self.ids, "user", f"m{self.ids}", "t", client_id, meta)

    def start(self) -> Frame:
        """A reply to the last message."""
        self.run, self.length = f"r{self.random.randrange(6)}", 0
        return RunStarted(self.next(), self.run, self.asked, "tutorial", 0.5, "why", "m")

    def delta(self) -> Frame:
        """A piece that may overlap what came, or leave a hole."""
        text = "".join(self.random.choices(TEXTS, k=self.random.randrange(1, 4)))
        offset = max(0, self.length + self.random.choice((0, 0, 0, -1, -2, -3, 1)))
        self.length = max(self.length, offset + len(text))
        return Delta(self.next(), self.run or "r0", offset, text)

    def tool(self) -> Frame:
        """A tool asked or answered."""
        call = f"t{self.random.randrange(3)}"
        if self.random.random() < 0.5:
            return ToolStarted(self.next(), self.run, call, "stats", {"a": 1})
        ok = self.random.random() < 0.5
        text = {"result": "| a |"} if ok else {"error": "no"}
        return ToolFinished(self.next(), self.run, call, ok, 1.0, **text)

    def finish(self) -> Frame:
        """The end of a reply."""
        status: Any = self.random.choice(("done", "stopped", "length", "interrupted", "error"))
        self.ids += 1
        return RunFinished(
            self.next(), self.run, status, 5.0, message_id=self.ids, at=f"t{self.ids}"
        )

    def stored(self) -> Frame:
        """A reply as the store has it, perhaps long after."""
        meta = {"run": self.run, "reply_to": self.asked, "intent": "tutorial", "status": "stopped"}
        tools = [{"name": "stats", "ok": False, "ms": 2.0, "result": "no"}]
        given = {**meta, "tools": tools} if self.random.random() < 0.5 else meta
        return MessageEvent(self.next(), self.ids, "assistant", "kept", "t", self.run, given)

    def session(self) -> Frame:
        """Another title or rating."""
        return SessionEvent(self.next(), f"T{self.seq}", "active", self.random.choice((None, 3)))

    def summary(self) -> Frame:
        """An end."""
        return SummaryEvent(self.next(), "said", rating=self.random.choice((None, 5)))

    def error(self) -> Frame:
        """A failure of a run, or of a request."""
        run = self.random.choice((None, self.run))
        return ErrorFrame("llm_error", "It failed.", run=run, seq=self.next())


async def test_page_and_server_fold_the_same_frames_to_the_same_screen(call: Call):
    """However frames overlap, repeat or leave holes, both show the same and ask for the same."""
    plays = [Storm(seed).frames() for seed in range(SEEDS)]
    expected = [msgspec.json.decode(msgspec.json.encode(play(frames))) for frames in plays]
    assert sum(result[0] for result in expected) > 0
    found = await call(PLAY, plays)
    for seed, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        assert mine == theirs, f"seed {seed}"


PAGES = """async ([source, messages]) => {
  const { Transcript } = await import(source.replace("chat.js", "transcript.js"));
  const page = (from, to) => ({ messages: messages.slice(from, to), before: null, after: null });
  const all = messages.length;
  return messages.flatMap((_, border) => {
    const back = new Transcript();
    back.add(page(border, all), "before");
    back.add(page(0, border), "before");
    const on = new Transcript();
    on.add(page(0, border), "before");
    on.add(page(border, all), "after");
    const twice = new Transcript(); // what was left at the border comes again
    twice.add(page(0, all), "before");
    twice.leave(all - border, "before");
    twice.add({ ...page(0, all - 1), messages: messages.filter(({ id }) => id < twice.before) }, "before");
    const live = new Transcript();
    live.add(page(border, all), "before");
    live.join(on);
    return [back, on, twice, live].map(({ entries }) =>
      entries.map(({ text, earlier }) => [text, earlier.map((one) => one.text)]));
  });
}"""


async def test_answers_on_two_pages_are_one(call: Call):
    """Read back, onward, left and read again, or joined: the newest answer stands for all of them."""
    said = [("user", "Hi", None), ("user", "Rome?", None)]
    said += [("assistant", f"Answer {number}", 2) for number in (1, 2, 3)]
    said += [("user", "Thanks", None), ("assistant", "Welcome", 6)]
    messages = [
        {"id": number, "role": role, "text": text, "at": "t", "meta": {"reply_to": reply_to}}
        for number, (role, text, reply_to) in enumerate(said, 1)
    ]
    found = await call(PAGES, messages)
    answer = ["Answer 3", ["Answer 1", "Answer 2"]]
    whole = [["Hi", []], ["Rome?", []], answer, ["Thanks", []], ["Welcome", []]]
    for number, entries in enumerate(found):
        assert entries == whole, number
