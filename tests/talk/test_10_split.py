"""Any cut of a stream into pieces gives the same messages and the same replies.

A Unix socket tells when a piece has been read, so that the pieces really come apart."""
import json

import pytest
from goodtalk_talk import Client, program_starter, say
from hypothesis import HealthCheck, example, given, settings, strategies as st
from test_06_what_is_shown import body_of

bytes_that_matter = st.sampled_from([b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"a", b"hello", b"\\n"])
streams = st.lists(bytes_that_matter | st.binary(max_size=5), max_size=12).map(b"".join)
cuts = st.lists(st.integers(0, 60), max_size=8)
quick = settings(max_examples=60, deadline=None, database=None, derandomize=True,
                 suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def messages_of(stream, frame):
    """The messages of a stream, the obvious way."""
    if frame == "eof":
        return [stream] if stream else []
    *lines, rest = stream.split(b"\n")
    return [line.removesuffix(b"\r") for line in lines] + ([rest] if rest else [])


def pieces_of(stream, places):
    edges = sorted({0, len(stream), *(place for place in places if place < len(stream))})
    return [stream[start:end] for start, end in zip(edges, edges[1:])]


class Kept:
    """A kept server that echoes, and how many of its shown messages have been looked at."""

    def __init__(self, start, path, frame):
        self.frame, self.path, self.seen, self.marks = frame, path, 0, 0
        self.talk = start("-k", "--echo", "-f", frame, "--pause", "1h", "-s", "json",
                          at=f"unix:{path}")

    def hear(self, pieces):
        """Say the pieces apart: (the messages shown, what was replied)."""
        with Client(self.path) as client:
            for piece in pieces:
                client.send_apart(piece)
            replied = client.half_close().everything()
        return self.shown_until_marked(), replied

    def shown_until_marked(self):
        """Say a mark, wait until it is shown: the messages before it that were not seen yet."""
        self.marks += 1
        mark = b"mark %d of this test" % self.marks
        say(self.path, mark, half_close=True)
        data = self.talk.stdout.wait_for(lambda data: mark in data and data.endswith(b"\n"))
        rows = [json.loads(line) for line in data.splitlines()[self.seen:]]
        self.seen += len(rows)
        messages = [body_of(row) for row in rows]
        assert messages.pop() == mark
        return messages


@pytest.fixture(scope="module", params=["talk", "line", "eof"])
def kept(request, tmp_path_factory):
    with program_starter() as start:
        server = Kept(start, tmp_path_factory.mktemp("split") / "gt", request.param)
        yield server
        assert server.talk.stop() == 0


def check(kept, stream, pieces, model=messages_of):
    expected = model(stream, kept.frame)
    ending = b"" if kept.frame == "eof" else b"\n"
    shown, replied = kept.hear(pieces)
    assert shown == expected
    assert replied == b"".join(message + ending for message in expected)


@quick
@given(stream=streams, places=cuts)
@example(stream=b"a\r\n\r\nb\r\r\nc\r", places=[1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_any_cut_gives_the_same(kept, stream, places):
    check(kept, stream, pieces_of(stream, places))


@quick
@given(stream=streams)
def test_byte_by_byte(kept, stream):
    check(kept, stream, [stream[at:at + 1] for at in range(len(stream))])


@quick
@given(stream=streams)
def test_whole(kept, stream):
    check(kept, stream, [stream] if stream else [])


@pytest.mark.parametrize("size", [4096, 16384, 65536])
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_cut_at_the_size_of_a_buffer(kept, size, off):
    stream = b"x" * (size + off - 1) + b"\r\n" + b"y" * size + b"\nrest"
    check(kept, stream, [stream[:size], stream[size:]])


def test_control_a_cut_that_makes_a_message(kept):
    """The check can fail: a server to which a piece is a message would not pass."""
    def one_message_a_piece(stream, frame):
        return [stream[:2], stream[2:]]

    with pytest.raises(AssertionError):
        check(kept, b"hello", [b"he", b"llo"], model=one_message_a_piece)
