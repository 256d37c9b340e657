"""Tools that act: shown to every client, run when one allows it, and never otherwise."""

import os
import threading
from pathlib import Path

import pytest
from support.raw_client import Peer
from support.running_server import serving
from websockets.asyncio.client import connect

from genpy_server import App, Context, RemoteRecords, tool
from genpy_server.errors import StoreUnavailable
from genpy_server.wire import OFFERED, Approve, Cancel, Send

DONE: list[str] = []


@tool
async def deploy(context: Context, to: str) -> str:
    """Deploy the site."""
    context.progress(f"uploading to {to}", 0.5)
    DONE.append(to)
    return f"deployed to {to}"


@tool
async def careful(context: Context) -> str:
    """Ask, then act."""
    return "yes" if await context.ask("Remove 3 files?") else "no"


@tool
def grind(context: Context, pid_file: str) -> None:
    """Work until stopped."""
    Path(pid_file).write_text(str(os.getpid()))
    context.progress("grinding")
    threading.Event().wait()


@tool(reads_only=True)
async def look() -> str:
    """Look."""
    return "seen"


@pytest.fixture
async def server(database, upstream):
    DONE.clear()
    app = App(tools=[deploy, careful, grind, look])
    limits = {"approval_seconds": 20.0}
    async with serving(database, own=app, limits=limits, GENPY_LLM_URL=upstream.url) as running:
        yield running


def client(server, **query):
    return Peer(server.url, "one", **{"features": "approvals", **query})


def asked(upstream):
    """What the model was told of the last call."""
    return upstream.requests[-1]["body"]["messages"][-1]["content"]


async def test_two_clients_see_one_approval_and_one_answers(server, upstream):
    """Both see the call with its arguments; the first answer counts, the second is a conflict."""
    upstream.call("deploy", {"to": "prod"})
    upstream.say("Deployed.")
    async with client(server) as one, client(server) as two:
        assert (await one.until("ready"))["features"] == [*OFFERED, "approvals"]
        await two.until("ready")
        await one.say(Send("a", "Deploy it"))
        requests = [await peer.until("approval_requested") for peer in (one, two)]
        assert requests[0] == requests[1]
        assert (requests[0]["name"], requests[0]["args"]) == ("deploy", {"to": "prod"})
        assert len(requests[0]["digest"]) == 16
        assert DONE == []
        await two.say(Approve(requests[0]["call"], "once", requests[0]["run"]))
        for peer in (one, two):
            resolved = await peer.until("approval_resolved")
            assert (resolved["decision"], resolved.get("by")) == ("once", None)
        progress = await one.until("tool_progress")
        assert (progress["text"], progress["fraction"]) == ("uploading to prod", 0.5)
        finished = await one.until("tool_finished")
        assert (finished["ok"], finished["result"]) == (True, "deployed to prod")
        await one.say(Approve(requests[0]["call"], "no"))
        refused = await one.until("error")
        assert (refused["re"], refused["code"]) == ("approve", "conflict")
        await one.until("run_finished")
    assert DONE == ["prod"]
    assert asked(upstream) == '"deployed to prod"'


async def test_a_late_client_sees_the_request(server, upstream):
    """A snapshot of the reply in progress holds the open request, which can be answered."""
    upstream.call("deploy", {"to": "prod"})
    upstream.say("No.")
    async with client(server) as one:
        await one.say(Send("a", "Deploy it"))
        await one.until("approval_requested")
        async with client(server) as two:
            request = await two.until("approval_requested")
            await two.say(Approve(request["call"], "no"))
        finished = await one.until("tool_finished")
        assert not finished["ok"]
        await one.until("run_finished")
    assert DONE == []
    assert "did not allow" in asked(upstream)


async def test_for_the_session_means_no_second_request(server, upstream):
    """Once allowed for the conversation, the same tool runs with other arguments unasked."""
    upstream.call("deploy", {"to": "a"})
    upstream.call("deploy", {"to": "b"})
    upstream.say("Done.")
    async with client(server) as one:
        await one.say(Send("a", "Deploy both"))
        request = await one.until("approval_requested")
        await one.say(Approve(request["call"], "session"))
        await one.until("run_finished")
        assert len(one.of("approval_requested")) == 1
        calls = [frame["call"] for frame in one.of("tool_started")]
        assert len(set(calls)) == 2
    assert DONE == ["a", "b"]


async def test_always_is_kept_until_the_definition_changes(database, upstream):
    """A permission for good holds in other sessions, ends with another body, and can be taken back."""
    DONE.clear()

    def apps() -> list[App]:
        @tool(name="publish")
        async def first() -> str:
            """Publish."""
            DONE.append("first")
            return "published"

        @tool(name="publish")
        async def second() -> str:
            """Publish."""
            DONE.append("second")
            return "published elsewhere"

        return [App(tools=[first]), App(tools=[first]), App(tools=[second])]

    for number, app in enumerate(apps()):
        upstream.call("publish", {})
        upstream.say("Done.")
        async with serving(database, own=app, GENPY_LLM_URL=upstream.url) as server:
            async with Peer(server.url, f"s{number}", features="approvals") as peer:
                await peer.say(Send("a", "Publish it"))
                if number == 1:
                    await peer.until("run_finished")
                    assert peer.of("approval_requested") == []
                    continue
                request = await peer.until("approval_requested")
                await peer.say(Approve(request["call"], "always" if number == 0 else "no"))
                await peer.until("run_finished")
    assert DONE == ["first", "first"]


async def test_always_is_taken_back_in_an_open_conversation(server, upstream):
    """After it is revoked, the next call is asked about also where it was given."""
    async with client(server) as one:
        for number in range(2):
            upstream.call("deploy", {"to": "prod"})
            upstream.say("Done.")
            await one.say(Send(f"a{number}", f"Deploy it, {number}"))
            request = await one.until("approval_requested")
            await one.say(Approve(request["call"], "always"))
            await one.until("run_finished")
            records = RemoteRecords(server.url)
            try:
                assert await records.revoke_tool("deploy")
            finally:
                await records.close()
    assert DONE == ["prod", "prod"]


async def test_reading_tools_run_unasked(server, upstream):
    """A tool that says it only reads needs nobody."""
    upstream.call("look", {})
    upstream.say("Seen.")
    async with client(server) as one:
        await one.ask("a", "Look")
        assert one.of("tool_finished")[0]["ok"]
        assert one.of("approval_requested") == []


async def test_where_nobody_can_answer_nothing_runs(server, upstream):
    """A client without the feature gets a sentence at once, unless it allowed the tool by name."""
    for _ in range(2):
        upstream.call("deploy", {"to": "prod"})
        upstream.say("Well.")
    async with client(server, features=None) as one:
        await one.say(Send("a", "Deploy it"))
        notice = await one.until("notice")
        assert notice["code"] == "approval_refused"
        assert "--allow deploy" in notice["text"]
        await one.until("run_finished")
        assert DONE == []
    async with client(server, features=None, allow="other,deploy") as one:
        await one.ask("b", "Deploy it now")
    assert DONE == ["prod"]


async def test_text_mode_refuses_with_a_sentence(server, upstream):
    """A plain text client is told that the tool was not run, and how it would be."""
    for _ in range(2):
        upstream.call("deploy", {"to": "prod"})
        upstream.say("Well.")
    url = f"{server.url.replace('http', 'ws', 1)}/ws/session/plain"
    for query, refused in (("", True), ("?allow=deploy", False)):
        async with connect(url + query) as ws:
            await ws.send(f"Deploy it {query}")
            text = ""
            while "Well." not in text:
                text += str(await ws.recv())
            assert ("deploy was not run" in text) is refused
    assert DONE == ["prod"]


async def test_stopping_the_reply_closes_the_request(server, upstream):
    """The request is closed as stopped, and the call is marked as such."""
    upstream.call("deploy", {"to": "prod"})
    async with client(server) as one:
        await one.say(Send("a", "Deploy it"))
        await one.until("approval_requested")
        await one.say(Cancel())
        resolved = await one.until("approval_resolved")
        assert (resolved["decision"], resolved["by"]) == ("no", "stopped")
        assert (await one.until("tool_finished"))["error"] == "Stopped."
        assert (await one.until("run_finished"))["status"] == "stopped"
    assert DONE == []


async def test_stopping_the_reply_ends_the_process_of_a_tool(server, upstream, tmp_path):
    """A synchronous tool that acts is killed in the middle of its work."""
    pid_file = tmp_path / "pid"
    upstream.call("grind", {"pid_file": str(pid_file)})
    async with client(server) as one:
        await one.say(Send("a", "Grind"))
        await one.say(Approve((await one.until("approval_requested"))["call"], "once"))
        assert (await one.until("tool_progress"))["text"] == "grinding"
        await one.say(Cancel())
        assert (await one.until("run_finished"))["status"] == "stopped"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


async def test_no_answer_in_time_is_a_no(database, upstream):
    """After the bound the request is closed, and the model is told."""
    DONE.clear()
    upstream.call("deploy", {"to": "prod"})
    upstream.say("Not done.")
    limits = {"approval_seconds": 0.05}
    async with serving(
        database, own=App(tools=[deploy]), limits=limits, GENPY_LLM_URL=upstream.url
    ) as server:
        async with client(server) as one:
            await one.say(Send("a", "Deploy it"))
            assert (await one.until("approval_resolved"))["by"] == "timeout"
            await one.until("run_finished")
    assert DONE == []


async def test_a_running_tool_asks_a_question(server, upstream):
    """Its yes-or-no question is a request with the question, beside the one for its call."""
    upstream.call("careful", {})
    upstream.say("Done.")
    async with client(server) as one:
        await one.say(Send("a", "Clean up"))
        await one.say(Approve((await one.until("approval_requested"))["call"], "once"))
        question = await one.until("approval_requested")
        assert question["question"] == "Remove 3 files?"
        await one.say(Approve(question["call"], "no"))
        assert (await one.until("tool_finished"))["result"] == "no"


async def test_a_question_that_nobody_can_answer_is_a_no(server, upstream):
    """A tool that was allowed by name runs, and its question is answered with no and a notice."""
    upstream.call("careful", {})
    upstream.say("Done.")
    async with client(server, features=None, allow="careful") as one:
        await one.say(Send("a", "Clean up"))
        assert "asked a question" in (await one.until("notice"))["text"]
        assert (await one.until("tool_finished"))["result"] == "no"


async def test_a_server_with_tokens_offers_what_its_operator_listed(database, upstream):
    """Users get the acting tools that GENPY_TOOLS names for them; reading ones are for everybody."""
    upstream.say("Hello.")
    tokens = "ann:" + "a" * 24 + ",bob:" + "b" * 24
    async with serving(
        database,
        own=App(tools=[deploy, careful, look]),
        GENPY_LLM_URL=upstream.url,
        GENPY_TOKEN=tokens,
        GENPY_TOOLS="ann:deploy,careful",
    ) as server:
        offered = {}
        for user in ("ann", "bob"):
            async with Peer(server.url, "one", token=user[0] * 24) as peer:
                await peer.ask("a", "Hello")
            tools = upstream.requests[-1]["body"]["tools"]
            offered[user] = {tool["function"]["name"] for tool in tools} & {
                "deploy",
                "careful",
                "look",
            }
        assert offered == {"ann": {"deploy", "careful", "look"}, "bob": {"careful", "look"}}
        upstream.call("deploy", {"to": "prod"})
        upstream.say("No.")
        async with Peer(server.url, "two", token="b" * 24, features="approvals") as peer:
            await peer.say(Send("b", "Deploy"))
            finished = await peer.until("tool_finished")
            assert "operator" in finished["error"]


async def test_a_permission_that_cannot_be_read_is_asked_for(server, upstream, monkeypatch):
    """Where the database does not answer, nothing runs unasked."""
    DONE.clear()

    async def away(*_):
        raise StoreUnavailable("The database is away.")

    monkeypatch.setattr(server.app.store, "approved_tools", away)
    upstream.call("deploy", {"to": "a"})
    upstream.say("Done.")
    async with client(server) as one:
        await one.say(Send("a", "Deploy"))
        request = await one.until("approval_requested")
        assert DONE == []
        await one.say(Approve(request["call"], "once"))
        await one.until("run_finished")
    assert DONE == ["a"]
