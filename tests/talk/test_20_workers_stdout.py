"""-j and standard output: one for all workers. Records stay whole, each is written before its reply
leaves, those of a connection in order; a slow reader slows all, and nothing else."""
import os
import random
import signal
import threading

import pytest
from goodtalk_talk import REPLY, Client, Collector, Swarm, read_now, shown_messages, wait_readable
from test_06_slow_stdout import Stuck, is_reset, numbers
from test_07_ending import check_shown_is_replied

several = pytest.mark.parametrize("workers", [2, 4])


def records(number, count=40):
    """Raw records of this client: each tells whose it is, which, and how long, up to some kB."""
    sizes = random.Random(number)
    lines = []
    for n in range(count):
        size = sizes.choice([0, 10, 300, 5000])
        lines.append(b"<%d %d %d %s>\n" % (number, n, size, bytes([97 + number % 26]) * size))
    return lines


def check_whole(shown, said):
    """Nothing but whole records; of each client all, in its order."""
    of_client = {}
    for line in shown.splitlines(keepends=True):
        assert line.startswith(b"<") and line.endswith(b">\n"), line[:60]
        of_client.setdefault(int(line[1:].split()[0]), []).append(line)
    assert of_client == dict(enumerate(said))


@several
@pytest.mark.parametrize("sink", ["pipe", "file"])
def test_raw_records_are_whole(goodtalk, tmp_path, workers, sink):
    said = [records(number) for number in range(60)]
    with open(tmp_path / "shown", "wb") as file:
        how = {"stdout": file} if sink == "file" else {}
        talk = goodtalk("-n", 60 * 40, "-j", workers, "-s", "raw", "-f", "line", "--echo", **how)
        swarm = Swarm(talk.port, [b"".join(lines) for lines in said], piece=3000)
        swarm.run()
        assert talk.ended() == 0
    shown = (tmp_path / "shown").read_bytes() if sink == "file" else talk.stdout.everything()
    check_whole(shown, said)
    assert [bytes(heard) for heard in swarm.heard] == [b"".join(lines) for lines in said]


def test_control_two_who_write_without_a_lock(pipe):
    """Pieces of records that two threads write as they please are seen to be torn."""
    said = [records(number) for number in range(2)]

    def write(lines):
        for at in range(0, len(data := b"".join(lines)), 100):
            os.write(pipe.write, data[at:at + 100])

    record = Collector(os.dup(pipe.read))
    threads = [threading.Thread(target=write, args=(lines,)) for lines in said]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.close_write()
    whole = b"".join(b"".join(lines) for lines in said)
    shown = record.everything()
    assert sorted(shown) == sorted(whole)
    if shown == whole:  # the threads did not meet: then by hand
        shown = whole[:50] + said[1][0] + whole[50:]
    with pytest.raises((AssertionError, ValueError)):
        check_whole(shown, said)


@several
def test_no_reply_for_what_is_not_shown(goodtalk, pipe, workers):
    """A pipe of a page: replies are never ahead of what it has brought, and all come."""
    stuck = Stuck(goodtalk, pipe, "-k", "-j", workers, clients=40)
    stuck.fill()
    shown = b""
    while shown.count(b"\n") < 40:
        assert wait_readable(stuck.record)
        replies = stuck.replies()
        shown += read_now(stuck.record)
        assert replies <= shown.count(b"\n")
    assert [client.line() for client in stuck.clients] == [REPLY] * 40
    assert numbers(shown) == list(range(40))
    stuck.close()
    assert stuck.talk.stop() == 0


@several
def test_a_slow_reader_slows_the_intake_of_all(goodtalk, pipe, workers):
    """As much is taken as may wait to be written, a MiB for each worker and what the kernel holds."""
    talk = goodtalk("-k", "-j", workers, "-s", "raw", "--silent", stdout=pipe.write)
    line, sent = b"y" * 1023 + b"\n", 0
    clients = [Client(talk.port) for _ in range(8 * workers)]
    for client in clients:
        client.socket.setblocking(False)
    quiet = 0
    while quiet < 3:
        before = sent
        for client in clients:
            try:
                sent += client.socket.send(line * 64)
            except BlockingIOError:
                pass
        quiet = 0 if sent > before else quiet + 1
        wait_readable(clients[0].socket.fileno(), 0.1 if quiet else 0)
    assert sent < 400 << 20
    record = Collector(os.dup(pipe.read))
    talk.signal(signal.SIGTERM)
    pipe.close_write()
    for client in clients:
        client.socket.close()
    assert talk.ended() == 0
    assert record.everything().count(b"\n") > 0


@pytest.mark.parametrize("options, stop, status", [
    (["-k", "--drain-timeout", "50ms"], [signal.SIGTERM], 1),
    (["-n", "100", "-w", "2s"], [], 3),
    (["-k", "--drain-timeout", "1h"], [signal.SIGTERM, signal.SIGTERM], -signal.SIGTERM),
], ids=["SIGTERM", "-w", "SIGTERM twice"])
def test_signals_and_timers_go_on_while_stuck(goodtalk, pipe, options, stop, status):
    stuck = Stuck(goodtalk, pipe, "-v", "-j", "3", *options, clients=40)
    for number in stop:
        stuck.fill()
        stuck.talk.signal(number)
        stuck.talk.told_about("stopping")
    assert stuck.talk.ended() == status
    shown = read_now(stuck.record)
    replies = [client.everything() for client in stuck.clients if not is_reset(client)]
    assert sum(reply == REPLY for reply in replies) <= shown.count(b"\n")
    stuck.close()


@several
def test_stop_while_stuck_waits_for_the_reader(goodtalk, pipe, workers):
    stuck = Stuck(goodtalk, pipe, "-k", "-v", "-j", workers, clients=40)
    stuck.fill()
    stuck.talk.signal(signal.SIGTERM)
    stuck.talk.told_about("stopping")
    record = Collector(os.dup(stuck.record))
    assert stuck.talk.ended() == 0
    replied = [n for n, client in enumerate(stuck.clients) if client.everything() == REPLY]
    assert numbers(record.everything()) == replied
    stuck.close()


def test_a_reader_that_goes_while_it_is_slow(goodtalk, pipe):
    """Nobody writes on where a record was cut short; no reply for what nobody has seen."""
    stuck = Stuck(goodtalk, pipe, "-k", "-j", "3", clients=40)
    stuck.fill()
    pipe.close_read()
    replied = [client for client in stuck.clients if client.everything() == REPLY]
    assert stuck.talk.ended() == 1
    assert stuck.talk.said().count("EPIPE") == 1
    assert len(replied) * stuck.shown_size <= 4096
    stuck.close()


@several
def test_pipelines_to_a_slow_reader_stopped_half_way(goodtalk, pipe, workers):
    talk = goodtalk("-k", "--echo", "-j", workers, stdout=pipe.write)
    pipe.close_write()
    swarm = Swarm(talk.port, [b"".join(b"%d-%d\n" % (client, n) for n in range(1, 301))
                              for client in range(100)])
    record = Collector(os.dup(pipe.read))
    swarm.run(enough=lambda swarm: swarm.heard_lines() > 2000)
    talk.signal(signal.SIGTERM)
    swarm.run()
    assert talk.ended() == 0
    check_shown_is_replied(shown_messages(record.everything()), swarm.heard)
