"""-j and what is listened on: the port is taken for others, and each kind of socket is shared by the
workers as far as it can be."""
import collections
import contextlib
import errno
import os
import socket

import pytest
from goodtalk_datagrams import Held, Peer, rows_of
from goodtalk_talk import REPLY, Client, run, say, until
from test_03_systemd import activate
from test_17_counters import ask_until, kept
from test_20_workers import worker_of

__all__ = ["activate", "kept"]  # fixtures


# ---- a port that is taken ----


@pytest.mark.parametrize("kind", ["{}", "127.0.0.1:{}", "udp:{}", "udp4:127.0.0.1:{}"])
@pytest.mark.parametrize("first, second", [(3, 1), (1, 3), (3, 3)])
def test_a_taken_port_is_an_error(goodtalk, kind, first, second):
    """Though the workers of one server share it: also for another that shares its port."""
    talk = goodtalk("-k", "-j", first, at=kind.format(0))
    port = talk.addresses[0].rsplit(":", 1)[1]
    refused = run("-j", str(second), kind.format(port))
    assert refused.returncode == 1
    assert b"EADDRINUSE" in refused.stderr
    assert f"port {port} is held by goodtalk (pid {talk.pid})".encode() in refused.stderr
    assert talk.stop() == 0


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_who_does_not_ask_for_a_shared_port_cannot_have_it(goodtalk, kind):
    talk = goodtalk("-k", "-j", "3", at=["127.0.0.1:0", "udp:127.0.0.1:0"])
    port = int(talk.addresses[kind == socket.SOCK_DGRAM].rsplit(":", 1)[1])
    with socket.socket(socket.AF_INET, kind) as other, pytest.raises(OSError) as refused:
        if kind == socket.SOCK_STREAM:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
    assert refused.value.errno == errno.EADDRINUSE
    assert talk.stop() == 0


def test_one_worker_shares_with_nobody(goodtalk):
    """SO_REUSEPORT is not set where there is nobody to share with: who asks for it is refused."""
    talk = goodtalk("-k", "-j", "1", at="127.0.0.1:0")
    with socket.socket() as other, pytest.raises(OSError) as refused:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", talk.port))
    assert refused.value.errno == errno.EADDRINUSE
    assert talk.stop() == 0


def test_a_restart_works_at_once(goodtalk):
    """Its own connections, in TIME_WAIT, do not keep any worker from the port."""
    talk = goodtalk("-k", "-j", "3", "--close", at="127.0.0.1:0")
    port = talk.port
    for _ in range(5):
        for _ in range(20):
            assert say(port, b"hello\n") == REPLY
        assert talk.stop() == 0
        talk = goodtalk("-k", "-j", "3", "--close", at=f"127.0.0.1:{port}")
    assert talk.stop() == 0


# ---- connections ----


STREAMS = ["127.0.0.1:0", "[::1]:0", "0", "localhost:0", "unix", "unix:@", "unixpacket", "fd", "fd unix"]


@contextlib.contextmanager
def listening(kind, tmp_path):
    """(ADDRESS, how to start a program that listens there)"""
    if kind == "unix:@":
        yield f"unix:@goodtalk-{os.getpid()}-{tmp_path.name}", {}
    elif kind.startswith("unix"):
        yield f"{kind}:{tmp_path}/gt", {}
    elif kind.startswith("fd"):
        family = socket.AF_UNIX if kind == "fd unix" else socket.AF_INET
        with socket.socket(family) as handed:
            handed.bind(str(tmp_path / "gt") if kind == "fd unix" else ("127.0.0.1", 0))
            handed.listen(100)
            yield f"fd:{handed.fileno()}", {"pass_fds": [handed.fileno()]}
            assert handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN), "still listens"
            assert handed.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0, "is left as it was"
    else:
        yield kind, {}


def talker(address):
    """A client of where it listens, of streams or of packets."""
    if address.startswith("unixpacket"):
        return Peer(address)
    if address.startswith("unix:"):
        path = address[5:]
        return Client(b"\0" + path[1:].encode() if path.startswith("@") else path)
    host, port = address.removeprefix("tcp:").rsplit(":", 1)
    host = {"[::]": "127.0.0.1"}.get(host, host.strip("[]"))
    return Client((host, int(port)))


def ask_stream(client, text):
    client.send(text)
    return client.receive() if isinstance(client, Peer) else client.line()


@pytest.mark.parametrize("kind", STREAMS)
def test_connections_of_every_kind(goodtalk, tmp_path, kind):
    """All are served, by whichever worker: each connection by one, its messages in order."""
    with listening(kind, tmp_path) as (address, how):
        talk = goodtalk("-k", "-j", "3", "-s", "json", "--echo", at=address, **how)
        clients = [talker(talk.addresses[0]) for _ in range(40)]
        end = b"" if kind == "unixpacket" else b"\n"
        for n in range(3):
            for number, client in enumerate(clients):
                text = b"%d-%d" % (number, n) + end
                assert ask_stream(client, text) == text
        for client in clients:
            client.socket.close()
        assert talk.stop() == 0
    rows = rows_of(talk)
    of_client = collections.defaultdict(list)
    for row in rows:
        number, n = row["text"].split("-")
        of_client[number].append((int(n), worker_of(row)))
    assert len(of_client) == 40
    for heard in of_client.values():
        assert [n for n, _ in heard] == [0, 1, 2]
        assert len({worker for _, worker in heard}) == 1
    if not kind.startswith(("unix", "fd")):
        assert len({worker_of(row) for row in rows}) > 1, "the kernel spreads them"
    assert kind != "unix" or not (tmp_path / "gt").exists(), "its file is removed"
    assert kind != "fd unix" or (tmp_path / "gt").exists(), "its owner's file is not"


@pytest.mark.parametrize("kind", ["unix", "fd"])
def test_a_worker_that_is_held_up_leaves_the_queue_to_the_others(goodtalk, tmp_path, kind):
    """The queue of one socket for all: many connections at once, all of them are accepted."""
    with listening(kind, tmp_path) as (address, how):
        talk = goodtalk("-k", "-j", "3", "-s", "none", at=address, **how)
        with Held(talk):
            clients = [talker(talk.addresses[0]).send(b"hello\n") for _ in range(90)]
        assert [client.line() for client in clients] == [REPLY] * 90
        assert talk.stop() == 0
        for client in clients:
            client.socket.close()


@pytest.mark.parametrize("kind", ["127.0.0.1:0", "unix", "fd"])
def test_stopped_with_a_full_queue(goodtalk, tmp_path, kind):
    """What was connected before the signal is heard, however the queue is shared."""
    with listening(kind, tmp_path) as (address, how):
        talk = goodtalk("-k", "-j", "3", at=address, **how)
        with Held(talk):
            clients = [talker(talk.addresses[0]).send(b"hello\n") for _ in range(90)]
            talk.signal(15)
        assert [client.everything() for client in clients] == [REPLY] * 90
        assert talk.ended() == 0
        for client in clients:
            client.socket.close()


def test_handed_in_by_a_service_manager(activate, tmp_path):
    paths = [tmp_path / "one", tmp_path / "two"]
    talk = activate(*paths, served=["-n", "40", "-j", "3", "systemd"])
    clients = [Client(path).send(b"hello\n") for path in paths * 20]
    assert [client.line() for client in clients] == [REPLY] * 40
    assert talk.ended() == 0
    for client in clients:
        client.socket.close()
    assert all(path.is_socket() for path in paths), "they are the manager's"


# ---- datagrams ----


@pytest.mark.parametrize("kind", ["udp:0", "udp4:127.0.0.1:0", "udp6:[::1]:0"])
def test_a_udp_sender_stays_with_one_worker(goodtalk, kind):
    talk = goodtalk("-k", "-j", "3", "-s", "json", "--echo", at=kind)
    peers = [Peer(talk.addresses[0]) for _ in range(40)]
    for n in range(5):
        for number, peer in enumerate(peers):
            assert peer.ask(b"%d-%d" % (number, n)) == b"%d-%d" % (number, n)
    assert talk.stop() == 0
    rows = rows_of(talk)
    workers = collections.defaultdict(set)
    for row in rows:
        workers[row["peer"]].add(worker_of(row))
    assert len(rows) == 200 and len(workers) == 40
    assert all(len(one) == 1 for one in workers.values())
    assert len({worker_of(row) for row in rows}) > 1
    for peer in peers:
        peer.socket.close()


@pytest.mark.parametrize("kind", ["udp:0", "udp4:0.0.0.0:0"])
def test_a_broadcast_is_one_message(kept, kind):
    """The kernel gives a copy to each socket on the port."""
    talk = kept("-j", "4", "-n", "0", at=kind)
    port = int(talk.addresses[0].rsplit(":", 1)[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sender.settimeout(20)
        for _ in range(5):
            sender.sendto(b"to all", ("127.255.255.255", port))
            assert sender.recv(100) == REPLY
        for _ in range(20):  # whatever else would have come has come
            with Peer(talk.addresses[0], host="127.0.0.1") as peer:
                assert peer.ask(b"to one") == REPLY
        assert ask_until(talk, messages=25)["datagrams"] == 25
        sender.setblocking(False)
        with pytest.raises(BlockingIOError):
            sender.recv(100)
    assert talk.stop() == 0
    assert talk.shown().count(b"to all") == 5


@pytest.mark.parametrize("workers", [2, 4])
def test_a_count_of_datagrams_is_exact(goodtalk, workers):
    talk = goodtalk("-n", "30", "-j", workers, at="udp:127.0.0.1:0")
    peers = [Peer(talk.addresses[0]) for _ in range(20)]
    with Held(talk):
        for _ in range(5):
            for peer in peers:
                peer.send(b"hello")
    assert talk.ended() == 0
    replies = 0
    for peer in peers:
        while not peer.has_nothing():
            with contextlib.suppress(ConnectionRefusedError):
                replies += peer.receive() == REPLY
    assert replies == len(talk.shown()) == 30
    for peer in peers:
        peer.socket.close()


def test_unix_datagrams_keep_their_order(goodtalk, tmp_path):
    talk = goodtalk("-k", "-j", "3", at=f"unixgram:{tmp_path}/gt")
    with Peer(talk.addresses[0], nameless=True) as peer:
        for number in range(300):
            peer.send(b"%d" % number)
        until(lambda: len(talk.stdout.data.splitlines()) == 300, "all of them shown")
    assert talk.stop() == 0
    assert talk.shown() == [b"%d" % number for number in range(300)]


# ---- and together ----


def test_all_kinds_at_once(goodtalk, tmp_path):
    at = ["127.0.0.1:0", "udp:127.0.0.1:0", f"unix:{tmp_path}/a", f"unixgram:{tmp_path}/b",
          f"unixpacket:{tmp_path}/c"]
    talk = goodtalk("-n", "50", "-j", "3", at=at)
    for _ in range(10):
        for address in talk.addresses:
            if address.startswith(("tcp", "unix:")):
                with talker(address) as client:
                    assert ask_stream(client, b"hello\n") == REPLY
            else:
                with Peer(address) as peer:
                    assert peer.ask(b"hello") == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"] * 50
    assert os.listdir(tmp_path) == []
