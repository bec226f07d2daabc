"""-d DIR: every message is on disk before its reply, and what is there is taken up again."""
import json
import os
import signal
import socket
import stat
import time

import pytest
from goodtalk_journal import HEADER_BYTES, Segment, read_journal, segments_of
from goodtalk_talk import PATIENCE, REPLY, Client, run, until


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def recorder(goodtalk, journal):
    """recorder(OPTION...): a kept server with a journal of small segments that shows nothing."""
    return lambda *options, **how: goodtalk("-k", "-s", "none", "-d", journal, "--segment-size", "64KiB", *options, **how)


def bodies(journal, worker=0):
    return [message.body for message in read_journal(journal).get(worker, [])]


def last_segment(journal, worker=0):
    return segments_of(journal)[worker][-1][1]


def say_all(talk, *messages):
    with Client(talk.port) as client:
        for message in messages:
            assert client.send(message + b"\n").line() == REPLY


# ---- what is written ----


def test_what_is_recorded(goodtalk, journal):
    talk = goodtalk("-k", "-s", "json", "-d", journal)
    with Client(talk.port) as client:
        client.send(b"hello\r\n\xff\x00\n\n").half_close()
        assert client.everything() == REPLY * 3
        name = client.name
    assert talk.stop() == 0
    shown = [json.loads(line) for line in talk.stdout.everything().splitlines()]
    kept = read_journal(journal)[0]
    assert [message.body for message in kept] == [b"hello", b"\xff\x00", b""]
    assert [message.raw for message in kept] == [b"hello\r\n", b"\xff\x00\n", b"\n"]
    assert [message.id for message in kept] == [record["id"] for record in shown] == ["0-1", "0-2", "0-3"]
    assert {message.peer for message in kept} == {name}
    assert {message.listener for message in kept} == {f"tcp:[::]:{talk.port}"}
    assert all(abs(message.time_us / 1e6 - time.time()) < 2 * PATIENCE for message in kept)


def test_it_is_there_before_the_reply(recorder, journal):
    talk = recorder()
    with Client(talk.port) as client:
        for number in range(50):
            assert client.send(b"message %d\n" % number).line() == REPLY
            assert bodies(journal)[-1] == b"message %d" % number
    assert talk.stop() == 0


@pytest.mark.parametrize("engine", ["epoll", "uring"])
@pytest.mark.parametrize("sync", ["always", "50ms", "never"])
def test_every_way_to_sync(recorder, journal, engine, sync):
    if engine == "uring" and run("--engine", "uring", "--timeout", "1ms", "0").returncode == 1:
        pytest.skip("io_uring is denied here")
    talk = recorder("--sync", sync, "--engine", engine)
    clients = [Client(talk.port) for _ in range(10)]
    for first in range(0, 200, 40):
        for number, client in enumerate(clients):
            client.send(b"".join(b"%d.%d %s\n" % (number, index, b"x" * 100) for index in range(first, first + 40)))
        for client in clients:
            assert client.lines(40) == [REPLY] * 40
    for client in clients:
        client.socket.close()
    assert talk.stop() == 0
    heard = {}
    for body in bodies(journal):
        number, index = map(int, body.split()[0].split(b"."))
        heard.setdefault(number, []).append(index)
    assert heard == {number: list(range(200)) for number in range(10)}
    assert len(segments_of(journal)[0]) > 1


def test_peers_and_listeners_of_every_kind(goodtalk, journal, tmp_path):
    path = tmp_path / "socket"
    talk = goodtalk("-k", "-s", "none", "-d", journal, at=["127.0.0.1:0", "[::1]:0", f"unix:{path}", "udp:127.0.0.1:0"])
    names = talk.addresses
    ports = [int(name.rsplit(":", 1)[1]) for name in names if not name.startswith("unix")]
    said = [(Client(("127.0.0.1", ports[0])), names[0]), (Client(("::1", ports[1])), names[1]), (Client(path), names[2])]
    peers = []
    for client, _ in said:
        with client:
            client.send(b"hello\n").line()
            peers.append(client.socket.getsockname())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(PATIENCE)
        sender.sendto(b"datagram", ("127.0.0.1", ports[2]))
        sender.recv(100)
        peers.append(sender.getsockname())
    assert talk.stop() == 0
    kept = read_journal(journal)[0]
    assert [message.listener for message in kept] == [*[name for _, name in said], names[3]]
    assert kept[0].peer == "127.0.0.1:%d" % peers[0][1] and kept[1].peer == "[::1]:%d" % peers[1][1]
    assert kept[2].peer == f"unix:pid={os.getpid()},uid={os.getuid()}"
    assert (kept[3].peer, kept[3].body) == ("127.0.0.1:%d" % peers[3][1], b"datagram")


@pytest.mark.parametrize("size", [1, 7, 8, 65536 - 4096 - 200, 65536, 1000000])
def test_messages_of_any_size(recorder, journal, size):
    talk = recorder()
    say_all(talk, b"before", b"y" * size, b"behind")
    assert talk.stop() == 0
    assert bodies(journal) == [b"before", b"y" * size, b"behind"]


def test_workers_have_a_series_each(recorder, journal):
    talk = recorder("-j", "2")
    clients = [Client(talk.port) for _ in range(40)]
    for number, client in enumerate(clients):
        assert client.send(b"%d\n" % number).line() == REPLY
    for client in clients:
        client.socket.close()
    assert talk.stop() == 0
    kept = read_journal(journal)
    assert sorted(int(message.body) for messages in kept.values() for message in messages) == list(range(40))


def test_who_may_read_it(recorder, journal):
    talk = recorder()
    say_all(talk, b"secret")
    assert talk.stop() == 0
    assert stat.S_IMODE(journal.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in journal.iterdir()} == {0o600}


def test_a_run_without_messages_leaves_nothing(recorder, journal):
    assert recorder("-j", "2").stop() == 0
    assert [path.name for path in journal.iterdir()] == ["lock"]


def test_room_that_is_left_is_given_back(recorder, journal):
    talk = recorder()
    assert last_segment(journal).stat().st_size == 65536
    say_all(talk, b"hello")
    assert talk.stop() == 0
    assert last_segment(journal).stat().st_size < HEADER_BYTES + 500


def test_one_shots(goodtalk, journal):
    for number in range(3):
        talk = goodtalk("-d", journal)
        with Client(talk.port) as client:
            assert client.send(b"%d\n" % number).everything() == REPLY
        assert talk.ended() == 0
        assert talk.shown() == [b"%d" % number]
    assert [(message.id, message.body) for message in read_journal(journal)[0]] == [
        ("0-1", b"0"), ("0-2", b"1"), ("0-3", b"2")]


def test_beside_a_log(goodtalk, journal, tmp_path):
    for _ in range(2):
        talk = goodtalk("-k", "-s", "json", "-d", journal, "--log", tmp_path / "log")
        say_all(talk, b"one", b"two")
        assert talk.stop() == 0
    ids = [json.loads(line)["id"] for line in (tmp_path / "log").read_text().splitlines()]
    assert ids == ["0-1", "0-2", "0-3", "0-4"] == [message.id for message in read_journal(journal)[0]]


# ---- runs that follow each other ----


def test_other_workers_and_engines_go_on(recorder, journal):
    for workers, engine in [("2", "epoll"), ("1", "auto"), ("3", "epoll"), ("1", "epoll")]:
        talk = recorder("-j", workers, "--engine", engine)
        for number in range(10):
            say_all(talk, b"%s %d" % (workers.encode(), number))
        assert talk.stop() == 0
    kept = read_journal(journal)
    assert sum(map(len, kept.values())) == 40
    for messages in kept.values():
        assert [message.sequence for message in messages] == list(range(1, len(messages) + 1))


def test_one_process_at_a_time(recorder, journal):
    talk = recorder()
    ended = run("-d", str(journal), "0")
    assert ended.returncode == 1
    assert f"being recorded to by another process (pid {talk.pid})".encode() in ended.stderr
    talk.signal(signal.SIGKILL)
    assert talk.ended() == -signal.SIGKILL
    assert recorder().stop() == 0


def test_what_cannot_be_a_journal(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path, why in [(tmp_path / "none" / "journal", b"(ENOENT, errno 2)"), (tmp_path / "file", b"(ENOTDIR, errno 20)")]:
        ended = run("-d", str(path), "0")
        assert ended.returncode == 1 and why in ended.stderr and str(path).encode() in ended.stderr


def test_wrong_values():
    for option, value in [("--sync", "sometimes"), ("--sync", "none"), ("--sync", "0"), ("--segment-size", "1KiB"),
                          ("--segment-size", "2GiB"), ("--record-size", "1"), ("-d", "")]:
        assert run(option, value, "0").returncode == 2


# ---- what is left of a crash ----


def crashed(recorder, journal, *messages):
    """The last segment that a server leaves that was killed after these messages."""
    talk = recorder()
    say_all(talk, *messages)
    talk.signal(signal.SIGKILL)
    talk.ended()
    return last_segment(journal)


def test_nothing_is_cut_from_what_is_whole(recorder, journal):
    crashed(recorder, journal, b"one", b"two")
    talk = recorder()
    say_all(talk, b"three")
    assert talk.stop() == 0
    assert talk.said() == ""
    assert bodies(journal) == [b"one", b"two", b"three"]


def test_a_tail_is_cut_and_told(recorder, journal):
    path = crashed(recorder, journal, b"one", b"two", b"three")
    data = bytearray(path.read_bytes())
    bad = data.index(b"three")
    data[bad] ^= 1
    path.write_bytes(data)
    start = bad - 24 - 56
    talk = recorder()
    assert f"{path}: cut off at offset {start}: 86 bytes" in talk.told_about("cut off")
    say_all(talk, b"four")
    assert talk.stop() == 0
    assert [(message.id, message.body) for message in read_journal(journal)[0]] == [
        ("0-1", b"one"), ("0-2", b"two"), ("0-3", b"four")]


def test_damage_below_what_was_durable_is_refused(recorder, journal):
    path = crashed(recorder, journal, b"one", b"two", b"three")
    data = bytearray(path.read_bytes())
    bad = data.index(b"one")
    data[bad] ^= 1
    path.write_bytes(data)
    before = {path.name: path.read_bytes() for path in journal.iterdir()}
    ended = run("-k", "-d", str(journal), "0")
    assert ended.returncode == 1
    assert f"{path} is damaged at offset {bad - 24 - 56}".encode() in ended.stderr
    assert f"goodtalk show --repair {journal}".encode() in ended.stderr
    del before["lock"]
    assert {path.name: path.read_bytes() for path in journal.iterdir() if path.name != "lock"} == before


def test_repaired_it_goes_on(recorder, journal):
    path = crashed(recorder, journal, b"one", b"two", b"three")
    path.write_bytes(path.read_bytes().replace(b"one", b"0ne"))
    assert run("show", "--repair", str(journal)).returncode == 0
    talk = recorder()
    say_all(talk, b"four")
    assert talk.stop() == 0
    kept = run("show", "--json", str(journal)).stdout.splitlines()
    assert [json.loads(line)["id"] for line in kept] == ["0-2", "0-3", "0-4"]


def test_series_of_workers_that_are_no_more_are_looked_at(recorder, journal):
    talk = recorder()
    assert talk.stop() == 0
    other = Segment(worker=7)
    other.listener("tcp:127.0.0.1:9999")
    other.message(b"one")
    bad = other.message(b"two")
    other.message(b"three")
    other.synced_to = 3
    other.mark()
    other.data[bad + 60] ^= 1
    path = other.save(journal)
    ended = run("-d", str(journal), "0")
    assert ended.returncode == 1 and f"{path} is damaged".encode() in ended.stderr


def test_a_segment_that_was_never_finished(recorder, journal):
    crashed(recorder, journal, b"one")
    (journal / "0-0000000002.journal").write_bytes(b"goodtalk jour")
    (journal / "0-0000000003.journal").write_bytes(bytes(70000))
    talk = recorder()
    say_all(talk, b"two")
    assert talk.stop() == 0
    assert bodies(journal) == [b"one", b"two"]


# ---- a mark, when nothing comes ----


def test_an_idle_server_says_what_is_durable(recorder, journal):
    talk = recorder()
    say_all(talk, b"one")
    path = last_segment(journal)
    size = len(path.read_bytes().rstrip(b"\0"))
    until(lambda: len(path.read_bytes().rstrip(b"\0")) > size, "a mark")
    talk.signal(signal.SIGKILL)
    talk.ended()
    path.write_bytes(path.read_bytes().replace(b"one", b"0ne"))
    assert run("-d", str(journal), "0").returncode == 1  # without the mark it would be a tail


# ---- a bound ----


def test_old_segments_are_dropped(recorder, journal):
    talk = recorder("--record-size", "256KiB")
    with Client(talk.port) as client:
        for number in range(3000):
            client.send(b"%06d %s\n" % (number, b"z" * 250))
        assert client.lines(3000) == [REPLY] * 3000
    assert sum(path.stat().st_size for path in journal.iterdir()) <= 256 * 1024 + 100
    assert talk.stop() == 0
    kept = [int(body.split()[0]) for body in bodies(journal)]
    assert kept == list(range(3000 - len(kept), 3000)) and 200 < len(kept) < 900
    talk = recorder("--record-size", "64KiB")
    say_all(talk, b"%06d next" % 3000)
    assert talk.stop() == 0
    assert [message.sequence for message in read_journal(journal)[0]][-1] == 3001
