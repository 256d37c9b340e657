"""The conversations a person has, by `genpy sessions`."""

import asyncio
import json
import os
import re
import tracemalloc
from contextlib import redirect_stderr
from io import StringIO
from tempfile import TemporaryFile

import pytest
from support.files import mode

from genpy_cli import output
from genpy_cli.__main__ import run
from genpy_cli.commands import export, import_
from genpy_server.core.display import visible
from genpy_server.core.export import exported_session
from genpy_server.core.models import Message, MessageMeta, Session, SessionMemory
from genpy_server.errors import StoreUnavailable
from genpy_server.stores.sqlite.store import SqliteStore
from genpy_tui.render.markdown.document import Document

AT = "2026-01-01T00:00:00.000000Z"

ROME = "0b7e1f52-9a41-4f0e-8d55-2f6a3c1d9e01"
PYTHON = "5c2d9a17-3e80-4b6b-a1f4-77d0e2b8c302"
HOSTILE = "c9a4e6d8-1f23-4c57-9b0a-d3e5f7a91b03"


def correct(database, session, text, *, chosen):
    """Keep a turn whose intent the person corrected from tutorial."""
    meta = MessageMeta(intent=chosen, intent_corrected_from="tutorial")

    async def write(store):
        await store.open()
        await store.append("local", session, "user", text, title="", meta=meta)
        await store.close()

    asyncio.run(write(SqliteStore(database)))


def test_list_shows_the_latest_first(kept):
    """The list has one row a conversation, the latest first, with its status, rating and summary."""
    rows = kept("sessions", "list", COLUMNS="200").out.splitlines()
    shown = [row[:8] for row in rows if row[:8] in {ROME[:8], PYTHON[:8], HOSTILE[:8]}]
    assert shown == [HOSTILE[:8], PYTHON[:8], ROME[:8]]
    rome = next(row for row in rows if row.startswith(ROME[:8]))
    for part in ("Trip to Rome", "✓ completed", "2", "★★★★☆", "You looked for a hotel"):
        assert part in rome


def test_list_fits_the_terminal(kept):
    """No line of the list is longer than a terminal of 80 columns."""
    assert max(map(len, kept("sessions", "list", COLUMNS="80").out.splitlines())) <= 80


def test_list_of_nothing_says_what_to_do(empty):
    """A list without conversations names the command that begins one; for programs it is empty."""
    ran = empty("sessions", "list")
    assert "genpy chat" in ran.out + ran.err
    assert empty("sessions", "list", "--json").json == []


def test_list_for_programs(kept):
    """`--json` gives every field of every conversation as one document."""
    rows = kept("sessions", "list", "--json").json
    assert [row["session_id"] for row in rows] == [HOSTILE, PYTHON, ROME]
    assert rows[2]["summary"].startswith("You looked")
    assert rows[2]["topics"] == ["travel", "Rome"]
    assert rows[2]["metrics"]["user_words"] == 6


def test_a_user_among_others_is_named(genpy):
    """Where others have conversations, the list and the doctor say whose these are."""
    assert "of the user" not in genpy("sessions", "list").err
    genpy("ask", "-n", "hello", GENPY_USER="somebody", code=1)
    assert "of the user 'local'" in genpy("sessions", "list").err
    assert "of 2 users; yours are those of 'local'" in genpy("doctor").out


def test_list_can_be_narrowed(kept):
    """The list can be limited, to a status and to a text."""
    assert len(kept("sessions", "list", "--json", "--limit", "1").json) == 1
    completed = kept("sessions", "list", "--json", "--status", "completed").json
    assert [row["session_id"] for row in completed] == [ROME]
    found = kept("sessions", "list", "--json", "--find", "rome").json
    assert [row["session_id"] for row in found] == [ROME]
    assert "No conversation has 'nowhere'" in kept("sessions", "list", "--find", "nowhere").err


def test_show_is_a_transcript(kept):
    """A conversation is shown with who said what, with which model and which tools."""
    shown = kept("sessions", "show", ROME[:8]).out
    for part in ("Trip to Rome", "Where is a hotel in Rome?", "Termini"):
        assert part in shown
    assert " · m · used search_chat_history\n" in shown
    assert "casual" not in shown
    document = kept("sessions", "show", ROME, "--json").json
    assert document["session"]["session_id"] == ROME
    assert [message["role"] for message in document["messages"]] == ["user", "assistant"]


def test_references(kept):
    """A conversation is named by its id, by a beginning of it, by `last`."""
    for ref in (HOSTILE, HOSTILE.upper(), HOSTILE[:4], "last"):
        assert kept("sessions", "show", ref, "--json").json["session"]["session_id"] == HOSTILE
    assert "nothing-of-this-name" in kept("sessions", "show", "nothing-of-this-name", code=1).err


def test_a_place_is_shown(kept):
    """As a search names it, a message is shown with what led to it; of no message there is an error."""
    whole = kept("sessions", "show", ROME, "--json").json["messages"]
    first, last = (message["id"] for message in whole)
    shown = kept("sessions", "show", f"{ROME[:8]}#{first}", "--json").json["messages"]
    assert [message["id"] for message in shown] == [first]
    shown = kept("sessions", "show", f"{ROME[:8]}#{last}").out
    assert f"Message {last}, and what led to it." in shown
    assert "Termini" in shown
    assert "Message 999 is not in" in kept("sessions", "show", f"{ROME[:8]}#999", code=1).err


def test_rename(genpy):
    """A conversation gets another title."""
    genpy("sessions", "rename", ROME[:8], "Rome in spring")
    assert genpy("sessions", "show", ROME, "--json").json["session"]["title"] == "Rome in spring"
    renamed = genpy("sessions", "rename", ROME, "Rome in May", "--json").json
    assert renamed["title"] == "Rome in May"
    assert "1 to 200" in genpy("sessions", "rename", ROME, " ", code=1).err


def test_delete(genpy):
    """A conversation is removed at once where that was agreed beforehand."""
    genpy("sessions", "delete", PYTHON[:8], "--yes")
    assert [row["session_id"] for row in genpy("sessions", "list", "--json").json] == [
        HOSTILE,
        ROME,
    ]
    assert genpy("sessions", "delete", PYTHON, "--yes", code=1).err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_delete_asks(genpy):
    """In a terminal nothing is removed before the person has agreed."""
    assert genpy.typed("sessions", "delete", HOSTILE, keys="n\n").code == 1
    assert len(genpy("sessions", "list", "--json").json) == 3
    asked = genpy.typed("sessions", "delete", HOSTILE, keys="y\n")
    assert asked.code == 0
    assert "\x1b]52" not in asked.out
    assert [row["session_id"] for row in genpy("sessions", "list", "--json").json] == [PYTHON, ROME]


def test_delete_without_an_answer_keeps(genpy):
    """Where nobody can answer, nothing is removed, and the command says how to do it."""
    assert "--yes" in genpy("sessions", "delete", ROME, code=2).err
    assert len(genpy("sessions", "list", "--json").json) == 3


def test_export_as_markdown(kept):
    """A conversation is exported as Markdown to read."""
    text = kept("sessions", "export", ROME[:8]).out
    assert text.startswith("# Trip to Rome\n")
    assert "Where is a hotel in Rome?" in text
    assert "Near **Termini** there are many." in text


def test_export_of_everything(kept, tmp_path):
    """Everything is one JSON document with every message, to standard output or to a file."""
    document = kept("sessions", "export", "--all").json
    assert document["version"] == 1
    assert {entry["session"]["session_id"] for entry in document["sessions"]} == {
        ROME,
        PYTHON,
        HOSTILE,
    }
    rome = next(entry for entry in document["sessions"] if entry["session"]["session_id"] == ROME)
    assert rome["messages"][1]["meta"]["tools"][0]["name"] == "search_chat_history"
    assert all(message["uid"] for message in rome["messages"])
    path = tmp_path / "all.json"
    kept("sessions", "export", "--all", "--output", str(path))
    assert json.loads(path.read_text(encoding="utf-8")) == document


def test_export_of_one_as_json(kept):
    """One conversation is exported in the same form as all of them."""
    document = kept("sessions", "export", ROME, "--format", "json").json
    assert [entry["session"]["session_id"] for entry in document["sessions"]] == [ROME]
    assert document == kept("export", ROME, "--format", "json").json


@pytest.mark.parametrize(
    ("words", "form"),
    [
        ((ROME, "--output", "rome.json"), "json"),
        ((ROME, "--output", "rome.JSON", "--format", "md"), "md"),
        ((ROME, "--output", "rome.md", "--json"), "json"),
        ((ROME, "--output", "rome.txt"), "md"),
        (("--all", "--output", "all.md"), "md"),
        (("--all", "--output", "all"), "json"),
    ],
)
def test_the_name_of_the_file_says_its_form(kept, tmp_path, words, form):
    """Without --format the ending of the file decides, and where that says nothing what is exported."""
    path = tmp_path / words[2]
    kept("export", *words[:2], str(path), *words[3:])
    assert path.read_text(encoding="utf-8").startswith("{" if form == "json" else "# ")


def test_export_of_corrections(genpy):
    """Each turn whose intent was corrected is one JSON line: what was said, was meant, was detected."""
    assert genpy("export", "--corrections").out == ""
    correct(genpy.database, PYTHON, "Why is it slow?", chosen="technical_support")
    lines = genpy("export", "--corrections").lines
    assert lines == [
        {"text": "Why is it slow?", "intent": "technical_support", "detected": "tutorial"}
    ]
    assert genpy("export", PYTHON, "--corrections").lines == lines
    assert genpy("export", ROME, "--corrections").lines == []


def test_export_asks_before_it_overwrites(kept, tmp_path):
    """A file that exists is overwritten only where that was agreed, and is whole or as it was."""
    path = tmp_path / "rome.md"
    path.write_text("mine", encoding="utf-8")
    assert "--yes" in kept("export", ROME, "--output", str(path), code=2).err
    assert path.read_text(encoding="utf-8") == "mine"
    kept("export", "nothing-there", "--output", str(path), "--yes", code=1)
    assert path.read_text(encoding="utf-8") == "mine"
    kept("export", ROME, "--output", str(path), "--yes")
    assert path.read_text(encoding="utf-8").startswith("# Trip to Rome")
    assert [file.name for file in tmp_path.iterdir() if "rome" in file.name] == ["rome.md"]
    assert mode(path) == 0o600


@pytest.mark.skipif(os.name == "nt", reason="needs a named pipe")
def test_export_to_a_pipe(kept, tmp_path):
    """A pipe that is named as the file is written to, not replaced."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDWR)
    kept("export", ROME, "--output", str(path))
    assert os.read(reader, 100_000).startswith(b"# Trip to Rome")
    os.close(reader)
    assert path.is_fifo()


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_export_asks_a_person(kept, tmp_path):
    """In a terminal the person is asked before a file is overwritten."""
    path = tmp_path / "rome.md"
    path.write_text("mine", encoding="utf-8")
    words = ("export", ROME, "--output", str(path))
    assert kept.typed(*words, keys="n\n", after="[y/N]").code == 1
    assert path.read_text(encoding="utf-8") == "mine"
    assert kept.typed(*words, keys="y\n", after="[y/N]").code == 0
    assert path.read_text(encoding="utf-8").startswith("# Trip to Rome")


async def test_an_export_that_fails_prints_nothing(kept, capsys):
    """Where the database fails half way, standard output gets no half document."""
    document = kept("sessions", "export", ROME, "--json").json["sessions"][0]
    session = exported_session(document["session"])

    async def none():
        for message in ():
            yield message

    async def half():
        yield session, none(), SessionMemory(session.id, on=True, notes=())
        raise StoreUnavailable("The database is away.")

    with pytest.raises(StoreUnavailable):
        await export._to_standard_output(half(), export._json, output.Progress(""))
    assert capsys.readouterr().out == ""


async def test_an_export_holds_one_page_of_messages():
    """Pages are asked for one after the other, and each is written before the next is read."""
    session = Session(ROME, "local", "Rome", "active", AT, AT, 5_000)
    written, asked = [], []

    class Paged:
        async def session(self, ref):
            return session

        async def memory(self, ref):
            return SessionMemory(ref, on=True, notes=())

        async def messages(self, ref, *, limit, after):
            asked.append(after)
            assert "".join(written).count('"role"') == after
            ids = range(after + 1, min(after + limit, session.last_message_id) + 1)
            return [Message(id_, ref, "user", f"message {id_}", AT) for id_ in ids]

    conversations = export._conversations(Paged(), ROME, output.Progress(""))
    await export._json(conversations, written.append)
    document = json.loads("".join(written))
    messages = document["sessions"][0]["messages"]
    assert [message["id"] for message in messages] == [*range(1, 5_001)]
    assert asked == [*range(0, 5_001, 200)]
    assert max(map(len, written)) < 1_000


def test_a_long_export_and_import_show_how_far_they_are(kept, empty, monkeypatch):
    """On a terminal each step that goes on counts its messages on one line, gone at the end."""

    class Terminal(StringIO):
        def isatty(self):
            return True

    def lines_of(genpy, *words):
        for name, value in genpy.environment.items():
            monkeypatch.setenv(name, value)
        with redirect_stderr(Terminal()) as terminal:
            assert run(words) == 0
        sent = re.sub(r"message \d+", "message N", terminal.getvalue())
        assert sent.endswith("\r\x1b[K")
        return [line for line in dict.fromkeys(sent.split("\r\x1b[K")) if line]

    file = str(empty.home / "all.json")
    monkeypatch.setattr(output, "PROGRESS_AFTER_SECONDS", 0.0)
    assert lines_of(kept, "export", "--all", "--output", file) == ["Exporting message N …"]
    assert lines_of(empty, "import", file) == [
        "Reading message N …",
        "Checking message N of 5 …",
        "Importing message N of 5 …",
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no terminals of this kind")
def test_a_short_export_shows_no_progress(kept):
    """Work of less than a second prints no line that would be removed at once."""
    assert "\x1b" not in kept.typed("export", "--all", "--output", "all.json").out


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_import_of_any_encoding(kept, empty, encoding):
    """An export may have become UTF-16 or got a byte order mark on its way."""
    export = kept("export", "--all").out
    path = empty.home / "all.json"
    path.write_bytes(export.encode(encoding))
    assert "3 conversations" in empty("import", str(path)).out
    assert len(empty("sessions", "list", "--json").json) == 3


def test_import_of_any_layout(kept, empty):
    """Other white space, other orders of names and of messages, and more names change nothing."""
    document = json.loads(kept("export", "--all").out)
    others = [
        {
            "more": [1, {"a": None}],
            "messages": one["messages"][::-1],
            "memory": one["memory"],
            "session": one["session"],
        }
        for one in document["sessions"]
    ]
    text = json.dumps({"sessions": others[::-1], "version": 1}, indent=3, ensure_ascii=False)
    empty("import", "-", given=text)
    before, after = (json.loads(genpy("export", "--all").out) for genpy in (kept, empty))
    for old, new in zip(before["sessions"], after["sessions"], strict=True):
        assert new["session"]["session_id"] == old["session"]["session_id"]
        assert [m["text"] for m in new["messages"]] == [m["text"] for m in old["messages"]]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"role":"user"', '"role":"nobody"'),
        ("]}\n", "]}\n{}"),
        ("]}\n", ""),
        ('"sessions"', '"session"'),
        ('"at":"2', '"at":"x'),
        ('{"session":{"session_id":"', '{"session":{"session_id":"x'),
    ],
)
def test_an_import_that_is_wrong_anywhere_writes_nothing(kept, empty, before, after):
    """All of an export is read before the first conversation is written."""
    export = kept("export", "--all").out
    where = export.rindex(before)
    wrong = export[:where] + after + export[where + len(before) :]
    assert empty("import", "-", given=wrong, code=1).err
    assert empty("sessions", "list", "--json").json == []


def test_a_large_import_is_not_held_in_memory(empty, monkeypatch):
    """The messages of a conversation go through one at a time."""
    count, text = 2_000, "word " * 1_000
    session = {"session_id": ROME, "user_id": "x", "title": "Rome", "status": "active",
               "start_time": AT, "updated_at": AT, "last_message_id": count}  # fmt: skip
    path = empty.home / "large.json"
    with path.open("w") as file:
        file.write(f'{{"version":1,"sessions":[{{"session":{json.dumps(session)},"messages":[')
        for number in range(1, count + 1):
            message = {"id": number, "session_id": ROME, "role": "user", "text": text, "at": AT}
            file.write("," * (number > 1) + json.dumps(message))
        file.write("]}]}")
    tracemalloc.start()
    try:
        with TemporaryFile() as copy:
            export = import_._read(str(path), copy)
            for one in export:
                assert sum(message["text"] == text for message in one.messages) == count
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 10_000_000
    assert peak < 3_000_000


def test_import_of_one_message(kept, empty):
    """One message is counted in the singular."""
    export = kept("export", PYTHON, "--json").out
    assert "1 conversation with 1 message, 1 of them new." in empty("import", "-", given=export).out


def test_single_questions_stand_apart(genpy):
    """Questions are listed below the conversations, by ids that find them, until one is continued."""
    genpy("ask", "What is a monoid?", code=1)
    genpy("ask", "What is a monad?", code=1)
    shown = genpy("sessions", "list").out
    conversations, questions = shown.split("Single questions")
    assert "monad" not in conversations
    assert "monad" in questions
    asked = {row.split()[0] for row in questions.splitlines() if "mon" in row}
    assert len(asked) == 2
    assert "monad" in "".join(genpy("sessions", "show", ref).out for ref in asked)
    assert len(genpy("sessions", "list", "--json").json) == 5
    assert "Trip to Rome" in genpy("sessions", "list", "--limit", "3").out
    genpy("ask", "And a functor?", "--session", "last", code=1)
    conversations, questions = genpy("sessions", "list").out.split("Single questions")
    assert "monad" in conversations
    assert "monoid" in questions


def test_end_of_a_conversation(genpy):
    """A conversation is ended by hand, with a summary or a note; one that has ended is not."""
    ended = genpy("sessions", "end", PYTHON, "--json").json
    assert [session["status"] for session in ended] == ["completed"]
    assert "--regenerate" in genpy("sessions", "end", ROME, code=2).err
    genpy("sessions", "end", code=2)


def test_end_of_abandoned_conversations(genpy):
    """Every conversation that no program attends is ended, once that was agreed."""
    refused = genpy("sessions", "end", "--abandoned", code=2)
    assert "2 conversations" in refused.err
    assert len(genpy("sessions", "list", "--json", "--status", "active").json) == 2
    assert genpy("sessions", "end", "--abandoned", "--yes").out.count("Ended") == 2
    assert genpy("sessions", "list", "--json", "--status", "active").json == []
    assert "No conversation" in genpy("sessions", "end", "--abandoned").err
    remote = genpy("sessions", "end", "--abandoned", "--server", "http://127.0.0.1:9", code=2)
    assert "and run this with the settings of the database." in " ".join(remote.err.split())


def test_a_person_is_shown_local_times(kept):
    """Times are those of the person's clock, not of UTC."""
    shown = [kept("summary", ROME, TZ=zone).out for zone in ("UTC", "Asia/Tokyo")]
    assert shown[0] != shown[1]
    assert all("UTC" not in text for text in shown)


def test_export_wants_to_know_what(kept):
    """An export of nothing, or of one and all, is wrong usage."""
    kept("sessions", "export", code=2)
    kept("sessions", "export", ROME, "--all", code=2)


def test_titles_survive_one_line(kept):
    """A hostile title is shown on one line, made visible."""
    row = next(
        line
        for line in kept("sessions", "list", COLUMNS="300").out.splitlines()
        if HOSTILE[:8] in line
    )
    assert visible("bad \x1b]52;c;cHduZWQ=\x07") in row


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_show_on_a_terminal_is_what_the_chat_shows(genpy):
    """Typed lines stay as they were typed, and a reply is rendered by the chat's renderer."""
    typed = "use vector<int> and <name>\n    indented = 1\n# a comment\n1) x"
    reply = "含**「重点」**, `a|b`\r\n\r\n- [x] done\r\n\r\n\\( x^2 \\) and <int>"
    session = "7d3f0c11-52aa-4b7e-9a52-0f1b2c3d4e5f"

    async def write(store):
        await store.open()
        await store.append("local", session, "user", typed, title="typed")
        await store.append("local", session, "assistant", reply, title="")
        await store.close()

    asyncio.run(write(SqliteStore(genpy.database)))
    sent = genpy.typed("sessions", "show", session).out.replace("\r\n", "\n")
    rows = [row.rstrip() for row in re.sub(r"\x1b\[[\d;]*m", "", sent).split("\n")]
    document = Document(indent=2)
    document.feed(reply)
    document.finish()
    shown = ["  " + line.text for part in document.parts for line in part.lines(80)]
    for expected in (typed.split("\n"), [row.strip() for row in shown]):
        at = rows.index("  " + expected[0])
        assert [row.strip() for row in rows[at : at + len(expected)]] == [
            row.strip() for row in expected
        ]
    assert "      indented = 1" in rows
    assert "  ☑ done" in rows
    assert reply in genpy("sessions", "show", session).out


def test_notes_are_exported_and_imported(kept, empty):
    """What a conversation remembers is in its export, and in the database that imports it."""
    assert kept("memory", "off", "--session", ROME).out.startswith(
        "The memory of this conversation is off"
    )
    export = kept("export", ROME, "--json").out
    empty("import", "-", given=export)
    assert empty("memory", "--session", ROME, "--json").json["on"] is False
    assert "Note 3 not found" in empty("memory", "forget", "3", "--session", ROME, code=1).err
    assert "forgotten by its number" in empty("memory", "forget", code=2).err


def test_show_names_a_model_once(genpy):
    """The model stands in the head of a reply only where it is not that of the reply before."""
    session = "7d3f0c11-52aa-4b7e-9a52-0f1b2c3d4e5f"

    async def write(store):
        await store.open()
        for model in ("one", "one", "two", "two"):
            said = await store.append("local", session, "user", "Hi", title="Models")
            meta = MessageMeta(reply_to=said.message.id, model=model, status="done")
            await store.append("local", session, "assistant", "Hello", title="", meta=meta)
        await store.close()

    asyncio.run(write(SqliteStore(genpy.database)))
    heads = [
        line for line in genpy("sessions", "show", session).out.splitlines() if "GenPy" in line
    ]
    assert [head.split(" · ")[2:] for head in heads] == [["one"], [], ["two"], []]
