"""In a terminal: it says where it listens, Ctrl-S and Ctrl-C work, and no peer drives it."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest
from goodtalk_talk import GOODTALK, PATIENCE, REPLY, Client, Collector, say, until, wait_readable
from test_06_what_is_shown import check_fit_for_a_terminal

SEQUENCES = [b"\x1b[2J", b"\x1b[31mred\x1b[0m", b"\x1b]0;title\x07", b"\x1b]52;c;ZXZpbA==\x1b\\",
             b"\x1bP$q\"p\x1b\\", b"\x1b_apc\x1b\\", b"\x1b[6n", b"\x1b[c", b"\x1b#8", b"\x1bc",
             b"\x9b2J", b"\x9d0;title\x9c", b"\xc2\x9b2J", b"\xc2\x9d0;title\xc2\x9c",
             b"\x1b[?1049h", b"\x1b[20t", b"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
             b"back\x08\x08\x08\x08", b"over\rwritten", b"\x0e\x0f", b"\x05", b"\x07\x07",
             "\u202etxet desrever\u202c".encode(), "\u2066isolate\u2069".encode(),
             b"\xe2\x80\xa8new line\xc2\x85next line", b"\xff\xfe\xf8"]


class Terminal:
    """goodtalk in a terminal of its own: the master's side."""

    def __init__(self, *arguments, ready=True):
        self.master, slave = pty.openpty()
        self.name = os.ttyname(slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        read, write = os.pipe()
        extra = ["--ready", f"fd:{write}"] if ready else []
        self.process = subprocess.Popen([GOODTALK, *extra, *arguments],
                                        pass_fds=[slave, write] if ready else [slave],
                                        preexec_fn=lambda: os.login_tty(slave))
        os.close(slave)
        os.close(write)
        with os.fdopen(read) as told:
            text = told.read() if wait_readable(read) else ""
        self.port = int(text.rsplit(":", 1)[1]) if text else None

    def key(self, byte):
        os.write(self.master, byte)

    def stop_output(self):
        """Ctrl-S, and wait until it has its effect: the terminal takes no more."""
        self.key(b"\x13")
        slave = os.open(self.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        poll = select.poll()
        poll.register(slave, select.POLLOUT)
        until(lambda: not poll.poll(0), "Ctrl-S stopping the output")
        os.close(slave)

    def screen(self):
        """Begin to read what it writes."""
        return Collector(os.dup(self.master))

    def ended(self):
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        os.close(self.master)


@pytest.fixture
def terminal():
    opened = []

    def start(*arguments, **how):
        opened.append(Terminal(*arguments, **how))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def check_screen(data):
    """What a terminal got: fit to be seen (its own driver ends lines with CR LF)."""
    check_fit_for_a_terminal(data.replace(b"\r\n", b"\n"))


def test_a_one_shot_says_where_it_listens(terminal):
    window = terminal("0")
    screen = window.screen()
    screen.wait_for(str(window.port).encode())
    assert say(window.port, b"Who is there?\n") == REPLY
    assert window.ended() == 0
    assert b"The message was: Who is there?\r\n" in screen.everything()


def test_on_port_9999_too(own_network, terminal):
    window = terminal()
    screen = window.screen()
    screen.wait_for(b"9999")
    assert say(9999, b"Who is there?\n") == REPLY
    assert window.ended() == 0


def test_quiet_it_does_not(terminal):
    window = terminal("-q", "0")
    screen = window.screen()
    assert say(window.port, b"hello\n") == REPLY
    assert window.ended() == 0
    assert screen.everything() == b"The message was: hello\r\n"


@pytest.mark.parametrize("options, status", [([], -signal.SIGINT), (["-k"], 0), (["-n", "3"], 1)])
def test_ctrl_c_ends_it(terminal, options, status):
    window = terminal(*options, "0")
    screen = window.screen()
    window.key(b"\x03")
    assert window.ended() == status
    screen.everything()


def talk_until_it_stops(window, limit=400):
    """Say lines of 1 kB until no reply comes: how many came. The terminal has room for few."""
    with Client(window.port) as client:
        for replies in range(limit):
            client.send(b"x" * 1000 + b"\n")
            if not wait_readable(client.socket.fileno(), 0.5):
                return replies
            assert client.line() == REPLY
    return limit


def test_a_terminal_nobody_reads_slows_the_intake_and_ctrl_c_ends_it(terminal):
    window = terminal("-k", "--drain-timeout", "100ms", "0")
    assert talk_until_it_stops(window) < 400
    window.key(b"\x03")
    assert window.ended() in (0, 1)


def test_ctrl_s_stops_and_ctrl_q_goes_on(terminal):
    window = terminal("-k", "-s", "raw", "0")
    screen = window.screen()
    window.stop_output()
    with Client(window.port) as client:
        client.send(b"held back\n")
        assert not wait_readable(client.socket.fileno(), 0.2)
        assert b"held back" not in screen.data
        window.key(b"\x11")
        assert client.line() == REPLY
        screen.wait_for(b"held back\r\n")
    window.key(b"\x03")
    assert window.ended() == 0


def test_ctrl_s_then_ctrl_c(terminal):
    window = terminal("-k", "0")
    screen = window.screen()
    window.stop_output()
    with Client(window.port) as client:
        client.send(b"held back\n")
        window.key(b"\x03")
        assert window.ended() == 0
    screen.everything()


@pytest.mark.parametrize("form", ["talk", "json", "hex"])
def test_no_peer_drives_the_terminal(terminal, form):
    """Every single byte, and sequences that do something to some terminal; told and shown."""
    window = terminal("-k", "-v", "-f", "line", "-s", form, "--max-message", "100", "0")
    screen = window.screen()
    messages = [bytes([byte]) for byte in range(256) if byte != 10] + SEQUENCES
    with Client(window.port) as client:
        client.send(b"\n".join(messages) + b"\n")
        assert client.lines(len(messages)) == [REPLY] * len(messages)
    with Client(window.port) as too_long:
        assert too_long.send(b"\x1b[31m" * 100).ended_silently()
    screen.wait_for(b"max-message")
    assert say(window.port, b"the last one\n", half_close=True) == REPLY
    screen.wait_for(b"the last one")  # Ctrl-C throws away what the terminal has not yet drawn
    window.key(b"\x03")
    assert window.ended() == 0
    shown = screen.everything().replace(b"^C", b"")
    check_screen(shown)
    if form == "talk":
        assert len(re.findall(rb"The message was: ", shown)) == len(messages) + 1


@pytest.mark.parametrize("sequence", SEQUENCES, ids=repr)
def test_control_the_sequences_as_they_are(sequence):
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        check_screen(b"The message was: " + sequence + b"\r\n")


def test_the_terminal_is_left_as_it_was(terminal):
    window = terminal("0")
    before = termios.tcgetattr(window.master)
    screen = window.screen()
    assert say(window.port, b"hello\n") == REPLY
    assert window.ended() == 0
    assert termios.tcgetattr(window.master) == before
    screen.everything()
