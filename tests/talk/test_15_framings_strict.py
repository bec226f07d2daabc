"""What a framing does not allow is refused, told with the peer and the reason, and contained: what
came before it is replied to, it never is, and nobody else notices.

One kept server for each framing; in every case an honest connection talks beside the other."""
import contextlib
import json

import pytest
from goodtalk_framings import Framing, varint
from goodtalk_talk import REPLY, Client, program_starter, received, run
from test_06_what_is_shown import body_of

MAX = 64  # --max-message
LONG, MALFORMED, UNFINISHED = "too-long", "malformed", "unfinished"
NUL = b"\0"
MARKER = b"\xff" * 16

# What is said after a good message, and the reason why it is none. An unfinished one is followed by
# the end of the stream; nothing follows the others: they are refused as they stand.
REFUSED = {
    "length:1": [
        (b"\x41", LONG), (b"\x80", LONG), (b"\xff", LONG), (b"\x41" + b"x" * 65, LONG),
        (b"\x40" + b"x" * 63, UNFINISHED), (b"\x01", UNFINISHED), (b"\x05hell", UNFINISHED)],
    "length:2be": [
        (b"\x00\x41", LONG), (b"\x01\x00", LONG), (b"\x80\x00", LONG), (b"\xff\xff", LONG),
        (b"\x05\x00hello", LONG), (b"\x00", UNFINISHED), (b"\x00\x05", UNFINISHED),
        (b"\x00\x05hell", UNFINISHED)],
    "length:2le": [
        (b"\x41\x00", LONG), (b"\x00\x01", LONG), (b"\x00\x05hello", LONG), (b"\x05", UNFINISHED),
        (b"\x05\x00hell", UNFINISHED)],
    "length:3le-1": [  # 1 more byte follows than the number says
        (b"\x40\x00\x00", LONG), (b"\xff\xff\xff", LONG), (b"\x00\x00\x01", LONG),
        (b"\x00\x00\x00", UNFINISHED), (b"\x04\x00\x00hell", UNFINISHED), (b"\x04\x00", UNFINISHED)],
    "length:4": [
        (b"\x00\x00\x00\x41", LONG), (b"\x7f\xff\xff\xff", LONG), (b"\x80\x00\x00\x00", LONG),
        (b"\xff\xff\xff\xff", LONG), (b"\x00\x01\x00\x05hello", LONG), (b"hello", LONG),
        (b"0005hello", LONG), (b"\x00\x00\x00", UNFINISHED), (b"\x00\x00\x00\x05", UNFINISHED),
        (b"\x00\x00\x00\x05hell", UNFINISHED)],
    "length:8": [
        (b"\x00" * 7 + b"\x41", LONG), (b"\x00\x00\x00\x01" + NUL * 4, LONG),
        (b"\x00\x00\x00\x01\x00\x00\x00\x05hello", LONG), (b"\x7f" + b"\xff" * 7, LONG),
        (b"\x80" + NUL * 7, LONG), (b"\xff" * 8, LONG), (NUL * 7, UNFINISHED),
        (NUL * 7 + b"\x01", UNFINISHED)],
    "length:8+8": [
        (NUL * 8, MALFORMED), (NUL * 7 + b"\x07", MALFORMED), (NUL * 7 + b"\x49", LONG),
        (b"\xff" * 8, LONG), (b"\x80" + NUL * 7, LONG), (NUL * 7 + b"\x09", UNFINISHED)],
    "length:8-8": [  # as large as it can be, and 8 more
        (b"\xff" * 8, LONG), (b"\xff" * 7 + b"\xf8", LONG), (b"\x7f" + b"\xff" * 7, LONG),
        (NUL * 7 + b"\x39", LONG), (NUL * 8, UNFINISHED), (NUL * 8 + b"1234567", UNFINISHED)],
    "length:4@0+4": [  # PostgreSQL's first packet: the number counts itself
        (NUL * 4, MALFORMED), (NUL * 3 + b"\x01", MALFORMED), (NUL * 3 + b"\x03", MALFORMED),
        (NUL * 3 + b"\x41", LONG), (b"\xff" * 4, LONG), (b"\x80" + NUL * 3, LONG),
        (b"\x7f\xff\xff\xff", LONG), (NUL * 3 + b"\x08\x04\xd2\x16", UNFINISHED),
        (NUL * 3, UNFINISHED)],
    "length:4@1+4": [  # PostgreSQL's others: a letter first
        (b"Q" + NUL * 4, MALFORMED), (b"Q" + NUL * 3 + b"\x03", MALFORMED),
        (b"Q" + NUL * 3 + b"\x40", LONG), (b"Q\xff\xff\xff\xff", LONG), (b"Q", UNFINISHED),
        (b"Q" + NUL * 3 + b"\x05", UNFINISHED)],
    "length:2@16+18": [  # BGP: 16 bytes and the number count too
        (MARKER + b"\x00\x00", MALFORMED), (MARKER + b"\x00\x11", MALFORMED),
        (MARKER + b"\x00\x41", LONG), (MARKER + b"\xff\xff", LONG), (MARKER, UNFINISHED),
        (MARKER[:1], UNFINISHED), (MARKER + b"\x00\x13", UNFINISHED)],
    "varint": [
        (b"\x41", LONG), (b"\x80\x01", LONG), (varint(1 << 32), LONG),
        (varint((1 << 32) + 5) + b"hello", LONG), (varint((1 << 31) - 1), LONG),
        (varint(1 << 63), LONG), (varint((1 << 64) - 1), LONG),
        (b"\xff" * 9 + b"\x02", MALFORMED), (b"\x85" + b"\x80" * 8 + b"\x02hello", MALFORMED),
        (b"\x80" * 10, MALFORMED), (b"\xff" * 10, MALFORMED), (b"\xff" * 10 + b"\x01", MALFORMED),
        (b"\x80\x00", MALFORMED), (b"\x85\x00hello", MALFORMED), (b"\x85\x80\x00hello", MALFORMED),
        (b"\x80", UNFINISHED), (b"\xff" * 9, UNFINISHED), (b"\x05", UNFINISHED),
        (b"\x05hell", UNFINISHED)],
    "netstring": [
        (b"65:", LONG), (b"65", LONG), (b"100:", LONG), (b"4294967301:hello,", LONG),
        (b"18446744073709551615:", LONG), (b"18446744073709551616:,", LONG),
        (b"18446744073709551621:hello,", LONG), (b"9" * 1000, LONG),
        (b"-5:hello,", MALFORMED), (b"+5:hello,", MALFORMED), (b"-0:,", MALFORMED),
        (b"05:hello,", MALFORMED), (b"00:,", MALFORMED), (b"0005:hello,", MALFORMED),
        (b" 5:hello,", MALFORMED), (b"5 :hello,", MALFORMED), (b"\n5:hello,", MALFORMED),
        (b"5\n:hello,", MALFORMED), (b"5:hello;", MALFORMED), (b"5:hello\n", MALFORMED),
        (b"5:hello5", MALFORMED), (b"5hello,", MALFORMED), (b":hello,", MALFORMED),
        (b",", MALFORMED), (b"hello", MALFORMED), (b"0x5:hello,", MALFORMED),
        (b"5.0:hello,", MALFORMED), (b"5e0:hello,", MALFORMED), (b"1_0:", MALFORMED),
        ("\u0665:hello,".encode(), MALFORMED), (b"\0", MALFORMED), (b"5\0:hello,", MALFORMED),
        (b"0:x", MALFORMED), (b"5", UNFINISHED), (b"0", UNFINISHED), (b"5:", UNFINISHED),
        (b"5:hell", UNFINISHED), (b"5:hello", UNFINISHED), (b"0:", UNFINISHED)],
    "octet": [
        (b"65 ", LONG), (b"65", LONG), (b"4294967301 hello", LONG),
        (b"18446744073709551621 hello", LONG), (b"9" * 1000, LONG),
        (b"0 ", MALFORMED), (b"0", MALFORMED), (b"05 hello", MALFORMED), (b"-5 hello", MALFORMED),
        (b"+5 hello", MALFORMED), (b" 5 hello", MALFORMED), (b"5:hello", MALFORMED),
        (b"5\thello", MALFORMED), (b"5\nhello", MALFORMED), (b"<13>hello", MALFORMED),
        (b"five hello", MALFORMED), (b"\n", MALFORMED), (b"0x5 hello", MALFORMED),
        (b"5", UNFINISHED), (b"5 ", UNFINISHED), (b"5 hell", UNFINISHED)],
    "fixed:8": [(b"x", UNFINISHED), (b"1234567", UNFINISHED)],
    "crlf": [
        (b"x" * 65 + b"\r\n", LONG), (b"x" * 66, LONG), (b"x" * 64 + b"\rx", LONG),
        (b"hello", UNFINISHED), (b"hello\n", UNFINISHED), (b"hello\r", UNFINISHED),
        (b"hello\n\r", UNFINISHED), (b"\n", UNFINISHED)],
    "nul": [
        (b"x" * 65 + NUL, LONG), (b"x" * 65, LONG), (b"hello", UNFINISHED), (b"\n", UNFINISHED)],
    "delim:;;": [
        (b"x" * 65 + b";;", LONG), (b"x" * 66, LONG), (b"x" * 64 + b";x", LONG),
        (b"hello;", UNFINISHED), (b";", UNFINISHED), (b"a;b;c;", UNFINISHED)],
    "line": [(b"x" * 65 + b"\n", LONG), (b"x" * 66, LONG), (b"x" * 64 + b"\rx", LONG)],
    "talk": [(b"x" * 65 + b"\n", LONG), (b"x" * 66, LONG), (b"x" * 64 + b"\r\r\n", LONG)],
}
CASES = [(spec, said, reason) for spec, cases in REFUSED.items() for said, reason in cases]

# The longest, and the shortest, that are allowed: bodies.
ALLOWED = {spec: [b"x" * 64, b""] for spec in REFUSED} | {
    "length:4@0+4": [b"x" * 60, b""], "length:4@1+4": [b"x" * 59, b""],
    "length:2@16+18": [b"x" * 46, b""], "length:3le-1": [b"x" * 64, b"x"],
    "length:8-8": [b"x" * 64, b"x" * 8], "octet": [b"x" * 64, b"x"], "fixed:8": [b"x" * 8]}


def good_body(spec):
    return b"12345678" if spec in ("fixed:8", "length:8-8") else b"good"


class Strict:
    """A kept server that speaks one framing and echoes, on a port and on a Unix socket."""

    def __init__(self, start, spec, path):
        self.framing, self.path = Framing(spec), path
        self.good = self.framing.say(good_body(spec))
        self.talk = start("-k", "--echo", "-v", "--log-format", "json", "-s", "json", "-f", spec,
                          "--max-message", MAX, "--pause", "1h", at=["127.0.0.1:0", f"unix:{path}"])

    def reason_told(self, peer):
        """Wait until the end of this peer is told: how."""
        def ends(data):
            lines = [json.loads(line) for line in bytes(data).split(b"\n")[:-1] if peer in line]
            return [event for event in lines if event["event"] == "ended"]

        peer = peer.encode()
        return ends(self.talk.stderr.wait_for(ends))[-1]

    def shown_of(self, peer):
        """The messages of a peer that has ended and had one at least: shown before its reply left."""
        name = json.dumps(peer).encode()
        data = self.talk.stdout.wait_for(lambda data: name in data and data.endswith(b"\n"))
        return [body_of(json.loads(line)) for line in data.splitlines() if name in line]


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """strict(SPEC): the server for it."""
    servers = {}
    with program_starter() as start:
        def serve(spec):
            if spec not in servers:
                servers[spec] = Strict(start, spec, tmp_path_factory.mktemp("strict") / "gt")
            return servers[spec]
        yield serve
        for server in servers.values():
            assert server.talk.stop() == 0


def heard(client, said, reason):
    """Say it, with the end of the stream where it is about that; what came until the server closed."""
    client.send(said)
    if reason == UNFINISHED:
        client.half_close()
    return client.everything()


@pytest.mark.parametrize("spec, said, reason", CASES, ids=lambda value: repr(value)[:60])
def test_refused_told_and_contained(strict, spec, said, reason):
    server = strict(spec)
    with Client(server.talk.port) as honest, Client(server.talk.port) as client:
        honest.send(server.good)
        assert received(honest.socket, len(server.good)) == server.good
        honest.send(server.good[:1])
        name = client.name
        assert heard(client, server.good + said, reason) == server.good
        client.socket.close()
        told = server.reason_told(name)
        assert (told["reason"], told["level"]) == (reason, "warning")
        assert told["text"].startswith(name)
        assert server.shown_of(name) == [server.framing.message(good_body(spec))]
        honest.send(server.good[1:])
        assert received(honest.socket, len(server.good)) == server.good


@pytest.mark.parametrize("spec, said, reason", CASES, ids=lambda value: repr(value)[:60])
def test_refused_as_the_first_byte_by_byte(strict, spec, said, reason):
    """On its own, so that nothing is replied at all; and in the smallest pieces there are."""
    server = strict(spec)
    with Client(server.path) as client:
        with contextlib.suppress(BrokenPipeError):  # it may be refused before its last byte
            for at in range(len(said)):
                client.send_apart(said[at:at + 1])
            if reason == UNFINISHED:
                client.half_close()
        assert client.ended_silently()


@pytest.mark.parametrize("spec", ALLOWED)
def test_the_longest_and_the_shortest_are_allowed(strict, spec):
    server = strict(spec)
    for body in ALLOWED[spec]:
        said = server.framing.say(body)
        for pieces in ([said], [said[at:at + 1] for at in range(len(said))]):
            with Client(server.path) as client:
                for piece in pieces:
                    client.send_apart(piece)
                assert client.half_close().everything() == said


def test_the_table_is_of_some_size():
    assert len(CASES) >= 120
    assert {reason for _, _, reason in CASES} == {LONG, MALFORMED, UNFINISHED}
    assert len(set((spec, said) for spec, said, _ in CASES)) == len(CASES)


@pytest.mark.parametrize("spec", REFUSED)
def test_control_the_good_message_is_good(strict, spec):
    """The check can fail: what is allowed is not refused, and the connection stays."""
    server = strict(spec)
    with Client(server.talk.port) as client:
        for _ in range(3):
            client.send(server.good)
            assert received(client.socket, len(server.good)) == server.good
        client.half_close().everything()
        assert server.reason_told(client.name)["reason"] == "peer-closed"


# ---- in a one-shot, and in words ----


@pytest.mark.parametrize("spec, said, good", [
    ("netstring", b"-1:x,", b"2:ok,"), ("octet", b"0 ", b"2 ok"), ("varint", b"\x80\x00", b"\x02ok"),
    ("length:4", b"\xff" * 4, b"\0\0\0\2ok"), ("length:1+1", b"\0", b"\3ok")])
def test_a_one_shot_goes_on_waiting(goodtalk, spec, said, good):
    talk = goodtalk("-f", spec, "--echo")
    with Client(talk.port) as client:
        assert client.send(said).ended_silently()
        assert client.name in talk.told_about(client.name)
    with Client(talk.port) as client:
        assert client.send(good).everything() == good
    assert talk.ended() == 0
    assert talk.shown() == [b"ok"]


def test_it_counts_as_a_connection_that_said_something(goodtalk):
    talk = goodtalk("-f", "netstring", "--connections", "1")
    with Client(talk.port) as client:
        assert client.send(b"x").ended_silently()
    assert talk.ended() == 0
    assert talk.shown() == []


# ---- how a reply is said ----

TEXT = REPLY.strip()


@pytest.mark.parametrize("spec, said, replied", [
    ("crlf", b"hello\r\n", TEXT + b"\r\n"), ("nul", b"hello\0", TEXT + b"\0"),
    ("delim:;;", b"hello;;", TEXT + b";;"), (r"delim:\n.\n", b"hello\n.\n", TEXT + b"\n.\n"),
    ("length:1", b"\x05hello", b"\x13" + TEXT), ("length:2be", b"\0\x05hello", b"\0\x13" + TEXT),
    ("length:2le", b"\x05\0hello", b"\x13\0" + TEXT),
    ("length:4+4", b"\0\0\0\x09hello", b"\0\0\0\x17" + TEXT),
    ("length:3le-1", b"\x04\0\0hello", b"\x12\0\0" + TEXT),
    ("length:2@1", b"!\0\x05hello", TEXT), ("varint", b"\x05hello", b"\x13" + TEXT),
    ("netstring", b"5:hello,", b"19:" + TEXT + b","), ("octet", b"5 hello", b"19 " + TEXT),
    ("fixed:5", b"hello", TEXT), ("chunk", b"hello", REPLY), ("eof", b"hello", REPLY)])
def test_the_default_reply(goodtalk, spec, said, replied):
    talk = goodtalk("-f", spec)
    with Client(talk.port) as client:
        client.send(said)
        if spec == "eof":
            client.half_close()
        assert client.everything() == replied
    assert talk.ended() == 0


@pytest.mark.parametrize("spec, said, replied", [
    ("crlf", b"hello\r\n", b"a\r\n"), ("crlf", b"hello\r\n", b"a\n"), ("nul", b"hello\0", b"a"),
    ("delim:;", b"hello;", b"a;"), ("line", b"hello\n", b"a"), ("fixed:5", b"hello", b"abc\n"),
    ("chunk", b"hello", b"abc"), ("length:2@1", b"!\0\x05hello", b"anything")])
def test_a_file_is_sent_exactly(goodtalk, tmp_path, spec, said, replied):
    (tmp_path / "reply").write_bytes(replied)
    talk = goodtalk("-f", spec, "--reply-file", tmp_path / "reply")
    with Client(talk.port) as client:
        assert client.send(said).everything() == replied
    assert talk.ended() == 0


@pytest.mark.parametrize("spec", ["length:1", "length:4le", "length:4+4", "varint", "netstring",
                                  "octet"])
def test_but_its_length_is_always_added(goodtalk, tmp_path, spec):
    framing = Framing(spec)
    (tmp_path / "reply").write_bytes(b"exactly\n")
    talk = goodtalk("-f", spec, "--reply-file", tmp_path / "reply")
    with Client(talk.port) as client:
        assert client.send(framing.say(b"hello")).everything() == framing.say(b"exactly\n")
    assert talk.ended() == 0


def test_a_delimiter_that_is_there_is_not_added(goodtalk):
    talk = goodtalk("-f", "crlf", "-r", r"250 ok\r\n")
    with Client(talk.port) as client:
        assert client.send(b"hello\r\n").everything() == b"250 ok\r\n"
    assert talk.ended() == 0


def test_a_reply_that_its_framing_cannot_say_is_refused_at_the_start(tmp_path):
    (tmp_path / "reply").write_bytes(b"x" * 256)
    (tmp_path / "empty").write_bytes(b"")
    for spec, file in (("length:1", "reply"), ("length:1+1", "reply"), ("octet", "empty")):
        refused = run("-f", spec, "--reply-file", f"{tmp_path}/{file}", "0")
        assert refused.returncode == 2
        assert refused.stderr.count(b"\n") == 1 and b"--reply-file" in refused.stderr


# ---- what is no framing ----


@pytest.mark.parametrize("spec", [
    "", "lines", "netstrings", "length", "length:", "length:0", "length:9", "length:10",
    "length:-1", "length:+1", "length: 2", "length:2 ", "length:2xe", "length:2BE", "length:2@",
    "length:2@x", "length:2@-1", "length:2+", "length:2-", "length:2+x", "length:2+4+4",
    "length:2+4@1", "length:2@1@2", "length:1+256", "length:8+18446744073709551616",
    "length:2@99999999999999999999", "length:2@2000000", "length:2-2000000", "fixed", "fixed:",
    "fixed:0", "fixed:-1", "fixed:x", "fixed:2000000", "fixed:99999999999999999999", "delim",
    "delim:", r"delim:\q", r"delim:\x4", "delim:" + "x" * 65, "crlf:x", "nul:", "varint:3",
    "netstring:5", "octet:1", "eof:1", "chunk:4", "line:", "talk:1"])
def test_no_framing(spec):
    refused = run("-f", spec, "0")
    assert refused.returncode == 2
    assert refused.stderr.startswith(b"goodtalk: --frame") and refused.stderr.count(b"\n") == 1
