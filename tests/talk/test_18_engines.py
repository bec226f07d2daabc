"""Which engine serves, and what happens where io_uring is denied."""
import errno
import subprocess
import threading

import pytest

from goodtalk_talk import GOODTALK, PATIENCE, REPLY, Client, run, say
from library_talk import BUILD

DENY = BUILD / "tests" / "deny_io_uring"
DENIALS = [errno.EPERM, errno.ENOSYS]


def denied(number):
    return [str(DENY), str(number)]


@pytest.fixture(scope="module")
def uring():
    """Tests of the uring engine need a system that has it."""
    tried = run("-w", "1ms", "--engine", "uring", "127.0.0.1:0")
    if b"io_uring" in tried.stderr or b"liburing" in tried.stderr:
        pytest.skip(tried.stderr.decode())


def engine_of(talk):
    """As -v tells it."""
    line = talk.told_about("engine ")
    return line.split("engine ")[1].split(";")[0]


def chosen(goodtalk, *options, at="127.0.0.1:0", **how):
    talk = goodtalk("-v", *options, at=at, **how)
    name = engine_of(talk)
    talk.signal(15)
    talk.ended()
    return name


@pytest.mark.parametrize("name", ["epoll", "uring"])
def test_by_name(goodtalk, uring, name):
    talk = goodtalk("-v", "-k", "--engine", name)
    assert engine_of(talk) == name
    assert say(talk.port, b"hello\n", half_close=True) == REPLY
    assert talk.stop() == 0


def test_auto_is_uring_for_kept_streams_of_tcp(goodtalk, uring, tmp_path):
    assert chosen(goodtalk, "-k") == "uring"
    assert chosen(goodtalk, "-k", at=["127.0.0.1:0", "udp:127.0.0.1:0"]) == "uring"
    assert chosen(goodtalk, "-k", at="udp:127.0.0.1:0") == "epoll"
    assert chosen(goodtalk, "-k", at=f"unix:{tmp_path}/gt") == "epoll"
    assert chosen(goodtalk) == "epoll"
    assert chosen(goodtalk, "-n", "100") == "epoll"


@pytest.mark.parametrize("number", DENIALS)
def test_auto_is_epoll_where_io_uring_is_denied(goodtalk, number):
    talk = goodtalk("-v", "-k", wrapper=denied(number))
    assert engine_of(talk) == "epoll"
    assert say(talk.port, b"hello\n", half_close=True) == REPLY
    assert talk.stop() == 0
    line = next(line for line in talk.said().splitlines() if "io_uring cannot be used" in line)
    assert errno.errorcode[number] in line and line.endswith("epoll serves")


@pytest.mark.parametrize("number", DENIALS)
def test_where_it_is_denied_nothing_is_said_unasked(goodtalk, number):
    talk = goodtalk("-k", wrapper=denied(number))
    assert talk.stop() == 0
    assert "io_uring" not in talk.said()


@pytest.mark.parametrize("number", DENIALS)
def test_by_name_a_denial_is_an_error(number):
    ended = subprocess.run([*denied(number), GOODTALK, "--engine", "uring", "127.0.0.1:0"],
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert ended.stdout == b""
    assert ended.stderr.startswith(b"goodtalk: ")
    assert errno.errorcode[number].encode() in ended.stderr
    assert b"denied" in ended.stderr


def test_a_port_is_free_as_soon_as_a_killed_server_is_gone(goodtalk, uring):
    """The ring of a process goes some time after it; what listens must not wait for that."""
    port = 0
    for _ in range(20):
        talk = goodtalk("-k", "--engine", "uring", at=f"127.0.0.1:{port}")
        port = talk.port
        with Client(port) as client:
            assert client.send(b"hello\n").line() == REPLY
            talk.signal(9)
            assert talk.ended() == -9


def test_a_long_message_in_many_pieces(goodtalk, uring):
    """More bytes than all the buffers of the ring hold, from everybody at once."""
    talk = goodtalk("-k", "--engine", "uring", "--echo", "-s", "none", "-f", "line",
                    "--max-message", "4MiB")
    said = b"x" * (1 << 20) + b"\n"
    clients = [Client(talk.port) for _ in range(8)]
    senders = [threading.Thread(target=client.send, args=[said]) for client in clients]
    for sender in senders:
        sender.start()
    for client, sender in zip(clients, senders):
        assert client.line() == said
        sender.join(PATIENCE)
        client.socket.close()
    assert talk.stop() == 0
