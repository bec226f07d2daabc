"""goodtalk send in a terminal: no server drives it, and without a message it is a conversation."""
import os
import pty
import signal
import socket
import subprocess
import threading

import pytest
from goodtalk_talk import GOODTALK, PATIENCE, received
from test_06_what_is_shown import check_fit_for_a_terminal, read_back
from test_12_terminal import SEQUENCES, Terminal, check_screen, terminal  # noqa: F401

CTRL_C, CTRL_D = b"\x03", b"\x04"


@pytest.fixture
def window():
    """window(ARGUMENT...): goodtalk send in a terminal of its own."""
    opened = []

    def start(*arguments):
        opened.append(Terminal("send", *arguments, ready=False))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


# ---- escaped ----


def lines_of(seen):
    """What a terminal got, as lines that are fit to be seen, read back."""
    check_screen(seen)
    assert seen.endswith(b"\r\n")
    return [read_back(line) for line in seen.split(b"\r\n")[:-1]]


def test_no_server_drives_the_terminal(window, fake):
    """Every single byte, and sequences that do something to some terminal."""
    replies = [bytes([byte]) for byte in range(256) if byte != 10] + SEQUENCES

    def serve(connection):
        connection.recv(100)
        connection.sendall(b"\0".join(replies[1:]) + b"\0")
        connection.recv(100)

    sending = window("-f", "nul", "-n", str(len(replies) - 1), str(fake(serve)), "hello")
    screen = sending.screen()
    assert sending.ended() == 0
    assert lines_of(screen.everything()) == replies[1:]


@pytest.mark.parametrize("framing", ["netstring", "length:2", "eof", "chunk", "unixgram"])
def test_in_no_framing(window, goodtalk, tmp_path, framing):
    """Each of the 256 bytes, the line feed too, in a reply that is one line; its end is not shown
    twice."""
    content = bytes(range(256))
    (tmp_path / "reply").write_bytes(content + b"\n")
    kind = framing if framing == "unixgram" else "unix"
    options = [] if framing == "unixgram" else ["-f", framing]
    talk = goodtalk(*options, "--reply-file", tmp_path / "reply", at=f"{kind}:{tmp_path}/gt")
    sending = window(*options, talk.addresses[0], "hello")
    screen = sending.screen()
    assert sending.ended() == 0
    assert lines_of(screen.everything()) == [content]


def test_control_the_reply_as_it_is(goodtalk, tmp_path):
    """What goes to no terminal is not escaped, and would be caught."""
    (tmp_path / "reply").write_bytes(b"\x1b[2J\n")
    talk = goodtalk("--reply-file", tmp_path / "reply")
    out = subprocess.run([GOODTALK, "send", talk.addresses[0], "x"], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, timeout=PATIENCE).stdout
    assert out == b"\x1b[2J\n"
    with pytest.raises(AssertionError):
        check_fit_for_a_terminal(out)


def test_errors_are_escaped_too(window):
    sending = window("unix:@nobody\x1b[2J\u202e", "hello")
    screen = sending.screen()
    assert sending.ended() == 1
    check_screen(screen.everything())


# ---- a conversation ----

KINDS = ["tcp:127.0.0.1:0", "unix:{}", "unixpacket:{}", "udp:127.0.0.1:0", "unixgram:{}"]


@pytest.mark.parametrize("kind", KINDS)
def test_lines_typed_are_sent_and_replies_shown(window, goodtalk, tmp_path, kind):
    talk = goodtalk("-k", "-r", "\\x1b[2J the server said", at=kind.format(tmp_path / "gt"))
    sending = window(talk.addresses[0])
    screen = sending.screen()
    for number, word in enumerate((b"hello", b"hello again"), start=1):
        sending.key(word + b"\n")
        screen.wait_for(lambda data, number=number: data.count(b" the server said") == number)
    sending.key(CTRL_D)
    assert sending.ended() == 0
    seen = screen.everything()
    check_screen(seen)
    assert seen.count(b"\\x1b[2J the server said") == 2
    assert talk.stop() == 0
    assert talk.shown() == [b"hello", b"hello again"]


def test_at_both_ends_a_terminal(window, terminal):
    listening = terminal("-f", "line", "0")
    their_screen = listening.screen()
    sending = window("-f", "line", str(listening.port))
    screen = sending.screen()
    sending.key(b"\x16\x1b[2J\n")  # Ctrl-V: the next is typed as it is
    assert sending.ended() == 0
    assert listening.ended() == 0
    assert b"Good talking to you\r\n" in screen.everything()
    assert b"The message was: \\x1b[2J\r\n" in their_screen.everything()


@pytest.mark.parametrize("kind", KINDS[:3])
def test_the_servers_end_is_the_end(window, goodtalk, tmp_path, kind):
    talk = goodtalk("-r", "Good talking to you\\n", at=kind.format(tmp_path / "gt"))
    sending = window(talk.addresses[0])
    screen = sending.screen()
    sending.key(b"hello\n")
    assert sending.ended() == 0
    assert screen.everything().endswith(b"Good talking to you\r\n")
    assert talk.ended() == 0


def test_ctrl_c(window, goodtalk):
    talk = goodtalk("-k")
    sending = window(talk.addresses[0])
    screen = sending.screen()
    sending.key(b"hello\n")
    screen.wait_for(b"Good talking to you")
    sending.key(CTRL_C)
    assert sending.ended() == -signal.SIGINT
    screen.everything()
    assert talk.stop() == 0


def test_a_prompt_without_a_line_end_is_shown(window, fake):
    """A person waits for it, also after lines."""
    def serve(connection):
        connection.sendall(b"welcome\nlogin: ")
        assert received(connection, 3) == b"me\n"
        connection.sendall(b"well\npassword: ")
        connection.recv(100)

    sending = window(str(fake(serve)))
    screen = sending.screen()
    screen.wait_for(b"welcome\r\nlogin: \r\n")
    sending.key(b"me\n")
    screen.wait_for(b"well\r\npassword: \r\n")
    sending.key(CTRL_D)
    assert sending.ended() == 0
    screen.everything()


def test_what_comes_after_ctrl_d_is_shown(window, fake):
    def serve(connection):
        while connection.recv(100):
            pass
        connection.sendall(b"goodbye\n")
        connection.shutdown(socket.SHUT_WR)
        connection.recv(100)

    sending = window(str(fake(serve)))
    screen = sending.screen()
    sending.key(b"hello\n")
    sending.key(CTRL_D)
    assert sending.ended() == 0
    assert screen.everything().endswith(b"goodbye\r\n")


def test_a_server_that_never_ends_is_left_after_ctrl_d(window, fake):
    left = threading.Event()

    def serve(connection):
        while connection.recv(100):
            pass
        connection.sendall(b"still here\n")
        left.wait(PATIENCE)

    sending = window("-f", "line", str(fake(serve)))
    screen = sending.screen()
    sending.key(CTRL_D)
    assert sending.ended() == 0
    left.set()
    assert b"still here\r\n" in screen.everything()


def test_what_cannot_be_said_is_told_and_the_talk_goes_on(window, goodtalk):
    talk = goodtalk("-k", "-f", "fixed:5", "-r", "reply")
    sending = window("-f", "fixed:5", "-n", "3", talk.addresses[0])
    screen = sending.screen()
    sending.key(b"toolong\n")
    screen.wait_for(b"fixed:5: cannot say this message of 7 bytes")
    sending.key(b"hello\n")
    sending.key(CTRL_D)
    assert sending.ended() == 0
    screen.everything()
    assert talk.stop() == 0
    assert talk.shown() == [b"hello"]


def test_unframed_what_is_typed_keeps_its_line_ends(window, goodtalk):
    talk = goodtalk("-f", "eof", "--echo", "-s", "raw")
    sending = window("-f", "eof", talk.addresses[0])
    screen = sending.screen()
    sending.key(b"one\n")
    sending.key(b"two\n")
    sending.key(CTRL_D)
    assert sending.ended() == 0
    assert b"one\\ntwo\r\n" in screen.everything()
    assert talk.ended() == 0
    assert talk.stdout.everything() == b"one\ntwo\n"


def test_replies_to_a_file_are_not_escaped(goodtalk, tmp_path):
    """A person types, but does not see what comes: it is as it is."""
    talk = goodtalk("-r", "\\x1b[2J")
    master, slave = pty.openpty()
    with open(tmp_path / "out", "wb") as out:
        sending = subprocess.Popen([GOODTALK, "send", talk.addresses[0]], stdin=slave, stdout=out)
    os.close(slave)
    os.write(master, b"hello\n")
    assert sending.wait(PATIENCE) == 0
    os.close(master)
    assert (tmp_path / "out").read_bytes() == b"\x1b[2J\n"
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]
