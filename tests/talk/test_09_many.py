"""A thousand connections at once, each with a pipeline: replies in order, a drain at the end."""
import contextlib
import pathlib
import re
import resource

import pytest
from goodtalk_talk import REPLY, Client, Swarm, is_sanitized
from test_07_ending import check_shown_is_replied

CONNECTIONS, MESSAGES = 1000, 20 if is_sanitized() else 50


@pytest.fixture(autouse=True)
def enough_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2500:
        pytest.skip(f"needs 2500 descriptors, this system allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def pipelines():
    return [b"".join(b"%d-%d\n" % (connection, n) for n in range(1, MESSAGES + 1))
            for connection in range(CONNECTIONS)]


@pytest.mark.parametrize("piece", [1 << 16, 7], ids=["whole", "in pieces of seven bytes"])
def test_a_thousand_pipelines(goodtalk, piece):
    talk = goodtalk("-k", "--echo", "-f", "line")
    said = pipelines() if piece > 7 else [pipeline[:200] for pipeline in pipelines()]
    said = [pipeline[:pipeline.rindex(b"\n") + 1] for pipeline in said]
    swarm = Swarm(talk.port, said, piece)
    total = sum(pipeline.count(b"\n") for pipeline in said)
    swarm.run(enough=lambda swarm: swarm.heard_lines() == total)
    assert [bytes(heard) for heard in swarm.heard] == said
    assert talk.stop() == 0
    swarm.run()
    check_shown_is_replied(talk.shown(), swarm.heard)


def test_a_thousand_who_stay_and_talk_in_turns(goodtalk):
    talk = goodtalk("-k")
    clients = [Client(talk.port) for _ in range(CONNECTIONS)]
    for _ in range(3):
        for client in clients:
            client.send(b"hello\n")
        assert all(client.line() == REPLY for client in clients)
    for client in clients:
        client.socket.close()
    assert talk.stop() == 0
    assert talk.shown() == [b"hello"] * 3 * CONNECTIONS


def memory_of_its_own(talk):
    """In bytes, what is there of it."""
    known = pathlib.Path(f"/proc/{talk.pid}/smaps_rollup").read_text()
    return int(re.search(r"Anonymous:\s+(\d+) kB", known)[1]) * 1024


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer has memory of its own for each allocation")
def test_who_stays_and_is_silent_costs_270_bytes(goodtalk, tmp_path):
    idle = 5000
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < idle + 500:
        pytest.skip(f"needs {idle + 500} descriptors")
    talk = goodtalk("-k", "--engine", "epoll", "-s", "none", at=f"unix:{tmp_path}/socket")

    def come(count):
        for _ in range(count):
            client = clients.enter_context(Client(tmp_path / "socket"))
            assert client.send(b"hello\n").line() == REPLY

    with contextlib.ExitStack() as clients:
        come(100)
        before = memory_of_its_own(talk)
        come(idle)
        assert memory_of_its_own(talk) - before <= idle * 270
    assert talk.stop() == 0


def test_a_thousand_one_after_the_other(goodtalk):
    talk = goodtalk("-n", CONNECTIONS, "--close")
    for _ in range(CONNECTIONS):
        with Client(talk.port) as client:
            assert client.send(b"hello\n").everything() == REPLY
    assert talk.ended() == 0
    assert len(talk.shown()) == CONNECTIONS


def test_control_a_server_that_resets_one_of_many(fake):
    def handle(connection):
        connection.recv(3)
        connection.sendall(b"0-1")
        connection.close()  # with unread input: a reset

    with pytest.raises((ConnectionResetError, AssertionError)):
        swarm = Swarm(fake(handle), [b"0-1\n0-2\n"] * 20)
        swarm.run()
        assert all(swarm.heard)
