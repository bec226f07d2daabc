"""A stdout that is not read: the intake slows; timers, signals and the memory bound do not."""
import fcntl
import os
import select
import signal
import socket

import pytest
from goodtalk_talk import (REPLY, SHOWN, Client, Collector, bytes_waiting, is_sanitized,
                           read_now, shown_messages, wait_readable)

F_SETPIPE_SZ = 1031
PAGE = 4096


class Stuck:
    """goodtalk with a stdout of one page that nobody reads, and clients that said more."""

    def __init__(self, goodtalk, pipe, *options, clients=20):
        fcntl.fcntl(pipe.write, F_SETPIPE_SZ, PAGE)
        self.record, self.shown_size = pipe.read, len(SHOWN) + 1002
        self.talk = goodtalk(*options, stdout=pipe.write)
        pipe.close_write()
        self.clients = [Client(self.talk.port) for _ in range(clients)]
        for number, client in enumerate(self.clients):
            client.send(b"%04d" % number + b"x" * 997 + b"\n")

    def replies(self):
        """How many replies have come by now."""
        for client in self.clients:
            while wait_readable(client.socket.fileno(), 0):
                piece = client.socket.recv(4096)
                if not piece:
                    break
                client.rest += piece
        return sum(client.rest.count(b"\n") for client in self.clients)

    def fill(self):
        """Wait until something is shown: the page is full then, or will be: not all fit."""
        assert wait_readable(self.record)

    def close(self):
        for client in self.clients:
            client.socket.close()


def numbers(shown):
    """Whose messages were shown."""
    return sorted(int(message[:4]) for message in shown_messages(shown))


def test_no_reply_for_what_is_not_shown_and_all_when_reading_goes_on(goodtalk, pipe):
    stuck = Stuck(goodtalk, pipe, "-k")
    stuck.fill()
    shown = b""
    while len(shown) < 20 * stuck.shown_size:
        replies = stuck.replies()
        assert replies * stuck.shown_size <= len(shown) + bytes_waiting(stuck.record)
        assert wait_readable(stuck.record)
        shown += os.read(stuck.record, 700)
    for client in stuck.clients:
        assert client.line() == REPLY
    assert numbers(shown) == list(range(20))
    stuck.close()
    assert stuck.talk.stop() == 0


def test_a_count_is_reached_when_the_last_message_has_been_shown(goodtalk, pipe):
    stuck = Stuck(goodtalk, pipe, "-n", "20")
    stuck.fill()
    assert stuck.talk.process.poll() is None
    record = Collector(os.dup(stuck.record))
    assert all(client.everything() == REPLY for client in stuck.clients)
    stuck.close()
    assert stuck.talk.ended() == 0
    assert numbers(record.everything()) == list(range(20))


def test_a_reader_that_goes_while_it_is_slow(goodtalk, pipe):
    stuck = Stuck(goodtalk, pipe, "-k")
    stuck.fill()
    pipe.close_read()
    replied = [client for client in stuck.clients if client.everything() == REPLY]
    assert stuck.talk.ended() == 1
    assert "EPIPE" in stuck.talk.said()
    assert len(replied) * stuck.shown_size <= PAGE
    stuck.close()


def test_control_replies_for_what_is_not_shown(fake, pipe):
    class Careless(Stuck):
        def __init__(self):
            self.record, self.shown_size = pipe.read, len(SHOWN) + 1002
            port = fake(lambda connection: connection.sendall(REPLY))
            self.clients = [Client(port) for _ in range(2)]

    stuck = Careless()
    for client in stuck.clients:
        wait_readable(client.socket.fileno())
    assert stuck.replies() * stuck.shown_size > bytes_waiting(stuck.record)


def test_stop_while_stuck_waits_for_the_reader(goodtalk, pipe):
    """SIGTERM drains: what was taken is shown and replied to once somebody reads."""
    stuck = Stuck(goodtalk, pipe, "-k", "-v")
    stuck.fill()
    stuck.talk.signal(signal.SIGTERM)
    stuck.talk.told_about("stop")
    record = Collector(os.dup(stuck.record))
    assert stuck.talk.ended() == 0
    replied = [n for n, client in enumerate(stuck.clients) if client.everything() == REPLY]
    assert numbers(record.everything()) == replied
    stuck.close()


@pytest.mark.parametrize("options, stop, status", [
    (["-k", "--drain-timeout", "50ms"], [signal.SIGTERM], 1),
    (["-k", "-w", "2s", "--drain-timeout", "50ms"], [], 1),
    (["-n", "100", "-w", "2s"], [], 3),
], ids=["SIGTERM", "-k -w", "-w"])
def test_signals_and_timers_go_on_while_stuck(goodtalk, pipe, options, stop, status):
    stuck = Stuck(goodtalk, pipe, *options)
    if stop:
        stuck.fill()
    for number in stop:
        stuck.talk.signal(number)
    assert stuck.talk.ended() == status
    shown = read_now(stuck.record)
    replies = [client.everything() for client in stuck.clients if not is_reset(client)]
    assert sum(reply == REPLY for reply in replies) <= shown.count(b"\n")
    stuck.close()


def is_reset(client):
    """A drain that timed out leaves at once: then, and only then, a reset is all right."""
    return client.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


def test_a_second_signal_ends_it_at_once_while_stuck(goodtalk, pipe):
    stuck = Stuck(goodtalk, pipe, "-k", "-v", "--drain-timeout", "1h")
    stuck.fill()
    stuck.talk.signal(signal.SIGTERM)
    stuck.talk.told_about("stop")
    stuck.talk.signal(signal.SIGTERM)
    assert stuck.talk.ended() != 0
    stuck.close()


def flood(clients, total):
    """Say lines of 1 kB on all connections until none takes any more; how many bytes went."""
    line, sent = b"y" * 1023 + b"\n", 0
    poll = select.poll()
    for client in clients:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        client.socket.setblocking(False)
        poll.register(client.socket, select.POLLOUT)
    by_fd = {client.socket.fileno(): client.socket for client in clients}
    while sent < total and (ready := poll.poll(300)):
        for fd, _ in ready:
            try:
                sent += by_fd[fd].send(line * 16)
            except BlockingIOError:
                pass
            except OSError:  # closed for holding most of the memory
                poll.unregister(fd)
    return sent


@pytest.mark.parametrize("reply", ["--echo", "--silent"])
def test_memory_stays_bounded_while_stuck(goodtalk, pipe, reply):
    environment = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=1")
    talk = goodtalk("-k", "--max-memory", "4MiB", reply, stdout=pipe.write, env=environment)
    before = talk.memory_peak()
    clients = [Client(talk.port) for _ in range(50)]
    flood(clients, 100 << 20)
    assert talk.memory_peak() - before < (16 << 20) * (3 if is_sanitized() else 1)
    with Client(talk.port):  # still accepting, or at least still there
        assert talk.process.poll() is None
    for client in clients:
        client.socket.close()
    talk.signal(signal.SIGTERM)
    read_to_end = Collector(os.dup(pipe.read))
    pipe.close_write()
    assert talk.ended() == 0
    assert read_to_end.everything().count(b"\n") > 0
