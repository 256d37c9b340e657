"""What a client still has to say, by plain calls."""

import pytest

from genpy_server.client.outbox import RESEND, Outbox
from genpy_server.wire import Cancel, End, Rate, Send

A, B = Send("a", "first"), Send("b", "second")


@pytest.fixture
def outbox():
    return Outbox()


def write(outbox):
    """Write the next frame, if there is one."""
    frame = outbox.next()
    if frame is not None:
        outbox.written(frame)
    return frame


def test_one_message_is_under_way_at_a_time(outbox):
    """The second message waits until the first is known to be committed."""
    outbox.add(A)
    outbox.add(B)
    assert write(outbox) == A
    assert write(outbox) is None
    assert outbox.messages == (A, B)
    outbox.remove("a")
    assert write(outbox) == B
    outbox.remove("b")
    assert outbox.messages == ()


def test_message_goes_out_again_on_a_new_connection(outbox):
    """What was under way when the connection was lost is sent again, with the same id, in order."""
    outbox.add(A)
    outbox.add(B)
    write(outbox)
    outbox.reconnect()
    assert write(outbox) == A
    assert outbox.head == A


def test_other_requests_keep_their_place_and_go_out_once(outbox):
    """An end asked for after a message follows it, and is not repeated."""
    for frame in (A, End(), Rate(5)):
        outbox.add(frame)
    write(outbox)
    assert write(outbox) is None
    outbox.remove("a")
    assert write(outbox) == End()
    outbox.reconnect()
    assert write(outbox) == Rate(5)
    assert write(outbox) is None


def test_request_that_was_not_written_waits(outbox):
    """What could not be written is written on the next connection."""
    outbox.add(End())
    assert outbox.next() == End()
    outbox.reconnect()
    assert write(outbox) == End()


def test_cancel_overtakes_everything(outbox):
    """A reply is stopped at once, whatever waits."""
    outbox.add(A)
    outbox.add(B)
    write(outbox)
    outbox.add(Cancel("run"))
    assert write(outbox) == Cancel("run")
    assert write(outbox) is None


def test_refusal_for_now_holds_the_line(outbox):
    """Behind a message that must wait, later ones wait too, so that the order stays."""
    outbox.add(A)
    outbox.add(B)
    write(outbox)
    assert outbox.hold(7.5) == 7.5
    assert write(outbox) is None
    outbox.release()
    assert write(outbox) == A


def test_unknown_wait_doubles_up_to_a_limit(outbox):
    """Where the server names no time, the waits double, and start again with the next message."""
    outbox.add(A)
    outbox.add(B)
    waits = []
    for _ in range(8):
        write(outbox)
        waits.append(outbox.hold(None))
        outbox.release()
    assert waits[:3] == [RESEND.first, RESEND.first * 2, RESEND.first * 4]
    assert waits[-1] == RESEND.longest
    outbox.remove("a")
    write(outbox)
    assert outbox.hold(None) == RESEND.first


def test_message_seen_in_the_log_is_done_wherever_it_stands(outbox):
    """A message that another connection delivered leaves the outbox; an unknown id changes nothing."""
    outbox.add(A)
    outbox.add(B)
    write(outbox)
    outbox.remove("b")
    outbox.remove("stranger")
    outbox.remove(None)
    assert outbox.messages == (A,)
    assert outbox.head == A
