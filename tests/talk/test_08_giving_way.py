"""Giving way at --max-connections: a crowd that is silent does not keep the honest from being heard."""
import contextlib
import os
import pathlib
import select
import signal

import pytest
from goodtalk_talk import GOODTALK, PATIENCE, REPLY, Client

DENY_UNREAD = pathlib.Path(GOODTALK).parent / "tests" / "deny_unread"

ROUNDS = 20
HONEST = 10  # a round, among five times as many silent ones


class Crowd:
    """Silent connections, the youngest of which stay: a steady crowd."""

    def __init__(self, port, size):
        self.port, self.size, self.there = port, size, []

    def grow(self, count):
        for _ in range(count):
            self.there.append(Client(self.port))
            if len(self.there) > self.size:
                self.there.pop(0).socket.close()


@contextlib.contextmanager
def stopped(talk):
    """What comes meanwhile comes all at once."""
    talk.signal(signal.SIGSTOP)
    os.waitid(os.P_PID, talk.pid, os.WSTOPPED | os.WNOWAIT)
    try:
        yield
    finally:
        talk.signal(signal.SIGCONT)


def answered(client):
    with client, contextlib.suppress(ConnectionError):
        return client.line() == REPLY
    return False


def count_answered(honest):
    """How many of them get their reply. Each leaves with it, and so makes room, in any order."""
    count = 0
    waiting = {client.socket.fileno(): client for client in honest}
    with contextlib.closing(select.epoll()) as poll:
        for fd in waiting:
            poll.register(fd, select.EPOLLIN)
        while waiting:
            ready = poll.poll(PATIENCE)
            assert ready, f"{len(waiting)} wait for ever"
            count += sum(answered(waiting.pop(fd)) for fd, _ in ready)
    return count


def heard_amid_a_crowd(talk, places):
    """How many of 200 honest clients, who connect and say one thing at once, are answered; few of the
    places are left to the crowd and them, since others keep theirs."""
    count = 0
    crowd = Crowd(talk.port, 100)
    with contextlib.ExitStack() as stack:
        for _ in range(places):
            regular = stack.enter_context(Client(talk.port))
            assert regular.send(b"hello\n").line() == REPLY
        for _ in range(ROUNDS):
            honest = []
            with stopped(talk):
                for _ in range(HONEST):
                    crowd.grow(3)
                    honest.append(Client(talk.port).send(b"hear me\n"))
                    crowd.grow(2)
            count += count_answered(honest)
    return count


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("engine", ["epoll", "auto"])
def test_who_has_spoken_is_heard_before_it_gives_way(goodtalk, engine, workers):
    talk = goodtalk("-k", "-m", 50, "--engine", engine, "-j", workers)
    assert heard_amid_a_crowd(talk, 46) == ROUNDS * HONEST
    assert talk.stop() == 0


def test_control_where_nobody_looks_some_are_not(goodtalk):
    """Where it cannot be seen that something was said."""
    talk = goodtalk("-k", "-m", 50, "--engine", "epoll", wrapper=[DENY_UNREAD])
    assert heard_amid_a_crowd(talk, 46) < ROUNDS * HONEST
    assert talk.stop() == 0


def test_a_byte_now_and_then_does_not_keep_a_place(goodtalk):
    """Only what has never been read from is heard first."""
    talk = goodtalk("-k", "-m", 3, "-f", "line")
    with contextlib.ExitStack() as stack:
        dripping = [stack.enter_context(Client(talk.port).send(b"d")) for _ in range(3)]
        for _ in range(3):
            for client in dripping:
                with contextlib.suppress(ConnectionError):
                    client.send(b".")
            client = stack.enter_context(Client(talk.port))
            assert client.send(b"hello\n").line() == REPLY
        for client in dripping:
            with contextlib.suppress(ConnectionError):
                assert client.ended_silently()
    assert talk.stop() == 0
