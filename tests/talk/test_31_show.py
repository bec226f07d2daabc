"""goodtalk show: what a journal holds, as it was recorded; the journals are written in Python from the
description of the format."""
import base64
import json
import os
import sqlite3
import subprocess

import pytest
from goodtalk_journal import Segment, read_journal
from goodtalk_show import BEGAN_US, SECOND_US, fill, show, shown, small_journal, texts, words
from goodtalk_talk import GOODTALK, PATIENCE, Client

BODIES = [b"hello", b"", "grüß dich".encode(), b"\xff\0\x01", b"\x1b[2J\n", b"x" * 70000]
PEERS = ["127.0.0.1:40312", "[::1]:5", "[fe80::1%2]:99", "unix:pid=812,uid=33", "unix", "unknown"]


@pytest.fixture
def journal(tmp_path):
    """One of each kind of message and peer."""
    segment = Segment()
    segment.listener("tcp:127.0.0.1:9999")
    for number, (body, peer) in enumerate(zip(BODIES, PEERS)):
        segment.message(body, raw=body + b"\r\n", peer=peer, time_us=BEGAN_US + number)
    segment.mark()
    segment.room()
    segment.save(tmp_path)
    return tmp_path


# ---- forms ----

def test_json_has_the_keys_of_the_log(journal):
    for number, (message, body) in enumerate(zip(shown(journal), BODIES)):
        assert list(message)[:5] == ["id", "time", "listener", "peer", "size"]
        assert message["id"] == f"0-{number + 1}"
        assert message["time"] == f"2026-01-31T12:00:00.{number:06}Z"
        assert message["listener"] == "tcp:127.0.0.1:9999"
        assert message["peer"] == PEERS[number]
        assert message["size"] == len(body)
        said = message["text"].encode() if "text" in message else base64.b64decode(message["base64"])
        assert said == body
    assert number == len(BODIES) - 1


def test_raw_is_every_byte_as_it_came(journal):
    assert show("--raw", journal) == b"".join(body + b"\r\n" for body in BODIES)


def test_hex_is_as_hexdump_shows_it(journal):
    for number, body in enumerate(BODIES[:1]):
        dumped = subprocess.run(["hexdump", "-C"], input=body + b"\r\n", stdout=subprocess.PIPE, check=True).stdout
        assert show("--hex", journal).startswith(dumped)


def test_a_table_is_a_line_a_message(journal):
    lines = show(journal).decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(BODIES)
    assert lines[0] == "2026-01-31 12:00:00.000  127.0.0.1:40312              5  hello"
    assert lines[3].endswith("  unix:pid=812,uid=33          3  \\xff\\x00\\x01")
    assert lines[4].endswith("  \\x1b[2J\\n")
    assert lines[5].endswith("x" * 70000)  # nobody's width


def test_the_time_is_that_of_the_place(journal):
    assert show(journal, env={"TZ": "CET-1"}).startswith(b"2026-01-31 13:00:00.000")


def test_a_count(journal):
    assert show("--count", journal) == b"%d\n" % len(BODIES)


def test_colour_when_it_is_asked_for(journal):
    assert b"\x1b[1;31mell\x1b[0m" in show("--color", "always", "--match", "ell", journal)
    assert b"\x1b" not in show("--color", "never", journal)
    assert b"\x1b" not in show(journal)


# ---- which ----

def test_several_workers_are_merged_by_time(tmp_path):
    for worker in range(3):
        segment = Segment(worker=worker)
        segment.listener("udp:127.0.0.1:9")
        for number in range(10):
            segment.message(b"%d" % (number * 3 + worker), time_us=BEGAN_US + number * 3 + worker)
        segment.save(tmp_path)
    assert texts(tmp_path) == [str(number) for number in range(30)]


def test_a_workers_messages_stay_in_their_order(tmp_path):
    """Whatever the clock says: it is set back by an hour."""
    segment = Segment()
    segment.listener("udp:127.0.0.1:9")
    for number in range(10):
        segment.message(b"%d" % number, time_us=BEGAN_US + (number - 3600 * (number > 4)) * SECOND_US)
    segment.save(tmp_path)
    other = Segment(worker=1)
    other.listener("udp:127.0.0.1:9")
    other.message(b"between", time_us=BEGAN_US - 1800 * SECOND_US)
    other.save(tmp_path)
    assert texts(tmp_path) == ["between", *map(str, range(10))]


def test_one_segment(tmp_path):
    small_journal(tmp_path)
    assert texts(tmp_path / "0-0000000002.journal") == words(2, 6)
    assert texts("0-0000000001.journal", cwd=tmp_path) == words(6)


@pytest.mark.parametrize("options, expected", [
    (["--since", "2026-01-31T12:00:06Z"], words(2, 6)),
    (["--since", "2026-01-31 12:00:05.999"], words(2, 6)),
    (["--until", "2026-01-31T12:00:02Z"], words(2)),
    (["--since", "2026-01-31T13:00:01+01:00", "--until", "2026-01-31 12:00:02"], words(1, 1)),
    (["--since", "10min"], []),
    (["--until", "1d"], words(8)),
    (["--match", "[357]$"], ["message 3", "message 5", "message 7"]),
    (["--match", "(?i)MESSAGE 1"], ["message 1"]),
    (["--match", "nothing"], []),
    (["--peer", "127.0.0.0/8"], words(8)),
    (["--peer", "127.0.0.1:40312"], words(8)),
    (["--peer", "unix"], []),
    (["--listener", "9999"], words(8)),
    (["--listener", "udp"], []),
    (["-n", "3"], words(3, 5)),
    (["-n", "3", "--match", "[0-4]$"], words(3, 2)),
    (["-n", "0"], []),
    (["-n", "100"], words(8)),
], ids=" ".join)
def test_some_of_them(tmp_path, options, expected):
    small_journal(tmp_path)
    if options[0] == "--until" and options[1] == "1d" and os.environ.get("FAKETIME"):
        pytest.skip("the clock is not the real one")
    assert texts(*options, tmp_path) == expected
    assert show("--count", *options, tmp_path) == b"%d\n" % len(expected)


def test_bytes_that_are_no_text_are_matched_too(tmp_path):
    segment = Segment()
    segment.listener("udp:127.0.0.1:9")
    segment.message(b"\xff\0 needle \xc3")
    segment.save(tmp_path)
    assert show("--raw", "--match", "^.. ?needle|needle", tmp_path) == b"\xff\0 needle \xc3\n"


def test_an_expression_that_takes_too_long(tmp_path):
    """One message is left out, and told; the others are held against it."""
    segment = Segment()
    segment.listener("udp:127.0.0.1:9")
    for body in (b"aaa", b"a" * 5000 + b"!", b"aa"):
        segment.message(body)
    segment.save(tmp_path)
    assert texts("--match", "^(a+)+$", tmp_path, status=1, said="--match: for 1 message") == ["aaa", "aa"]


# ---- a database ----

def test_sqlite(journal, tmp_path):
    database = tmp_path / "messages.db"
    for _ in range(2):  # the second time there is nothing new
        assert show("--sqlite", database, journal) == b""
        with sqlite3.connect(database) as connection:
            rows = connection.execute("SELECT id, time, listener, peer, size, text, bytes FROM messages "
                                      "ORDER BY rowid").fetchall()
        assert [row[6] for row in rows] == BODIES
    for row, message in zip(rows, shown(journal)):
        assert row[:5] == (message["id"], message["time"], message["listener"], message["peer"], message["size"])
        assert row[5] == message.get("text")


def test_a_file_that_is_no_database(journal, tmp_path):
    (tmp_path / "file").write_bytes(b"something else" * 100)
    show("--sqlite", tmp_path / "file", journal, status=1, said="file is not a database")


# ---- logs ----

def test_a_log_is_shown_as_the_journal_is(journal, tmp_path):
    log = tmp_path / "log"
    log.write_bytes(show("--json", journal))
    assert show("--json", log) == log.read_bytes()
    assert show(log) == show(journal)
    assert show("--raw", log) == b"".join(body + b"\n" for body in BODIES)
    with log.open() as open_log:
        assert show("--count", "-", stdin=open_log) == b"%d\n" % len(BODIES)


def test_lines_that_are_no_messages_are_left_out(journal, tmp_path):
    log = tmp_path / "log"
    lines = show("--json", journal).splitlines(keepends=True)
    log.write_bytes(lines[0] + b"{}\n" + lines[1] + b"\n" + lines[2] + b"\x1b[2J\n")
    told = f"goodtalk: {log}, line 2: no message as a log has them; left out, as any other like it\n"
    assert show("--json", log, status=1, said=told) == b"".join(lines[:3])


def test_a_line_that_was_never_finished(journal, tmp_path):
    log = tmp_path / "log"
    lines = show("--json", journal).splitlines(keepends=True)
    log.write_bytes(lines[0] + lines[1][:-1])
    assert show("--json", log, said="line 2: was never finished") == lines[0]


# ---- a server's own ----

def test_what_a_server_records(goodtalk, tmp_path):
    directory = tmp_path / "journal"
    talk = goodtalk("-k", "-f", "line", "-s", "json", "-d", directory, at=["127.0.0.1:0", f"unix:{tmp_path}/socket"])
    with Client(talk.port) as client, Client(tmp_path / "socket") as local:
        for number in range(20):
            client.send(b"number %d\xff\n" % number).line()
            local.send(b"local %d\n" % number).line()
    assert len(shown(directory)) == 40  # while it runs, too
    assert talk.stop() == 0
    assert show("--json", directory) == talk.stdout.everything()
    assert [message.id for message in read_journal(directory)[0]] == [f"0-{n}" for n in range(1, 41)]


# ---- who reads ----

def test_a_reader_who_has_gone_ends_it_quietly(tmp_path):
    segment = Segment()
    fill(segment, 3000)
    segment.save(tmp_path)
    piped = subprocess.Popen([GOODTALK, "show", "--hex", tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert piped.stdout.readline()
    piped.stdout.close()
    assert piped.stderr.read() == b""
    assert piped.wait(PATIENCE) == 0


def test_a_full_disk_is_told(journal):
    with open("/dev/full", "wb") as full:
        ended = subprocess.run([GOODTALK, "show", journal], stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE)
    assert ended.returncode == 1
    assert b"cannot write to standard output: No space left on device (ENOSPC" in ended.stderr


def test_no_standard_output(journal):
    ended = subprocess.run(["sh", "-c", f"exec '{GOODTALK}' show '{journal}' >&-"], stderr=subprocess.PIPE,
                           timeout=PATIENCE)
    assert ended.returncode == 1 and b"cannot write to standard output" in ended.stderr


# ---- refused ----

@pytest.mark.parametrize("arguments, parts", [
    ([], ["no record to show"]),
    (["a", "b"], ["one record"]),
    (["--json", "--raw", "x"], ["--json and --raw: one of them"]),
    (["-F", "--count", "x"], ["--follow has no end", "--count"]),
    (["-F", "--verify", "x"], ["--follow has no end"]),
    (["--verify", "-n", "3", "x"], ["--verify takes all of a journal"]),
    (["--verify", "--match", "a", "x"], ["--verify takes all of a journal"]),
    (["--match", "a(b", "x"], ["--match a(b: ", "parenthesis"]),
    (["--match", "\x1b[", "x"], ["--match \\x1b[: "]),
    (["--peer", "nobody", "x"], ["--peer nobody: not a peer", "10.0.0.0/8"]),
    (["--since", "yesterday", "x"], ["--since yesterday: not a time", "2026-01-31"]),
    (["--until", "2026-02-30", "x"], ["not a time"]),
    (["--color", "red", "x"], ["--color red: auto, always or never"]),
    (["--last", "-1", "x"], ["--last -1"]),
    (["--sqlite", "", "x"], ["not a file"]),
    (["-4", "x"], ["-4"]),
    (["--folow", "x"], ["--follow"]),
    (["--verify", "/dev/null"], ["for a journal"]),
], ids=repr)
def test_refused(arguments, parts):
    ended = subprocess.run([GOODTALK, "show", *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    assert ended.returncode == 2 and ended.stdout == b""
    for part in parts:
        assert part in ended.stderr.decode()


def test_what_is_not_there(tmp_path):
    show(tmp_path / "nothing", status=1, said="nothing: No such file or directory (ENOENT")
    show(tmp_path / "0-0000000001.journal", status=1, said="0-0000000001.journal: No such file")
    assert show(tmp_path) == b""
    assert show("--verify", tmp_path) == b"no segments\n"


def test_help_is_short_and_whole():
    told = show("--help").decode()
    assert "Usage: goodtalk show" in told and max(map(len, told.splitlines())) < 80


def test_json_is_json_whatever_it_holds(tmp_path):
    """Every byte, and what drives terminals, in one message each: a line each, without a control."""
    segment = Segment()
    segment.listener('unix:/a"\\b\x1b[2J')
    for byte in range(256):
        segment.message(bytes([byte]) * 3)
    segment.save(tmp_path)
    for form in ("--json", "--hex", "--color=never"):
        assert not any(byte < 32 and byte != 10 or byte == 127 for byte in show(form, tmp_path))
    assert len([json.loads(line) for line in show("--json", tmp_path).splitlines()]) == 256
