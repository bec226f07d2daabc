"""--log FILE: every message as a JSON line, there before its reply, whole whatever happens."""
import base64
import contextlib
import json
import os
import pathlib
import signal
import stat

import pytest
from goodtalk_talk import REPLY, Client, run, until, wait_readable


def records(path):
    """What a log holds: whole lines, each an object."""
    data = pathlib.Path(path).read_bytes()
    assert data == b"" or data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def texts(path):
    return [record["text"] for record in records(path)]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


# ---- what is written ----


def test_a_line_for_each_message(goodtalk, log):
    talk = goodtalk("-n", "3", "--log", log)
    with Client(talk.port) as client:
        client.send(b"hello\n\xff\xfe\n\"quoted\"\n").half_close()
        assert client.everything() == REPLY * 3
        name = client.name
    assert talk.ended() == 0
    assert talk.shown() == [b"hello", b"\\xff\\xfe", b'"quoted"']
    first, second, third = records(log)
    assert list(first) == ["id", "time", "listener", "peer", "size", "text"]
    assert (first["id"], first["peer"], first["size"], first["text"]) == ("0-1", name, 5, "hello")
    assert first["listener"] == f"tcp:[::]:{talk.port}"
    assert base64.b64decode(second["base64"]) == b"\xff\xfe" and "text" not in second
    assert third["text"] == '"quoted"'


def test_the_same_as_show_json(goodtalk, log):
    talk = goodtalk("-n", "2", "-s", "json", "--log", log)
    with Client(talk.port) as client:
        client.send(b"one\ntwo\n").half_close()
        client.everything()
    assert talk.ended() == 0
    assert talk.stdout.everything() == log.read_bytes()


def test_the_line_is_there_before_the_reply(goodtalk, log):
    talk = goodtalk("-k", "-s", "none", "--log", log)
    with Client(talk.port) as client:
        for number in range(200):
            assert client.send(b"message %d\n" % number).line() == REPLY
            assert texts(log)[-1] == f"message {number}"
    assert talk.stop() == 0


def test_it_is_appended_to(goodtalk, log):
    for word in (b"first", b"second"):
        talk = goodtalk("--log", log)
        with Client(talk.port) as client:
            assert client.send(word + b"\n").everything() == REPLY
        assert talk.ended() == 0
    assert texts(log) == ["first", "second"]


def test_workers_share_it(goodtalk, log):
    talk = goodtalk("-k", "-j", "2", "-s", "none", "--log", log)
    clients = [Client(talk.port) for _ in range(40)]
    for number, client in enumerate(clients):
        client.send(b"".join(b"%d.%d\n" % (number, index) for index in range(50)))
    for client in clients:
        assert client.lines(50) == [REPLY] * 50
        client.socket.close()
    assert talk.stop() == 0
    heard = {}
    for record in records(log):
        number, index = map(int, record["text"].split("."))
        heard.setdefault(number, []).append(index)
    assert heard == {number: list(range(50)) for number in range(40)}
    ids = [record["id"] for record in records(log)]
    assert len(set(ids)) == len(ids)


def test_permissions_are_the_umasks(goodtalk, log):
    before = os.umask(0o027)
    try:
        talk = goodtalk("-k", "--log", log)
    finally:
        os.umask(before)
    assert stat.S_IMODE(log.stat().st_mode) == 0o640
    assert talk.stop() == 0


# ---- what is there at the start ----


def test_a_torn_last_line_is_cut_and_told(goodtalk, log):
    whole = b'{"id":"0-1","text":"whole"}\n'
    log.write_bytes(whole + b'{"id":"0-2","ti')
    talk = goodtalk("--log", log)
    assert talk.told_about("torn").endswith("15 bytes cut off")
    with Client(talk.port) as client:
        assert client.send(b"next\n").everything() == REPLY
    assert talk.ended() == 0
    assert texts(log) == ["whole", "next"]


@pytest.mark.parametrize("size", [1, 7, 8, 4095, 4096, 4097, 100_000])
def test_a_torn_line_of_any_length(goodtalk, log, size):
    torn = (b'{"id":"0-2","text":"' + b"x" * size)[:size]
    log.write_bytes(b'{"text":"whole"}\n' + torn)
    assert goodtalk("-k", "--log", log).stop() == 0
    assert texts(log) == ["whole"]


def test_somebody_elses_file_is_left_alone(log):
    log.write_bytes(b"a letter, whose last line has no end")
    ended = run("--log", log, "0")
    assert ended.returncode == 1
    assert b"does not end like a log" in ended.stderr
    assert log.read_bytes() == b"a letter, whose last line has no end"


def test_what_cannot_be_a_log(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path, why in [(tmp_path / "none" / "log", b"(ENOENT, errno 2)"), (tmp_path, b"(EISDIR, errno 21)"),
                      (tmp_path / "fifo", b"is no regular file"), ("/dev/null", b"is no regular file")]:
        ended = run("--log", path, "0")
        assert ended.returncode == 1 and why in ended.stderr and str(path).encode() in ended.stderr
    assert run("--log", "", "0").returncode == 2


# ---- rotation ----


def held_files(talk):
    """Where its descriptors lead; not those that are closed meanwhile."""
    found = set()
    for link in pathlib.Path(f"/proc/{talk.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(link))
    return found


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_reopens_it(goodtalk, log, workers):
    talk = goodtalk("-k", "-j", workers, "--log", log)
    with Client(talk.port) as client:
        assert client.send(b"before\n").line() == REPLY
        log.rename(f"{log}.1")
        talk.signal(signal.SIGHUP)
        until(log.exists, "the new log")
        until(lambda: f"{log}.1" not in held_files(talk), "the old one being closed")
        assert client.send(b"after\n").line() == REPLY
    assert talk.stop() == 0
    assert texts(f"{log}.1") == ["before"]
    assert texts(log) == ["after"]


def test_what_cannot_be_reopened_stays(goodtalk, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    talk = goodtalk("-k", "--log", folder / "log")
    moved = tmp_path / "moved"
    folder.rename(moved)
    talk.signal(signal.SIGHUP)
    assert "goes on with the one it has" in talk.told_about("ENOENT")
    with Client(talk.port) as client:
        assert client.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0
    assert texts(moved / "log") == ["hello"]


def test_nothing_is_lost_in_rotation(goodtalk, log):
    """Messages in flight while the log is moved away again and again: each is in one of the files."""
    talk = goodtalk("-k", "-s", "none", "--log", log)
    with Client(talk.port) as client:
        for turn in range(30):
            client.send(b"".join(b"%d.%d\n" % (turn, index) for index in range(20)))
            log.rename(f"{log}.{turn}")
            talk.signal(signal.SIGHUP)
            assert client.lines(20) == [REPLY] * 20
            until(log.exists, "the new log")
    assert talk.stop() == 0
    found = [text for turn in range(30) for text in texts(f"{log}.{turn}")] + texts(log)
    assert found == [f"{turn}.{index}" for turn in range(30) for index in range(20)]


def test_without_a_log_sighup_stops(goodtalk):
    talk = goodtalk("-k")
    talk.signal(signal.SIGHUP)
    assert talk.ended() == 0


# ---- a full disk ----


@pytest.fixture
def small_disk(goodtalk, tmp_path):
    """small_disk(OPTION...): a server whose log is on a disk of 64 KiB of its own, and that disk."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()

    def start(*options):
        wrapper = ["unshare", "--mount", "sh", "-c",
                   'mount -t tmpfs -o size=64k none "$0" && exec "$@"', disk]
        talk = goodtalk(*options, "--log", disk / "log", wrapper=wrapper)
        return talk, pathlib.Path(f"/proc/{talk.process.pid}/root{disk}")

    return start


def test_a_full_disk_pauses_intake_and_nothing_is_lost(small_disk):
    talk, disk = small_disk("-k", "-v", "-f", "line", "-s", "none", "--drain-timeout", "60s")
    (disk / "hog").write_bytes(b"x" * 50_000)
    messages = [b"%04d" % number + b"." * 996 for number in range(30)]
    with Client(talk.port) as client, Client(talk.port) as other:
        client.send(b"\n".join(messages) + b"\n")
        assert "ENOSPC" in talk.told_about("nothing is taken until there is room")
        whole = len(records(disk / "log"))
        assert client.lines(whole) == [REPLY] * whole
        other.send(b"another\n")
        assert not wait_readable(other.socket.fileno(), 0) and not wait_readable(client.socket.fileno(), 0)
        (disk / "hog").unlink()
        assert other.line() == REPLY
        assert client.lines(30 - whole) == [REPLY] * (30 - whole)
        written = texts(disk / "log")
    assert sorted(written) == sorted(["another", *(message.decode() for message in messages)])
    assert [text for text in written if text != "another"] == [message.decode() for message in messages]
    talk.told_about("there is room again")
    assert talk.stop() == 0
    assert talk.said().count("ENOSPC") == 1


def test_a_full_disk_at_the_end(small_disk):
    """What cannot be recorded is not replied to, and the end says so."""
    talk, disk = small_disk("-k", "-f", "line", "-s", "none", "--drain-timeout", "300ms")
    (disk / "hog").write_bytes(b"x" * 65_536)
    with Client(talk.port) as client:
        client.send(b"hello\n")
        talk.told_about("ENOSPC")
        talk.signal(signal.SIGTERM)
        assert client.everything() == b""
        assert talk.ended() == 1
    assert "drain-timeout passed with 1" in talk.said()
