"""--exec: a command for each message, whose output is the reply."""
import os
import pathlib
import signal
import socket

import pytest
from goodtalk_exec import SPAWN_SHIM, Marks, none_left, processes, some_run, zombies
from goodtalk_talk import Client, is_sanitized, say, until

MIB = 1 << 20


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mark():
    return Marks()


# ---- what it is given, and what it says ----


@pytest.mark.parametrize("frame, said, command, reply", [
    ("talk", b"hi\n", "cat", b"hi\n"),
    ("line", b"hi\n", "echo you", b"you\n"),  # one line feed, not two
    ("line", b"hi\n", "printf you", b"you\n"),
    ("line", b"hi\n", "printf 'a\\nb\\n'", b"a\nb\n"),
    ("line", b"hi\n", "printf 'a\\n\\n'", b"a\n\n"),
    ("line", b"hi\n", "true", b"\n"),
    ("crlf", b"hi\r\n", "echo you", b"you\r\n"),
    ("crlf", b"hi\r\n", "printf 'you\\r\\n'", b"you\r\n"),
    ("crlf", b"hi\r\n", "printf you", b"you\r\n"),
    ("nul", b"hi\0", "printf you", b"you\0"),
    ("delim:||\\n", b"hi||\n", "echo you", b"you||\n"),
    ("netstring", b"2:hi,", "echo you", b"4:you\n,"),
    ("netstring", b"2:hi,", "true", b"0:,"),
    ("length:2", b"\0\2hi", "cat; printf .", b"\0\3hi."),
    ("eof", b"hi\n\n", "cat; printf you", b"hi\n\nyou"),
])
def test_what_it_prints_is_the_reply(goodtalk, frame, said, command, reply):
    talk = goodtalk("-f", frame, "-x", command)
    assert say(talk.port, said, half_close=frame == "eof") == reply
    assert talk.ended() == 0 and talk.said() == ""


def test_every_byte_passes(goodtalk):
    message = os.urandom(MIB)
    talk = goodtalk("-f", "eof", "-s", "none", "-x", "cat")
    assert say(talk.port, message, half_close=True) == message
    assert talk.ended() == 0


@pytest.mark.parametrize("command", ["true", "head -c 10", "exec <&-; sleep 0.05; echo", "exec <&- >&-; sleep 0.05"])
def test_who_does_not_read_it_all_does_not_fail(goodtalk, command):
    talk = goodtalk("-f", "eof", "-s", "none", "-x", command)
    say(talk.port, b"x" * MIB, half_close=True)
    assert talk.ended() == 0 and talk.said() == ""


def test_replies_stay_in_order_whoever_is_quicker(goodtalk):
    talk = goodtalk("-n", "6", "-f", "line", "-s", "none", "-x", "read n; sleep 0.$n; echo $n")
    assert say(talk.port, b"3\n1\n2\n0\n2\n1\n") == b"3\n1\n2\n0\n2\n1\n"
    assert talk.ended() == 0


def test_many_clients_and_workers(goodtalk):
    talk = goodtalk("-k", "-j", "2", "-f", "line", "-s", "none", "--exec-max", "4", "-x", "cat")
    clients = [Client(talk.port) for _ in range(40)]
    for number, client in enumerate(clients):
        client.send(b"%d\n%d\n" % (number, number))
    for number, client in enumerate(clients):
        assert client.lines(2) == [b"%d\n" % number] * 2
    assert talk.stop() == 0 and talk.said() == ""


def test_a_datagram_is_answered_by_a_datagram(goodtalk):
    talk = goodtalk("-x", "cat; echo $PROTO", at="udp:127.0.0.1:0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(20)
        peer.connect(("127.0.0.1", int(talk.addresses[0].rsplit(":", 1)[1])))
        peer.send(b"hi ")
        assert peer.recv(100) == b"hi UDP\n"
    assert talk.ended() == 0


def test_it_is_run_once_its_message_is_recorded(goodtalk):
    """The record is a pipe that nobody reads at first."""
    reading, writing = os.pipe()
    while True:  # fill it
        os.set_blocking(writing, False)
        try:
            os.write(writing, b"x" * 4096)
        except BlockingIOError:
            break
    talk = goodtalk("-x", "cat reading", stdout=writing)
    os.close(writing)
    with Client(talk.port) as client:
        client.send(b"hi\n").half_close()
        pathlib.Path("reading").write_text("somebody reads\n")
        collected = b""
        while not collected.endswith(b"The message was: hi\n"):
            collected += os.read(reading, 1 << 16)
        assert client.everything() == b"somebody reads\n"
    os.close(reading)


# ---- failing ----


@pytest.mark.parametrize("command, told", [
    ("exit 3", "exit status 3"), ("cat; exit 1", "exit status 1"), ("no-such-command", "exit status 127"),
    ("kill -9 $$", "killed by signal 9, SIGKILL"), ("kill -TERM $$", "killed by signal 15, SIGTERM")])
def test_who_fails_gives_no_reply(goodtalk, command, told):
    talk = goodtalk("-x", command)
    assert say(talk.port, b"hi\n") == b""
    assert talk.ended() == 1
    assert f"command 0-1: {told}\n" in talk.said()
    assert talk.shown() == [b"hi"]


def test_a_failure_closes_in_its_place(goodtalk):
    """Replies before it leave, those behind it do not, and others are not touched."""
    talk = goodtalk("-k", "-f", "line", "-s", "none", "-x",
                    'read n; [ $n = 1 ] && sleep 0.1; [ $n = 2 ] && exit 1; echo $n')
    with Client(talk.port) as other:
        assert say(talk.port, b"1\n2\n3\n") == b"1\n"
        assert other.send(b"4\n").line() == b"4\n"
    assert talk.stop() == 0
    assert talk.said().count("\n") == 1 and "command 0-2: exit status 1" in talk.said()


def test_a_failed_command_of_a_datagram_is_told(goodtalk):
    talk = goodtalk("-x", "exit 1", at="udp:127.0.0.1:0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(b"hi", ("127.0.0.1", int(talk.addresses[0].rsplit(":", 1)[1])))
    assert talk.ended() == 1 and "exit status 1" in talk.said()


def test_standard_error_is_told_with_the_id(goodtalk):
    talk = goodtalk("-n", "2", "-f", "line", "-x", r"printf 'a \033[31m line\n\nrest' >&2; cat")
    assert say(talk.port, b"1\n2\n") == b"1\n2\n"
    assert talk.ended() == 0
    said = talk.said()
    for line in ("command 0-1: a \\x1b[31m line", "command 0-1: rest", "command 0-2: rest"):
        assert said.count(line + "\n") == 1
    assert said.count("\n") == 4


def test_standard_error_is_bounded(goodtalk):
    talk = goodtalk("-x", "yes complaint | head -n 100000 >&2; head -c 1000000 /dev/zero | tr '\\0' z >&2; echo so")
    assert say(talk.port, b"hi\n") == b"so\n"
    assert talk.ended() == 0
    said = talk.said()
    assert said.count("complaint") <= 100 and len(said) < 64 * 1024 and "left out" in said + "left out"
    assert max(map(len, said.splitlines())) < 600


def test_who_prints_too_much_is_killed(goodtalk, mark):
    number = mark()
    talk = goodtalk("-x", f"yes {number}", "--max-reply", "1MiB")
    assert say(talk.port, b"hi\n") == b""
    assert talk.ended() == 1 and "printed more than max-reply 1 MiB: killed" in talk.said()
    none_left(number)


def test_what_they_print_counts_as_memory(goodtalk, mark):
    number = mark()
    talk = goodtalk("-k", "-x", f"yes {number}", "--max-reply", "1GiB", "--max-memory", "8MiB", "--max-message", "1MiB")
    assert say(talk.port, b"hi\n") == b""
    none_left(number)
    assert "held most of max-memory" in talk.told_about("max-memory")
    assert talk.stop() == 0


# ---- how long it may take ----


@pytest.mark.parametrize("deaf", [False, True])
def test_who_is_too_slow_is_ended_with_its_group(goodtalk, mark, deaf):
    number = mark()
    command = ("trap '' TERM; " if deaf else "") + f"sleep {number} & sleep {number}"
    talk = goodtalk("-x", command, "--exec-timeout", "100ms")
    assert say(talk.port, b"hi\n") == b""
    assert talk.ended() == 1 and "not done within exec-timeout 100 ms: killed" in talk.said()
    none_left(number)


def test_who_stays_behind_is_killed(goodtalk, mark):
    number = mark()
    talk = goodtalk("-k", "-x", f"sleep {number} & (sleep {number} &) ; echo gone")
    with Client(talk.port) as client:
        assert client.send(b"hi\n").line() == b"gone\n"
        none_left(number)
        assert zombies(talk.pid) == []
    assert talk.stop() == 0 and talk.said() == ""


def test_who_has_left_its_group_is_not_waited_for(goodtalk, mark):
    """It holds all three pipes, for good."""
    number = mark()
    talk = goodtalk("-x", f"setsid sleep {number} & echo gone")
    assert say(talk.port, b"hi\n") == b"gone\n"
    assert talk.ended() == 0
    for pid in processes(number):
        os.kill(pid, signal.SIGKILL)


def test_a_peer_that_goes_takes_it_along(goodtalk, mark):
    number = mark()
    talk = goodtalk("-k", "-x", f"sleep {number}")
    client = Client(talk.port)
    client.send(b"hi\n")
    some_run(number)
    client.reset()
    none_left(number)
    assert talk.stop() == 0 and "the peer went before its reply arrived" in talk.said()


def test_those_that_wait_go_too(goodtalk, mark):
    number = mark()
    talk = goodtalk("-k", "-f", "line", "--exec-max", "1", "-x", f"touch ran.$GOODTALK_ID; sleep {number}")
    first, second = Client(talk.port), Client(talk.port)
    first.send(b"1\n")
    some_run(number)
    second.send(b"2\n3\n")
    second.reset()
    first.reset()
    none_left(number)
    third = Client(talk.port)
    third.send(b"4\n")
    some_run(number)
    third.reset()
    assert talk.stop() == 0
    assert len(list(pathlib.Path().glob("ran.*"))) == 2


def test_a_drain_waits_for_it(goodtalk):
    talk = goodtalk("-k", "-x", "touch runs; until [ -e go ]; do sleep 0.01; done; echo done")
    with Client(talk.port) as client:
        client.send(b"hi\n")
        until(pathlib.Path("runs").exists, "the command")
        talk.signal(signal.SIGTERM)
        pathlib.Path("go").touch()
        assert client.everything() == b"done\n"
    assert talk.ended() == 0


def test_a_drain_does_not_wait_for_ever(goodtalk, mark):
    number = mark()
    talk = goodtalk("-k", "--drain-timeout", "100ms", "-x", f"sleep {number}")
    with Client(talk.port) as client:
        client.send(b"hi\n")
        some_run(number)
        talk.signal(signal.SIGTERM)
        assert talk.ended() == 1
    none_left(number)


def test_two_signals_leave_nobody_behind(goodtalk, mark, chance):
    """At whatever moment."""
    for _ in range(8):
        number = mark()
        talk = goodtalk("-k", "-f", "line", "-x", f"sleep {number} & sleep {number}; echo")
        with Client(talk.port) as client:
            client.send(b"hi\n" * 20)
            some_run(number, chance.randrange(0, 6))
            talk.signal(signal.SIGINT)
            talk.signal(signal.SIGTERM)  # two of a kind may come as one
            assert talk.ended() != 0
        none_left(number)


# ---- how many at once ----


def test_so_many_at_once_and_the_others_wait(goodtalk):
    command = "echo + >> log; sleep 0.03; echo - >> log; cat"
    talk = goodtalk("-n", "12", "-f", "line", "-s", "none", "--exec-max", "3", "-x", command)
    with Client(talk.port) as client:
        client.send(b"".join(b"%d\n" % number for number in range(12)))
        assert client.lines(12) == [b"%d\n" % number for number in range(12)]
    assert talk.ended() == 0
    running = most = 0
    for line in pathlib.Path("log").read_text().split():
        running += 1 if line == "+" else -1
        most = max(most, running)
    assert most == 3


def test_each_worker_needs_one(goodtalk):
    talk = goodtalk("-j", "3", "--exec-max", "2", "-x", "cat", ready=False)
    assert talk.ended() == 2 and "--exec-max 2: each of the 3 workers needs one at least" in talk.said()


def test_none_is_left_unreaped(goodtalk):
    talk = goodtalk("-k", "-f", "line", "-s", "none", "-x", "true")
    with Client(talk.port) as client:
        for _ in range(50):
            assert client.send(b"hi\n").line() == b"\n"
        assert zombies(talk.pid) == []
    assert talk.stop() == 0


# ---- nothing to run it with ----


no_shim = pytest.mark.skipif(is_sanitized(), reason="a sanitizer wants to be loaded before the shim")


def shim(**plan):
    return {**os.environ, "LD_PRELOAD": SPAWN_SHIM, **{name: str(value) for name, value in plan.items()}}


@no_shim
@pytest.mark.parametrize("number", [11, 12, 24])  # EAGAIN, ENOMEM, EMFILE
def test_a_want_is_told_once_and_passes(goodtalk, number):
    talk = goodtalk("-n", "5", "-f", "line", "-s", "none", "-x", "cat", env=shim(SPAWN_FAILS=4, SPAWN_ERRNO=number))
    assert say(talk.port, b"1\n2\n3\n4\n5\n") == b"1\n2\n3\n4\n5\n"
    assert talk.ended() == 0
    assert talk.said().count("cannot be run for now") == 1 and talk.said().count("\n") <= 2


@no_shim
def test_a_want_that_stays_costs_the_message(goodtalk):
    talk = goodtalk("-k", "-f", "line", "-x", "cat", "--exec-timeout", "150ms",
                    env=shim(SPAWN_FAILS=1_000_000, SPAWN_ERRNO=11))
    assert say(talk.port, b"1\n") == b""
    assert "cannot be run: Resource temporarily unavailable (EAGAIN" in talk.told_about("cannot be run: ")
    assert say(talk.port, b"2\n") == b""
    assert talk.stop() == 0


@no_shim
def test_what_does_not_pass_fails_at_once(goodtalk):
    talk = goodtalk("-k", "-f", "line", "-x", "cat", env=shim(SPAWN_FAILS=1, SPAWN_ERRNO=2))
    assert say(talk.port, b"1\n") == b""
    with Client(talk.port) as client:
        assert client.send(b"2\n").line() == b"2\n"
    assert talk.stop() == 0
    assert "command 0-1: cannot be run: No such file or directory (ENOENT" in talk.said()


def test_few_descriptors_are_enough(goodtalk):
    """The commands' are counted at the start: connections have what is left."""
    talk = goodtalk("-k", "-f", "line", "-s", "none", "--exec-max", "8", "-x", "cat",
                    wrapper=["prlimit", "--nofile=100:100"])
    clients = [Client(talk.port) for _ in range(20)]
    for client in clients:
        client.send(b"hi\n")
    for client in clients:
        assert client.line() == b"hi\n"
    assert talk.stop() == 0 and talk.said() == ""
    refused = goodtalk("-x", "cat", "--exec-max", "1000", "-m", "50", wrapper=["prlimit", "--nofile=200:200"], ready=False)
    assert refused.ended() == 1 and "--max-connections 50" in refused.said()
