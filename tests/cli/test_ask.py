"""One question and its answer: `genpy ask`."""

import asyncio

from commandline import Genpy
from servers import ServerProcess
from upstream import Upstream


def test_offline(empty):
    """Without a model the answer says so, how to add one, and the conversation is kept."""
    ran = empty("ask", "What is GenPy?")
    assert "GROQ_API_KEY" in ran.out
    assert ran.out.endswith("\n")
    assert ran.err == ""
    assert empty("sessions", "list", "--json").json[0]["message_count"] == 2


def test_events_as_lines(empty):
    """`--json` gives each event of genpy.v1 as a line, from the message to the end of the run."""
    events = empty("ask", "What is GenPy?", "--json").lines
    kinds = [event["type"] for event in events]
    assert kinds.index("message") < kinds.index("run_started") < kinds.index("delta")
    assert "run_finished" in kinds
    text = "".join(event["text"] for event in events if event["type"] == "delta")
    assert "GROQ_API_KEY" in text


def test_what_is_read_is_asked(empty):
    """Standard input is the question, or stands behind the one that was typed."""
    empty("ask", given="piped question\n")
    empty("ask", "typed question", given="piped text\n")
    asked = [
        message["text"]
        for row in reversed(empty("sessions", "list", "--json").json)
        for message in empty("sessions", "show", row["id"], "--json").json["messages"][:1]
    ]
    assert asked[0] == "piped question"
    assert asked[1].startswith("typed question\n")
    assert asked[1].endswith("piped text")


def test_nothing_asked(empty):
    """A question without a word is wrong usage."""
    assert empty("ask", given=" \n", code=2).err
    assert empty("ask", " ", code=2).err


def test_going_on(empty):
    """A session goes on by its name, by an id, and by `last`."""
    empty("ask", "one", "--session", "trip-to-rome")
    empty("ask", "two", "--session", "trip-to-rome")
    empty("ask", "three", "--session", "last")
    rows = empty("sessions", "list", "--json").json
    assert [row["title"] for row in rows] == ["trip-to-rome"]
    assert rows[0]["message_count"] == 6
    empty("ask", "four", "--session", rows[0]["id"][:8])
    assert empty("sessions", "list", "--json").json[0]["message_count"] == 8


async def test_a_model(tmp_path):
    """A reply streams to standard output and to nowhere else."""
    async with Upstream() as upstream:
        upstream.say("Hello", " \x1b[31mthere", "\u202e!")
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url)
        ran = await genpy.beside("ask", "Say hello")
        assert ran.out == "Hello ␛[31mthere⇄!\n"
        assert ran.err == ""


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
        async with asyncio.timeout(20):
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
        ran = await genpy.beside("ask", "What is GenPy?", "--server", server.url)
        assert "GROQ_API_KEY" in ran.out
        assert genpy("sessions", "list", "--json").json[0]["message_count"] == 2
    finally:
        await server.stop()


async def test_interrupted(tmp_path):
    """Ctrl-C ends a question with 130 and without a traceback; what came is kept as stopped."""
    import signal  # noqa: PLC0415 - here alone

    async with Upstream() as upstream:
        upstream.say("first", " last", paused_at=1)
        genpy = Genpy(tmp_path, GENPY_LLM_URL=upstream.url)
        process = await asyncio.create_subprocess_exec(
            *genpy.words("ask", "Count"), env=genpy.environment, cwd=tmp_path,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            # Whoever runs the tests in the background has it ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(20):
            assert await process.stdout.readexactly(5) == b"first"
            process.send_signal(signal.SIGINT)
            _, err = await process.communicate()
        assert process.returncode == 130
        assert b"Traceback" not in err
        messages = genpy("sessions", "show", "last", "--json").json["messages"]
        assert [message["text"] for message in messages] == ["Count", "first"]
