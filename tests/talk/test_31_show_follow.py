"""goodtalk show -F: messages as they are recorded."""
import os
import signal
import sqlite3
import subprocess

import pytest
from goodtalk_journal import Segment
from goodtalk_show import fill, show, words
from goodtalk_talk import GOODTALK, PATIENCE, Client, Collector, until


class Following:
    """goodtalk show -F, running: its standard output comes in as it is written."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([GOODTALK, "show", "-F", *map(str, arguments)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.out = Collector(os.dup(self.process.stdout.fileno()))
        self.process.stdout.close()

    def lines(self, count):
        return self.out.wait_for(lambda data: data.count(b"\n") >= count).splitlines()

    def stop(self):
        """Nothing was told, and it has not ended by itself."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(PATIENCE) == -signal.SIGINT
        assert self.process.stderr.read() == b""
        self.process.stderr.close()
        return self.out.everything()


@pytest.fixture
def follow():
    running = []

    def start(*arguments):
        running.append(Following(*arguments))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(PATIENCE)


def test_a_server_is_followed(goodtalk, tmp_path, follow):
    directory = tmp_path / "journal"
    talk = goodtalk("-k", "-f", "line", "-s", "none", "-d", directory)
    with Client(talk.port) as client:
        client.send(b"before\n").line()
        following = follow("--raw", directory)
        assert following.lines(1) == [b"before"]
        for number in range(2, 50):
            client.send(b"%d\n" % number).line()
            assert following.lines(number)[-1] == b"%d" % number
    assert talk.stop() == 0
    assert following.stop() == show("--raw", directory)


def test_through_many_segments(goodtalk, tmp_path, follow):
    directory = tmp_path / "journal"
    talk = goodtalk("-k", "-f", "line", "-s", "none", "--segment-size", "64KiB", "-d", directory)
    following = follow("--raw", directory)
    with Client(talk.port) as client:
        for number in range(300):
            client.send(b"%d %s\n" % (number, b"x" * 1000)).line()
        lines = following.lines(300)
        assert [int(line.split()[0]) for line in lines] == list(range(300))
    assert len(list(directory.glob("*.journal"))) > 3
    assert talk.stop() == 0
    following.stop()


def test_a_worker_that_comes_later(tmp_path, follow):
    one = Segment()
    fill(one, 1)
    one.save(tmp_path)
    following = follow("--raw", tmp_path)
    assert following.lines(1) == [b"message 0"]
    other = Segment(worker=1)
    fill(other, 1, first=1)
    other.save(tmp_path)
    assert following.lines(2) == [b"message 0", b"message 1"]
    following.stop()


def test_the_last_and_then_what_comes(tmp_path, follow):
    segment = Segment()
    fill(segment, 5)
    path = segment.save(tmp_path)
    following = follow("--raw", "-n", "2", tmp_path)
    assert following.lines(2) == [b"message 3", b"message 4"]
    begins = segment.message(b"new")
    with path.open("r+b") as file:
        file.seek(begins)
        file.write(segment.data[begins:])
    assert following.lines(3)[2] == b"new"
    following.stop()


def test_a_message_that_is_written_piece_by_piece(tmp_path, follow):
    """What is not whole yet is no damage to who follows."""
    segment = Segment()
    fill(segment, 1)
    path = segment.save(tmp_path)
    following = follow("--raw", tmp_path)
    following.lines(1)
    begins = segment.message(b"in pieces")
    third = segment.message(b"and one more")
    with path.open("r+b", buffering=0) as file:
        for at in range(begins, len(segment.data), 10):
            file.seek(at)
            file.write(segment.data[at:at + 10])
    assert third > begins
    assert following.lines(3) == [b"message 0", b"in pieces", b"and one more"]
    following.stop()


def test_damage_is_told_once(tmp_path, follow):
    segment = Segment()
    offsets = fill(segment, 5)
    segment.mark()
    segment.data[offsets[2] + 82] ^= 1
    path = segment.save(tmp_path)
    following = follow("--raw", tmp_path)
    assert following.lines(2) == [b"message 0", b"message 1"]
    for _ in range(3):
        os.utime(path)
        segment.mark()
        segment.save(tmp_path)
    other = Segment(worker=1)
    fill(other, 1, first=9)
    other.save(tmp_path)
    assert following.lines(3)[2] == b"message 9"
    following.process.send_signal(signal.SIGINT)
    assert following.process.wait(PATIENCE) == -signal.SIGINT
    told = following.process.stderr.read().decode().splitlines()
    assert len(told) == 1 and f"offset {offsets[2]}" in told[0]


def test_a_log_is_followed_to_where_it_is_moved(goodtalk, tmp_path, follow):
    log = tmp_path / "log"
    talk = goodtalk("-k", "-f", "line", "-s", "none", "--log", log)
    following = follow("--raw", log)
    with Client(talk.port) as client:
        client.send(b"one\n").line()
        assert following.lines(1) == [b"one"]
        log.rename(tmp_path / "log.1")
        client.send(b"two\n").line()
        talk.signal(signal.SIGHUP)
        until(log.exists, "the new log")
        client.send(b"three\n").line()
        assert following.lines(3) == [b"one", b"two", b"three"]
    assert talk.stop() == 0
    following.stop()


def test_a_log_that_is_cut_begins_anew(tmp_path, follow):
    segment = Segment()
    fill(segment, 3)
    segment.save(tmp_path)
    lines = show("--json", tmp_path).splitlines(keepends=True)
    log = tmp_path / "log"
    log.write_bytes(lines[0] + lines[1])
    following = follow("--raw", log)
    assert following.lines(2) == [b"message 0", b"message 1"]
    os.truncate(log, 0)
    with log.open("ab") as file:
        file.write(lines[2])
    assert following.lines(3)[2] == b"message 2"
    following.stop()


def test_a_reader_who_goes_is_noticed(tmp_path, follow):
    """Also when no message comes."""
    segment = Segment()
    fill(segment, 1)
    segment.save(tmp_path)
    piped = subprocess.Popen([GOODTALK, "show", "-F", "--raw", tmp_path], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
    assert piped.stdout.readline() == b"message 0\n"
    piped.stdout.close()
    assert piped.wait(PATIENCE) == 0
    assert piped.stderr.read() == b""


def test_a_database_is_kept_up_to_date(tmp_path, follow):
    segment = Segment()
    fill(segment, 2)
    path = segment.save(tmp_path)
    database = tmp_path / "messages.db"
    follow("--sqlite", database, tmp_path)

    def rows():
        try:
            with sqlite3.connect(database) as connection:
                return [row[0] for row in connection.execute("SELECT text FROM messages ORDER BY time")]
        except sqlite3.OperationalError:  # not there yet
            return []

    until(lambda: rows() == words(2), "two rows")
    fill(segment, 1, first=2)
    path.write_bytes(segment.data)
    until(lambda: rows() == words(3), "a third row")
