"""goodtalk show in a terminal: a table with a head, cut to the width, coloured, and nothing that drives it."""
import os
import re
import shutil
import subprocess

import pytest
from goodtalk_journal import Segment
from goodtalk_show import BEGAN_US, fill
from goodtalk_talk import GOODTALK, until
from test_12_terminal import SEQUENCES, Terminal

OURS = re.compile(rb"\x1b\[(?:0|1|2|36|1;31)m")  # the colours of the table


@pytest.fixture
def window(monkeypatch):
    """window(ARGUMENT...): goodtalk show in a terminal of 80 columns, to its end: the lines."""
    opened = []
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def run(*arguments):
        opened.append(Terminal("show", *map(str, arguments), ready=False))
        screen = opened[-1].screen()
        assert opened[-1].ended() == 0
        seen = screen.everything()
        assert seen.endswith(b"\r\n")
        return seen.split(b"\r\n")[:-1]

    yield run
    for one in opened:
        one.close()


@pytest.fixture
def hostile(tmp_path):
    """Every byte, and what does something to some terminal; a listener and a message that try."""
    segment = Segment()
    segment.listener("unix:/\x1b[2J")
    bodies = [bytes([byte]) for byte in range(256)] + SEQUENCES
    for number, body in enumerate(bodies):
        segment.message(body, raw=body + b"\r\n", time_us=BEGAN_US + number)
    segment.save(tmp_path)
    return tmp_path, len(bodies)


def without_colour(lines):
    return [OURS.sub(b"", line) for line in lines]


def fit_to_be_seen(line):
    text = line.decode()  # or it is no UTF-8
    return not any(ord(letter) < 32 or 127 <= ord(letter) < 160 or letter in "\u202e\u2066\u2028" for letter in text)


@pytest.mark.parametrize("form", ["--color=auto", "--json", "--hex", "--raw"])
def test_no_message_drives_it(window, hostile, form):
    directory, count = hostile
    lines = without_colour(window(form, directory))
    assert all(map(fit_to_be_seen, lines))
    assert len(lines) >= count


def test_a_head_and_rows_cut_to_the_width(window, tmp_path):
    segment = Segment()
    segment.listener("udp:127.0.0.1:9")
    segment.message(b"x" * 1000, time_us=BEGAN_US)
    segment.message("漢".encode() * 100, time_us=BEGAN_US)
    segment.message(b"short", time_us=BEGAN_US)
    segment.save(tmp_path)
    lines = without_colour(window(tmp_path))
    assert lines[0] == b"TIME                     PEER                      SIZE  MESSAGE"
    row = "2026-01-31 12:00:00.000  127.0.0.1:40312        {:7}  {}"
    assert [line.decode() for line in lines[1:]] == [
        row.format(1000, "x" * 20 + "..."), row.format(300, "漢" * 10 + "..."), row.format(5, "short")]


def test_colour_and_none(window, tmp_path, monkeypatch):
    segment = Segment()
    fill(segment, 1)
    segment.save(tmp_path)
    assert b"\x1b[1;31msage\x1b[0m" in window("--match", "sage", tmp_path)[1]
    assert window("--color", "never", tmp_path) == without_colour(window(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    assert b"\x1b" not in b"".join(window(tmp_path))
    assert b"\x1b" in b"".join(window("--color", "always", tmp_path))
    monkeypatch.setenv("NO_COLOR", "")
    assert b"\x1b" in b"".join(window(tmp_path))
    monkeypatch.setenv("TERM", "dumb")
    assert b"\x1b" not in b"".join(window(tmp_path))


def test_control_a_sequence_that_got_through_is_seen(tmp_path):
    assert not fit_to_be_seen(without_colour([b"\x1b[2J"])[0])
    assert not fit_to_be_seen(without_colour(["\u202e".encode()])[0])
    assert fit_to_be_seen(without_colour([b"\x1b[1;31msage\x1b[0m"])[0])


def test_the_width_of_a_terminal_in_tmux(tmp_path):
    """A real one: what it shows is a line a message."""
    if not shutil.which("tmux"):
        pytest.skip("no tmux here")
    segment = Segment()
    segment.listener("udp:127.0.0.1:9")
    for number in range(3):
        segment.message(b"%d " % number + b"\x1b[2J y" * 100, time_us=BEGAN_US)
    segment.save(tmp_path)
    tmux = ["tmux", "-L", f"gt-{os.getpid()}-{os.urandom(3).hex()}", "-f", "/dev/null"]
    command = f"TZ=UTC '{GOODTALK}' show '{tmp_path}'; echo done; exec sleep 60"
    subprocess.run([*tmux, "new-session", "-d", "-x", "100", "-y", "20", command], check=True)
    try:
        def screen():
            return subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True).stdout
        until(lambda: "done" in screen(), "the end of it")
        lines = screen().rstrip("\n").split("\n")
        assert lines[0].startswith("TIME ") and lines[4] == "done"
        for number, line in enumerate(lines[1:4]):
            assert line.startswith("2026-01-31 12:00:00.000  127.0.0.1:40312 ")
            assert f"  {number} \\x1b[2J y" in line and line.endswith("...") and 95 < len(line) <= 100
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)
