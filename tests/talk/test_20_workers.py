"""-j: several workers are one server: the count, the drain, the counters and the limits are those of
all of them together."""
import contextlib
import json
import os
import signal
import threading

import pytest
from goodtalk_datagrams import rows_of
from goodtalk_talk import (REPLY, Client, Swarm, is_sanitized, run, say, shown_messages, until,
                           wait_readable)
from test_07_ending import check_shown_is_replied
from test_17_counters import ask, ask_until, kept

__all__ = ["kept"]  # a fixture

several = pytest.mark.parametrize("workers", [2, 4])


def worker_of(row):
    """Of a message shown as JSON."""
    return row["id"].split("-")[0]


def connections_of_all(talk, workers, option=b""):
    """Connections, one of each worker at least, which have each had a reply: by worker."""
    connected = {}
    for number in range(64 * workers):
        client = Client(talk.port)
        client.send(b"here %d%s\n" % (number, option))
        assert client.line() == REPLY
        row = json.loads(talk.stdout.wait_for(b"here %d%s\"" % (number, option)).splitlines()[-1])
        connected.setdefault(worker_of(row), []).append(client)
        if len(connected) == workers:
            break
    assert len(connected) == workers
    return connected


def close_all(connected):
    for clients in connected.values():
        for client in clients:
            client.socket.close()


# ---- what is asked for ----


@pytest.mark.parametrize("number", ["0", "-1", "1025", "many", "", "2x"])
def test_what_is_no_number_of_workers(number):
    refused = run("-j", number, "0")
    assert refused.returncode == 2
    assert b"--workers" in refused.stderr and b"auto" in refused.stderr


@pytest.mark.parametrize("workers", ["1", "3", "auto"])
def test_a_one_shot(goodtalk, workers):
    talk = goodtalk("--workers", workers)
    assert say(talk.port, b"Who is there?\r\n") == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"Who is there?"]


def threads_of(talk):
    return len(os.listdir(f"/proc/{talk.pid}/task"))


def test_each_worker_has_its_thread(goodtalk):
    one, two, five = [goodtalk("-k", "-j", workers) for workers in (1, 2, 5)]
    assert threads_of(one) == 1
    assert threads_of(five) - threads_of(two) == 3
    assert [talk.stop() for talk in (one, two, five)] == [0, 0, 0]


def test_auto_is_one_for_each_cpu(goodtalk):
    talk = goodtalk("-k", "-j", "auto", wrapper=["taskset", "-c", str(min(os.sched_getaffinity(0)))])
    assert threads_of(talk) == 1
    assert talk.stop() == 0


def test_signals_are_for_the_first_thread_only(goodtalk):
    """A signal to the process is not one that another worker is interrupted by."""
    talk = goodtalk("-k", "-j", "3")
    blocked = {}
    for task in os.listdir(f"/proc/{talk.pid}/task"):
        status = open(f"/proc/{talk.pid}/task/{task}/status").read()
        blocked[int(task)] = int(status.partition("SigBlk:")[2].split()[0], 16)
    of_interest = sum(1 << (number - 1) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1))
    assert blocked.pop(talk.pid) & of_interest == 0
    assert len(blocked) >= 2
    assert all(mask & of_interest == of_interest for mask in blocked.values())
    assert talk.stop() == 0


@pytest.mark.skipif(is_sanitized(), reason="its shadow needs more room than there is here")
def test_threads_that_cannot_be_started(goodtalk):
    """Each wants a stack: there is no room for so many. Nothing is left behind."""
    room = 1 << 30
    talk = goodtalk("-k", "-j", "200", "--engine", "epoll", at="127.0.0.1:0", ready=False,
                    wrapper=["prlimit", f"--as={room}", "--"])
    assert talk.ended() == 1
    assert "cannot start worker " in talk.said() and " of 200: " in talk.said()
    assert "EAGAIN" in talk.said() and "--workers" in talk.said()


@pytest.mark.skipif(is_sanitized(), reason="its shadow needs more room than there is here")
def test_workers_whose_buffers_do_not_fit(goodtalk):
    talk = goodtalk("-k", "-j", "1024", "--engine", "epoll", at="127.0.0.1:0", ready=False,
                    wrapper=["prlimit", f"--as={1 << 30}", "--"])
    assert talk.ended() == 1
    assert "--workers 1024: their buffers " in talk.said() and "ulimit -v" in talk.said()


# ---- the count ----


def flood(port, clients=24, messages=100):
    """Pipelines of many connections at once, until the server ends them: what each heard."""
    pipelines = [b"".join(b"%d-%d\n" % (client, n) for n in range(1, messages + 1))
                 for client in range(clients)]
    swarm = Swarm(port, pipelines, piece=300)
    swarm.run()
    return swarm.heard


def check_exact(count, shown, heard):
    check_shown_is_replied(shown, heard)
    assert len(shown) == count
    assert sum(replies.count(b"\n") for replies in heard) == count


@several
@pytest.mark.parametrize("count", [1, 2, 100, 1999])
def test_a_count_is_exact(goodtalk, workers, count):
    talk = goodtalk("-n", count, "-j", workers, "--echo", "-f", "line")
    heard = flood(talk.port)
    assert talk.ended() == 0
    check_exact(count, talk.shown(), heard)


@several
def test_a_count_of_messages_of_one_connection_each(goodtalk, workers):
    """More come at once than are asked for, each from a peer of its own."""
    talk = goodtalk("-n", "50", "-j", workers, "--echo", "-f", "line")
    swarm = Swarm(talk.port, [b"%d-1\n" % number for number in range(120)])
    swarm.run()
    assert talk.ended() == 0
    check_exact(50, talk.shown(), swarm.heard)


@several
def test_a_count_of_connections_is_exact(goodtalk, workers):
    talk = goodtalk("--connections", "40", "-j", workers, "--echo", "-f", "line", "--close")
    swarm = Swarm(talk.port, [b"%d-1\n" % number for number in range(100)])
    swarm.run()
    assert talk.ended() == 0
    check_exact(40, talk.shown(), swarm.heard)


def test_control_workers_that_count_each_for_itself(fake):
    """Two of them, 100 each: the check above sees that these are not 100."""
    shown, taken, lock = [], {0: 0, 1: 0}, threading.Lock()
    turn = iter(range(1000))

    def handle(connection):
        worker, stream = next(turn) % 2, connection.makefile("rb")
        for line in stream:
            with lock:
                if taken[worker] == 100:
                    break
                taken[worker] += 1
                shown.append(line[:-1])
            connection.sendall(line)
        connection.shutdown(1)
        while stream.read(4096):
            pass
        connection.close()

    heard = flood(fake(handle), clients=4, messages=200)
    with pytest.raises(AssertionError):
        check_exact(100, shown, heard)
    check_exact(200, shown, heard)


def test_a_count_reached_by_one_wakes_the_others(goodtalk):
    """The workers that heard nothing end their connections too, at once."""
    talk = goodtalk("-n", "1", "-j", "4")
    silent = [Client(talk.port) for _ in range(32)]
    assert say(talk.port, b"the one\n") == REPLY
    assert all(client.ended_silently() for client in silent)
    assert talk.ended() == 0
    for client in silent:
        client.socket.close()


# ---- the end ----


@several
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_under_load_no_reply_is_lost(goodtalk, tmp_path, workers, number):
    with open(tmp_path / "shown", "wb") as file:
        talk = goodtalk("-k", "--echo", "-j", workers, stdout=file)
        swarm = Swarm(talk.port, [b"".join(b"%d-%d\n" % (connection, n) for n in range(1, 201))
                                  for connection in range(300)])
        swarm.run(enough=lambda swarm: swarm.heard_lines() > 3000)
        talk.signal(number)
        swarm.run()
        assert talk.ended() == 0
    shown = shown_messages((tmp_path / "shown").read_bytes())
    check_shown_is_replied(shown, swarm.heard)
    assert len(shown) > 3000


@several
def test_who_is_in_a_queue_when_it_stops_is_heard(goodtalk, workers):
    """Connections that were made, and said something, before the signal came."""
    talk = goodtalk("-k", "-j", workers)
    talk.signal(signal.SIGSTOP)
    clients = [Client(talk.port).send(b"hello\n") for _ in range(100)]
    talk.signal(signal.SIGTERM)
    talk.signal(signal.SIGCONT)
    assert [client.everything() for client in clients] == [REPLY] * 100
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"] * 100
    for client in clients:
        client.socket.close()


def test_drain_timeout_is_that_of_all(goodtalk, tmp_path):
    (tmp_path / "reply").write_bytes(b"z" * (32 << 20))
    talk = goodtalk("-k", "-j", "3", "--drain-timeout", "100ms", "--reply-file", tmp_path / "reply")
    clients = [Client(talk.port, receive_buffer=4096).send(b"hello\n") for _ in range(20)]
    for client in clients:
        assert wait_readable(client.socket.fileno())
    talk.signal(signal.SIGTERM)
    assert talk.ended() == 1
    assert "drain-timeout passed with 20 connections unfinished" in talk.said()
    for client in clients:
        client.socket.close()


def test_a_second_signal_ends_it_at_once(goodtalk, tmp_path):
    (tmp_path / "reply").write_bytes(b"z" * (32 << 20))
    talk = goodtalk("-k", "-v", "-j", "3", "--drain-timeout", "1h", "--reply-file", tmp_path / "reply")
    clients = [Client(talk.port, receive_buffer=4096).send(b"hello\n") for _ in range(20)]
    for client in clients:
        assert wait_readable(client.socket.fileno())
    talk.signal(signal.SIGTERM)
    talk.told_about("stopping")
    talk.signal(signal.SIGTERM)
    assert talk.ended() == -signal.SIGTERM
    for client in clients:
        client.socket.close()


@pytest.mark.parametrize("options, status", [(["-n", "9"], 3), (["-k"], 0)], ids=["-n", "-k"])
def test_the_timeout_of_the_run(goodtalk, options, status):
    talk = goodtalk(*options, "-j", "3", "-w", "300ms")
    silent = [Client(talk.port) for _ in range(16)]
    for client in silent:
        with contextlib.suppress(ConnectionResetError):
            client.everything()
    assert talk.ended() == status
    for client in silent:
        client.socket.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_what_one_cannot_write_ends_all(goodtalk):
    with open("/dev/full", "wb") as full:
        talk = goodtalk("-k", "-j", "3", stdout=full)
        silent = [Client(talk.port) for _ in range(16)]
        assert say(talk.port, b"hello\n") == b""
        assert all(client.ended_silently() for client in silent)
        assert talk.ended() == 1
    assert talk.said().count("ENOSPC") == 1


# ---- what is told ----


@several
def test_counters_are_sums(kept, workers):
    talk = kept("-j", workers, "-s", "json")
    connected = connections_of_all(talk, workers)
    count = sum(map(len, connected.values()))
    counters = ask_until(talk, messages=count, replies=count, bytes_sent=count * len(REPLY))
    assert counters["connections"] == counters["connections-open"] == count
    close_all(connected)
    ended = ask_until(talk, ended_peer_closed=count)
    assert "connections-open" not in ended
    assert talk.stop() == 0
    assert {worker_of(row) for row in rows_of(talk)} == {str(n) for n in range(workers)}


def test_ids_count_in_each_worker(goodtalk):
    talk = goodtalk("-k", "-j", "2", "-s", "json")
    close_all(connections_of_all(talk, 2))
    assert talk.stop() == 0
    by_worker = {}
    for row in rows_of(talk):
        by_worker.setdefault(worker_of(row), []).append(int(row["id"].split("-")[1]))
    for numbers in by_worker.values():
        assert numbers == list(range(1, len(numbers) + 1))


def test_events_of_all_are_whole_lines(goodtalk):
    talk = goodtalk("-k", "-v", "-j", "4", "--log-format", "json", "-s", "none", "--close")
    clients = [Client(talk.port) for _ in range(200)]
    for client in clients:
        client.send(b"hello\n")
    assert all(client.everything() == REPLY for client in clients)
    assert talk.stop() == 0
    events = [json.loads(line)["event"] for line in talk.said().splitlines()]
    assert events.count("connected") == events.count("ended") == 200
    for client in clients:
        client.socket.close()


# ---- the limits ----


def is_served(client):
    return wait_readable(client.socket.fileno(), 0)


@several
def test_max_connections_is_that_of_all(kept, workers):
    """Each place is of one who has had a reply; of the others one at a time is let in, when one goes."""
    talk = kept("-j", workers, "-s", "none", "-m", "5")
    first = [Client(talk.port) for _ in range(5)]
    for client in first:
        assert client.send(b"hello\n").line() == REPLY
    for _ in range(20):
        waiting = Client(talk.port).send(b"let me in\n")
        for client in first:
            assert client.send(b"hello\n").line() == REPLY
        assert ask(talk)["connections-open"] == 5
        assert not is_served(waiting)
        first.pop(0).socket.close()
        assert waiting.line() == REPLY
        assert ask(talk)["connections-open"] == 5
        first.append(waiting)
    for client in first:
        client.socket.close()
    assert talk.stop() == 0


@several
def test_a_crowd_never_makes_it_more(kept, workers):
    talk = kept("-j", workers, "-s", "none", "-m", "5")
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(Client(talk.port)) for _ in range(100)]
        for client in crowd:
            with contextlib.suppress(OSError):
                client.send(b"hello\n")
            assert ask(talk)["connections-open"] <= 5
    assert talk.stop() == 0


@several
def test_silent_ones_give_way_whichever_worker_has_them(kept, workers):
    """Places are taken by those who say nothing: of each worker that has a guest somebody's goes."""
    talk = kept("-j", workers, "-m", "8")
    silent = [Client(talk.port) for _ in range(100)]
    until(lambda: ask(talk).get("ended-gave-way", 0) >= 92, "the silent ones that have no place are gone")
    for _ in range(60):  # who comes amid a crowd may have to give way before it is heard; nobody has to now
        with Client(talk.port) as client:
            assert client.send(b"hello\n").line() == REPLY
    assert ask_until(talk, messages=60)["ended-gave-way"] <= 100
    for client in silent:
        client.socket.close()
    assert talk.stop() == 0


def test_one_that_has_had_a_reply_never_gives_way(kept):
    talk = kept("-j", "3", "-m", "4", "-s", "none")
    first = [Client(talk.port) for _ in range(4)]
    for client in first:
        assert client.send(b"hello\n").line() == REPLY
    others = [Client(talk.port) for _ in range(60)]
    for _ in range(10):
        for client in first:
            assert client.send(b"hello\n").line() == REPLY
    assert "ended-gave-way" not in ask(talk)
    for client in others + first:
        client.socket.close()
    assert talk.stop() == 0


@several
def test_max_memory_is_that_of_all(goodtalk, workers):
    """Unfinished messages of 100 kB: no more of them are kept than fit, whoever keeps them."""
    talk = goodtalk("-k", "-v", "-j", workers, "-f", "eof", "--max-memory", "2MiB", "--message-timeout", "1h")
    clients = [Client(talk.port).send(b"g" * 100_000) for _ in range(60)]
    fitting = (2 << 20) // 100_000

    def waiting():
        return [client for client in clients if not is_served(client)]

    until(lambda: len(waiting()) <= fitting, "those who do not fit ended")
    replies = [client.half_close().everything() for client in waiting()]
    for client in clients:
        client.socket.close()
    assert talk.stop() == 0
    assert fitting // 2 <= replies.count(REPLY) <= fitting
    assert talk.shown() == [b"g" * 100_000] * replies.count(REPLY)


@several
def test_memory_that_one_worker_does_not_use_is_for_the_others(goodtalk, workers):
    """A message of most of it, whichever worker takes it, and another one after that."""
    talk = goodtalk("-k", "-j", workers, "-f", "eof", "--max-message", "3MiB", "--max-memory", "4MiB",
                    "-s", "none")
    for _ in range(8):
        assert say(talk.port, b"m" * 2_000_000, half_close=True) == REPLY
    assert talk.stop() == 0
    assert talk.said() == ""
