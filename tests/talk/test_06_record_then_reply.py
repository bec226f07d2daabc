"""Recorded, then replied: no reply for what was not shown."""
import fcntl
import os
import socket

import pytest
from goodtalk_talk import REPLY, Client, read_now, say


def check_recorded_first(port, record):
    """When the first byte of a reply is here, its message is in the pipe already."""
    with Client(port) as client:
        client.send(b"kept first\n")
        assert client.socket.recv(1), "closed without a reply"
        assert b"kept first" in read_now(record)


def test_shown_before_the_reply_leaves(goodtalk, pipe):
    talk = goodtalk("-k", stdout=pipe.write)
    for _ in range(50):
        check_recorded_first(talk.port, pipe.read)
    assert talk.stop() == 0


def test_control_a_server_that_replies_first(fake, pipe):
    def handle(connection):
        message = connection.recv(100)
        connection.sendall(REPLY)
        connection.recv(1)
        os.write(pipe.write, message)

    with pytest.raises(AssertionError):
        check_recorded_first(fake(handle), pipe.read)


# ---- stdout that is not there ----


@pytest.mark.parametrize("keep", [[], ["-k"]], ids=["one-shot", "kept"])
def test_a_full_disk(goodtalk, keep):
    with open("/dev/full", "wb") as full:
        talk = goodtalk(*keep, stdout=full)
    with Client(talk.port) as client:
        assert client.send(b"hello\n").ended_silently()
    assert talk.ended() == 1
    assert "ENOSPC" in talk.said()


@pytest.mark.parametrize("keep", [[], ["-k"]], ids=["one-shot", "kept"])
def test_a_reader_that_has_gone(goodtalk, pipe, keep):
    talk = goodtalk(*keep, stdout=pipe.write)
    pipe.close_read()
    with Client(talk.port) as client:
        assert client.send(b"hello\n").ended_silently()
    assert talk.ended() == 1
    assert "EPIPE" in talk.said()


@pytest.mark.parametrize("redirection", [">&-", "1</dev/null"], ids=["closed", "read-only"])
def test_stdout_that_cannot_be_written(goodtalk, redirection):
    talk = goodtalk(wrapper=["sh", "-c", f'exec "$@" {redirection}', "sh"], ready=False)
    assert talk.ended() == 1
    assert "standard output" in talk.said()


def test_stdout_closed_and_none_wanted(goodtalk):
    talk = goodtalk("-s", "none", wrapper=["sh", "-c", 'exec "$@" >&-', "sh"])
    assert say(talk.port, b"hello\n") == REPLY
    assert talk.ended() == 0


def test_stdout_that_is_a_socket(goodtalk):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        talk = goodtalk("-k", stdout=theirs.fileno())
        check_recorded_first(talk.port, ours.fileno())
        ours.close()
        theirs.close()
        with Client(talk.port) as client:
            assert client.send(b"hello\n").ended_silently()
        assert talk.ended() == 1


def test_others_who_share_stdout_are_not_touched(goodtalk, pipe):
    """The pipe is made non-blocking for us alone."""
    talk = goodtalk("-k", stdout=pipe.write)
    check_recorded_first(talk.port, pipe.read)
    assert not fcntl.fcntl(pipe.write, fcntl.F_GETFL) & os.O_NONBLOCK
    assert talk.stop() == 0
