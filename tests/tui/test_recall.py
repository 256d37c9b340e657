"""Recalling what was written before: in this conversation, in others, and the draft."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from support import running_server
from support.scripted_server import ScriptedServer
from support.terminal import terminal

from genpy_server.wire import Send
from genpy_tui.widgets.history import History

TEXTS = st.lists(st.text("abc", min_size=1, max_size=3), max_size=8)


@given(sent=TEXTS, older=TEXTS)
def test_up_passes_each_text_once_and_down_comes_back(sent: list[str], older: list[str]) -> None:
    """The newest comes first, older conversations last, and the draft is as it was."""
    history = History()
    for text in sent:
        history.add(text)
    history.add_older(older)
    seen: list[str] = []
    while (text := history.move(-1, seen[-1] if seen else "draft")) is not None:
        seen.append(text)
    newest = list(dict.fromkeys(reversed(sent)))
    first = [text for text in dict.fromkeys(older) if text not in newest]
    assert seen == newest + first[::-1]
    back = seen[-1:]
    while (text := history.move(1, back[-1])) is not None if back else False:
        back.append(text or "")
    assert not seen or back[-1] == "draft"


def test_what_was_changed_is_changed_until_something_is_sent() -> None:
    """An edit of a recalled text stays with it, and the draft is given back after sending it."""
    history = History()
    history.add("first")
    assert history.move(-1, "draft") == "first"
    assert history.move(1, "first, changed") == "draft"
    assert history.move(-1, "draft") == "first, changed"
    history.add("first, changed")
    assert history.leave() == "draft"
    assert history.move(-1, "draft") == "first, changed"
    assert history.move(-1, "first, changed") == "first"


async def test_a_draft_survives_sending_a_recalled_message(
    server: ScriptedServer, tmp_path: Path
) -> None:
    """It stands in the prompt again once the recalled message is sent."""
    async with terminal(tmp_path, server=server.url) as tui:
        await tui.says("ready")
        await tui.type("one")
        assert (await server.until(Send)).text == "one"
        await tui.press(*"draft", "up", "!", "enter")
        assert (await server.until(Send)).text == "one!"
        assert tui.chat.prompt.text == "draft"


async def test_up_recalls_across_conversations(tmp_path: Path) -> None:
    """Behind what was sent here comes what was sent elsewhere, the newest conversation first."""
    async with running_server.serving(tmp_path / "genpy.db") as running:
        store = running.app.store
        for number, texts in enumerate((["old a", "old b"], ["new a", "new b"]), 1):
            talk = f"{number}2222222-2222-4222-8222-222222222222"
            for text in texts:
                await store.append("local", talk, "user", text, title="Elsewhere")
        async with terminal(tmp_path, server=running.url) as tui:
            await tui.says("ready")
            await tui.type("here")
            await tui.until(lambda: "here" in tui.transcript)
            await tui.press("up")
            assert tui.chat.prompt.text == "here"
            for expected in ("new b", "new a", "old b", "old a"):
                await tui.press("up")
                await tui.until(lambda text=expected: tui.chat.prompt.text == text)
            await tui.press("up")
            await tui.press(*["down"] * 5)
            assert tui.chat.prompt.text == ""
