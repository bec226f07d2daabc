"""goodtalk send: what is sent is what is shown, and what is printed is the reply, over every kind of
address and framing; started before the server or after it; and when things go wrong."""
import fcntl
import json
import socket
import subprocess
import termios

import pytest
from goodtalk_send import send
from goodtalk_talk import GOODTALK, PATIENCE, REPLY, received, until
from test_06_what_is_shown import body_of

ALL = bytes(range(256))
NO_NUL = ALL[1:] + b"."  # what an argument may hold: 256 bytes
LINE = NO_NUL.replace(b"\n", b"")


def shown_by(talk):
    """The messages of a server with -s json, once it has ended well."""
    assert talk.ended() == 0
    return [body_of(json.loads(line)) for line in talk.stdout.everything().splitlines()]


# ---- every kind of address, every framing ----

DELIMITERS = {"talk": b"\n", "line": b"\n", "crlf": b"\r\n", "nul": b"\0", "delim:;": b";",
              "delim:END": b"END"}
PLAIN = [NO_NUL, b"", b"again"]

# Messages that arguments can be, so without a zero byte.
FRAMINGS = {
    "talk": [LINE, b"", b"again"],
    "line": [LINE, b"", b"again"],
    "crlf": PLAIN,
    "nul": PLAIN,
    "delim:;": [NO_NUL.replace(b";", b""), b"", b"again"],
    "delim:END": PLAIN,
    "length:1": [NO_NUL[:255], b"", b"again"],
    "length:2": PLAIN,
    "length:2le": PLAIN,
    "length:4be": PLAIN,
    "length:8": PLAIN,
    "length:4+4": PLAIN,
    "length:4-2": [NO_NUL, b"again"],
    "length:2@3": [b"abc\1\1" + b"x" * 257, b"abc\1\2" + b"y" * 258],
    "length:2le@1-2": [b"!\1\2" + b"x" * 515],
    "varint": PLAIN,
    "netstring": PLAIN,
    "octet": [NO_NUL, b"again"],
    "fixed:256": [NO_NUL, NO_NUL[::-1]],
    "eof": [NO_NUL * 3],
    "chunk": [NO_NUL * 3],
}

STREAMS = ["tcp:127.0.0.1:0", "tcp6:[::1]:0", "unix:{}", "unix:@{}"]
PACKETS = ["unixpacket:{}", "unixpacket:@{}"]
DATAGRAMS = ["udp:127.0.0.1:0", "udp6:[::1]:0", "unixgram:{}", "unixgram:@{}"]


def printed(framing, replies):
    return b"".join(reply + DELIMITERS.get(framing, b"") for reply in replies)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("kind", ["tcp:127.0.0.1:0", "unix:{}"])
def test_streams(goodtalk, place, kind, framing):
    """The message shown is the message sent, the reply printed is the reply."""
    said = FRAMINGS[framing]
    talk = goodtalk("--echo", "-n", len(said), "-f", framing, "-s", "json", at=place(kind))
    assert send("-f", framing, talk.addresses[0], "--", *said) == printed(framing, said)
    assert shown_by(talk) == said


@pytest.mark.parametrize("kind", STREAMS + PACKETS + DATAGRAMS)
def test_every_kind_of_address(goodtalk, place, kind):
    said = [LINE, b"again", b"and again"]
    talk = goodtalk("-n", 3, "-s", "json", at=place(kind))
    assert send(talk.addresses[0], "--", *said) == REPLY * 3
    assert shown_by(talk) == said


@pytest.mark.parametrize("kind", PACKETS + DATAGRAMS)
def test_packets_and_datagrams_carry_any_byte(goodtalk, place, kind):
    """Each a message, whatever --frame is; standard input is one."""
    talk = goodtalk("--echo", "-n", 2, "-s", "json", at=place(kind))
    assert send(talk.addresses[0], said=ALL + b"\n\n") == ALL + b"\n\n"
    assert send("-f", "netstring", talk.addresses[0], "a\nb\n") == b"a\nb\n"
    assert shown_by(talk) == [ALL + b"\n\n", b"a\nb\n"]


@pytest.mark.parametrize("kind", DATAGRAMS)
def test_an_empty_datagram_is_a_message(goodtalk, place, kind):
    talk = goodtalk("-n", 3, "-s", "json", at=place(kind))
    assert send(talk.addresses[0], "", "x", "") == REPLY * 3
    assert shown_by(talk) == [b"", b"x", b""]


EVERY_BYTE = {
    "crlf": ALL.replace(b"\n", b""),  # lines of standard input end there
    "nul": NO_NUL,
    "delim:;": ALL.replace(b";", b""),
    "length:1": ALL[1:],
    "length:2@3": b"\0\n\xff\1\0" + ALL,
    "length:2le@1-2": b"\0\xfe\0" + ALL,
}


@pytest.mark.parametrize("framing", [name for name in FRAMINGS if name not in ("talk", "line")])
def test_every_byte_from_standard_input(goodtalk, tmp_path, framing):
    """Where the framing has no lines, standard input is one message."""
    said = EVERY_BYTE.get(framing, ALL)
    talk = goodtalk("--echo", "-f", framing, "-s", "json", at=f"unix:{tmp_path}/gt")
    assert send("-f", framing, talk.addresses[0], said=said) == printed(framing, [said])
    assert shown_by(talk) == [said]


@pytest.mark.parametrize("framing", ["length:4", "netstring", "eof"])
def test_a_large_one(goodtalk, framing):
    said = ALL * 8 * 1024
    talk = goodtalk("--echo", "-f", framing, "-s", "none", "--max-message", "4MiB")
    options = ["-f", framing, "--max-message", "4MiB"]
    assert send(*options, talk.addresses[0], said=said) == said
    assert talk.ended() == 0


# ---- wrong order ----


def check_wrong_order(goodtalk, sender, address, *options):
    waiting = sender("-v", "--wait", "20s", *options, address, "hello")
    waiting.told_about("not connected")
    talk = goodtalk(*options, at=address)
    assert waiting.ended() == 0
    assert waiting.stdout.everything() == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]


@pytest.mark.parametrize("kind", [kind for kind in STREAMS + PACKETS + DATAGRAMS if "{" in kind])
def test_the_server_may_come_later(goodtalk, sender, place, kind):
    check_wrong_order(goodtalk, sender, place(kind))


@pytest.mark.parametrize("framing", ["line", "crlf", "nul", "delim:;", "length:2", "varint",
                                     "netstring", "octet"])
def test_the_server_may_come_later_in_any_framing(goodtalk, sender, place, framing):
    address = place("unix:{}")
    waiting = sender("-v", "--wait", "20s", "-f", framing, address, "hello")
    waiting.told_about("not connected")
    talk = goodtalk("-f", framing, "--echo", at=address)
    assert waiting.ended() == 0
    assert waiting.stdout.everything() == printed(framing, [b"hello"])
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]


@pytest.mark.parametrize("address", ["9999", "localhost:9999", "tcp:127.0.0.1:9999", "tcp6:[::1]:9999",
                                     "udp:127.0.0.1:9999", "udp6:[::1]:9999", "udp:9999"])
def test_the_server_may_come_later_on_a_port(own_network, goodtalk, sender, address):
    check_wrong_order(goodtalk, sender, address)


@pytest.mark.parametrize("network", ["tcp", "udp"])
def test_a_host_may_get_its_name_later(own_network, goodtalk, sender, tmp_path, network):
    """As in a network of containers, where a name comes with what it names."""
    hosts = tmp_path / "hosts"
    hosts.touch()
    waiting = sender("-v", "--wait", "20s", f"{network}:comes-later.test:9999", "hello", wrapper=[
        "unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts])
    told = waiting.told_about("not connected")
    assert "comes-later.test:9999 yet: cannot find the host comes-later.test: " in told
    talk = goodtalk(at=f"{network}:127.0.0.1:9999")
    hosts.write_text("127.0.0.1 comes-later.test\n")
    assert waiting.ended() == 0
    assert waiting.stdout.everything() == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]


def test_a_stale_socket_file_is_waited_at_too(goodtalk, sender, tmp_path):
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "gt"))
    check_wrong_order(goodtalk, sender, f"unix:{tmp_path}/gt")


def test_wait_has_an_end(tmp_path):
    _, told = send("--wait", "50ms", f"unix:{tmp_path}/gt", "hello", status=1)
    assert "ENOENT" in told and "waited 50 ms" in told


def test_waiting_for_a_name_has_an_end(own_network):
    nowhere = "no-such-host.invalid:9999"
    _, told = send("--wait", "50ms", nowhere, "hello", status=1)
    assert told.startswith(f"goodtalk: cannot find the host {nowhere[:-5]}: ")
    assert told.endswith("; waited 50 ms\n")
    _, told = send("--wait", "1min", "-w", "50ms", nowhere, "hello", status=3)
    assert f"not connected to {nowhere} within 50 ms: cannot find the host" in told


def test_a_server_with_a_full_queue_is_waited_for(goodtalk, sender, tmp_path):
    """Nobody accepts yet: the connection is made when somebody does."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "gt"))
        listener.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(tmp_path / "gt"))
            waiting = sender("--wait", "20s", f"unix:{tmp_path}/gt", "hello")
            listener.accept()[0].close()
            taken, _ = listener.accept()
            with taken:
                taken.settimeout(PATIENCE)
                assert received(taken, 6) == b"hello\n"
                taken.sendall(b"at last\n")
                assert waiting.ended() == 0
    assert waiting.stdout.everything() == b"at last\n"


# ---- how many replies ----


def test_a_message_with_a_line_end_is_two(goodtalk):
    talk = goodtalk("-n", 3, "--echo")
    assert send(talk.addresses[0], "one\ntwo", "three\n") == b"one\ntwo\nthree\n"
    assert talk.ended() == 0
    assert talk.shown() == [b"one", b"two", b"three"]


def test_the_server_ends_early(goodtalk):
    talk = goodtalk("--echo")
    out, told = send(talk.addresses[0], "one", "two", status=1)
    assert out == b"one\n"
    assert "the server ended the connection after 1 of 2 replies" in told
    assert talk.ended() == 0


def test_the_server_ends_without_a_word(fake):
    port = fake(lambda connection: connection.recv(100) and connection.shutdown(socket.SHUT_RDWR))
    out, told = send(str(port), "one", status=1)
    assert out == b""
    assert "after 0 of 1 reply" in told


def test_the_server_resets(fake):
    def reset(connection):
        connection.sendall(connection.recv(100))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    out, told = send(f"127.0.0.1:{fake(reset)}", "one", "two\n", "-n", "9", status=1)
    assert "of 9 replies" in told
    assert "ECONNRESET" in told


def test_too_few_within_the_time(goodtalk):
    talk = goodtalk("-k")
    out, told = send("-w", "300ms", "-n", "2", talk.addresses[0], "one", status=3)
    assert out == REPLY
    assert "not done within 300 ms: 1 of 2 replies" in told


def test_a_silent_server(goodtalk):
    talk = goodtalk("-k", "--silent")
    assert "0 of 1 reply" in send("-w", "50ms", talk.addresses[0], "one", status=3)[1]
    assert talk.stop() == 0


@pytest.mark.parametrize("kind", ["udp:127.0.0.1:0", "unixgram:{}"])
def test_a_silent_server_of_datagrams(goodtalk, place, kind):
    talk = goodtalk("-k", "--silent", at=place(kind))
    assert "0 of 1 reply" in send("-w", "50ms", talk.addresses[0], "one", status=3)[1]
    assert talk.stop() == 0


@pytest.mark.parametrize("count, out", [("1", b"220 hello\n"), ("2", b"220 hello\n" + REPLY)])
def test_a_count_of_replies(goodtalk, count, out):
    talk = goodtalk("--greeting", "220 hello\\n")
    assert send("-n", count, talk.addresses[0], "one") == out
    assert talk.ended() == 0


@pytest.mark.parametrize("options, out", [([], b"one"), (["-n", "3"], b"onetwothree")], ids=str)
def test_a_count_of_chunks(tmp_path, sender, options, out):
    """Over a Unix socket it can be seen when a chunk has been read, so that they come apart."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "gt"))
        listener.listen()
        sending = sender("-f", "chunk", *options, f"unix:{tmp_path}/gt", "say")
        server, _ = listener.accept()
    with server:
        assert server.recv(100) == b"say"
        for chunk in (b"one", b"two", b"three"):
            server.sendall(chunk)
            zero = b"\0" * 4
            until(lambda: fcntl.ioctl(server, termios.TIOCOUTQ, zero) == zero, "a chunk read")
    assert sending.ended() == 0
    assert sending.stdout.everything() == out


@pytest.mark.parametrize("reply", [b"", b"x" * 300_000, b"\n\n"], ids=len)
def test_eof_is_all_until_the_server_ends(fake, reply):
    def serve(connection):
        while connection.recv(1 << 16):
            pass
        connection.sendall(reply)
        connection.shutdown(socket.SHUT_WR)

    port = str(fake(serve))
    if reply:
        assert send("-f", "eof", port, "question") == reply
        assert send("-f", "eof", port) == reply  # as a server of the time has it
    else:
        assert "after 0 of 1 reply" in send("-f", "eof", port, "question", status=1)[1]
        assert send("-f", "eof", port) == b""


def test_a_reply_that_a_pause_ends(fake):
    """In talk framing, a server that knows no line ends."""
    def serve(connection):
        connection.recv(100)
        connection.sendall(b"login: ")
        assert connection.recv(100) == b""

    assert send("--pause", "20ms", str(fake(serve)), "hello") == b"login: "


def test_what_is_left_at_the_end_is_a_reply(fake):
    def serve(connection):
        connection.recv(100)
        connection.sendall(b"one\r\ntwo")
        connection.shutdown(socket.SHUT_WR)

    port = str(fake(serve))
    assert send("--pause", "none", port, "a", "b") == b"one\r\ntwo"
    assert send("-f", "line", port, "a", "b") == b"one\r\ntwo"
    out, told = send("-f", "crlf", port, "a", "b", status=1)
    assert out == b"one\r\n"
    assert "in the middle of reply 2" in told


def test_a_reply_that_is_too_long(goodtalk):
    talk = goodtalk("-k", "-r", "x" * 17)
    assert send("--max-message", "17", talk.addresses[0], "hello") == b"x" * 17 + b"\n"
    out, told = send("--max-message", "16", talk.addresses[0], "hello", status=1)
    assert out == b""
    assert "longer than 16 bytes (--max-message)" in told


def test_a_reply_in_another_framing(fake):
    port = fake(lambda connection: connection.sendall(connection.recv(100)[:0] + b"12x:"))
    assert "not in the framing netstring" in send("-f", "netstring", str(port), "a", status=1)[1]


# ---- no reply ----


@pytest.mark.parametrize("kind", STREAMS + PACKETS + DATAGRAMS)
def test_no_reply(goodtalk, place, kind):
    talk = goodtalk("-n", 2, at=place(kind))
    assert send("--no-reply", talk.addresses[0], "one", "two") == b""
    assert talk.ended() == 0
    assert talk.shown() == [b"one", b"two"]


def test_no_reply_loses_nothing(goodtalk):
    """A megabyte of replies that nobody reads must not become a reset that destroys a message."""
    talk = goodtalk("--connections", "1", "-f", "line", "--echo", "-s", "none")
    lines = b"".join(b"%d %s\n" % (number, b"x" * 100) for number in range(30000))
    assert send("-n", "0", "-f", "line", talk.addresses[0], said=lines) == b""
    assert talk.ended() == 0


def test_no_reply_needs_no_standard_output(goodtalk):
    talk = goodtalk()
    closing = ["sh", "-c", 'exec "$0" send "$@" >&-', GOODTALK]
    address = talk.addresses[0]
    refused = subprocess.run([*closing, address, "x"], stderr=subprocess.PIPE, timeout=PATIENCE)
    assert refused.returncode == 1 and b"EBADF" in refused.stderr
    assert subprocess.run([*closing, "--no-reply", address, "x"], timeout=PATIENCE).returncode == 0
    assert talk.ended() == 0
