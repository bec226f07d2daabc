"""Faults that a talk file asks for, as a peer's system sees them, with each engine; and what a run makes of them."""
import signal
import socket
import struct

import pytest
from goodtalk_datagrams import Peer
from goodtalk_talk import Client, received
from test_17_counters import ask_until
from test_18_engines import uring  # noqa: F401 (a fixture)

TEXT = "0123456789" * 400
DATA_SEGMENTS_IN = 152  # where struct tcp_info (linux/tcp.h) has tcpi_data_segs_in


@pytest.fixture(params=["epoll", "uring"])
def engine(request):
    if request.param == "uring":
        request.getfixturevalue("uring")
    return request.param


@pytest.fixture
def serve(goodtalk, tmp_path):
    """serve(EFFECTS, OPTION...): replies TEXT, with these effects, to what begins with x; "so" to all else."""

    def start(effects, *options, **how):
        path = tmp_path / "faults.lua"
        path.write_text('frame = "line"\nreply {{ {{ "^x", ("0123456789"):rep(400), {} }}, {{ "", "so" }} }}'.format(effects))
        return goodtalk("-t", path, "-s", "none", *options, **how)

    return start


def until_reset(client):
    """All that comes before an RST, which must come."""
    data = b""
    with pytest.raises(ConnectionResetError):
        while piece := client.socket.recv(1 << 16):
            data += piece
    return data.decode()


# ---- what a peer sees ----


def test_a_reset_is_an_rst_behind_what_was_due(serve, engine):
    server = serve("reset = true, truncate = 3999", "-k", "--engine", engine)
    for _ in range(20):
        with Client(server.port) as client:
            assert until_reset(client.send(b"a\nx\na\n")) == "so\n" + TEXT[:3999]
    server = serve("reset = true", "-k", "--engine", engine)
    with Client(server.port) as client:
        assert until_reset(client.send(b"a\nx\na\n")) == "so\n"


def test_a_reply_is_cut_at_the_byte_its_line_end_included(serve, engine):
    for size in (0, 1, 3999, 4000, 4001, 4002):
        server = serve(f"truncate = {size}, close = true", "-k", "--engine", engine)
        with Client(server.port) as client:
            assert client.send(b"x\n").everything().decode() == (TEXT + "\n")[:size]


@pytest.mark.parametrize("effects, segments", [("delay = 0", 1), ("pieces = 100", 41),
                                               ("pieces = 100, drip = 400000", 41), ("pieces = 1000", 5)])
def test_a_piece_is_a_segment(serve, engine, effects, segments):
    """As the peer's kernel counts them: the bytes themselves may be read together."""
    server = serve(effects, "-k", "--engine", engine)
    with Client(server.port) as client:
        assert received(client.send(b"x\n").socket, 4001).decode() == TEXT + "\n"
        info = client.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        assert struct.unpack_from("I", info, DATA_SEGMENTS_IN) == (segments,)


def test_faults_on_a_unix_socket(serve, engine, tmp_path):
    """There is no RST there: a plain close."""
    path = tmp_path / "talk.sock"
    server = serve("truncate = 7, reset = true", "-k", "--engine", engine, at=f"unix:{path}")
    with Client(path) as client:
        assert client.send(b"a\nx\n").everything() == b"so\n0123456"
    assert server.stop() == 0


def test_faults_of_datagrams(serve):
    server = serve("truncate = 4, delay = '10ms', reset = true", "-k", at="udp:127.0.0.1:0")
    with Peer(server.addresses[0]) as peer:
        for _ in range(2):
            peer.send(b"x")
            assert peer.receive() == b"0123"
        server.told_about("mean nothing to a datagram")
    assert server.stop() == 0
    assert server.stderr.data.count(b"mean nothing") == 1


def test_datagrams_that_wait_cost_no_connection_that_holds_less(serve, tmp_path):
    at = [f"unix:{tmp_path}/stream", f"unixgram:{tmp_path}/datagrams"]
    server = serve("delay = '1h'", "-k", "--max-message", "64KiB", "--max-memory", "1MiB", at=at)
    with Client(tmp_path / "stream") as client, Peer(at[1]) as flood:
        client.send_apart(b"a message ")
        for _ in range(400):  # a reply of 4000 bytes waits for each
            flood.send(b"x")
        server.told_about("the reply was dropped: it held most of max-memory")
        assert client.send(b"in two pieces\n").line() == b"so\n"
        flood.send(b"who takes no room is heard")
        assert flood.receive() == b"so"
    assert server.stop() == 0


def test_faults_are_counted(serve):
    server = serve("truncate = 4, reset = true", "-k", "--log-format", "json")
    with Client(server.port) as client:
        assert until_reset(client.send(b"a\nx\n")) == "so\n0123"
    counters = ask_until(server, ended_reset_sent=1)
    assert (counters["replies"], counters["replies-affected"], counters["bytes-sent"]) == (2, 1, 7)


# ---- what a run makes of it ----


@pytest.mark.parametrize("effects, heard", [("reset = true", ""), ("reset = true, truncate = 5", "01234")])
def test_a_one_shot_that_has_reset_is_done(serve, effects, heard):
    server = serve(effects)
    with Client(server.port) as client:
        assert until_reset(client.send(b"x\n")) == heard
    assert server.ended() == 0


@pytest.mark.parametrize("effects", ["truncate = 5", "close = true, truncate = 5", "pieces = 7, truncate = 5"])
def test_a_one_shot_that_has_truncated_is_done(serve, effects):
    server = serve(effects)
    with Client(server.port) as client:
        assert client.send(b"x\n").everything() == b"01234"
    assert server.ended() == 0


def test_a_one_shot_that_hangs_is_done_when_its_peer_has_gone(serve):
    server = serve("hang = true", "-v")
    client = Client(server.port)
    client.send(b"x\n").socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.socket.recv(1)
    client.reset()
    assert server.ended() == 0


def test_a_one_shot_that_hangs_is_done_when_it_is_told_to_stop(serve):
    server = serve("hang = true", "--log-format", "json")
    with Client(server.port) as client:
        client.send(b"x\n")
        ask_until(server, messages=1)
        server.signal(signal.SIGTERM)
        assert client.ended_silently()
    assert server.ended() == 0


def test_a_one_shot_whose_delayed_reply_is_not_waited_for_fails(serve):
    server = serve("delay = '1h'", "--log-format", "json")
    with Client(server.port) as client:
        client.send(b"x\n")
        ask_until(server, messages=1)
        client.reset()
    assert server.ended() == 1


@pytest.mark.parametrize("effects", ["delay = '1h'", "drip = 1", "pieces = 100, drip = 1"])
def test_a_stop_hurries_what_waits(serve, effects):
    server = serve(effects, "-k", "--log-format", "json")
    with Client(server.port) as client, Client(server.port) as other:
        client.send(b"x\na\n")
        ask_until(server, messages=2)
        assert other.send(b"a\n").line() == b"so\n"
        server.signal(signal.SIGTERM)
        assert client.everything().decode() == TEXT + "\nso\n"
    assert server.ended() == 0


def test_a_stop_closes_what_hangs(serve):
    server = serve("hang = true", "-k", "--log-format", "json")
    with Client(server.port) as client:
        client.send(b"a\nx\na\n")
        ask_until(server, messages=3)
        server.signal(signal.SIGTERM)
        assert client.everything() == b"so\n"
    assert server.ended() == 0
