"""The library: the examples, and library_user.c, a program that does with it what can be done."""
import os
import pathlib
import pwd
import re
import signal
import socket
import subprocess
import sys

import goodtalk_talk
import pytest
from goodtalk_talk import PATIENCE, Client, Swarm, say, until, where
from library_talk import BUILD, EXAMPLES, LINKS, Started, build

HOW = ["run", "loop", "sparing", "asking"]  # gt_run, or loops of its own: see library_user.c
DONE, TIMED_OUT, STOPPED = 0, 3, 5  # gt_status
SOURCE = goodtalk_talk.HERE / "library_user.c"


class User(Started):
    """library_user, started; it prints each event, "event listening tcp:127.0.0.1:40001"."""

    def __init__(self, program, how, *settings, at="127.0.0.1:0"):
        super().__init__(program, how, at, *settings)
        heard = self.stdout.wait_for(lambda data: re.search(rb"^event listening .*\n", data, re.MULTILINE))
        address = re.search(rb"^event listening (.*)$", heard, re.MULTILINE)[1].decode()
        self.target = address.split(":", 1)[1]
        if address.startswith(("tcp:", "udp:")):
            host, port = self.target.rsplit(":", 1)
            self.target = (host.strip("[]"), int(port))

    def client(self):
        return Client(self.target)

    def ended(self):
        """Its exit status and the lines it printed."""
        status, printed = super().ended()
        return status, printed.splitlines()


def counted(lines, word="counter"):
    """The counters as they were told: {"messages": 3, ...}, those that count something."""
    split = [line.split() for line in lines]
    found = {words[1]: int(words[2]) for words in split if words[0] == word}
    return {name: value for name, value in found.items() if value}


def ends(lines):
    """What the callback for ended connections said: (connection, its messages)."""
    told = [re.fullmatch(r"ended (\d+) with (\d+)", line) for line in lines]
    return [(int(match[1]), int(match[2])) for match in told if match]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    return {link: build(SOURCE, folder / link, link) for link in LINKS}


@pytest.fixture
def user(built):
    """user(HOW, SETTING, VALUE..., at=ADDRESS): started and listening."""
    started = []

    def start(how, *settings, link="shared", **more):
        started.append(User(built[link], how, *settings, **more))
        return started[-1]

    yield start
    for program in started:
        program.__exit__()


# ---- replies from other threads ----

@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("how", HOW)
def test_replies_from_another_thread_in_order(user, how, link):
    program = user(how, link=link)
    with program.client() as client:
        client.send(b"later\nnow\nnone\nlater\nnow\n")
        assert client.lines(4) == [b"from a thread\n", b"at once\n"] * 2
        program.signal()
        assert client.ended_silently()
    status, lines = program.ended()
    assert status == DONE
    assert "messages 5" in lines and "event stopping -" in lines


@pytest.mark.parametrize("how", HOW)
def test_replies_from_many_threads_at_once(user, how):
    """Eight threads reply to what 50 connections asked, the last first; each gets its own in order."""
    program = user(how)
    clients = [program.client().send(b"hold\n" * 10) for _ in range(50)]
    with program.client() as last:
        until(lambda: last.send(b"how many held\n").line() == b"500\n", "all 500 messages held")
        last.send(b"release\n")
        assert last.line() == b"at once\n"
        numbers = []
        for client in clients:
            lines = client.lines(10)
            own = [int(line.removeprefix(b"held ")) for line in lines]
            assert own == sorted(own)
            numbers += own
            client.socket.close()
        assert sorted(numbers) == list(range(500))
        program.signal()
        assert last.ended_silently()
    assert program.ended()[0] == DONE


def asleep(program):
    """Wait until the server's thread sleeps."""
    state = pathlib.Path(f"/proc/{program.process.pid}/task/{program.process.pid}/stat")
    until(lambda: state.read_text().rsplit(")", 1)[1].split()[0] == "S", "a server that sleeps")


@pytest.mark.parametrize("asks, shows", [("later when told", None), ("stop when told", b"event stopping -\n"),
                                         ("count when told", b"event counters -\n")])
@pytest.mark.parametrize("how", HOW)
def test_another_thread_wakes_a_server_that_sleeps(user, how, asks, shows):
    """Nothing else would ever wake it, nor does it look now and then: there is no timeout at all."""
    program = user(how, "idle-timeout", "none", "message-timeout", "none")
    with program.client() as client:
        assert client.send(f"now\n{asks}\n".encode()).line() == b"at once\n"
        if how in ("sparing", "asking"):
            program.stdout.wait_for(b"sleeps\n")
        asleep(program)
        program.stdin.write(b".")
        if shows:
            program.stdout.wait_for(shows)
        else:
            assert client.line() == b"told\n"


@pytest.mark.parametrize("how", HOW)
def test_a_peer_that_has_gone_before_its_reply(user, how):
    program = user(how)
    for _ in range(20):
        program.client().send(b"later\n").reset()
    with program.client() as client:
        assert client.send(b"now\n").line() == b"at once\n"
        program.signal()
        assert client.ended_silently()
    status, lines = program.ended()
    assert status == DONE
    assert sorted(number for number, _ in ends(lines)) == list(range(1, 22))


# ---- how a run ends ----

@pytest.mark.parametrize("how", HOW)
def test_a_count_ends_the_run(user, how):
    program = user(how, "count", "2")
    assert say(program.target, b"now\nlater\nlater\n") == b"at once\nfrom a thread\n"
    status, lines = program.ended()
    assert status == DONE
    assert "messages 2" in lines


@pytest.mark.parametrize("how", HOW)
def test_a_count_not_reached_is_told_apart(user, how):
    program = user(how, "count", "2")
    program.stdout.wait_for(b"event ready -\n")
    program.signal()
    assert program.ended()[0] == STOPPED


@pytest.mark.parametrize("how", HOW)
def test_stopped_by_another_thread(user, how):
    program = user(how)
    assert say(program.target, b"later\nstop\n") == b"from a thread\nat once\n"
    assert program.ended()[0] == DONE


@pytest.mark.parametrize("how", HOW)
def test_stopped_twice_it_leaves_at_once(user, how):
    """Whatever was never replied to is not waited for, and not lost as memory either."""
    program = user(how)
    with program.client() as client:
        assert client.send(b"now\nhold\nhold\n").line() == b"at once\n"
        program.signal()
        program.stdout.wait_for(b"event stopping -\n")
        program.signal()
        status, lines = program.ended()
    assert status == STOPPED
    assert ends(lines) == [(1, 3)]


@pytest.mark.parametrize("how", HOW)
def test_a_reply_after_the_run_is_harmless(user, how):
    program = user(how)
    with program.client() as client:
        assert client.send(b"now\nlater when told\n").line() == b"at once\n"
        program.signal()
        program.stdout.wait_for(b"event stopping -\n")
        program.signal()
        program.stdout.wait_for(b"ended 1 with 2\n")
        program.stdin.write(b".")
        assert program.ended()[0] == STOPPED


@pytest.mark.parametrize("how", HOW)
def test_the_timeout_of_the_run(user, how):
    program = user(how, "timeout", "100ms", "count", "1")
    assert program.ended()[0] == TIMED_OUT


# ---- somebody else's loop ----

@pytest.mark.parametrize("how", HOW)
def test_ten_thousand_messages_and_none_is_lost(user, how):
    program = user(how)
    said = b"none\n" + b"now\nhow many\n" * 250
    swarm = Swarm(program.target[1], [said] * 20)
    swarm.run(lambda swarm: swarm.heard_lines() == 10000)
    replies = b"".join(b"at once\n%d\n" % number for number in range(3, 502, 2))
    assert set(map(bytes, swarm.heard)) == {replies}
    swarm.close()
    until(lambda: program.stdout.data.count(b"event ended") == 20, "the end of all connections")
    program.signal()
    status, lines = program.ended()
    assert status == DONE
    assert counted(lines) == {
        "connections": 20, "messages": 20 * 501, "replies": 10000, "bytes-received": 20 * len(said),
        "bytes-sent": 20 * len(replies), "ended-peer-closed": 20}


@pytest.mark.parametrize("how", HOW)
def test_timers_run_in_a_loop_that_wakes_for_other_things(user, how):
    program = user(how, "message-timeout", "100ms")
    with program.client() as client:
        assert client.send(b"now\nunfinish").line() == b"at once\n"
        assert client.ended_silently()
    program.signal()
    status, lines = program.ended()
    assert status == DONE
    assert counted(lines)["ended-message-timeout"] == 1


# ---- connections ----

@pytest.mark.parametrize("how", HOW)
def test_each_connection_has_data_of_its_own(user, how):
    program = user(how)
    with program.client() as first, program.client() as second:
        assert first.send(b"now\nhow many\n").lines(2) == [b"at once\n", b"2\n"]
        assert second.send(b"how many\n").line() == b"1\n"
        assert first.send(b"how many\n").line() == b"3\n"
    program.signal()
    status, lines = program.ended()
    assert status == DONE
    assert sorted(ends(lines)) == [(1, 3), (2, 1)]
    assert lines.count("opened 1") == lines.count("opened 2") == 1
    assert lines.index("opened 1") < lines.index("ended 1 with 3")


def test_connections_end_when_the_server_is_freed(user):
    """A loop that was left before the run was over; somebody's turns are still waiting for replies."""
    program = user("loop")
    with program.client() as first, program.client() as second, program.client() as third:
        assert first.send(b"now\nhold\n").line() == b"at once\n"
        assert second.send(b"now\n").line() == b"at once\n"
        third.send(b"leave\n")
        lines = program.ended()[1]
    assert sorted(ends(lines[lines.index("messages 4"):lines.index("freed")])) == [(1, 2), (2, 1), (3, 1)]
    assert len(ends(lines)) == 3


@pytest.mark.parametrize("how", HOW)
def test_a_connection_closed_by_the_application(user, how):
    program = user(how)
    with program.client() as client:
        client.send(b"later\nclose\nnow\n")
        assert client.everything() == b"from a thread\nat once\n"
    program.signal()
    status, lines = program.ended()
    assert status == DONE
    assert ends(lines) == [(1, 2)]


# ---- peers ----

SIZES = {"AF_UNIX": 2, "AF_INET": 16, "AF_INET6": 28}


def described(peer):
    """A client as it knows itself, in the words of library_user.c."""
    family = peer.family.name
    host, port = ("-", "-") if family == "AF_UNIX" else peer.getsockname()[:2]
    ids = (os.getpid(), os.getuid(), os.getgid()) if family == "AF_UNIX" else (0, 0, 0)
    return " ".join(map(str, [int(peer.family), host, port, SIZES[family], *ids])).encode() + b"\n"


@pytest.mark.parametrize("listens, connects", [
    ("tcp:127.0.0.1:0", "127.0.0.1"), ("tcp:[::1]:0", "::1"), ("tcp:0", "127.0.0.1"), ("tcp:0", "::1"),
    ("unix:{}/socket", None), ("unix:@goodtalk-{}", None)])
def test_who_the_peer_is(user, tmp_path, listens, connects):
    program = user("run", at=listens.format(tmp_path))
    target = (connects, program.target[1]) if connects else program.target
    if str(target).startswith("@"):
        target = b"\0" + target[1:].encode()
    with Client(target) as client:
        assert client.send(b"who\n").line() == described(client.socket)


@pytest.mark.parametrize("listens, connects", [
    ("udp:127.0.0.1:0", "127.0.0.1"), ("udp:[::1]:0", "::1"), ("udp:0", "127.0.0.1"), ("udp:0", "::1"),
    ("unixgram:{}/socket", None)])
def test_who_sent_a_datagram(user, tmp_path, listens, connects):
    """A datagram has no connection; its turn knows the peer."""
    program = user("run", at=listens.format(tmp_path))
    family, target = where((connects, program.target[1]) if connects else program.target)
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.settimeout(PATIENCE)
        if not connects:
            peer.bind(str(tmp_path / "own"))
        peer.connect(target)
        peer.send(b"who")
        assert peer.recv(200) == described(peer).strip()
    program.signal()
    status, lines = program.ended()
    assert status == DONE
    assert counted(lines)["datagrams"] == 1 and "opened 1" not in lines


SAYS_WHO = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.connect("\\0" + sys.argv[1])
    client.send(b"who\\n")
    print(client.recv(100).decode(), os.getpid(), os.getuid(), os.getgid())
"""


def test_who_another_process_is(user):
    """Another process, of another user where this one may become one."""
    name = f"goodtalk-who-{os.getpid()}"
    user("run", at=f"unix:@{name}")
    nobody = pwd.getpwnam("nobody")
    other = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    said = subprocess.run([sys.executable, "-c", SAYS_WHO, name], capture_output=True, text=True,
                          timeout=PATIENCE, check=True, cwd="/", **other).stdout
    told, knows = said.splitlines()
    assert told.split() == ["1", "-", "-", "2", *knows.split()]


# ---- counters ----

@pytest.mark.parametrize("how", HOW)
def test_counters_are_exact(user, how):
    program = user(how, "max-message", "100")
    sent, heard = 0, 0
    for said in (b"", b"now\n", b"none\nnow\nlater\nhow many\n", b"x" * 200, b"now\nnow"):
        sent += len(said)
        heard += len(say(program.target, said, half_close=True))
    with program.client() as client:
        sent += len(b"now\n")
        heard += len(client.send(b"now\n").line())
        program.signal()
        assert client.ended_silently()
    status, lines = program.ended()
    assert status == DONE
    assert counted(lines) == {
        "connections": 6, "messages": 8, "replies": 7, "bytes-received": sent, "bytes-sent": heard,
        "ended-peer-closed": 4, "ended-too-long": 1, "ended-drained": 1}


@pytest.mark.parametrize("how", HOW)
def test_counters_told_from_a_signal_handler(user, how):
    program = user(how, "idle-timeout", "none")
    with program.client() as client:
        assert client.send(b"now\nnow\nnone\nnow\n").lines(3) == [b"at once\n"] * 3
        program.signal(signal.SIGUSR1)
        told = program.stdout.wait_for(b"told ended-socket-error")
        assert counted(told.decode().splitlines(), "told") == {
            "connections": 1, "connections-open": 1, "messages": 4, "replies": 3, "bytes-received": 17,
            "bytes-sent": 24}
        assert client.send(b"now\n").line() == b"at once\n"
        program.signal()
    assert program.ended()[0] == DONE


@pytest.mark.parametrize("how", HOW)
def test_counters_read_by_another_thread(user, how):
    program = user(how)
    with program.client() as client:
        client.send(b"count\n" + b"now\n" * 1000)
        assert client.lines(1001) == [b"at once\n"] * 1001
        program.stdout.wait_for(b"event counters -\n")
        program.signal()
        assert client.ended_silently()
    assert program.ended()[0] == DONE


# ---- the examples ----

@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example(name):
    """As they were built beside the library. (tests/tidy builds them against an installed one.)"""
    program = BUILD / "examples" / name
    if not program.exists() and name == "counter":
        pytest.skip("no C++ compiler was found when this was built")
    EXAMPLES[name](program)
