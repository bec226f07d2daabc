"""The first talk: no argument, one message, one reply, quit. And nobody can spoil it."""
import contextlib
import os
import pathlib
import random
import socket
import subprocess
import threading
import time

import pytest
from goodtalk_talk import GOODTALK, PATIENCE, REPLY, Client, say, until


def connect_when_it_listens(host, port):
    """Connect as a user does who has just started it: again until it is there."""
    found = []

    def there():
        with contextlib.suppress(ConnectionRefusedError):
            found.append(Client((host, port)))
        return bool(found)

    until(there, f"somebody listening on {host} port {port}")
    return found[0]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_no_argument_at_all(own_network, host):
    with subprocess.Popen([GOODTALK], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        with connect_when_it_listens(host, 9999) as client:
            assert client.send(b"Who is there?\n").everything() == REPLY
        out, err = process.communicate(timeout=PATIENCE)
    assert out == b"The message was: Who is there?\n"
    assert err == b""
    assert process.returncode == 0


def test_one_message_one_reply_quit(goodtalk):
    talk = goodtalk()
    assert say(talk.port, b"Who is there?\n") == REPLY
    assert talk.ended() == 0
    assert talk.stdout.everything() == b"The message was: Who is there?\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_ipv4_and_ipv6(goodtalk, host):
    talk = goodtalk()
    with socket.create_connection((host, talk.port), PATIENCE) as peer:
        peer.sendall(b"hello\n")
        assert peer.makefile("rb").read() == REPLY
    assert talk.ended() == 0


def test_ipv4_alone_where_ipv6_is_off(own_network, goodtalk):
    try:
        pathlib.Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    except OSError as refused:
        pytest.skip(f"IPv6 cannot be turned off here: {refused}")
    talk = goodtalk()
    assert say(talk.port, b"hello\n") == REPLY
    assert talk.ended() == 0


def test_works_without_stdin(goodtalk):
    talk = goodtalk(wrapper=["sh", "-c", 'exec "$@" <&-', "sh"])
    assert say(talk.port, b"hello\n") == REPLY
    assert talk.ended() == 0


@pytest.mark.parametrize("go", ["close", "half_close", "reset"])
def test_a_port_probe_does_not_use_it_up(goodtalk, go):
    talk = goodtalk()
    for _ in range(3):
        with Client(talk.port) as probe:
            getattr(probe, go)() if go != "close" else None
            assert go != "half_close" or probe.ended_silently()
    assert say(talk.port, b"the real one\n") == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"the real one"]


def check_no_waiting_behind_others(port, first_words, patience=PATIENCE):
    with Client(port) as first, Client(port) as second:
        first.send(first_words)
        second.socket.settimeout(patience)
        assert second.send(b"second\n").everything() == REPLY


@pytest.mark.parametrize("words", [b"", b"slow, and no line end "], ids=["silent", "slow"])
def test_the_first_client_does_not_block_the_second(goodtalk, words):
    talk = goodtalk("--pause", "1h")
    check_no_waiting_behind_others(talk.port, words)
    assert talk.ended() == 0
    assert talk.shown() == [b"second"]


def test_control_a_server_that_serves_one_after_the_other(fake):
    def handle(connection):
        if connection.recv(100):
            connection.sendall(REPLY)
        connection.close()

    with pytest.raises(TimeoutError):
        check_no_waiting_behind_others(fake(handle, one_at_a_time=True), b"", patience=0.3)


def test_the_one_that_lost_the_race_is_closed_without_a_reset(goodtalk):
    talk = goodtalk()
    with Client(talk.port) as other:
        assert say(talk.port, b"first\n") == REPLY
        assert other.ended_silently()
    assert talk.ended() == 0


def test_half_close_gets_its_reply(goodtalk):
    talk = goodtalk()
    assert say(talk.port, b"no line end", half_close=True) == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"no line end"]


def check_whole_reply(port, reply, extra, late=0.0, piece=1 << 20):
    """Send a message and extra input that nobody wants; the whole reply arrives, then the end."""
    with Client(port, receive_buffer=65536) as client:
        client.send(b"message\n" + extra)
        time.sleep(late)  # busy elsewhere: how this client is, not a way to wait for something
        heard = bytearray()
        while data := client.socket.recv(piece):
            heard += data
        assert len(heard) == len(reply)
        assert heard == reply


LONG_REPLY = random.Random(9999).randbytes(3_000_000)


@pytest.mark.parametrize("late", [0.0, 0.5], ids=["reads at once", "reads late"])
def test_unread_input_never_cuts_the_reply(goodtalk, tmp_path, late):
    (tmp_path / "reply").write_bytes(LONG_REPLY)
    talk = goodtalk("--reply-file", tmp_path / "reply")
    check_whole_reply(talk.port, LONG_REPLY, extra=b"x" * 300_000, late=late)
    assert talk.ended() == 0
    assert talk.shown() == [b"message"]


def check_whole_reply_while_talking(port, reply):
    """Go on talking, and be slow to read the last of the reply: it arrives all the same."""
    with Client(port, receive_buffer=65536) as client:
        def chatter():
            with contextlib.suppress(OSError):
                while True:
                    client.socket.sendall(b"and another thing\n" * 100)

        client.send(b"message\n")
        threading.Thread(target=chatter, daemon=True).start()
        heard = bytearray()
        while len(heard) < len(reply):
            if len(heard) > len(reply) - 150_000:
                time.sleep(0.02)  # how this client is, not a way to wait for something
            piece = client.socket.recv(10_000)
            assert piece, "the end came before the reply had"
            heard += piece
        assert heard == reply


def test_input_that_goes_on_does_not_cut_it_either(goodtalk, tmp_path):
    (tmp_path / "reply").write_bytes(LONG_REPLY)
    talk = goodtalk("--reply-file", tmp_path / "reply")
    check_whole_reply_while_talking(talk.port, LONG_REPLY)
    assert talk.ended() == 0


def say_all_and_close(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    connection.recv(8)
    connection.send(LONG_REPLY)
    connection.close()


def test_control_closing_with_unread_input(fake):
    with pytest.raises((ConnectionResetError, AssertionError)):
        check_whole_reply(fake(say_all_and_close), LONG_REPLY, extra=b"x" * 300_000, late=0.2)
    with pytest.raises((ConnectionResetError, AssertionError)):
        check_whole_reply_while_talking(fake(say_all_and_close), LONG_REPLY)


def time_waits(port):
    table = pathlib.Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in table]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "06" for row in rows)


def check_fifty_restarts(serve_once, port):
    """serve_once(port) starts a server that closes first, talks with it, and awaits its end."""
    for _ in range(50):
        serve_once(port)
    assert time_waits(port), "the server never closed first: this would prove nothing"


def test_fifty_restarts_on_one_port(own_network, goodtalk):
    def serve_once(port):
        talk = goodtalk(at=f"127.0.0.1:{port}")
        assert say(port, b"hello\n") == REPLY
        assert talk.ended() == 0

    check_fifty_restarts(serve_once, 9999)


def test_control_a_server_that_does_not_reuse_its_address(own_network):
    def serve_once(port):
        with socket.socket() as listener, contextlib.ExitStack() as stack:
            listener.bind(("127.0.0.1", port))
            listener.listen()
            client = stack.enter_context(Client(port))
            listener.accept()[0].close()
            assert client.ended_silently()

    with pytest.raises(OSError, match="Address already in use"):
        check_fifty_restarts(serve_once, 9999)


def test_a_restart_while_a_client_of_the_last_run_stays(own_network, goodtalk):
    first = goodtalk("-k", at="9999")
    with Client(9999) as stays:
        assert stays.send(b"hello\n").line() == REPLY
        first.signal(9)
        assert first.ended() == -9
        second = goodtalk(at="9999")
        assert say(9999, b"hello again\n") == REPLY
        assert second.ended() == 0


def test_every_exit_is_seen_by_its_parent_only(goodtalk):
    """No process is left behind: it has no children, and no more descriptors than it needs."""
    talk = goodtalk("-k")
    assert not pathlib.Path(f"/proc/{talk.pid}/task/{talk.pid}/children").read_text().strip()
    assert len(os.listdir(f"/proc/{talk.pid}/fd")) < 16
    assert talk.stop() == 0
