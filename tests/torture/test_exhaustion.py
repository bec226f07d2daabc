"""Nothing is left: descriptors, threads, timers' descriptors. And a clock that is set.

Nothing is timed here: calls are counted.
"""
import errno
import os
import resource
import shutil
import socket
import stat
import struct
import subprocess

import pytest

from torture_scenarios import Client, environment, scene
from goodtalk_talk import GOODTALK, REPLY, say, wait_readable

ENGINES = ["epoll", "uring"]


def shimmed(directory, **plan):
    return environment({f"SHIM_{name.upper()}": str(value) for name, value in plan.items()}, directory)


def counts_of(directory):
    return {call: int(count) for call, count in
            (line.split() for line in (directory / "counts").read_text().splitlines())}


# ---- descriptors ----


def served_without_descriptors(goodtalk, directory, engine, **plan):
    """200 connections on 64 descriptors; then room for all; how often each call was made."""
    talk = goodtalk("-k", "-m", "1000", "--engine", engine, at="127.0.0.1:0",
                    env=shimmed(directory, most=1_000_000, **plan),
                    wrapper=["prlimit", "--nofile=1200:1200", "--"])
    resource.prlimit(talk.pid, resource.RLIMIT_NOFILE, (64, 1200))
    clients = [Client(talk.port) for _ in range(200)]
    open_before = [client.send(b"hello\n") for client in clients[:20]]
    for client in open_before:
        assert client.line() == REPLY
    assert "EMFILE" in talk.told_about("EMFILE")
    for _ in range(20):
        for client in open_before:
            assert client.send(b"again\n").line() == REPLY
    resource.prlimit(talk.pid, resource.RLIMIT_NOFILE, (1200, 1200))
    for client in clients[20:]:
        assert client.send(b"at last\n").line() == REPLY
    assert talk.stderr.data.count(b"EMFILE") == 1, "told once"
    for client in clients:
        client.socket.close()
    assert talk.stop() == 0
    return counts_of(directory)


@pytest.mark.parametrize("engine", ENGINES)
def test_out_of_descriptors(goodtalk, tmp_path, engine):
    counts = served_without_descriptors(goodtalk, tmp_path, engine)
    assert counts["accept4"] < 400, "200 connections, and a try now and then"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_accept_pauses_and_resumes_by_itself(goodtalk, tmp_path, number):
    talk = goodtalk("-k", "--engine", "epoll", at="127.0.0.1:0",
                    env=shimmed(tmp_path, fail=f"accept4:{number}:1:3"))
    assert say(talk.port, b"hello\n", half_close=True) == REPLY
    assert talk.stop() == 0
    assert talk.said().count("cannot accept connections for now") == 1
    assert errno.errorcode[number] in talk.said() and "accepts connections again" in talk.said()
    assert counts_of(tmp_path)["accept4"] < 10


# ---- at the start ----


def refused(directory, plan, *options):
    """It does not start: what it said. Nothing is left of it."""
    with scene(directory, plan, ["-k", *options], [f"unix:{directory}/gt", "127.0.0.1:0"]) as play:
        assert not play.await_ready()
        outcome = play.finish()
    assert outcome.status == 1
    assert outcome.left == []
    assert len(outcome.errors) == 1
    return outcome.errors[0]


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_threads_refused(tmp_path, nth):
    said = refused(tmp_path, {"SHIM_FAIL": f"pthread_create:{errno.EAGAIN}:{nth}"}, "-j", "4")
    assert f"cannot start worker {nth + 1} of 4" in said and "EAGAIN" in said
    assert "fewer --workers" in said


@pytest.mark.parametrize("call, nth", [("epoll_create1", 1), ("eventfd", 1), ("epoll_create1", 4),
                                       ("eventfd", 4)])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_an_engine_refused(tmp_path, call, nth, number):
    said = refused(tmp_path, {"SHIM_FAIL": f"{call}:{number}:{nth}:0"}, "-j", "4")
    assert errno.errorcode[number] in said and "cannot" in said


def test_processes_limited_for_a_user(tmp_path):
    """RLIMIT_NPROC, as users have it who are not root: no thread beside the first."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to become another user")
    program = tmp_path / "goodtalk"
    shutil.copy(GOODTALK, program)
    for path in (tmp_path, *tmp_path.parents[:3]):
        path.chmod(path.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    (tmp_path / "own").mkdir()
    os.chown(tmp_path / "own", 64321, 64321)
    ended = subprocess.run(
        ["prlimit", "--nproc=1:1", "--", "setpriv", "--reuid=64321", "--regid=64321", "--clear-groups",
         program, "-k", "-j", "4", "127.0.0.1:0", f"unix:{tmp_path}/own/gt"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=25)
    assert ended.returncode == 1
    assert "cannot start worker 2 of 4" in ended.stderr and "EAGAIN" in ended.stderr
    assert os.listdir(tmp_path / "own") == []


# ---- restarts ----


@pytest.mark.parametrize("engine", ENGINES)
def test_fifty_restarts_over_time_wait(goodtalk, engine):
    port = 0
    for _ in range(50):
        talk = goodtalk("-k", "--close", "--engine", engine, at=f"127.0.0.1:{port}")
        port = talk.port
        assert say(port, b"hello\n") == REPLY  # closed by the server: its side waits
        assert talk.stop() == 0


def test_control_time_wait_keeps_others_out(goodtalk):
    """A server without SO_REUSEADDR would be refused: there is something to wait for."""
    talk = goodtalk("-k", "--close", at="127.0.0.1:0")
    assert say(talk.port, b"hello\n") == REPLY
    assert talk.stop() == 0
    with socket.socket() as other, pytest.raises(OSError) as taken:
        other.bind(("127.0.0.1", talk.port))
    assert taken.value.errno == errno.EADDRINUSE


# ---- the wall clock ----


class Clock:
    """The wall clock as the program sees it."""

    def __init__(self, path):
        self.path = path
        self.set(0)

    def set(self, seconds):
        if not self.path.exists():
            self.path.write_bytes(bytes(8))
        with open(self.path, "r+b") as file:
            file.write(struct.pack("=q", seconds))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_fires_no_timeout(goodtalk, tmp_path, engine, hours):
    """An hour either way while idle, message, run and drain timeouts are under way: none fires."""
    clock = Clock(tmp_path / "clock")
    talk = goodtalk("-k", "-s", "json", "-w", "20min", "--idle-timeout", "20min", "--message-timeout",
                    "20min", "--write-timeout", "20min", "--drain-timeout", "20min", "--pause", "20min",
                    "--engine", engine, at="127.0.0.1:0", env=shimmed(tmp_path, clock=clock.path))
    idle, unfinished, paused = (Client(talk.port) for _ in range(3))
    assert idle.send(b"before\n").line() == REPLY
    unfinished.send(b"a line\nand half of ano").line()
    paused.send(b"no line end")
    clock.set(hours * 3600)
    for _ in range(5):
        with Client(talk.port) as other:
            assert other.send(b"meanwhile\n").line() == REPLY
    for client in (idle, unfinished, paused):
        assert not wait_readable(client.socket.fileno(), 0), "nobody was sent away"
    assert unfinished.send(b"ther\n").line() == REPLY
    assert paused.send(b", and now\n").line() == REPLY
    assert idle.send(b"after\n").line() == REPLY
    assert talk.stop() == 0
    assert b"no line end, and now" in talk.stdout.everything(), "no pause had passed"


@pytest.mark.parametrize("hours", [-1, 1])
def test_timeouts_fire_when_a_clock_was_set(goodtalk, tmp_path, hours):
    """They are not put off by it either; and the time that is shown is the wall clock's."""
    clock = Clock(tmp_path / "clock")
    talk = goodtalk("-k", "-s", "json", "-f", "line", "--message-timeout", "100ms",
                    at="127.0.0.1:0", env=shimmed(tmp_path, clock=clock.path))
    with Client(talk.port) as client:
        client.send(b"half a li")
        clock.set(hours * 3600)
        assert client.everything() == b""
        assert "message-timeout" in talk.told_about(client.name)
    assert talk.stop() == 0
