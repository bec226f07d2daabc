"""What is shown: escaped, JSON, an exact copy, hex or nothing; always fit to be seen."""
import base64
import json
import re
import shutil
import subprocess

import pytest
from goodtalk_talk import SHOWN, say

NASTY = [b"plain", b"", b"tab\tcr\rback\\slash", b"\x1b[31mred\x1b[0m", b"\x00\x01\x7f",
         b"\xff\xfe", "grüße \u65e5\u672c \U0001f600".encode(), "\u202eevil\u2066".encode(),
         b"\xc2\x9b31m", b"\x9b31m", b"\xe2\x80\xa8line\xe2\x80\xa9", b"\xed\xa0\x80", b"\xc0\x80",
         b"\xf4\x90\x80\x80", b'"quoted"', b"\\x41", b"x" * 100,
         bytes(byte for byte in range(256) if byte != 10) + b"."]

UNFIT = ("[\0-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def shown_as(goodtalk, form, said, *options):
    talk = goodtalk("--connections", "1", "-s", form, "-f", "line", *options)
    say(talk.port, said, half_close=True)
    assert talk.ended() == 0
    return talk.stdout.everything()


def check_fit_for_a_terminal(text):
    """UTF-8, no control byte but newline, no C1, nothing that turns the writing round."""
    assert not re.search(UNFIT, text.decode("utf-8"))


def read_back(text):
    """What escaped text stands for."""
    names = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}
    return re.sub(rb"\\(x[0-9a-f]{2}|.)", lambda found: names.get(found[1]) or
                  bytes.fromhex(found[1][1:].decode()), text, flags=re.S)


def test_talk_is_escaped_and_can_be_read_back(goodtalk):
    shown = shown_as(goodtalk, "talk", b"\n".join(NASTY) + b"\n")
    check_fit_for_a_terminal(shown)
    assert [read_back(line[len(SHOWN):]) for line in shown.split(b"\n")[:-1]] == NASTY


@pytest.mark.parametrize("bad", [b"\x1b[2J", b"\x9b", b"\xc2\x9b", "\u202e".encode(), b"\r",
                                 b"\xff"])
def test_control_bytes_as_they_are(bad):
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        check_fit_for_a_terminal(b"The message was: " + bad + b"\n")


def body_of(row):
    if "text" in row:
        return row["text"].encode()
    return base64.b64decode(row["base64"], validate=True)


def test_json(goodtalk):
    shown = shown_as(goodtalk, "json", b"\n".join(NASTY) + b"\n")
    check_fit_for_a_terminal(shown)
    rows = [json.loads(line) for line in shown.split(b"\n")[:-1]]
    for row, message in zip(rows, NASTY, strict=True):
        assert set(row) - {"text", "base64"} == {"id", "time", "listener", "peer", "size"}
        assert row["size"] == len(message)
        assert body_of(row) == message
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", row["time"])
        assert re.fullmatch(r"127\.0\.0\.1:\d+", row["peer"])
        assert re.fullmatch(r"tcp:\[::\]:\d+", row["listener"])
    assert [row["id"] for row in rows] == [f"0-{number}" for number in range(1, len(NASTY) + 1)]
    assert all("text" in row for row in rows if row["size"] == 5)


@pytest.mark.parametrize("said", [b"a\r\n\nb\n\0\xff\n", b"no end", b"\n" * 1000,
                                  bytes(range(256)) * 500], ids=len)
def test_raw_is_an_exact_copy(goodtalk, said):
    assert shown_as(goodtalk, "raw", said) == said


def test_hex_is_as_hexdump_shows_it(goodtalk):
    if not shutil.which("hexdump"):
        pytest.skip("hexdump (bsdextrautils) is not installed")
    messages = [bytes(range(256)).replace(b"\n", b""), b"Who is there?", b"", b"a" * 100, b"x" * 15,
                b"y" * 14]
    shown = shown_as(goodtalk, "hex", b"".join(message + b"\r\n" for message in messages))
    check_fit_for_a_terminal(shown)
    expected = b"".join(subprocess.run(["hexdump", "-C"], input=message + b"\r\n", check=True,
                                       capture_output=True).stdout for message in messages)
    assert shown == expected


def test_none_shows_nothing(goodtalk):
    assert shown_as(goodtalk, "none", b"hello\n") == b""
