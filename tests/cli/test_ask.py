"""One question and its answer: `genpy ask`."""

import asyncio
import logging
import os
import re
from pathlib import Path
from uuid import uuid4

import pytest
from support.command_line import Genpy
from support.conditions import PATIENCE
from support.ports import free_port
from support.running_server import ServerProcess, configure
from support.scripted_model import DONE, Script, Upstream, chunk
from support.scripted_server import AT, SESSION, ScriptedServer

from genpy_cli.backend import print_warnings
from genpy_cli.commands.ask import Question, _ask
from genpy_cli.reply import ReplyPrinter
from genpy_server.client.transcript import Transcript
from genpy_server.errors import RateLimited, StoreError, StoreUnavailable
from genpy_server.wire import Ack, ErrorFrame, MessageEvent, Send


def test_offline(empty):
    """Without a model it fails, standard error says how to add one, and the conversation is kept."""
    ran = empty("ask", "What is GenPy?", code=1)
    assert (ran.out, ran.err.count("GROQ_API_KEY")) == ("", 1)
    assert empty("sessions", "list", "--json").json[0]["message_count"] == 2


def test_what_is_found_without_a_model(empty):
    """What GenPy finds in the user's own data is printed; only the advice is on standard error."""
    empty("ask", "A hotel in Rome", code=1)
    assert empty("ask", "How many messages did I send?").err == ""
    ran = empty("ask", "hotel in Rome", code=1)
    assert ("A hotel in Rome" in ran.out, "No model" in ran.out) == (True, False)
    assert ran.err.startswith("**No model is configured**")


def test_events_as_lines(empty):
    """`--json` gives each event of genpy.v1 as a line, from the message to the end of the run."""
    events = empty("ask", "What is GenPy?", "--json", code=1).lines
    kinds = [event["type"] for event in events]
    assert kinds.index("message") < kinds.index("run_started") < kinds.index("delta")
    assert "run_finished" in kinds
    text = "".join(event["text"] for event in events if event["type"] == "delta")
    assert "GROQ_API_KEY" in text


def test_what_is_read_is_asked(empty):
    """Standard input is the question, or stands behind the one that was typed."""
    empty("ask", given="piped question\n", code=1)
    empty("ask", "typed question", given="piped text\n", code=1)
    asked = [
        message["text"]
        for row in reversed(empty("sessions", "list", "--json").json)
        for message in empty("sessions", "show", row["session_id"], "--json").json["messages"][:1]
    ]
    assert asked[0] == "piped question"
    assert asked[1].startswith("typed question\n")
    assert asked[1].endswith("piped text")


async def test_a_pipe_that_stays_open(empty):
    """On a pipe that does not end, ask says after a second what it waits for; -n does not wait."""
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(
        *empty.words("ask", "typed"), env=empty.environment, cwd=empty.home,
        stderr=asyncio.subprocess.PIPE, **pipes,
    )  # fmt: skip
    assert process.stderr is not None
    async with asyncio.timeout(60):
        assert b"--no-stdin" in await process.stderr.readline()
        _, err = await process.communicate(b"piped")
    assert process.returncode == 1
    assert b"GROQ_API_KEY" in err
    process = await asyncio.create_subprocess_exec(
        *empty.words("ask", "-n", "alone"), env=empty.environment, cwd=empty.home,
        stderr=asyncio.subprocess.PIPE, **pipes,
    )  # fmt: skip
    async with asyncio.timeout(60):
        assert await process.wait() == 1
    process.stdin.close()
    texts = [row["title"] for row in empty("sessions", "list", "--json").json]
    assert texts == ["alone", "typed piped"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_pipe_of_any_encoding(empty, encoding):
    """Standard input may be UTF-8 or UTF-16 with a byte order mark, which is left out."""
    empty("ask", given="Grüße 👋".encode(encoding), code=1)
    asked = empty("sessions", "show", "last", "--json").json["messages"][0]["text"]
    assert asked == "Grüße 👋"


def test_a_pipe_that_is_no_text(empty):
    """Bytes of standard input that are no text are replaced, which is told."""
    assert "not all text" in empty("ask", given=b"caf\xe9", code=1).err
    assert empty("sessions", "list", "--json").json[0]["title"] == "caf\ufffd"


def test_warnings_of_background_work_are_not_printed(capsys, monkeypatch):
    """While a database is away, `ask` says so once, without what else its server could not do."""
    genpy = logging.getLogger("genpy")
    monkeypatch.setattr(genpy, "handlers", [])
    print_warnings()
    logging.getLogger("genpy.sessions").warning("renewing the leases of sessions failed")
    logging.getLogger("genpy.runs").warning("a reply is not stored yet")
    assert capsys.readouterr().err == "a reply is not stored yet\n"


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (StoreError("The disk is full."), True),
        (StoreUnavailable("The database is away."), False),
        (RateLimited("Too many messages."), False),
    ],
)
def test_a_question_that_is_refused(monkeypatch, error, ends):
    """A question that a full disk refuses ends at once; one refused for now is sent again a while."""
    now = 0.0
    monkeypatch.setattr("genpy_cli.reply.monotonic", lambda: now)
    printer = ReplyPrinter(as_json=True)
    printer.follow(Transcript(), "q")
    frame = ErrorFrame(error.code, error.message, retryable=error.retryable, re="q")
    if ends:
        with pytest.raises(StoreError, match="disk"):
            printer.take(frame)
        return
    assert not printer.take(frame)
    now = 59.0
    assert not printer.take(frame)
    assert (type(printer.refusal), printer.gives_up_at) == (type(error), 60.0)
    printer.take(MessageEvent(1, 1, "user", "hi", AT, client_id="q"))
    assert (printer.refusal, printer.gives_up_at) == (None, None)


async def test_a_database_that_stays_away(tmp_path, monkeypatch, capsys):
    """`ask` waits for it a while, during which it says why once, and ends with the same sentence."""
    monkeypatch.setattr("genpy_cli.reply.RETRY_SECONDS", 0.0)
    url = f"http://127.0.0.1:{free_port()}"
    settings = configure(tmp_path / "unused.db", SUPABASE_URL=url, SUPABASE_KEY="sb_secret_x")
    printer = ReplyPrinter(as_json=False)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await _ask(settings, Question("hello", str(uuid4())), printer)
    assert capsys.readouterr().err.count("cannot be reached") == 1


async def test_a_question_that_is_cut(tmp_path):
    """What finds no room in the request is said on standard error."""
    async with Upstream() as upstream:
        upstream.say("Long.")
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url, GENPY_CONTEXT_TOKENS="600")
        ran = await genpy.beside("ask", "Sum this up", given="word after word " * 5_000)
    assert ran.out == "Long.\n"
    assert re.search(r"80,0\d\d characters", ran.err), ran.err


def test_nothing_asked(empty):
    """A question without a word is wrong usage."""
    assert empty("ask", given=" \n", code=2).err
    assert empty("ask", " ", code=2).err


def test_going_on(empty):
    """A session goes on by its name, by an id, and by `last`."""
    empty("ask", "one", "--session", "trip-to-rome", code=1)
    empty("ask", "two", "--session", "trip-to-rome", code=1)
    empty("ask", "three", "--session", "last", code=1)
    rows = empty("sessions", "list", "--json").json
    assert [row["title"] for row in rows] == ["trip-to-rome"]
    assert rows[0]["message_count"] == 6
    empty("ask", "four", "--session", rows[0]["session_id"][:8], code=1)
    assert empty("sessions", "list", "--json").json[0]["message_count"] == 8


async def test_a_model(tmp_path):
    """A reply streams to standard output and to nowhere else; a pipe gets it as it is."""
    async with Upstream() as upstream:
        upstream.say("Hello", " \x1b[31mthere", "\u202e!")
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url)
        ran = await genpy.beside("ask", "Say hello")
        assert ran.out == "Hello \x1b[31mthere\u202e!\n"
        assert ran.err == ""


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
async def test_a_model_on_a_terminal(tmp_path):
    """A terminal gets a reply in which control characters are visible and harmless."""
    async with Upstream() as upstream:
        upstream.say("Hello", " \x1b[31mthere", "\u202e!")
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url)
        ran = await asyncio.to_thread(genpy.typed, "ask", "Say hello")
        assert ran.out == "Hello ␛[31mthere⇄!\r\n"


async def test_it_streams(tmp_path):
    """The first words are there before the last ones are made."""
    async with Upstream() as upstream:
        gate = upstream.say("first", " last", paused_at=1)
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url)
        process = await asyncio.create_subprocess_exec(
            *genpy.words("ask", "Count"), env=genpy.environment, cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            assert await process.stdout.readexactly(5) == b"first"
            gate.set()
            assert await process.stdout.read() == b" last\n"
            assert await process.wait() == 0


async def test_trouble_of_the_model(tmp_path):
    """A model that fails is one sentence on standard error and exit code 1; a partial reply stays."""
    async with Upstream() as upstream:
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url, GENPY_LLM_MODEL="m")
        upstream.fail(401, "invalid_api_key")
        ran = await genpy.beside("ask", "one", code=1)
        assert ran.out == ""
        assert ran.err.count("\n") == 1
        upstream.cut("half a", " sentence")
        ran = await genpy.beside("ask", "two", code=1)
        assert ran.out == "half a sentence\n"
        assert ran.err.strip()
        messages = genpy("sessions", "show", "last", "--json").json["messages"]
        assert messages[-1]["text"] == "half a sentence"
        assert messages[-1]["meta"]["status"] == "interrupted"


async def test_a_server_elsewhere(tmp_path):
    """A question may be answered by a server, which keeps the conversation."""
    genpy = Genpy(tmp_path)
    server = ServerProcess(genpy.database)
    await server.start()
    try:
        ran = await genpy.beside("ask", "What is GenPy?", "--server", server.url, code=1)
        assert "GROQ_API_KEY" in ran.err
        assert genpy("sessions", "list", "--json").json[0]["message_count"] == 2
    finally:
        await server.stop()


async def asked_across_a_restart(genpy, reply=None, **options):
    """A question whose server kept it, was restarted before it said so, and holds this reply."""
    async with ScriptedServer().running() as server:
        server.acknowledges = False
        asking = asyncio.create_task(
            genpy.beside("ask", "What is GenPy?", "--server", server.url, **options)
        )
        sent = await server.until(Send)
        question = MessageEvent(1, 1, "user", sent.text, AT, sent.id)
        server.log += [question] if reply is None else [question, reply]
        server.acknowledges = True
        server.forget()
        await server.cut()
        return await asking


async def test_reply_that_was_made_while_the_server_was_away(tmp_path):
    """A reply that the server kept before it was restarted is printed, and ends it as it ended."""
    meta = {"reply_to": 1, "status": "done"}
    reply = MessageEvent(2, 2, "assistant", "A chat.", AT, meta=meta)
    ran = await asked_across_a_restart(Genpy(tmp_path), reply)
    assert (ran.out, ran.err) == ("A chat.\n", "")
    reply.meta = {"reply_to": 1, "status": "interrupted"}
    ran = await asked_across_a_restart(Genpy(tmp_path), reply, code=1)
    assert (ran.out, ran.err) == ("A chat.\n", "The reply was interrupted.\n")


async def test_question_that_a_restart_left_without_a_reply(tmp_path):
    """A question that was kept, and that nobody will answer any more, is an expected failure."""
    ran = await asked_across_a_restart(Genpy(tmp_path), code=1)
    assert ran.out == ""
    assert f"genpy sessions show {SESSION[:8]}" in ran.err


async def test_question_that_waits_is_not_given_up(tmp_path):
    """In the same epoch a question whose ack was lost is answered when it is its turn."""
    async with ScriptedServer().running() as server:
        server.acknowledges = False
        asking = asyncio.create_task(Genpy(tmp_path).beside("ask", "one", "--server", server.url))
        sent = await server.until(Send)
        server.log.append(MessageEvent(1, 1, "user", sent.text, AT, sent.id))
        server.acknowledges = True
        await server.cut()
        await server.attach(2)
        server.tell(Ack(sent.id, 1, duplicate=True))
        server.reply("A chat.")
        ran = await asking
    assert (ran.out, ran.err) == ("A chat.\n", "")


async def test_interrupted(tmp_path):
    """Ctrl-C ends a question with 130 and without a traceback; what came is kept as stopped."""
    import signal  # noqa: PLC0415 - here alone

    async with Upstream() as upstream:
        upstream.say("first", " last", paused_at=1)
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url)
        process = await asyncio.create_subprocess_exec(
            *genpy.words("ask", "Count"), env=genpy.environment, cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            assert await process.stdout.readexactly(5) == b"first"
            process.send_signal(signal.SIGINT)
            _, err = await process.communicate()
        assert process.returncode == 130
        assert b"Traceback" not in err
        messages = genpy("sessions", "show", "last", "--json").json["messages"]
        assert [message["text"] for message in messages] == ["Count", "first"]


def test_explain_says_what_of_a_long_text_is_cut(empty):
    """`explain` names the same cut as `ask`, for a text from a pipe, with and without a session."""
    text = "".join(f"line {number} of the log with some words\n" for number in range(5_000))
    asked = empty("ask", "--session", "long", given=text, code=1)
    alone = empty("explain", given=text)
    cut = asked.err.splitlines()[0]
    assert cut == alone.out.splitlines()[-1]
    assert cut in empty("explain", "--session", "long", given=text).out
    assert "too long" not in empty("explain", given="a short line\n").out
    assert "genpy explain" in empty("explain", given=" \n", code=2).err


async def test_thinking_goes_to_standard_error(empty):
    """With --think what the model thinks is on standard error; without it nowhere."""
    async with Upstream() as service:
        thought = chunk({"reasoning": "I look."})
        pieces = [thought, chunk({"content": "Because."}), chunk(finish="stop"), DONE]
        service.script(Script(pieces=pieces))
        variables = {"GENPY_LLM_URL": service.url, "GENPY_LLM_MODEL": "m"}
        ran = await empty.beside("ask", "Why?", "--think", **variables)
        assert (ran.out, ran.err) == ("Because.\n", "I look.\n\n")
        assert (await empty.beside("ask", "Why?", **variables)).err == ""


async def test_a_mode_of_ones_own_with_instructions(tmp_path):
    """A file in modes/ gives prompt, temperature and tools; --system stands before everything."""
    async with Upstream() as upstream:
        upstream.say("Boil it.")
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url, GENPY_LLM_MODEL="m")
        folder = Path(genpy("config", "path").out.strip()).parent / "modes"
        folder.mkdir(parents=True)
        (folder / "recipes.md").write_text(
            "---\ntemperature: 0.1\ntools: []\n---\nGive amounts.", "utf-8"
        )
        words = ("ask", "-n", "Rice?", "--mode", "recipes", "--system", "Answer in rhymes.")
        await asyncio.to_thread(genpy, *words)
        (request,) = (one["body"] for one in upstream.requests if one["body"])  # not for the list
    system, asked = (m["content"] for m in request["messages"])
    assert system.endswith("Answer in rhymes.")
    assert asked.startswith("Rice?\n\n")
    assert asked.endswith("Give amounts.")
    assert request["temperature"] == 0.1
    assert "tools" not in request


async def test_an_unknown_mode_is_refused(empty):
    """--mode with a name that does not exist is wrong usage: it names those that do, and asks nothing."""
    ran = await asyncio.to_thread(empty, "ask", "-n", "Hi", "--mode", "poetry", code=2)
    assert "code_assistant" in ran.err


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
async def test_chat_takes_instructions(tmp_path):
    """`genpy chat --system` gives the conversation instructions that the model gets."""
    async with Upstream() as upstream:
        upstream.say("Hello to you")
        upstream.answer = {"summary": "S.", "topics": [], "sentiment": "neutral", "outcomes": []}
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url, GENPY_LLM_MODEL="m")
        answers = [("ready", "hi\r"), ("Hello to you", "\x11"), ("rates it", "q")]
        ran = await asyncio.to_thread(
            genpy.dialogue, "chat", "--system", "Answer in rhymes.", answers=answers
        )
        assert ran.code == 0
        asked = [
            request["body"]["messages"]
            for request in upstream.requests
            if request["body"].get("stream")
        ]
    assert asked[0][0]["content"].endswith("Answer in rhymes.")


async def test_explain_agrees_with_ask(tmp_path):
    """What `ask` says of a text that is too long, `explain` says too, once the window is known."""
    async with Upstream() as upstream:
        upstream.windows = {"m": 20_000}
        upstream.say("That is long.")
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url, GENPY_LLM_MODEL="m")
        await genpy.beside("models")
        text = "words " * 20_000
        asked = await genpy.beside("ask", given=text)
        explained = await genpy.beside("explain", given=text)
    assert "was given" in asked.err
    assert asked.err.strip() == explained.out.splitlines()[-1]
