"""Limits by source: how many connections, how many messages; across workers, over TCP and UDP."""
import contextlib
import json
import signal
import socket

import pytest
from goodtalk_datagrams import Peer
from goodtalk_talk import REPLY, Client, until


def counters(talk):
    """What it has counted by now."""
    before = len(talk.stderr.data)
    talk.signal(signal.SIGUSR1)
    line = talk.stderr.wait_for(lambda data: b'"counters":' in data[before:] and data.endswith(b"\n"))
    told = [json.loads(text) for text in line[before:].decode().splitlines() if '"counters":' in text]
    return told[-1]["counters"]


def connect_from(host, port):
    """A client on another address of the loopback."""
    client = Client.__new__(Client)
    client.socket, client.rest = socket.socket(), b""
    client.socket.settimeout(25)
    client.socket.bind((host, 0))
    client.socket.connect(("127.0.0.1", port))
    return client


# ---- connections ----


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("engine", ["epoll", "auto"])
def test_one_more_than_a_source_may_have_is_closed(goodtalk, workers, engine):
    talk = goodtalk("-k", "-j", workers, "--engine", engine, "--log-format", "json",
                    "--max-per-source", 20, at="127.0.0.1:0")
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(Client(talk.port)) for _ in range(20)]
        for client in kept:
            assert client.send(b"hello\n").line() == REPLY
        for _ in range(10):
            with Client(talk.port) as one_more:
                assert one_more.ended_silently()
        assert "per-source" in talk.told_about("max-per-source")
        with connect_from("127.0.0.2", talk.port) as other:
            assert other.send(b"hello\n").line() == REPLY
        counted = counters(talk)
        assert counted["ended-per-source"] == 10
        kept[0].socket.close()
        until(lambda: counters(talk)["connections-open"] == 19, "one has gone")
        with Client(talk.port) as next_one:
            assert next_one.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0


def test_control_without_the_limit_they_stay(goodtalk):
    talk = goodtalk("-k", at="127.0.0.1:0")
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            client = stack.enter_context(Client(talk.port))
            assert client.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0


def survives_a_flood(talk):
    """Whether a quiet one is still there when another source has connected a hundred times."""
    with contextlib.ExitStack() as stack:
        quiet = stack.enter_context(connect_from("127.0.0.2", talk.port))
        for _ in range(100):
            stack.enter_context(connect_from("127.0.0.3", talk.port))
        with Client(talk.port) as client:
            assert client.send(b"hello\n").line() == REPLY
        return quiet.send(b"hello\n").line() == REPLY


def test_a_flood_from_one_source_makes_nobody_give_way(goodtalk):
    talk = goodtalk("-k", "-m", 6, "--max-per-source", 4, at="127.0.0.1:0")
    assert survives_a_flood(talk)
    assert talk.stop() == 0


def test_control_without_the_limit_the_quiet_one_gives_way(goodtalk):
    talk = goodtalk("-k", "-m", 6, at="127.0.0.1:0")
    with contextlib.suppress(ConnectionError):
        assert not survives_a_flood(talk)
    assert talk.stop() == 0


def test_unix_peers_are_nobody_s_source(goodtalk, tmp_path):
    talk = goodtalk("-k", "--max-per-source", 1, "--max-rate", "1/h", at=f"unix:{tmp_path}/gt")
    with Client(tmp_path / "gt") as first, Client(tmp_path / "gt") as second:
        for client in (first, second, first, second):
            assert client.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0


# ---- messages ----


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("engine", ["epoll", "auto"])
def test_a_source_over_its_rate_waits_and_another_does_not(goodtalk, workers, engine):
    """At 1/h only one message is taken at once, whichever connection brings it."""
    talk = goodtalk("-k", "-f", "line", "-j", workers, "--engine", engine, "--max-rate", "1/h",
                    at="127.0.0.1:0")
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Client(talk.port))
        assert first.send(b"first\n").line() == REPLY
        waiting = [stack.enter_context(Client(talk.port)).send(b"waits\n") for _ in range(5)]
        for number in range(2, 22):
            with connect_from(f"127.0.0.{number}", talk.port) as other:
                assert other.send(b"other\n").line() == REPLY
        talk.signal(signal.SIGTERM)
        for client in waiting:  # they are heard in the end, before anything is over
            assert client.everything() == REPLY
    assert talk.ended() == 0
    shown = talk.shown()
    assert shown[0] == b"first" and sorted(shown[1:]) == [b"other"] * 20 + [b"waits"] * 5


def test_what_waits_comes_in_order_and_whole(goodtalk):
    talk = goodtalk("-k", "-f", "line", "-s", "raw", "--max-rate", "500/s", at="127.0.0.1:0")
    lines = b"".join(b"%d\n" % number for number in range(900))
    with Client(talk.port) as client:
        client.send(lines).half_close()
        assert client.everything() == REPLY * 900
    assert talk.stop() == 0
    assert talk.stdout.everything() == lines


def test_a_draining_server_does_not_wait(goodtalk):
    talk = goodtalk("-k", "-f", "line", "--max-rate", "1/h", "--drain-timeout", "1h", at="127.0.0.1:0")
    with Client(talk.port) as client:
        client.send(b"a\nb\nc\n")
        assert client.line() == REPLY
        talk.signal(signal.SIGTERM)
        assert client.everything() == REPLY * 2
    assert talk.ended() == 0
    assert talk.shown() == [b"a", b"b", b"c"]


def test_a_datagram_over_the_rate_is_dropped_and_told(goodtalk):
    talk = goodtalk("-k", "--max-rate", "3/h", "--log-format", "json", at="udp:127.0.0.1:0")
    address = talk.addresses[0]
    with Peer(address) as peer, Peer(address, source="127.0.0.2") as other:
        assert peer.ask(b"1") == REPLY
        for _ in range(5):
            peer.send(b"too much")
        assert "max-rate" in talk.told_about("max-rate")
        until(lambda: counters(talk)["datagrams-over-rate"] == 5, "all dropped")
        assert other.ask(b"2") == REPLY
    assert talk.stop() == 0
    assert talk.shown() == [b"1", b"2"]


@contextlib.contextmanager
def two_servers(goodtalk, *options):
    """Two kept UDP servers, the first with a message from the second: each answers the other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as shared:
        shared.bind(("127.0.0.1", 0))
        shared.set_inheritable(True)
        first = goodtalk("-k", "-s", "none", "--log-format", "json", *options, at="udp:127.0.0.1:0")
        second = goodtalk("-k", "-s", "none", "--log-format", "json", *options,
                          at=f"fd:{shared.fileno()}", pass_fds=[shared.fileno()])
        port = int(first.addresses[0].rsplit(":", 1)[1])
        shared.sendto(b"hello", ("127.0.0.1", port))
        yield first, second


def test_two_servers_that_answer_each_other_come_to_an_end(goodtalk):
    with two_servers(goodtalk, "--max-rate", "20/h") as both:
        until(lambda: sum(counters(talk)["datagrams-over-rate"] for talk in both) == 1, "one has had enough")
        assert sum(counters(talk)["messages"] for talk in both) == 2  # 20/h: one at once, each
        for talk in both:
            assert talk.stop() == 0


def test_control_without_a_rate_they_go_on_for_ever(goodtalk):
    with two_servers(goodtalk) as both:
        until(lambda: counters(both[0])["messages"] > 2000, "they talk and talk")
        for talk in both:
            assert talk.stop() == 0
