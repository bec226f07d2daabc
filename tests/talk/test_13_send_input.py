"""goodtalk send: standard input, sent as it comes, and what is printed of the replies."""
import os
import threading

import pytest
from goodtalk_send import send
from goodtalk_talk import PATIENCE, REPLY, is_sanitized, until
from test_13_send import printed

# ---- standard input ----


@pytest.mark.parametrize("framing", ["talk", "line", "crlf"])
@pytest.mark.parametrize("said, messages", [
    (b"", []), (b"\n", [b""]), (b"one\ntwo\n", [b"one", b"two"]), (b"one\r\n\r\nend", [b"one", b"", b"end"]),
], ids=repr)
def test_lines_of_standard_input(goodtalk, framing, said, messages):
    talk = goodtalk("-k", "--echo", "-f", framing)
    out = send("-f", framing, talk.addresses[0], said=said)
    assert out == printed(framing, messages)
    assert talk.stop() == 0
    assert talk.shown() == messages


def test_lines_are_sent_as_they_come(goodtalk, sender, pipe):
    talk = goodtalk("-k", "--echo")
    sending = sender(talk.addresses[0], stdin=pipe.read)
    for word in (b"one\n", b"two\n", b"three\n"):
        os.write(pipe.write, word)
        sending.stdout.wait_for(word)
    pipe.close_write()
    assert sending.ended() == 0
    assert sending.stdout.everything() == b"one\ntwo\nthree\n"


def test_many_lines(goodtalk):
    lines = b"".join(b"%d\n" % number for number in range(100_000))
    talk = goodtalk("--connections", "1", "-f", "line", "--echo", "-s", "none")
    assert send("-f", "line", talk.addresses[0], said=lines) == lines
    assert talk.ended() == 0


def test_a_slow_reader_of_replies_bounds_what_is_held(goodtalk, sender, pipe):
    """Nobody reads the replies: neither they nor the lines to come are gathered."""
    talk = goodtalk("-k", "-f", "line", "--echo", "-s", "none")
    piece, pieces = (b"x" * 1023 + b"\n") * 16, 4096  # 64 MiB
    fed, read_lines, write_lines = [], *os.pipe()
    sending = sender("-f", "line", talk.addresses[0], stdin=read_lines, stdout=pipe.write)
    os.close(read_lines)
    pipe.close_write()

    def feed():
        for _ in range(pieces):
            os.write(write_lines, piece)
            fed.append(1)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    until_it_stops(lambda: len(fed))
    assert len(fed) < pieces
    left = len(piece) * pieces
    while left > 0:
        left -= len(os.read(pipe.read, 1 << 20))
    peak = sending.memory_peak()
    os.close(write_lines)
    feeder.join(PATIENCE)
    assert sending.ended() == 0
    assert os.read(pipe.read, 1) == b""
    assert is_sanitized() or peak < 32 * 1024 * 1024


def until_it_stops(measure):
    """Wait until what is measured has not grown for a while."""
    seen = [None] * 50

    def stopped():
        seen.append(measure())
        return seen[-1] and len(set(seen[-50:])) == 1

    until(stopped, "an end of the growth")


def test_standard_input_that_cannot_be_read(goodtalk, tmp_path):
    talk = goodtalk("-k")
    directory = os.open(tmp_path, os.O_RDONLY)
    told = send(talk.addresses[0], stdin=directory, status=1)[1]
    os.close(directory)
    assert "cannot read standard input" in told and "EISDIR" in told


def test_standard_input_is_left_as_it_was(goodtalk, pipe):
    """Its mode is shared with whoever else has it."""
    talk = goodtalk()
    os.write(pipe.write, b"hello\n")
    pipe.close_write()
    assert send(talk.addresses[0], stdin=pipe.read) == REPLY
    assert os.get_blocking(pipe.read)


def test_a_file_is_read_from_where_it_stands(goodtalk, tmp_path):
    (tmp_path / "file").write_bytes(b"one\ntwo\nthree\n")
    talk = goodtalk("-n", 2)
    with open(tmp_path / "file", "rb", 0) as file:
        assert file.readline() == b"one\n"
        assert send(talk.addresses[0], stdin=file) == REPLY * 2
    assert talk.ended() == 0
    assert talk.shown() == [b"two", b"three"]


# ---- what is printed ----


def test_what_cannot_be_printed_is_an_error(goodtalk, pipe):
    talk = goodtalk("-k")
    with open("/dev/full", "wb", 0) as full:
        assert "ENOSPC" in send(talk.addresses[0], "x", stdout=full, status=1)[1]
    pipe.close_read()
    assert "EPIPE" in send(talk.addresses[0], "x", stdout=pipe.write, status=1)[1]


def test_replies_printed_before_a_failure(goodtalk, tmp_path):
    talk = goodtalk("-n", 2, "--echo")
    with open(tmp_path / "out", "wb") as file:
        send(talk.addresses[0], "one", "two", "three", stdout=file, status=1)
    assert (tmp_path / "out").read_bytes() == b"one\ntwo\n"
