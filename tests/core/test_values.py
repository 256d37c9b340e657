"""Small pure parts: identity, metrics, the event log, rates, settings, frames, errors."""

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genpy_server import errors, settings, wire
from genpy_server.core.identity import (
    checked_ref,
    is_named_id,
    is_question,
    named_id,
    named_id_before,
)
from genpy_server.core.metrics import duration, statistics
from genpy_server.core.models import UNTITLED, Metrics, any_title, checked_title, title_from
from genpy_server.errors import RateLimited
from genpy_server.sessions.event_log import EventLog
from genpy_server.sessions.rate_limit import Rates
from genpy_server.settings import read_environment

UUID = "0190a1b2-c3d4-4e5f-8a9b-0c1d2e3f4a5b"


def test_name_is_one_uuid_per_user():
    """A name maps to one UUIDv8 for a secret and a user, and to others for others."""
    named = named_id("secret", "ann", "trip-to-rome")
    assert named == named_id("secret", "ann", "trip-to-rome")
    others = {
        named_id("another", "ann", "trip-to-rome"),
        named_id("secret", "bob", "trip-to-rome"),
        named_id("secret", "ann", "trip"),
        named_id_before("ann", "trip-to-rome"),
        named,
    }
    assert len(others) == 5
    assert is_named_id(named)
    assert not is_named_id(UUID)
    assert checked_ref(UUID.upper()) == UUID
    assert checked_ref("trip-to-rome") is None


@pytest.mark.parametrize("ref", ["", "a b", "a/b", "ä", "x" * 65, "a\n", "../etc", "%2e"])
def test_other_names_are_refused(ref):
    """What is neither UUID nor name is refused with a sentence."""
    with pytest.raises(errors.BadRequest, match="1 to 64"):
        checked_ref(ref)


def test_title_is_the_beginning_of_the_first_message():
    """A long first message is cut at a word."""
    assert title_from("  Plan a\n trip ") == "Plan a trip"
    assert title_from("word " * 40).endswith("word…")
    assert len(title_from("x" * 500)) <= 61


@pytest.mark.parametrize(
    "text",
    ["", " \n\t", "\x00\x07\x1b", "\u200b\u202e\ufeff", "\u200d\ufe0f \u3164", "\x1b\u2066 \x85"],
)
def test_a_title_of_which_nothing_is_seen(text):
    """Control characters, format characters and white space are refused, or replaced by a word."""
    with pytest.raises(errors.BadRequest, match="1 to 200"):
        checked_title(text)
    assert title_from(text) == any_title(text) == UNTITLED


def test_a_title_is_cleaned():
    """Control and format characters go; the joiners of scripts and emoji stay."""
    assert checked_title("\u202eevil\x1b[2J\r\nsecond\u200b line\x07") == "evil [2J second line"
    for kept in (
        "👩‍👩‍👧 trip",
        "क्\u200dष",
        "🏴\U000e0067\U000e0062\U000e007f",
        "naïve e\u0301",
    ):
        assert checked_title(kept) == title_from(kept) == any_title(kept) == kept


@given(st.text())
def test_any_title_can_be_given_again(text):
    """A title made of any text is one that a person may give."""
    for made in (title_from(text), any_title(text), any_title(text * 50)):
        assert checked_title(made) == made


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min"), (200, "3 min 20 s"), (3_600, "1 h"), (187_200, "2 d 4 h")],
)
def test_duration_shows_two_units(seconds, text):
    """A duration is told in the two largest units that matter."""
    assert duration(seconds) == text


def test_statistics_say_every_number():
    """Counts are shown by role, tools and intents by frequency."""
    rows = dict(statistics(Metrics(3, 2, 1, 1_200, 30, tools={"a_b": 2}, intents={"tutorial": 1})))
    assert rows["Messages"] == "3 (2 from you, 1 from the assistant)"
    assert rows["Words"] == "1,230 (1,200 from you, 30 from the assistant)"
    assert rows["Tools used"] == "a b 2"


def notice(text: str = "x") -> wire.Notice:
    return wire.Notice(seq=0, code="c", text=text)


@given(count=st.integers(0, 40), after=st.integers(-3, 45))
def test_log_gives_every_later_event_or_none(count, after):
    """A client gets all it missed, in order, or is told that some of it is gone."""
    log = EventLog(max_events=10, max_bytes=100_000)
    for _ in range(count):
        log.add(notice())
    events = log.after(after)
    if events is None:
        assert after < 0 or after > count or count - after > 10
    else:
        assert [event.seq for event in events] == list(range(after + 1, count + 1))


def test_log_is_bounded_by_size_and_keeps_the_run_whole():
    """Large events push old ones out, but the reply in progress is there in full."""
    log = EventLog(max_events=1_000, max_bytes=5_000)
    log.add(wire.RunStarted(0, "r", 1, "tutorial", 1.0, "why", "m"))
    for number in range(100):
        log.add(wire.Delta(0, "r", number * 100, "x" * 100))
    assert log.after(0) is None
    run, delta = log.run_so_far()
    assert isinstance(run, wire.RunStarted)
    assert isinstance(delta, wire.Delta)
    assert delta.text == "x" * 10_000
    log.add(wire.RunFinished(0, "r", "done", 1.0))
    assert log.run_so_far() == []


LOGGED = st.lists(
    st.one_of(
        st.text("aé世\U0001f600", min_size=1, max_size=3),
        st.sampled_from(["start", "tool", "finish", "other"]),
    ),
    max_size=60,
)


@given(LOGGED, st.integers(8, 100), st.integers(300, 20_000))
def test_log_gives_exactly_the_remainder_from_every_number(steps, max_events, max_bytes):
    """From every number that the log still reaches, what it gives shows what the client missed."""
    log, sent, said, run = EventLog(max_events, max_bytes), [], "", 0
    for step in steps:
        if step == "start":
            run, said = run + 1, ""
            frame = wire.RunStarted(0, f"r{run}", 1, "tutorial", 1.0, "why", "m")
        elif step == "tool":
            frame = wire.ToolStarted(0, f"r{run}", "c", "n")
        elif step == "finish":
            frame = wire.RunFinished(0, f"r{run}", "done", 1.0)
        elif step == "other":
            frame = notice()
        else:
            frame = wire.Delta(0, f"r{run}", len(said), step)
            said += step
        assert wire.decode_server(log.add(frame).decode()) == frame
        sent.append(frame)
        if step == "finish":
            log.share(f"r{run}", said if len(said) % 3 else said[1:])
    for seq in range(len(sent) + 1):
        missed = log.after(seq)
        if missed is not None:
            assert _spread(missed) == _spread(sent[seq:])
            assert [f.seq for f in missed] == sorted({f.seq for f in missed})
            assert not missed or missed[-1].seq == len(sent)
    assert log.after(len(sent)) == []


def _spread(frames):
    """Frames as what they show: each character of a delta with its place."""
    shown = []
    for frame in frames:
        if isinstance(frame, wire.Delta):
            shown += [(frame.run, frame.offset + n, char) for n, char in enumerate(frame.text)]
        else:
            shown.append(frame)
    return shown


def test_log_keeps_the_deltas_of_a_finished_reply_as_one():
    """A thousand tokens are one entry of two bytes each, and of the text of the stored message."""
    log = EventLog(max_events=8_192, max_bytes=2**21)
    log.add(wire.RunStarted(0, "r", 1, "tutorial", 1.0, "why", "m"))
    for number in range(1_000):
        log.add(wire.Delta(0, "r", number * 5, "token"))
    log.add(wire.RunFinished(0, "r", "done", 1.0, message_id=2))
    assert len(log._entries) == 3
    reply = "token" * 1_000
    log.share("r", reply)
    assert log._entries[1]._texts[0] is reply
    assert log._entries[1]._places.itemsize == 2
    assert log._bytes < 1_000 * (5 + 2) + 500
    assert log.after(501) == [
        wire.Delta(1_001, "r", 2_500, "token" * 500),
        log._entries[2].frame,
    ]


def test_log_keeps_deltas_of_any_length():
    """Who resumes between long pieces, of which two bytes cannot hold the places, gets the rest exactly."""
    log, text = EventLog(max_events=8_192, max_bytes=2**21), ""
    log.add(wire.RunStarted(0, "r", 1, "tutorial", 1.0, "why", "m"))
    for size in (1, 65_534, 1, 1, 70_000, 3, 65_537, 1):
        log.add(wire.Delta(0, "r", len(text), "x" * size))
        text += "x" * size
        missed = [log.after(seq) for seq in range(1, log.seq)]
        log.share("r", text)
        assert [log.after(seq) for seq in range(1, log.seq)] == missed
        for seq, events in enumerate(missed, 1):
            offsets = [event.offset for event in events]
            assert offsets[0] == len(text) - sum(len(event.text) for event in events), seq
            assert events[-1].offset + len(events[-1].text) == len(text)


def test_bucket_refills_with_time():
    """A minute's worth may come at once, then one each sixtieth of it."""
    clock = [0.0]
    rates = Rates(60, clock=lambda: clock[0])
    assert all(rates.refusal("ann") is None for _ in range(60))
    refused = rates.refusal("ann")
    assert refused is not None
    assert refused.retry_after == pytest.approx(1.0)
    clock[0] = 1.0
    assert rates.refusal("ann") is None
    assert rates.refusal("ann") is not None


def test_all_wrong_settings_are_named_at_once():
    """One error names every setting that cannot work, and shows no secret."""
    with pytest.raises(errors.ConfigError) as caught:
        settings.load({"GENPY_PORT": "x", "GENPY_RECALL": "maybe", "GENPY_TOKEN": "short"})
    for variable in ("GENPY_PORT=x", "GENPY_RECALL=maybe", "GENPY_TOKEN"):
        assert variable in caught.value.message
    assert "short" not in caught.value.message


def test_tokens_name_their_users():
    """A bare token belongs to GENPY_USER, the others to the user before the colon."""
    one, two = "a" * 16, "b" * 16
    loaded = settings.load({"GENPY_TOKEN": f"{one},bob:{two}", "GENPY_USER": "ann"})
    assert loaded.tokens == {one: "ann", two: "bob"}


def test_address_of_ipv6_may_stand_in_brackets():
    """GENPY_HOST takes an IPv6 address as it is written in a URL, and without brackets."""
    assert settings.load({"GENPY_HOST": "[::1]"}).host == settings.load({"GENPY_HOST": "::1"}).host


def test_environment_wins_over_the_file(tmp_path, monkeypatch):
    """A .env gives what the environment does not say, though Notepad marked it as UTF-8."""
    (tmp_path / ".env").write_text("GENPY_PORT=9001\nGENPY_USER=ann\n", encoding="utf-8-sig")
    monkeypatch.setenv("GENPY_USER", "bob")
    loaded = settings.load(read_environment(tmp_path))
    assert (loaded.port, loaded.user) == (9001, "bob")


BOTH = {"GENPY_SERVER": "https://elsewhere.example", "GENPY_TOKEN": "f" * 16}


@pytest.mark.parametrize(
    ("file", "variables", "kept"),
    [
        ({"GENPY_SERVER"}, {"GENPY_TOKEN": "p" * 16}, False),
        ({"GENPY_SERVER", "GENPY_TOKEN"}, {"GENPY_TOKEN": "p" * 16}, False),
        ({"GENPY_SERVER", "GENPY_TOKEN"}, {}, True),
        ({"GENPY_SERVER", "GENPY_TOKEN"}, {"GENPY_TOKEN": BOTH["GENPY_TOKEN"]}, True),
        ({"GENPY_SERVER"}, {"GENPY_TOKEN": ""}, True),
        ({"GENPY_SERVER"}, {}, True),
        ({"GENPY_SERVER"}, BOTH, True),
        ({"GENPY_TOKEN"}, {"GENPY_SERVER": BOTH["GENPY_SERVER"]}, True),
        ({}, BOTH, True),
    ],
)
def test_a_folder_does_not_get_the_token_of_the_environment(
    tmp_path, monkeypatch, file, variables, kept
):
    """A server that only a .env names is given no token that only the environment has."""
    lines = [f"{name}={BOTH[name]}" for name in sorted(file)]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    for name in BOTH:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if kept:
        assert settings.load(read_environment(tmp_path)).server == BOTH["GENPY_SERVER"]
    else:
        with pytest.raises(errors.ConfigError, match="Name both in one place") as refused:
            read_environment(tmp_path)
        assert "p" * 16 not in refused.value.message


def test_a_file_is_taken_as_it_is_written(tmp_path, monkeypatch):
    """A .env gets no variable of the environment into a value of its own."""
    monkeypatch.setenv("GROQ_API_KEY", "secret")
    monkeypatch.delenv("GENPY_SERVER", raising=False)
    server = "https://elsewhere.example/${GROQ_API_KEY}"
    (tmp_path / ".env").write_text(f"GENPY_SERVER={server}", encoding="utf-8")
    assert read_environment(tmp_path)["GENPY_SERVER"] == server


@pytest.mark.parametrize("password", ["s3cret", "s3c@ret/", "s3cret:"])
def test_a_database_address_is_refused_without_its_password(password):
    """A postgres:// address for Supabase is a wrong setting, and its password is not shown."""
    url = f"postgresql://postgres:{password}@db.x.supabase.co:5432/postgres"
    with pytest.raises(errors.ConfigError, match="begins with https://") as refused:
        settings.load({"SUPABASE_URL": url, "SUPABASE_KEY": "sb_secret_x"})
    assert "s3c" not in refused.value.message


def test_waits_for_a_model_can_be_set():
    """Empty means what is usual; a number of seconds is one."""
    assert settings.load({}).llm_first_token_seconds is None
    assert settings.load({"GENPY_LLM_TOKEN_SECONDS": "2.5"}).llm_token_seconds == 2.5
    with pytest.raises(errors.ConfigError, match="GENPY_LLM_CONNECT_SECONDS=0: must be from"):
        settings.load({"GENPY_LLM_CONNECT_SECONDS": "0"})


@pytest.mark.parametrize("variable", ["SUPABASE_URL", "GENPY_LLM_URL", "GROQ_BASE_URL"])
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:99999", "http://[::1", "ws://127.0.0.1:1", "127.0.0.1:1", "http://:1"]
)
def test_an_address_that_cannot_work_is_a_wrong_setting(variable, url):
    """An address needs a scheme of HTTP, a host, and a port that is one."""
    with pytest.raises(errors.ConfigError, match=f"{variable}=.*must be a URL"):
        settings.load({variable: url})


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
def test_a_server_may_be_named_by_its_websocket(scheme):
    """GENPY_SERVER is of HTTP or of WebSocket; a slash at the end is left out."""
    url = f"{scheme}://127.0.0.1:8001"
    assert settings.load({"GENPY_SERVER": f"{url}/"}).server == url


@pytest.mark.parametrize(
    "field",
    [row for row in settings.FIELDS if row.variable.endswith("KEY")],
    ids=lambda row: row.variable,
)
def test_a_key_that_no_service_has_is_refused(field):
    """A key with a character beyond ASCII is a wrong setting, which is not shown."""
    with pytest.raises(errors.ConfigError, match=f"{field.variable}: .*ASCII") as refused:
        settings.load({field.variable: "ü" * 16})
    assert "ü" not in refused.value.message


def test_serving_beyond_loopback_needs_a_token():
    """A server asked to listen for others refuses without a token and says what to set."""
    open_to_all = {"GENPY_HOST": "0.0.0.0"}
    with pytest.raises(errors.ConfigError, match="GENPY_TOKEN"):
        settings.check_exposure(settings.load(open_to_all))
    settings.check_exposure(settings.load({**open_to_all, "GENPY_TOKEN": "t" * 16}))
    settings.check_exposure(settings.load({"GENPY_HOST": "::1"}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"type":"nope"}',
        '{"type":"send","id":1,"text":"x"}',
        '{"type":"send","id":"1"}',
        '{"type":"rate","rating":"5"}',
        '{"type":"send","id":"1","text":NaN}',
        "[" * 100_000,
        '{"type":"send","id":"1","text":' + "[" * 5_000,
    ],
)
def test_bad_frame_is_a_typed_error(text):
    """Whatever a client sends, it is a frame or a BadFrame."""
    with pytest.raises(errors.BadFrame, match="genpy"):
        wire.decode_client(text)


@given(st.text())
def test_any_text_is_a_frame_or_a_bad_frame(text):
    """Decoding raises nothing but BadFrame."""
    with contextlib.suppress(errors.BadFrame):
        wire.decode_client(text)


def test_frames_survive_the_wire():
    """A frame decodes to what was encoded, with the fields a client may rely on."""
    ack = wire.Ack("1", 7)
    assert wire.decode_server(wire.encode(ack)) == ack
    assert msgspec.json.decode(wire.encode(ack)) == {
        "type": "ack",
        "id": "1",
        "message_id": 7,
        "duplicate": False,
    }


def test_every_error_has_a_code_of_its_own():
    """No two classes of the module share a code, so that a client can tell them apart."""
    tree = errors._tree(errors.GenPyError)
    classes = [cls for cls in tree if cls.__module__ == errors.__name__]
    assert len({cls.code for cls in classes}) == len(classes)


def test_error_comes_back_as_the_class_the_server_meant():
    """A client raises the class whose code crossed the wire."""
    error = errors.from_wire("llm_rate_limited", "Wait.", 3.0)
    assert isinstance(error, errors.LlmRateLimited)
    assert error.retry_after == 3.0
    assert type(errors.from_wire("bad_request", "No.")) is errors.BadRequest
    assert type(errors.from_wire("from the future", "?")) is errors.GenPyError


def test_each_user_has_a_minute_of_their_own():
    """What one user did is refused with its wait, and refuses nobody else."""
    rates = Rates(2, clock=lambda: 100.0)
    rates.charge("ann")
    rates.charge("ann")
    with pytest.raises(RateLimited, match="Wait 30 s") as refused:
        rates.charge("ann")
    assert refused.value.retry_after == 30.0
    rates.charge("bob")


def test_limits_are_set_by_their_names():
    """GENPY_LIMIT_ and a limit's name set it; the others keep their defaults."""
    loaded = settings.load({"GENPY_LIMIT_TOOL_CALLS": "3", "GENPY_LIMIT_REQUEST_SECONDS": "0.5"})
    assert loaded.limits == settings.Limits(tool_calls=3, request_seconds=0.5)
    assert set(loaded.sources) == {"GENPY_LIMIT_TOOL_CALLS", "GENPY_LIMIT_REQUEST_SECONDS"}
    assert settings.load({}).limits == settings.Limits()


@pytest.mark.parametrize("row", settings.limit_fields(), ids=lambda row: row.variable)
def test_defaults_of_limits_are_within_their_bounds(row):
    """Each default is a value that may be set, and a value far beyond is refused."""
    assert row.parse(row.default) == getattr(settings.Limits(), row.name)
    with pytest.raises(errors.ConfigError, match=f"{row.variable}=-1: must be from"):
        settings.load({row.variable: "-1"})
    with pytest.raises(errors.ConfigError, match=f"{row.variable}=1{'0' * 30}: must be from"):
        settings.load({row.variable: f"1{'0' * 30}"})


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"GENPY_LIMIT_MESAGE_CHARS": "5"}, "GENPY_LIMIT_MESAGE_CHARS: unknown limit"),
        (
            {"GENPY_LIMIT_MESSAGE_CHARS": "300000"},
            "GENPY_LIMIT_FRAME_BYTES=2621440: must be 3604096",
        ),
        ({"GENPY_LIMIT_HISTORY_BYTES": "4000000"}, "GENPY_LIMIT_QUEUE_BYTES: must be twice"),
    ],
)
def test_limits_that_cannot_work_together_are_refused(variables, named):
    """A misspelled limit, and limits that contradict each other, are wrong settings."""
    with pytest.raises(errors.ConfigError, match=named):
        settings.load(variables)


def test_any_message_within_the_limit_fits_a_frame():
    """The longest message fits the largest frame, however a client escapes it."""
    limits = settings.Limits()
    text = "\U0001f600" * limits.message_chars
    frame = json.dumps({"type": "send", "id": "i" * 64, "text": text})
    assert len(frame.encode()) <= limits.frame_bytes


def test_wrong_values_of_a_file_are_named_with_their_lines(tmp_path, monkeypatch):
    """Every wrong value is reported at once, those of a .env with file and line."""
    file = tmp_path / ".env"
    file.write_text("# ports\nGENPY_PORT=many\n\nGENPY_RECALL=perhaps\nGENPY_LIMIT_TOOL_CALLS=x\n")
    monkeypatch.setenv("GENPY_GRACE_SECONDS", "-1")
    monkeypatch.setenv("GENPY_RECALL", "maybe")
    with pytest.raises(errors.ConfigError) as refused:
        settings.load(read_environment(tmp_path))
    lines = refused.value.message.splitlines()
    assert f"  {file} line 2: GENPY_PORT=many: must be a whole number" in refused.value.message
    assert "  GENPY_RECALL=maybe: must be on or off" in lines
    assert f"  {file} line 5: GENPY_LIMIT_TOOL_CALLS=x: " in refused.value.message
    assert any(line.startswith("  GENPY_GRACE_SECONDS=-1: ") for line in lines)


def test_an_id_of_another_form_is_an_ordinary_session():
    """An id that is not a UUID, as another program may write one, is neither a question nor a name."""
    assert not is_question("session-1", 2)
    assert not is_named_id("session-1")
