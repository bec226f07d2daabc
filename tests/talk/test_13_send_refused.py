"""goodtalk send: what is refused, whom it cannot reach, and what would help."""
import subprocess

import pytest
from goodtalk_send import send
from goodtalk_talk import GOODTALK, PATIENCE, REPLY

# ---- refused, and what would help ----


@pytest.mark.parametrize("arguments, parts", [
    ([], ["no address", "goodtalk send"]),
    (["0", "x"], ["port 0"]),
    (["udp:localhost:0", "x"], ["port 0"]),
    (["fd:3", "x"], ["fd:3", "listening"]),
    (["systemd", "x"], ["listening"]),
    (["systemd:web", "x"], ["listening"]),
    (["tls:localhost:443", "x"], ["tls", "not built yet"]),
    (["localhost", "x"], ["localhost:9999"]),
    (["/run/talk", "x"], ["unix:PATH"]),
    (["\x1b[2J:1:1", "x"], ["\\x1b"]),
    (["-4", "[::1]:9999", "x"], ["IPv6"]),
    (["-6", "tcp4:9999", "x"], ["-6"]),
    (["-z", "9999"], ["-z", "goodtalk send --help"]),
    (["-u", "localhost", "9999"], ["-u: ", "udp:localhost:9999"]),
    (["-vU", "/run/talk"], ["-U: ", "unix:/run/talk"]),
    (["--fram", "9", "9999"], ["--frame 9", "talk, line"]),
    (["--no-replay", "9999"], ["--no-reply"]),
    (["--keep", "9999"], ["--keep: no such"]),
    (["--wait", "soon", "9999"], ["--wait soon", "30s"]),
    (["--wait"], ["--wait: needs an argument: --wait DURATION"]),
    (["--no-reply=yes", "9999"], ["takes no value"]),
    (["-w", "0", "9999"], ["too short"]),
    (["-n", "-1", "9999"], ["--count -1"]),
    (["--max-message", "0", "9999"], ["1 byte"]),
    (["--max-message", "2GiB", "9999"], ["1 GiB"]),
    (["-f", "length:1", "9999", "x" * 256], ["length:1", "256 bytes"]),
    (["-f", "fixed:4", "9999", "four", "five!"], ["fixed:4", "5 bytes"]),
    (["-f", "length:2@1", "9999", "!\1\1too short"], ["length:2@1", "12 bytes"]),
    (["-f", "delim:aa", "9999", "ba"], ["delim:aa", "2 bytes"]),
    (["-f", "eof", "9999", "a", "b"], ["eof", "one message"]),
    (["-f", "eof", "9999", ""], ["eof", "0 bytes"]),
    (["-f", "chunk", "9999", ""], ["chunk", "0 bytes"]),
    (["unixpacket:/nowhere", ""], ["empty packet"]),
    (["unixpacket:/nowhere", "a", "b", ""], ["empty packet"]),
    (["udp:9999", "x" * 65528], ["65528 bytes"]),
], ids=repr)
def test_refused(arguments, parts):
    out, told = send(*arguments, status=2)
    assert out == b""
    for part in parts:
        assert part in told


def test_nothing_is_opened_when_one_cannot_be_said(goodtalk):
    talk = goodtalk()
    send("-f", "length:1", talk.addresses[0], "short", "x" * 256, status=2)
    send("-f", "fixed:4", talk.addresses[0], said=b"five!", status=2)
    assert send(talk.addresses[0], "the first and only") == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"the first and only"]


@pytest.mark.parametrize("address, parts", [
    ("tcp:127.0.0.1:1", ["127.0.0.1:1", "Connection refused (ECONNREFUSED, errno 111)", "--wait"]),
    ("udp:127.0.0.1:1", ["127.0.0.1:1", "ECONNREFUSED", "--wait"]),
    ("unix:/nowhere/gt", ["unix:/nowhere/gt", "ENOENT", "--wait"]),
    ("unixgram:/nowhere/gt", ["unixgram:/nowhere/gt", "ENOENT"]),
    ("unixpacket:@nobody-is-here", ["unixpacket:@nobody-is-here", "ECONNREFUSED"]),
    ("no-such-host.invalid:9999", ["no-such-host.invalid"]),
])
def test_nobody_is_there(own_network, address, parts):
    for options in ([], ["--no-reply"]):
        out, told = send(*options, address, "hello", status=1)
        assert out == b""
        for part in parts:
            assert part in told


def test_each_address_of_a_host_is_tried(own_network, goodtalk):
    """localhost is ::1 first; the last one is named."""
    talk = goodtalk("-n", 2, at=["127.0.0.1:9999", "udp:127.0.0.1:9999"])
    assert send("localhost:9999", "hello") == REPLY
    assert send("udp:localhost:9999", "hello", "again", "-n", "1") == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"] * 2
    assert "localhost:9999 (127.0.0.1:9999)" in send("localhost:9999", "hello", status=1)[1]


def test_a_socket_of_another_kind(goodtalk, tmp_path):
    talk = goodtalk("-k", at=f"unix:{tmp_path}/gt")
    assert "EPROTOTYPE" in send(f"unixgram:{tmp_path}/gt", "x", status=1)[1]
    assert talk.stop() == 0


def test_a_datagram_server_that_goes(goodtalk, tmp_path):
    talk = goodtalk("--echo", at=f"unixgram:{tmp_path}/gt")
    # --wait: the first goes alone. Had others followed at once, one that met the server's end would have the kernel
    # drop a reply that had come and was not read yet (unix(7)).
    out, told = send("-w", "20s", "--wait", "20s", talk.addresses[0], "one", *["more"] * 99, status=1)
    assert out == b"one"
    assert "1 reply" in told and ("ECONNREFUSED" in told or "ENOTCONN" in told)
    assert talk.ended() == 0


def test_many_datagrams(goodtalk, place):
    """A Unix socket's queue is short, and a UDP buffer loses what it has no room for."""
    words = [str(number) for number in range(1000)]
    for kind in ("unixgram:{}", "udp:127.0.0.1:0"):
        talk = goodtalk("-n", 1000, "--echo", at=place(kind))
        assert send(talk.addresses[0], *words) == "".join(words).encode()
        assert talk.ended() == 0
        assert talk.shown() == [word.encode() for word in words]


def test_help_and_what_the_main_help_says():
    helped = send("--help")
    assert helped.startswith(b"Usage: goodtalk send")
    assert all(len(line) < 80 for line in helped.split(b"\n"))
    assert send("-h") == helped
    with open("/dev/full", "wb", 0) as full:
        assert "ENOSPC" in send("--help", stdout=full, status=1)[1]
    main = subprocess.run([GOODTALK, "--help"], capture_output=True, timeout=PATIENCE).stdout
    assert b"goodtalk send --help" in main


def test_verbose_and_quiet(goodtalk, sender):
    talk = goodtalk("-k")
    sending = sender("-v", talk.addresses[0], "hello")
    assert sending.ended() == 0
    assert f"connected to {talk.addresses[0]}" in sending.said()
    assert send("-q", talk.addresses[0], "hello") == REPLY
    assert "ECONNREFUSED" in send("-q", "unix:@nobody-is-here", "hello", status=1)[1]
