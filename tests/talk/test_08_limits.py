"""Limits: silent, slow, greedy and too many peers lose their connection, nobody else anything."""
import contextlib
import os
import resource
import subprocess
import time

import pytest
from goodtalk_talk import REPLY, Client, Program, until, wait_readable

BIG = 64 << 20


# ---- timeouts ----


def test_idle_timeout(goodtalk):
    talk = goodtalk("-k", "-v", "--idle-timeout", "300ms", "--message-timeout", "1h")
    with Client(talk.port) as silent:
        assert silent.ended_silently()
        talk.stderr.wait_for(silent.name.encode() + b": ended: silent for idle-timeout")
    with Client(talk.port) as client:
        assert client.send(b"hello\n").everything() == REPLY
    assert talk.stop() == 0


def test_message_timeout(goodtalk):
    talk = goodtalk("-k", "-f", "line", "--message-timeout", "50ms", "--idle-timeout", "1h")
    with Client(talk.port) as slow, Client(talk.port) as idle:
        assert slow.send(b"started but not fin").ended_silently()
        assert "message-timeout" in talk.told_about(slow.name)
        assert idle.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0
    assert talk.shown() == [b"hello"]


def test_message_timeout_is_not_put_off_by_drops_of_bytes(goodtalk):
    talk = goodtalk("-k", "-f", "line", "--message-timeout", "200ms",
                    "--idle-timeout", "1h")
    with Client(talk.port) as slow:
        while not wait_readable(slow.socket.fileno(), 0.01):
            slow.send(b".")
        assert "message-timeout" in talk.told_about(slow.name)
    assert talk.stop() == 0


def test_a_one_shot_may_have_them_too(goodtalk):
    talk = goodtalk("--idle-timeout", "300ms")
    with Client(talk.port) as silent:
        assert silent.ended_silently()
    with Client(talk.port) as client:
        assert client.send(b"hello\n").everything() == REPLY
    assert talk.ended() == 0


def test_write_timeout(goodtalk, tmp_path):
    with open(tmp_path / "reply", "wb") as file:
        file.truncate(BIG)
    talk = goodtalk("-k", "--write-timeout", "200ms", "--reply-file", tmp_path / "reply",
                    "--greeting", "hi\\n")
    with Client(talk.port, receive_buffer=65536) as never_reads:
        never_reads.send(b"hello\n")
        assert "write-timeout" in talk.told_about(never_reads.name)
        with Client(talk.port) as other:
            assert other.line() == b"hi\n"
    assert talk.stop() == 0


def test_a_slow_reader_is_not_a_dead_one(goodtalk, tmp_path):
    """Longer than the write timeout in all, never as long without reading."""
    (tmp_path / "reply").write_bytes(b"z" * 12_000_000)
    talk = goodtalk("--write-timeout", "1500ms", "--reply-file", tmp_path / "reply")
    with Client(talk.port, receive_buffer=65536) as client:
        client.send(b"hello\n")
        heard, end = 0, time.monotonic() + 2
        while time.monotonic() < end:
            heard += len(client.socket.recv(20_000))
            time.sleep(0.02)
        assert heard + len(client.everything()) == 12_000_000
    assert talk.ended() == 0


# ---- how many ----


def test_the_oldest_that_never_said_anything_gives_way(goodtalk):
    talk = goodtalk("-k", "-m", "2")
    with Client(talk.port) as oldest, Client(talk.port) as younger, Client(talk.port) as third:
        assert third.send(b"hello\n").line() == REPLY
        assert oldest.ended_silently()
        assert younger.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0


def test_one_that_has_had_a_reply_never_gives_way(goodtalk):
    talk = goodtalk("-k", "-m", "2", "--greeting", "hi\\n")
    with Client(talk.port) as first, Client(talk.port) as second:
        for client in (first, second):
            assert client.line() == b"hi\n"
            assert client.send(b"hello\n").line() == REPLY
        with Client(talk.port) as waits:
            waits.send(b"let me in\n")
            for _ in range(20):
                for client in (first, second):
                    assert client.send(b"hello\n").line() == REPLY
            assert not wait_readable(waits.socket.fileno(), 0)
            first.socket.close()
            assert waits.line() == b"hi\n" and waits.line() == REPLY
    assert talk.stop() == 0


def test_a_hundred_silent_ones_do_not_keep_others_out(goodtalk):
    talk = goodtalk("-k", "-m", "10")
    silent = [Client(talk.port) for _ in range(100)]
    for _ in range(20):
        with Client(talk.port) as client:
            assert client.send(b"hello\n").line() == REPLY
    for client in silent:
        client.socket.close()
    assert talk.stop() == 0


# ---- how much ----


def test_when_memory_is_spent_the_one_that_holds_most_goes(goodtalk):
    talk = goodtalk("-k", "-f", "eof", "--max-message", "1MiB", "--max-memory", "1MiB")
    with Client(talk.port) as modest, Client(talk.port) as greedy:
        modest.send(b"m" * 100_000)
        greedy.send(b"g" * 1_000_000)
        assert "max-memory" in talk.told_about(greedy.name)
        assert modest.half_close().everything() == REPLY
    assert talk.stop() == 0
    assert talk.shown() == [b"m" * 100_000]


def test_a_message_within_max_message_fits_however_it_is_cut(goodtalk, tmp_path):
    """Its buffer doubles from 65 bytes, to 532,480 of them: once more would be too much."""
    talk = goodtalk("-f", "eof", "--max-message", "1MiB", "--max-memory", "1MiB", at=f"unix:{tmp_path}/socket")
    with Client(tmp_path / "socket") as client:
        sizes = [65, *[65 << doubled for doubled in range(13)], 100_000]
        for size in sizes:
            client.send_apart(b"x" * size)
        assert client.half_close().everything() == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"x" * sum(sizes)]


def test_a_fixed_reply_is_shared_and_does_not_count(goodtalk, tmp_path):
    (tmp_path / "reply").write_bytes(b"r" * 3_000_000)
    talk = goodtalk("-k", "--close", "--max-memory", "1MiB", "--reply-file", tmp_path / "reply")
    clients = [Client(talk.port).send(b"hello\n") for _ in range(10)]
    for client in clients:
        assert len(client.everything()) == 3_000_000
        client.socket.close()
    assert talk.stop() == 0


def test_small_messages_with_long_replies_that_nobody_reads(goodtalk):
    """A two-byte message asks for a 2,000-byte reply, and again, and again."""
    environment = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1")
    talk = goodtalk("-k", "-r", "r" * 2000, "-s", "none", "--max-memory", "4MiB", env=environment)
    before = talk.memory_peak()
    with Client(talk.port, receive_buffer=4096) as hungry, Client(talk.port) as honest:
        hungry.socket.settimeout(0.3)
        with pytest.raises(OSError):
            for _ in range(500):
                hungry.send(b"x\n" * 50_000)
        assert honest.send(b"hello\n").line() == b"r" * 2000 + b"\n"
    assert talk.memory_peak() - before < 48 << 20
    assert talk.stop() == 0


# ---- no descriptors left ----


@contextlib.contextmanager
def spinner():
    """A program that spins."""
    spinning = Program.__new__(Program)
    spinning.process = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    spinning.pid = spinning.process.pid
    try:
        yield spinning
    finally:
        spinning.process.kill()
        spinning.process.wait()


def check_no_spinning(program):
    """On one CPU with a loop that uses 0.3 s of it, it uses next to none: if it spun, as much."""
    cpus = os.sched_getaffinity(program.pid)
    with spinner() as beside:
        for pid in (program.pid, beside.pid):
            os.sched_setaffinity(pid, {min(cpus)})
        before = program.cpu_seconds()
        until(lambda: beside.cpu_seconds() >= 0.3, "a loop using CPU")
        used = program.cpu_seconds() - before
    os.sched_setaffinity(program.pid, cpus)
    assert used <= 0.1


def test_out_of_descriptors(goodtalk):
    talk = goodtalk("-k", "-m", "1000")
    with Client(talk.port) as open_before:
        assert open_before.send(b"hello\n").line() == REPLY
        used = set(map(int, os.listdir(f"/proc/{talk.pid}/fd")))
        next_one = min(set(range(len(used) + 1)) - used)
        resource.prlimit(talk.pid, resource.RLIMIT_NOFILE, (next_one, 1000))
        waiting = [Client(talk.port).send(b"let me in\n") for _ in range(5)]
        assert "EMFILE" in talk.told_about("EMFILE")
        check_no_spinning(talk)
        assert open_before.send(b"hello again\n").line() == REPLY
        assert talk.stderr.data.count(b"EMFILE") == 1, "told once"
        assert not any(wait_readable(client.socket.fileno(), 0) for client in waiting)
        resource.prlimit(talk.pid, resource.RLIMIT_NOFILE, (1000, 1000))
        for client in waiting:
            assert client.line() == REPLY
            client.socket.close()
    assert talk.stop() == 0


def test_control_a_program_that_spins():
    with spinner() as spinning, pytest.raises(AssertionError):
        check_no_spinning(spinning)


@pytest.mark.parametrize("descriptors, others", [(40, 0), (80, 45)])
def test_few_descriptors_from_the_start(goodtalk, tmp_path, descriptors, others):
    """The default of --max-connections leaves room, for many listeners too: a hundred are served."""
    talk = goodtalk("-k", at=["127.0.0.1:0", *(f"unixgram:{tmp_path}/{n}" for n in range(others))],
                    wrapper=["prlimit", f"--nofile={descriptors}:{descriptors}", "--"])
    clients = [Client(talk.port) for _ in range(100)]
    for _ in range(30):
        with Client(talk.port) as client:
            assert client.send(b"hello\n").line() == REPLY
    assert b"EMFILE" not in talk.stderr.data
    for client in clients:
        client.socket.close()
    assert talk.stop() == 0


def test_the_soft_limit_is_raised(goodtalk):
    talk = goodtalk("-k", wrapper=["prlimit", "--nofile=20:200", "--"])
    clients = [Client(talk.port).send(b"hello\n") for _ in range(100)]
    for client in clients:
        assert client.line() == REPLY
    assert len(os.listdir(f"/proc/{talk.pid}/fd")) > 100
    for client in clients:
        client.socket.close()
    assert talk.stop() == 0
