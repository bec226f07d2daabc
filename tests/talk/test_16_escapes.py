"""No input reaches a terminal unescaped: every byte, every known sequence and thousands of random ones,
through every door, in every form, to a real terminal; and all of it can be read back.

The terminals are raw, so that what is seen is what was written: one for stdout, one for stderr."""
import functools
import json
import os
import pty
import random
import socket
import subprocess
import tty

import pytest
from goodtalk_datagrams import Peer
from goodtalk_framings import Framing
from goodtalk_talk import (GOODTALK, PATIENCE, REPLY, SHOWN, Client, Collector, is_sanitized,
                           received)
from test_06_what_is_shown import body_of, check_fit_for_a_terminal, read_back

RANDOM_COUNT = 10_000

# ---- what terminals act on ----

ESCAPE, BELL, END, END_8BIT = b"\x1b", b"\x07", b"\x1b\\", b"\x9c"

# Control sequences: cursor, erasing, scrolling, insertion, tabs, attributes, margins, windows,
# reports that a terminal answers as if they were typed, printing, soft resets.
CONTROL = [b"5" + bytes([final]) for final in b"ABCDEFGHIJKLMPSTXZ@`abcdefgjklmn"] + [
    b"", b"2J", b"3J", b"0m", b"31;1;5m", b"38;2;255;0;0m", b"38;5;196m", b"8m", b"4:3m", b"r",
    b"1;1r", b"s", b"u", b"6n", b"5n", b"?6n", b"?15n", b"?25n", b"?26n", b"?53n", b"?996n", b"c",
    b"0c", b">c", b"=c", b">q", b"?u", b">1u", b"<u", b"x", b"1x", b"11t", b"13t", b"14t", b"18t",
    b"19t", b"20t", b"21t", b"2t", b"1t", b"3;0;0t", b"8;1;1t", b"9;1t", b"22;0t", b"23;0t", b"5i",
    b"4i", b"?5i", b"?4i", b"0i", b"!p", b"?1$p", b'61"p', b'1"q', b"0 q", b"5 q", b"1;1;1;1;1;1*y",
    b"1;1;5;5;65$x", b"1;1;5;5$z", b"2;1;1;5;5${", b"1;1;1;1;1;1;1;1$v", b"1'z", b"1'{", b"'|",
    b"=1;1u", b"?1;2;3S", b">4;2m", b"#p", b"#{", b"4h", b"20h", b"2h", b"12l"]

# Private modes: keypads, columns, screens, mouse in all its ways, focus, bracketed paste, updates.
MODES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 25, 40, 45, 47, 66, 67, 69, 80, 1000, 1001, 1002, 1003, 1004,
         1005, 1006, 1007, 1015, 1016, 1034, 1036, 1047, 1048, 1049, 2004, 2026, 2027, 2031, 2048]

# Operating system commands: titles, colours, directories, hyperlinks, notifications, the clipboard,
# fonts, prompts, iTerm's files and commands, pointers.
SYSTEM = [b"0;title", b"1;icon", b"2;title", b"3;WM_NAME=evil", b"4;1;rgb:00/00/00", b"4;1;?", b"5;0;?",
          b"7;file://evil/", b"8;;http://evil", b"8;id=1;http://evil", b"9;notice", b"9;4;1;50",
          b"10;?", b"11;?", b"11;#000000", b"12;?", b"13;?", b"17;?", b"19;?", b"21;x=?", b"22;cross",
          b"50;evil", b"50;?", b"51;call", b"52;c;ZXZpbA==", b"52;c;?", b"52;p;?", b"66;s=2;big",
          b"99;i=1;notice", b"104", b"110", b"111", b"112", b"117", b"133;A", b"133;D;0", b"633;E;evil",
          b"777;notify;a;b", b"1337;File=name=eA==;inline=1:AAAA", b"1337;SetProfile=evil",
          b"1337;CopyToClipboard=", b"1337;RequestAttention=yes", b"1337;ReportCellSize",
          b"1337;SetUserVar=a=Yg==", b"L", b"l"]

# Device control, application, privacy and other strings: sixel, kitty's images, tmux, terminfo,
# settings, keys that are redefined, screen's titles.
STRINGS = [b'Pq"1;1;1;1#0;2;0;0;0#0~-', b"P0;0;8q", b"P+q544e", b"P+p544e=78", b"P$qm", b'P$q"p',
           b"P1$tx", b"P0;0|17/6c73", b"Ptmux;\x1b\x1b]0;title\x07", b"P=1s", b"P=2s", b"P1000p",
           b"P>|", b"PzZ", b"_Gf=24,s=1,v=1;AAAA", b"_Ga=q,i=1;AAAA", b"_Gt=f;L2V0Yy9wYXNzd2Q=",
           b"_apc", b"^pm", b"Xsos", b"ktitle", b"!script", b"[M"]

# Two bytes, three bytes: resets, keypads, tabs, scrolling, character sets, alignment, 7 and 8 bits.
SHORT = [bytes([final]) for final in b"c=>78DEHMNOVWZ69lmno|}~FG"] + [
    b"#3", b"#4", b"#6", b"#8", b"(0", b"(B", b")0", b"*0", b"+0", b"-A", b".A", b"/A", b"%G", b"%@",
    b"%8", b" F", b" G", b"", b"[", b"]", b"P", b"_", b"^", b"X", b"\x1b", b"\x1b[2J"]

# No escape at all, and still they move, hide, turn round, answer or forge.
OTHERS = [b"over\rwritten", b"back\x08\x08\x08\x08", b"\x0e\x0f", b"\x05", b"\x07\x07\x07", b"\x0b\x0c",
          b"\x7f", b"\x11\x13", b"\x18\x1a", b"\x16\x03", b"\x04", b"\x1c\x1d\x1e\x1f",
          b"\nThe message was: forged", b"\ngoodtalk: forged", b'\n{"id":"0-1","text":"forged"}',
          b"\r\n", b"\n\n\n", b"\\x1b[2J", b"\\", b"\\\\x1b", b'"', b'","peer":"forged',
          b"\xc2\x85next line", b"\xe2\x80\xa8line\xe2\x80\xa9paragraph", b"\xff\xfe\xf8",
          b"\xc0\x9b2J", b"\xe0\x80\x9b2J", b"\xf0\x80\x80\x9b2J", b"\xc1\x9b2J", b"\xed\xa0\x80",
          b"\xed\xa0\x80\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\xc2", b"\xe2\x80", b"\xf0\x9f\x98",
          b"\xc2\x1b[2J", b"\xe2\x80\x1b[2J", b"\xf0\x9f\x1b]0;title\x07", b"\xe2\x1b\x80\xae"]
TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@functools.lru_cache(None)
def known_sequences():
    """As they are written with 7 bits, with 8, and as UTF-8 has the latter."""
    sevens = [ESCAPE + b"[" + rest for rest in CONTROL]
    sevens += [ESCAPE + b"[?%d%c" % (mode, end) for mode in MODES for end in b"hl"]
    sevens += [ESCAPE + b"]" + rest + end for rest in SYSTEM for end in (BELL, END, END_8BIT)]
    sevens += [ESCAPE + rest + END for rest in STRINGS] + [ESCAPE + rest for rest in SHORT]
    eights = [bytes([one[1] + 0x40]) + one[2:].replace(END, END_8BIT) for one in sevens
              if 0x40 <= (one + b"\0\0")[1] <= 0x5f]
    wide = [one.decode("latin-1").encode() for one in eights if max(one[1:], default=0) < 0x80]
    turns = [f"a{one}b".encode() for one in TURNING] + [TURNING.encode()]
    return list(dict.fromkeys(sevens + eights + wide + OTHERS + turns))


@functools.lru_cache(None)
def random_messages():
    choose = random.Random("escapes")
    pieces = [ESCAPE, b"\x9b", b"\xc2\x9b", b"[", b"]", b";", b"?", b"\\", b"\n", b"\r", BELL, b"m",
              b"2J", b"\xe2\x80\xae", b"\xe2", b"\x80", b"\xf0\x9f\x98\x80", b"\xc3\xbc", b'"', b"\0"]
    return [b"".join(choose.choice(pieces) if choose.random() < 0.5 else choose.randbytes(1)
                     for _ in range(choose.randrange(25))) for _ in range(RANDOM_COUNT)]


def every_message():
    return [bytes([byte]) for byte in range(256)] + known_sequences() + random_messages()


# ---- terminals ----


class Screen:
    """A terminal that changes nothing: what is written to it is what is seen."""

    def __init__(self):
        master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.seen = Collector(master)

    def close_slave(self):
        os.close(self.slave)

    def everything(self):
        """All that was written, once nobody can write any more: checked."""
        data = self.seen.everything()
        check_fit_for_a_terminal(data)
        assert not data or data.endswith(b"\n")
        return data

    def wait_for(self, word, count):
        """Wait until it was seen so often; so that the terminal never fills, and no line is left out."""
        self.seen.wait_for(lambda data: data.count(word) >= count)


class Screened:
    """goodtalk with a terminal for stdout and another for stderr."""

    def __init__(self, goodtalk, *options, at):
        self.out, self.err = Screen(), Screen()
        self.talk = goodtalk(*options, at=at, stdout=self.out.slave, stderr=self.err.slave)
        for screen in (self.out, self.err):
            screen.close_slave()

    def stop(self):
        """(stdout, stderr), both fit to be seen."""
        assert self.talk.stop() == 0
        return self.out.everything(), self.err.everything()


@pytest.fixture
def screened(goodtalk):
    return functools.partial(Screened, goodtalk)


# ---- reading back what is shown ----


def talk_back(data):
    lines = data.split(b"\n")[:-1]
    assert all(line.startswith(SHOWN) for line in lines)
    return [read_back(line[len(SHOWN):]) for line in lines]


def json_back(data):
    rows = [json.loads(line) for line in data.split(b"\n")[:-1]]
    for row in rows:
        assert row["size"] == len(body_of(row))
    return [body_of(row) for row in rows]


def hex_back(data):
    """What hexdump -C shows: rows, "*" for those that repeat the last one, the size at the end."""
    messages, message, repeats = [], b"", False
    for line in data.split(b"\n")[:-1]:
        if line == b"*":
            repeats = True
            continue
        offset = int(line[:8], 16)
        if repeats:
            message += message[-16:] * ((offset - len(message)) // 16)
            repeats = False
        assert offset == len(message)
        if len(line) == 8:
            messages.append(message)
            message = b""
        else:
            message += bytes.fromhex(line[10:58].decode())
    assert message == b""
    return messages


FORMS = {"talk": talk_back, "json": json_back, "hex": hex_back}


# ---- messages through every door ----


def say_over_tcp(talk, messages):
    """With a length, so that each can hold anything; many at once."""
    framing = Framing("length:4")
    with Client(talk.port) as client:
        for start in range(0, len(messages), 500):
            part = messages[start:start + 500]
            client.send(b"".join(map(framing.say, part)))
            heard, size = b"", len(part) * len(framing.say(REPLY.strip()))
            while len(heard) < size:
                heard += client.socket.recv(1 << 16)
            assert heard == framing.say(REPLY.strip()) * len(part)


def say_without_stream(talk, messages):
    """A few at once, as many as a queue surely holds."""
    with Peer(talk.addresses[0]) as peer:
        for start in range(0, len(messages), 8):
            part = messages[start:start + 8]
            for message in part:
                peer.send(message)
            assert peer.receive_all(len(part)) == [REPLY] * len(part)


DOORS = {"127.0.0.1:0": say_over_tcp, "udp:127.0.0.1:0": say_without_stream,
         "unixgram:{path}": say_without_stream, "unixpacket:{path}": say_without_stream}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("door", DOORS)
def test_every_message_through_every_door_in_every_form(screened, tmp_path, door, form):
    messages = every_message()
    if door.startswith("unixpacket"):  # an empty packet is the end
        messages = [message for message in messages if message]
    if is_sanitized():
        messages = messages[:2500]
    server = screened("-k", "-v", "-f", "length:4", "-s", form, at=door.format(path=tmp_path / "gt"))
    DOORS[door](server.talk, messages)
    shown, told = server.stop()
    if form == "hex" and door.startswith("127"):  # as received, the length too
        messages = [Framing("length:4").say(message) for message in messages]
    assert FORMS[form](shown) == messages
    assert all(line.startswith(b"goodtalk: ") for line in told.splitlines())


def test_there_are_enough_of_them():
    assert len(known_sequences()) >= 200
    assert len(random_messages()) == RANDOM_COUNT
    assert len(every_message()) > 256 + 200 + RANDOM_COUNT


@pytest.mark.parametrize("number", range(0, 400, 7))
def test_control_a_sequence_as_it_is_is_seen(number):
    """The check can fail: each of these would not pass as it is."""
    sequence = known_sequences()[number]
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        check_fit_for_a_terminal(SHOWN + sequence + b"\n")


def test_control_raw_is_raw(screened):
    """-s raw is for files: there the check fails, so it can."""
    server = screened("-k", "-s", "raw", at="udp:127.0.0.1:0")
    say_without_stream(server.talk, [b"\x1b[2J"])
    assert server.talk.stop() == 0
    assert server.out.seen.everything() == b"\x1b[2J"
    server.err.everything()


# ---- what is told ----


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("spec", ["netstring", "octet", "length:1", "varint", "crlf", "line"])
def test_framing_errors(screened, tmp_path, spec, log_format):
    """What is no message is said too, though not what it was."""
    server = screened("-k", "-v", "--log-format", log_format, "-f", spec, "--max-message", "1",
                      "-s", "none", at=f"unix:{tmp_path}/gt")
    for number, sequence in enumerate(known_sequences()[::5]):
        with Client(tmp_path / "gt") as client:
            client.send(sequence).half_close().everything()
        server.err.wait_for(b"ended: ", number + 1)
    shown, told = server.stop()
    assert shown == b""
    assert told.count(b"ended: ") == len(known_sequences()[::5])
    if log_format == "json":
        assert all(json.loads(line)["time"] for line in told.splitlines())


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("kind", ["udp", "unixgram", "unixpacket"])
def test_too_long_without_a_stream(screened, tmp_path, kind, log_format):
    address = "udp:127.0.0.1:0" if kind == "udp" else f"{kind}:{tmp_path}/gt"
    server = screened("-k", "-v", "--log-format", log_format, "--max-message", "1", at=address)
    sequences = [one for one in known_sequences()[::5] if len(one) > 1]
    for number, sequence in enumerate(sequences):
        with Peer(server.talk.addresses[0]) as peer:
            peer.send(sequence)
            if kind == "unixpacket":
                assert peer.everything() == []
            else:
                assert peer.ask(b"x") == REPLY
        server.err.wait_for(b"max-message", number + 1)
    _, told = server.stop()
    assert told.count(b"max-message") == len(sequences)
    if log_format == "json":
        assert all(json.loads(line)["time"] for line in told.splitlines())


NASTY_NAME = b"\x1b]0;title\x07\x1b[2J\x9b31m\xc2\x9b1m\xe2\x80\xae\r\n\xff\x08\x7f\"\\"


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("kind", ["unix", "unixgram", "unixpacket"])
@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_names_of_unix_sockets(screened, tmp_path, monkeypatch, kind, abstract, log_format):
    """Listening, shown with messages, refused; a reply that cannot be delivered."""
    name = b"@goodtalk-%d-" % os.getpid() + NASTY_NAME if abstract else NASTY_NAME
    monkeypatch.chdir(tmp_path)
    server = screened("-k", "-v", "--log-format", log_format, "-s", "json", "--max-message", "9",
                      at=os.fsdecode(f"{kind}:".encode() + name))
    address = b"\0" + name[1:] if abstract else name
    with socket.socket(socket.AF_UNIX, {"unix": socket.SOCK_STREAM, "unixgram": socket.SOCK_DGRAM,
                                        "unixpacket": socket.SOCK_SEQPACKET}[kind]) as client:
        client.settimeout(PATIENCE)
        client.connect(address)
        client.send(b"hello\n")
        if kind != "unixgram":
            assert received(client, len(REPLY)) == REPLY
        client.send(b"x" * 20)
        if kind != "unixgram":
            assert client.recv(100) == b""
    server.err.seen.wait_for(b"max-message")
    shown, told = server.stop()
    [row] = [json.loads(line) for line in shown.splitlines()]
    assert read_back(row["listener"].encode()) == f"{kind}:".encode() + name
    assert not os.path.lexists(name)
    if log_format == "json":
        events = [json.loads(line) for line in told.splitlines()]
        assert row["listener"] in [event.get("listener") for event in events]
    else:
        assert b"listening on " + row["listener"].encode() + b"\n" in told


def test_ready_tells_names_that_are_fit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = told_on_a_screen("--ready", "-", "-w", "0.01", b"unixgram:" + NASTY_NAME)
    assert b"unixgram:\\x1b]0;title\\x07" in data


# ---- what is wrong with the command line ----


def told_on_a_screen(*arguments, status=None):
    """Run goodtalk to its end: its stderr, which is a terminal; checked."""
    screen = Screen()
    process = subprocess.Popen([GOODTALK, *arguments], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=screen.slave)
    screen.close_slave()
    ended = process.wait(PATIENCE)
    assert status is None or ended == status
    return screen.everything()


WRONG = [["-f"], ["-s"], ["-n"], ["-w"], ["-m"], ["--max-message"], ["--pause"], ["--reply-file"],
         ["--greeting-file"], ["--socket-owner"], ["--socket-mode"], ["--engine"], ["--backlog"],
         ["--log-format"], ["--udp-amplification"], ["--max-memory"], ["--connections"]]


@pytest.mark.parametrize("before", [[], ["--log-format", "json"]], ids=["text", "json"])
@pytest.mark.parametrize("option", WRONG, ids=lambda words: words[0])
def test_values_of_options(option, before):
    told = told_on_a_screen(*before, *option, NASTY_NAME, "0", status=2 if option[0] not in (
        "--reply-file", "--greeting-file") else None)
    assert told.count(b"\n") == 1
    if before and option != ["--log-format"]:
        json.loads(told)


@pytest.mark.parametrize("before", [[], ["--log-format", "json"]], ids=["text", "json"])
@pytest.mark.parametrize("address", [
    b"", b"--", b"-", b"127.0.0.1:", b"[", b"[::1]:", b"unix:/nowhere/", b"unixgram:/nowhere/",
    b"unixpacket:/nowhere/", b"udp:", b"udp:host:", b"fd:", b"systemd:", b"tcp:", b"tls:", b"udp4:[",
    b"frame:", b"length:2", b"-f delim:"])
def test_addresses(address, before):
    told = told_on_a_screen(*before, address + NASTY_NAME)
    assert told.count(b"\n") == 1
    if before:
        json.loads(told)


HOLDER = """
import os, socket, sys
open("/proc/self/comm", "wb").write(b"\\x1b[2J\\x9b\\r\\n\\xff")
held = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)]
held[1].bind(held[0].getsockname())
print(held[0].getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_the_name_of_who_holds_a_port(kind):
    with subprocess.Popen(["/usr/bin/python3", "-c", HOLDER], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        port = holder.stdout.readline().decode().strip()
        told = told_on_a_screen(f"{kind}:127.0.0.1:{port}", status=1)
        holder.stdin.close()
        holder.wait(PATIENCE)
    assert f"pid {holder.pid}".encode() in told
    assert b"\\x1b[2J" in told
