"""Any cut of a stream into pieces gives the same messages and the same replies, in every framing.

A Unix socket tells when a piece has been read, so that the pieces really come apart. Hypothesis looks
for small streams that break; a seeded generator makes many: GOODTALK_SPLIT_STREAMS of them, over all
framings, each said whole, byte by byte and in 20 random cuts."""
import json
import os
import random

import pytest
from goodtalk_framings import FRAMINGS, Framing
from goodtalk_talk import Client, program_starter
from hypothesis import HealthCheck, given, settings, strategies as st
from test_06_what_is_shown import body_of

STREAMS = int(os.environ.get("GOODTALK_SPLIT_STREAMS", "1000"))
BY_NAME = {framing.spec: framing for framing in FRAMINGS}
MATTERS = [b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"a", b"aa", b"hello", b"\\n", b";", b",", b"5:",
           b"\r\n.", b"\x80"]

cuts = st.lists(st.integers(0, 60), max_size=8)
quick = settings(max_examples=30, deadline=None, database=None, derandomize=True,
                 suppress_health_check=list(HealthCheck))


# ---- streams, and what they mean ----


def lines_of(stream):
    """The lines of a stream, the obvious way."""
    *lines, rest = stream.split(b"\n")
    return [line.removesuffix(b"\r") for line in lines] + ([rest] if rest else [])


class Said:
    """A stream and what it should come to."""

    def __init__(self, framing, stream, messages=None):
        self.stream, self.messages, self.replies = stream, messages, None
        if framing.name in ("talk", "line"):
            self.messages = lines_of(stream)
            self.replies = b"".join(line + b"\n" for line in self.messages)
        elif framing.name in ("eof", "chunk"):
            self.messages, self.replies = [stream] if stream else [], stream


def said(framing, bodies, cut_short=0):
    """Whole messages; of the last one the end may be missing: it is then no message."""
    wires = [framing.say(body) for body in bodies]
    result = Said(framing, b"".join(wires), [framing.message(body) for body in bodies])
    if not framing.bounded:
        return result
    missing = cut_short % len(wires[-1]) if wires else 0
    if missing:
        result.stream = result.stream[:-missing]
        result.messages, wires = result.messages[:-1], wires[:-1]
    result.replies = b"".join(wires)
    return result


def bodies_for(framing):
    parts = st.lists(st.sampled_from(MATTERS) | st.binary(max_size=5), max_size=4).map(b"".join)
    if framing.name == "fixed":
        parts = st.binary(min_size=int(framing.parameter), max_size=int(framing.parameter))
    return st.lists(parts.filter(framing.takes), max_size=6)


def random_body(framing, choose):
    if framing.name == "fixed":
        return choose.randbytes(int(framing.parameter))
    while True:
        size = choose.choice([0, 1, 2, 3, 5, 8, 13, 100, 200])
        body = b"".join(choose.choice(MATTERS) if choose.random() < 0.2 else choose.randbytes(1)
                        for _ in range(size))
        if framing.delimiter:
            body = body.replace(framing.delimiter, b"*")
        body = body if choose.random() < 0.3 else body[:25]
        if framing.takes(body):
            return body


def random_said(framing, choose):
    bodies = [random_body(framing, choose) for _ in range(choose.randrange(12))]
    if not framing.strict:
        ends = [choose.choice([b"\n", b"\r\n"]) for _ in bodies]
        ends[-1:] = choose.choices([b"\n", b"\r\n", b""])
        return Said(framing, b"".join(body + end for body, end in zip(bodies, ends)))
    return said(framing, bodies, cut_short=choose.randrange(10) if choose.random() < 0.3 else 0)


# ---- cuts ----


def pieces_of(stream, places):
    edges = sorted({0, len(stream), *(place for place in places if place < len(stream))})
    return [stream[start:end] for start, end in zip(edges, edges[1:])]


def whole(stream, choose):
    return [stream] if stream else []


def byte_by_byte(stream, choose):
    return [stream[at:at + 1] for at in range(len(stream))]


def twenty_cuts(stream, choose):
    return pieces_of(stream, [choose.randrange(len(stream) + 1) for _ in range(20)])


# ---- the server ----


class Kept:
    """A kept server that echoes, and what it showed that has not been looked at yet."""

    def __init__(self, start, path, framing):
        self.framing, self.path, self.looked_at, self.marks = framing, path, 0, 0
        self.talk = start("-k", "--echo", "-f", framing.spec, "--pause", "1h", "-s", "json", "-q",
                          at=f"unix:{path}")

    def hear(self, pieces):
        """Say the pieces apart: what was replied."""
        with Client(self.path) as client:
            for piece in pieces:
                client.send_apart(piece)
            return client.half_close().everything()

    def shown(self):
        """Say a mark, wait until it is shown: the messages before it that were not seen yet."""
        self.marks += 1
        body = b"m%06d" % self.marks
        self.hear([self.framing.say(body)])

        def rows(data):
            return [body_of(json.loads(line)) for line in data[self.looked_at:].splitlines()]

        mark = self.framing.message(body)
        data = self.talk.stdout.wait_for(
            lambda data: data.endswith(b"\n") and mark in rows(bytes(data)))
        messages = rows(data)
        self.looked_at = len(data)
        assert messages.pop() == mark
        return messages

    def check(self, expected, pieces):
        assert self.hear(pieces) == expected.replies
        messages = self.shown()
        if self.framing.name == "chunk":  # where it is cut is nobody's business
            messages = [b"".join(messages)] if messages else []
        assert messages == expected.messages


@pytest.fixture(scope="module", params=list(BY_NAME))
def kept(request, tmp_path_factory):
    with program_starter() as start:
        server = Kept(start, tmp_path_factory.mktemp("split") / "gt", BY_NAME[request.param])
        yield server
        assert server.talk.stop() == 0


# ---- small ones, looked for ----


@quick
@given(data=st.data(), places=cuts, cut_short=st.integers(0, 9))
def test_any_cut_gives_the_same(kept, data, places, cut_short):
    expected = said(kept.framing, data.draw(bodies_for(kept.framing)), cut_short)
    kept.check(expected, pieces_of(expected.stream, places))


@quick
@given(data=st.data(), cut_short=st.integers(0, 9))
def test_byte_by_byte(kept, data, cut_short):
    expected = said(kept.framing, data.draw(bodies_for(kept.framing)), cut_short)
    kept.check(expected, byte_by_byte(expected.stream, None))


@pytest.mark.parametrize("spec", ["talk", "line"])
@quick
@given(parts=st.lists(st.sampled_from(MATTERS) | st.binary(max_size=5), max_size=12), places=cuts)
def test_line_ends_of_any_kind(lines_kept, spec, parts, places):
    """Streams that are no list of well-made lines."""
    server = lines_kept(spec)
    expected = Said(server.framing, b"".join(parts))
    for pieces in ([expected.stream], pieces_of(expected.stream, places),
                   byte_by_byte(expected.stream, None)):
        server.check(expected, [piece for piece in pieces if piece])


def test_every_line_end_at_once(lines_kept):
    for spec in ("talk", "line"):
        server = lines_kept(spec)
        expected = Said(server.framing, b"a\r\n\r\nb\r\r\nc\r")
        server.check(expected, byte_by_byte(expected.stream, None))


@pytest.fixture(scope="module")
def lines_kept(tmp_path_factory):
    servers = {}
    with program_starter() as start:
        def serve(spec):
            if spec not in servers:
                path = tmp_path_factory.mktemp("lines") / "gt"
                servers[spec] = Kept(start, path, BY_NAME[spec])
            return servers[spec]
        yield serve
        assert all(server.talk.stop() == 0 for server in servers.values())


# ---- many ----


def test_many_streams(kept):
    """Each in three ways; the seed of one that breaks is told."""
    for number in range(-(-STREAMS // len(FRAMINGS))):
        seed = f"{kept.framing.spec} {number}"
        expected = random_said(kept.framing, random.Random(seed))
        for cut in (whole, byte_by_byte, twenty_cuts):
            pieces = cut(expected.stream, random.Random(seed))
            try:
                kept.check(expected, pieces)
            except AssertionError as broken:
                raise AssertionError(f"seed {seed!r}, {cut.__name__}: {pieces}") from broken


def test_the_generator_makes_streams_of_all_kinds():
    """Empty and long, whole and unfinished, of many messages: in every framing."""
    for framing in FRAMINGS:
        made = [random_said(framing, random.Random(f"{framing.spec} {number}"))
                for number in range(1000)]
        assert any(not one.stream for one in made)
        assert any(len(one.stream) > 300 or framing.name == "fixed" for one in made)
        assert any(len(one.messages) > 9 or framing.name in ("eof", "chunk") for one in made)
        assert any(one.stream != one.replies for one in made) == (framing.bounded or
                                                                  not framing.strict)


# ---- where buffers end ----


@pytest.mark.parametrize("size", [4096, 16384, 65536])
@pytest.mark.parametrize("off", [-1, 0, 1])
def test_cut_at_the_size_of_a_buffer(kept, size, off):
    """A long message; where the framing has none, many short ones."""
    bodies = [b"x" * (size + off), b"y" * size, b"rest"]
    if not all(map(kept.framing.takes, bodies)):
        short = b"0123456"
        bodies = [short] * (size // len(kept.framing.say(short)) + 2)
    expected = said(kept.framing, bodies)
    kept.check(expected, [expected.stream[:size + off], expected.stream[size + off:]])


# ---- the check can fail ----


def test_control_a_cut_that_makes_a_message(lines_kept):
    """A server to which a piece is a message would not pass."""
    server = lines_kept("line")
    expected = Said(server.framing, b"hello")
    expected.messages = [b"he", b"llo"]
    with pytest.raises(AssertionError):
        server.check(expected, [b"he", b"llo"])


def test_control_the_framings_differ(tmp_path):
    """What one framing says is not what another one hears."""
    with program_starter() as start:
        server = Kept(start, tmp_path / "gt", BY_NAME["length:2be"])
        other = said(Framing("length:2le+2"), [b"hello"])
        with pytest.raises(AssertionError):
            server.check(other, [other.stream])
