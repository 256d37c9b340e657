"""The context of a run, by plain calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpy_server.core.context import budget as budget_module
from genpy_server.core.context.budget import build
from genpy_server.core.context.tokens import message_tokens
from genpy_server.core.context.turns import replaced_ids, turns, without_replaced
from genpy_server.core.models import ChatMessage, Hit, Memory, Message, MessageMeta, ToolCall
from genpy_server.core.words import WordPlaces
from genpy_server.runs.memory import to_remember


def message(number: int, role: str = "user", text: str = "hello", **meta: object) -> Message:
    at = f"2026-01-{1 + number % 28:02}T10:00:00+00:00"
    return Message(number, "s", role, text, at, meta=MessageMeta(**meta))


def conversation(turns: int, words: int = 5) -> list[Message]:
    """Turns of a question and its reply, with the ids 1, 2, 3 and so on."""
    messages = []
    for turn in range(turns):
        question = 2 * turn + 1
        messages.append(message(question, text=f"question {turn} " + "word " * words))
        text = f"answer {turn} " + "word " * words
        messages.append(message(question + 1, "assistant", text, reply_to=question))
    return messages


TEXTS = st.text(max_size=2_000) | st.builds(lambda n: "x" * n, st.integers(0, 20_000))


@given(
    texts=st.lists(TEXTS, max_size=20),
    question=TEXTS,
    budget=st.integers(300, 4_000),
    memory=st.none() | TEXTS,
    recalled=st.lists(TEXTS, max_size=6),
    results=st.lists(TEXTS, max_size=3),
)
def test_budget_is_never_exceeded(texts, question, budget, memory, recalled, results):
    """Whatever is put in, what comes out fits the budget, counted over what is really sent."""
    history = [
        message(i + 1, "assistant" if i % 2 else "user", t, reply_to=i if i % 2 else None)
        for i, t in enumerate(texts)
    ]
    tools = []
    for number, result in enumerate(results):
        call = ToolCall(f"c{number}", "search_chat_history", "{}")
        tools.append(ChatMessage("assistant", "", tool_calls=(call,)))
        tools.append(ChatMessage("tool", result, tool_call_id=call.id, name=call.name))
    built = build(
        system="You are helpful. " * 20,
        addition="Be a tutor. " * 10,
        history=history,
        question=message(1_000, text=question),
        budget=budget,
        memory=Memory(memory, 2) if memory is not None else None,
        recalled=[Hit(message(-1 - i, text=t), "old", 1.0) for i, t in enumerate(recalled)],
        tools=tools,
    )
    assert sum(map(message_tokens, built.messages)) <= built.total <= budget
    calls = [c.id for m in built.messages for c in m.tool_calls]
    answered = [m.tool_call_id for m in built.messages if m.role == "tool"]
    assert calls == answered


@pytest.mark.parametrize("upto", [-7, 0, 35, 70, 2**63 - 1], ids=str)
def test_a_memory_that_reaches_where_it_cannot_hides_nothing(upto):
    """The id of no message, of the question or of a later one covers no turn, and all are noted anew."""
    history = [message(number, text=f"fact {number}") for number in range(10, 70, 10)]
    asked, memory = message(70, text="And now?"), Memory("- likes tea", upto)
    built = build(system="Help.", history=history, question=asked, budget=4_000, memory=memory)
    assert [m.content for m in built.messages[1:-1]] == [m.text for m in history]
    noted = to_remember([*history, asked], memory, history[1].id)
    assert [turn.place for turn in noted][:2] == [10, 20]


@pytest.mark.parametrize("upto", [5, 40])
def test_what_a_memory_covers_is_not_sent_beside_it(upto):
    """Only the turns behind the message that the memory names are sent, held here or not."""
    history = [message(number, text=f"fact {number}") for number in range(10, 70, 10)]
    asked, memory = message(70, text="And now?"), Memory("- likes tea", upto)
    built = build(system="Help.", history=history, question=asked, budget=4_000, memory=memory)
    assert [m.content for m in built.messages[1:-1]] == [m.text for m in history if m.id > upto]


def test_newest_turns_are_kept_whole_and_in_order():
    """The window holds the newest turns, each with its reply, oldest first."""
    history = conversation(50, words=30)
    built = build(system="s", history=history, question=message(101, text="and now?"), budget=1_000)
    talk = [m.content for m in built.messages[1:-1]]
    kept = len(talk) // 2
    assert 2 <= kept < 50
    expected = [m.text for m in history[-2 * kept :]]
    assert talk == expected
    assert built.dropped_upto == history[-2 * kept - 2].id


def test_question_larger_than_the_budget_is_cut_with_a_note():
    """A message larger than the whole budget keeps its beginning and its end around a note."""
    text = "BEGIN " + "x" * 100_000 + " END"
    built = build(system="s", history=[], question=message(1, text=text), budget=600)
    content = built.messages[-1].content
    assert content.startswith("BEGIN")
    assert content.endswith(" END")
    assert "characters left out" in content


def test_only_the_newest_reply_to_a_message_counts():
    """A retry supersedes the reply before it."""
    history = [
        message(1, text="q"),
        message(2, "assistant", "first", reply_to=1),
        message(3, "assistant", "second", reply_to=1),
    ]
    (turn,) = turns(history)
    assert [m.text for m in turn.messages] == ["q", "second"]


def test_reply_stored_late_stands_with_its_message():
    """A reply whose id is greater than the next message's stands behind what it answers."""
    history = [
        message(1, text="a"),
        message(2, text="b"),
        message(3, "assistant", "to a", reply_to=1),
        message(4, "assistant", "to b", reply_to=2),
    ]
    assert [[m.text for m in t.messages] for t in turns(history)] == [
        ["a", "to a"],
        ["b", "to b"],
    ]


def test_what_the_memory_covers_is_not_sent_again():
    """Messages up to the memory's end are represented by it alone."""
    history = conversation(6)
    built = build(
        system="s",
        history=history,
        question=message(13),
        budget=5_000,
        memory=Memory("- likes tea", 8),
    )
    assert "likes tea" in built.messages[0].content
    assert [m.content for m in built.messages[1:-1]] == [m.text for m in history[8:]]


def test_recalled_excerpt_already_in_the_window_is_not_sent_twice():
    """A hit among the recent turns is left out of the excerpts."""
    history = conversation(3)
    hits = [Hit(history[0], "here", 2.0), Hit(message(-5, text="old tale"), "rome", 1.0)]
    built = build(system="s", history=history, question=message(7), budget=5_000, recalled=hits)
    assert [h.message.id for h in built.recalled] == [-5]
    assert "question 0" not in built.messages[-1].content
    assert '"rome"' in built.messages[-1].content


@given(
    batches=st.lists(st.integers(1, 3), min_size=1, max_size=30),
    words=st.integers(0, 60),
    budget=st.integers(400, 3_000),
    at_once=st.integers(1, 6),
)
def test_nothing_is_lost_or_remembered_twice(batches, words, budget, at_once):
    """Whenever messages are sent and however slowly is noted, each is in the window or due.

    A batch of messages is sent before the first of them is answered, so that the replies' ids come
    behind those of later messages.
    """
    memory: Memory | None = None
    noted: list[int] = []
    history: list[Message] = []
    number = 0
    for size in batches:
        questions = []
        for _ in range(size):
            number += 1
            questions.append(message(number, text=f"question {number} " + "word " * words))
        history += questions
        for question in questions:
            built = build(
                system="s", history=history, question=question, budget=budget, memory=memory
            )
            covered = memory.upto if memory else 0
            sent = {m.content for m in built.messages}
            missing = [
                turn.place
                for turn in turns(history)
                if covered < turn.place < question.id
                and not sent.issuperset(m.text for m in turn.messages)
            ]
            number += 1
            history.append(message(number, "assistant", f"ok {number}", reply_to=question.id))
            due = to_remember(history, memory, built.dropped_upto)
            if built.dropped_upto > covered:
                assert {place for place in missing if place <= built.dropped_upto} <= {
                    turn.place for turn in due
                }
            if due:
                taken = due[:at_once]
                noted += [turn.place for turn in taken]
                memory = Memory("- notes", taken[-1].place)
    asked = [m.id for m in history if m.role == "user"]
    assert noted == asked[: len(noted)]


def test_the_newest_turn_is_cut_rather_than_left_out():
    """A turn that is larger than its room is sent in part, with its end, and not as dropped."""
    log = "begin " + "noise " * 5_000 + "the password is MARLIN42"
    history = [message(1, text=log), message(2, "assistant", "A log.", reply_to=1)]
    built = build(
        system="s", history=history, question=message(3, text="which password?"), budget=1_000
    )
    _, told, reply, _ = (m.content for m in built.messages)
    assert told.endswith("MARLIN42")
    assert "characters left out" in told
    assert reply == "A log."
    assert built.dropped_upto == 0
    assert 900 < built.total <= 1_000


def test_notes_that_bear_on_the_question_go_with_it():
    """Of a memory larger than its room the newest notes stand first, whatever is asked."""
    notes = [f"- note number {number} about nothing much at all" for number in range(200)]
    notes[70] = "- the sister, who lives far away from here, is called Ottilie"
    first_rows = set()
    for text in ("What was my sister called?", "And the weather?"):
        built = build(
            system="s",
            history=[],
            question=message(9_000, text=text),
            budget=1_500,
            memory=Memory("\n".join(notes), 8_000),
        )
        told, asked = (m.content for m in built.messages)
        assert notes[199] in told
        assert notes[0] not in told
        assert "Ottilie" not in told
        assert "notes left out" in told
        assert asked.startswith(text)
        assert ("Ottilie" in asked) == ("sister" in text)
        assert [told.index(n) for n in notes if n in told] == sorted(
            told.index(n) for n in notes if n in told
        )
        first_rows.add(told)
    assert len(first_rows) == 1


def test_what_changes_stands_behind_the_words_of_the_last_message():
    """The mode's prompt and the excerpts are in no other row, and shorten no window."""
    history = conversation(6)
    question = message(13, text="and now?")
    hits = [Hit(message(-5, text="old tale"), "rome", 1.0)]
    plain = build(system="s", history=history, question=question, budget=2_000)
    built = build(
        system="s",
        history=history,
        question=question,
        budget=2_000,
        addition="Be a tutor.",
        recalled=hits,
    )
    assert built.messages[:-1] == plain.messages[:-1]
    last = built.messages[-1].content
    assert last.startswith("and now?\n\n")
    assert last.index("Be a tutor.") < last.index("old tale")


def test_the_window_moves_in_steps():
    """Its first turn stays the same for several turns, and then a part of it goes at once."""
    history = conversation(60, words=12)
    starts = []
    for turns_said in range(1, 60):
        built = build(
            system="s",
            history=history[: 2 * turns_said],
            question=message(2 * turns_said + 1, text="and now?" * (turns_said % 5)),
            budget=1_500,
        )
        starts.append(built.messages[1].content)
    assert starts[0] == history[0].text
    assert 3 <= len(set(starts)) <= 12
    assert starts == sorted(starts, key=[m.text for m in history].index)


def test_a_long_conversation_is_looked_at_as_far_as_its_budget_reaches(monkeypatch):
    """However long it is; the window moves in steps there too, and takes most of the budget."""
    history = conversation(400, words=12)
    seen = []
    monkeypatch.setattr(budget_module, "turns", lambda said: seen.append(len(said)) or turns(said))
    starts = []
    for turns_said in range(300, 400):
        built = build(
            system="s",
            history=history[: 2 * turns_said],
            question=message(2 * turns_said + 1, text="and now?"),
            budget=1_500,
        )
        assert built.tokens["turns"] > 600
        first = next(m for m in history if m.text == built.messages[1].content)
        assert built.dropped_upto == first.id - 2
        starts.append(built.messages[1].content)
    assert max(seen) < 250
    assert 10 <= len(set(starts)) <= 25
    assert starts == sorted(starts, key=[m.text for m in history].index)


def test_an_excerpt_is_the_part_that_matches():
    """What is recalled from a long message is the part that has the question's words."""
    text = "noise " * 3_000 + "the password of the router is MARLIN42 " + "noise " * 500
    hits = [Hit(message(-5, text=text), "old", 1.0)]
    built = build(
        system="s",
        history=[],
        question=message(7, text="What is the router password?"),
        budget=5_000,
        recalled=hits,
    )
    assert "MARLIN42" in built.messages[-1].content


def test_only_excerpts_that_may_fit_are_made(monkeypatch):
    """Of many long hits the event loop searches no text whose excerpt cannot be sent."""
    searched = []
    find = WordPlaces.find
    monkeypatch.setattr(
        WordPlaces, "find", lambda self, text: searched.append(text) or find(self, text)
    )
    hits = [Hit(message(-n, text=f"{n} " + "word " * 600), "old", 1.0) for n in range(1, 30)]
    built = build(
        system="s", history=[], question=message(7, text="which word?"), budget=3_000, recalled=hits
    )
    assert len(searched) == len(built.recalled) == 5


def test_what_was_replaced_is_sent_in_no_part():
    """Neither the window nor what is recalled nor a late reply shows an edited message."""
    history = [
        *conversation(1),
        message(3, text="to Lyon"),
        message(4, "assistant", "in Lyon", reply_to=3),
        message(5, "assistant", "again in Lyon", reply_to=3),
        message(6, text="to Oslo", replaces=3),
        message(7, "assistant", "Lyon, late", reply_to=3),
        message(8, "assistant", "in Oslo", reply_to=6),
    ]
    recalled = [
        Hit(history[2], "t", 3.0),
        Hit(history[3], "t", 2.0),
        Hit(message(-5, text="years ago"), "old", 1.0, after=history[3]),
    ]
    built = build(
        system="s",
        history=history,
        question=message(9, text="to Bern", replaces=6),
        budget=2_000,
        recalled=recalled,
    )
    told = " ".join(m.content for m in built.messages)
    assert "years ago" in told
    assert "Lyon" not in told
    assert "Oslo" not in told
    assert [m.role for m in built.messages] == ["system", "user", "assistant", "user"]


def test_what_was_replaced_is_not_remembered():
    """The memory is extended by the turns that count, whatever was edited between them."""
    history = conversation(6)
    edited = message(13, text="to Oslo", replaces=11)
    batch = to_remember([*history, edited], None, 9)
    assert batch
    assert not {m.id for turn in batch for m in turn.messages} & {11, 12}


def test_unsaved_reply_to_what_was_replaced_takes_no_other_with_it():
    """Replies that are not stored yet have no id, and are told apart all the same."""
    history = [
        message(1, text="to Rome"),
        message(0, "assistant", "in Rome", reply_to=1),
        message(2, text="to Lyon"),
        message(0, "assistant", "in Lyon", reply_to=2),
        message(3, text="to Oslo", replaces=2),
    ]
    assert [m.text for m in without_replaced(history)] == ["to Rome", "in Rome", "to Oslo"]
    assert replaced_ids(history) == {2}
