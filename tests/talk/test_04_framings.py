"""What a message is: a line, a pause, the end of the stream; and what is too long to be one."""
import pytest
from goodtalk_talk import REPLY, Client, is_sanitized, say

LETTERS = bytes(range(ord("a"), ord("z") + 1))


def one_talk(goodtalk, options, said, half_close=True):
    """Say it in one connection to a server that ends with it: (messages shown, what was heard)."""
    talk = goodtalk("--connections", "1", *options)
    heard = say(talk.port, said, half_close)
    assert talk.ended() == 0
    return talk.shown(), heard


@pytest.mark.parametrize("frame", ["talk", "line"])
@pytest.mark.parametrize("said, messages", [
    (b"hello\n", [b"hello"]),
    (b"hello\r\n", [b"hello"]),
    (b"hello", [b"hello"]),
    (b"\n", [b""]),
    (b"\r\n", [b""]),
    (b"one\ntwo\r\n\r\n\nfive", [b"one", b"two", b"", b"", b"five"]),
    (b"a\rb\r\r\n", [b"a\\rb\\r"]),
    (b"a\0b\xffc\n", [b"a\\x00b\\xffc"]),
], ids=repr)
def test_lines(goodtalk, frame, said, messages):
    shown, heard = one_talk(goodtalk, ["-f", frame], said)
    assert shown == messages
    assert heard == REPLY * len(messages)


@pytest.mark.parametrize("frame", ["talk", "line"])
@pytest.mark.parametrize("size", [65536, 1 << 20])
def test_long_lines(goodtalk, frame, size):
    line = (LETTERS * (size // 26 + 1))[:size]
    shown, heard = one_talk(goodtalk, ["-f", frame, "--echo"], line + b"\r\n" + line + b"\nend")
    assert shown == [line, line, b"end"]
    assert heard == line + b"\n" + line + b"\nend\n"


def test_any_byte_comes_back(goodtalk):
    line = bytes(byte for byte in range(256) if byte not in b"\n") + b"."
    _, heard = one_talk(goodtalk, ["-f", "line", "--echo"], line + b"\n")
    assert heard == line + b"\n"


@pytest.mark.parametrize("frame", ["talk", "line"])
def test_a_line_in_three_pieces(goodtalk, tmp_path, frame):
    """Over a Unix socket it can be seen when a piece has been read, so that they come apart."""
    path = tmp_path / "gt"
    talk = goodtalk("-f", frame, "--pause", "1h", at=f"unix:{path}")
    with Client(path) as client:
        for piece in (b"Who ", b"is there", b"?\n"):
            client.send_apart(piece)
        assert client.everything() == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"Who is there?"]


# ---- pauses ----


def test_a_pause_ends_a_message(goodtalk):
    talk = goodtalk("--pause", "20ms")
    assert say(talk.port, b"hello") == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]


def test_the_default_pause_is_short_enough_for_people(goodtalk):
    talk = goodtalk()
    assert say(talk.port, b"hello") == REPLY
    assert talk.ended() == 0


@pytest.mark.parametrize("line_end", [[b"\n"], [b"\r\n"], [b"\r", b"\n"]], ids=repr)
def test_a_line_end_right_after_a_pause_is_dropped(goodtalk, tmp_path, line_end):
    path = tmp_path / "gt"
    talk = goodtalk("--connections", "1", "--pause", "20ms", at=f"unix:{path}")
    with Client(path) as client:
        assert client.send(b"hello").line() == REPLY
        for piece in line_end:
            client.send_apart(piece)
        assert client.send(b"again\n").half_close().everything() == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"hello", b"again"]


def some_pauses(port):
    """Pass the time by the server's own clock: each of these replies took a pause to come."""
    for _ in range(3):
        with Client(port) as other:
            assert other.send(b"tick").line() == REPLY


@pytest.mark.parametrize("frame, first", [("talk", b"a line\n"), ("line", b"")])
def test_lines_are_not_ended_by_pauses(goodtalk, frame, first):
    """talk speaks lines from the first line end on; line always does."""
    talk = goodtalk("-k", "--pause", "20ms", "-f", frame)
    ticking = goodtalk("-k", "--pause", "20ms")
    with Client(talk.port) as client:
        if first:
            assert client.send(first).line() == REPLY
        client.send(b"half ")
        some_pauses(ticking.port)
        assert client.send(b"and half\n").line() == REPLY
    assert talk.stop() == 0
    assert talk.shown() == [b"a line"] * bool(first) + [b"half and half"]


def test_several_pauses_several_messages(goodtalk):
    talk = goodtalk("--connections", "1", "--pause", "20ms", "--echo")
    with Client(talk.port) as client:
        for word in (b"one", b"two", b"three"):
            assert client.send(word).line() == word + b"\n"
    assert talk.ended() == 0
    assert talk.shown() == [b"one", b"two", b"three"]


# ---- eof ----


@pytest.mark.parametrize("said", [b"one\ntwo\r\n", b"no line end", b"\n", b"\0\xff" * 5000],
                         ids=len)
def test_eof_is_all_until_the_end(goodtalk, tmp_path, said):
    talk = goodtalk("-f", "eof", "--echo", "-s", "raw")
    assert say(talk.port, said, half_close=True) == said
    assert talk.ended() == 0
    assert talk.stdout.everything() == said


def test_eof_default_reply_ends_with_a_line_end(goodtalk):
    assert one_talk(goodtalk, ["-f", "eof"], b"a\nb") == ([b"a\\nb"], REPLY)


def test_nc_l_to_a_file(goodtalk, tmp_path):
    """goodtalk --connections 1 -f eof -s raw --silent > file"""
    content = bytes(range(256)) * 4096
    with open(tmp_path / "file", "wb") as file:
        talk = goodtalk("--connections", "1", "-f", "eof", "-s", "raw", "--silent", stdout=file)
        assert say(talk.port, content, half_close=True) == b""
        assert talk.ended() == 0
    assert (tmp_path / "file").read_bytes() == content


# ---- pipelines ----


@pytest.mark.parametrize("frame", ["talk", "line"])
def test_a_pipeline_is_replied_to_in_order(goodtalk, frame):
    messages = [b"message %d" % number for number in range(20000 if not is_sanitized() else 4000)]
    talk = goodtalk("-k", "--echo", "-f", frame)
    with Client(talk.port) as client:
        for start in range(0, len(messages), 1000):
            part = messages[start:start + 1000]
            client.send(b"\n".join(part) + b"\n")
            assert client.lines(len(part)) == [message + b"\n" for message in part]
    assert talk.stop() == 0
    assert talk.shown() == messages


# ---- too long ----


@pytest.mark.parametrize("frame", ["talk", "line", "eof"])
def test_too_long_is_told_and_closed(goodtalk, frame):
    talk = goodtalk("-f", frame, "--max-message", "16")
    with Client(talk.port) as other, Client(talk.port) as client:
        other.send(b"unfinished ")
        name = client.name
        assert client.send(b"x" * 17).half_close().ended_silently()
        assert "max-message" in talk.told_about(name)
        assert other.send(b"text").half_close().everything() == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"unfinished text"]


@pytest.mark.parametrize("frame", ["talk", "line"])
def test_the_longest_is_not_too_long(goodtalk, tmp_path, frame):
    """The limit is on the message: its line end is not counted, in one piece or several."""
    path = tmp_path / "gt"
    talk = goodtalk("-k", "-f", frame, "--max-message", "16", "--pause", "1h", at=f"unix:{path}")
    with Client(path) as client:
        for said in ([b"0123456789abcdef\r\n"], [b"0123456789abcdef", b"\r\n"],
                     [b"0123456789abcdef\r", b"\n"], [b"0123456789abcdef\n"]):
            for piece in said:
                client.send_apart(piece)
            assert client.line() == REPLY
    assert talk.stop() == 0
    assert talk.shown() == [b"0123456789abcdef"] * 4


@pytest.mark.parametrize("frame", ["talk", "line"])
def test_replies_already_due_come_first(goodtalk, frame):
    talk = goodtalk("--connections", "1", "--max-message", "1KiB", "-f", frame)
    heard = say(talk.port, b"one\ntwo\n" + b"x" * 300_000 + b"\nnever\n", half_close=True)
    assert heard == REPLY * 2
    assert talk.ended() == 0
    assert talk.shown() == [b"one", b"two"]


def test_the_default_limit(goodtalk):
    talk = goodtalk("--connections", "1")
    assert say(talk.port, b"x" * ((1 << 20) + 1) + b"\n") == b""
    assert talk.ended() == 0
    assert talk.stdout.everything() == b""
