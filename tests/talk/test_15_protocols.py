"""The framings at work: protocols people have, spoken by the programs people have."""
import os
import re
import shutil
import struct
import subprocess

import pytest
from goodtalk_datagrams import Peer
from goodtalk_framings import Framing, varint
from goodtalk_talk import PATIENCE, REPLY, Client, Collector
from test_06_what_is_shown import read_back


def start(words, **how):
    """Run a client to its end: its output."""
    if not shutil.which(words[0]):
        pytest.skip(f"{words[0]} is not installed")
    return subprocess.run(words, timeout=PATIENCE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **how)


def client_says(words, **how):
    """The output of a client that must not fail."""
    ended = start(words, **how)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def port_of(address):
    return address.rsplit(":", 1)[1]


# ---- syslog: octet (RFC 6587) ----


def test_logger_octet_count(goodtalk):
    talk = goodtalk("-n", "3", "-f", "octet", "--silent")
    for text in ("it works", "two\tlines", "grüße"):
        client_says(["logger", "--octet-count", "-T", "-n", "127.0.0.1", "-P", str(talk.port), "-t",
                     "test", text])
    assert talk.ended() == 0
    shown = [read_back(message).decode() for message in talk.shown()]
    assert all(message.startswith("<13>1 ") for message in shown)
    assert [message.endswith(text) for message, text in
            zip(shown, ("it works", "two\tlines", "grüße"))] == [True] * 3


def test_logger_says_several_lines(goodtalk, tmp_path):
    """Of one file, in one connection."""
    (tmp_path / "log").write_text("".join(f"line {number}\n" for number in range(50)))
    talk = goodtalk("--connections", "1", "-f", "octet", "--silent")
    client_says(["logger", "--octet-count", "-T", "-n", "127.0.0.1", "-P", str(talk.port), "-f",
                 f"{tmp_path}/log"])
    assert talk.ended() == 0
    assert [message.rsplit(b" ", 2)[1:] for message in talk.shown()] == [
        [b"line", b"%d" % number] for number in range(50)]


def test_logger_without_octet_count_is_told(goodtalk):
    """A client that speaks another framing: nothing is taken for a message, and it is said why."""
    talk = goodtalk("-k", "-f", "octet")
    start(["logger", "-T", "-n", "127.0.0.1", "-P", str(talk.port), "it does not"])
    assert "malformed" in talk.told_about("127.0.0.1")
    assert talk.stop() == 0
    assert talk.shown() == []


def test_logger_in_lines(goodtalk):
    talk = goodtalk("-f", "line", "--silent")
    client_says(["logger", "-T", "-n", "127.0.0.1", "-P", str(talk.port), "it works"])
    assert talk.ended() == 0
    assert talk.shown()[0].endswith(b"it works")


# ---- DNS: length:2be over TCP, datagrams over UDP ----

QUERY_ID = 4711


def dns_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def dns_answer(name, address):
    """As a server would have said it: one question, one A record."""
    question = dns_name(name) + struct.pack("!HH", 1, 1)
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 300, 4) + bytes(map(int, address.split(".")))
    return struct.pack("!HHHHHH", QUERY_ID, 0x8180, 1, 1, 0, 0) + question + record


def dig(address, *options):
    return client_says(["dig", "+short", "+noedns", "+tries=1", f"+timeout={PATIENCE}",
                        f"+qid={QUERY_ID}", *options, "-p", port_of(address), "@127.0.0.1",
                        "talk.example", "A"])


def check_query(message):
    number, flags, *counts = struct.unpack("!HHHHHH", message[:12])
    assert (number, counts) == (QUERY_ID, [1, 0, 0, 0])
    assert message[12:] == dns_name("talk.example") + struct.pack("!HH", 1, 1)


@pytest.mark.parametrize("listen, option", [("tcp:0", "+tcp"), ("udp:0", "+notcp")])
def test_dig_against_a_recorded_answer(goodtalk, tmp_path, listen, option):
    (tmp_path / "answer").write_bytes(dns_answer("talk.example", "192.0.2.7"))
    talk = goodtalk("-f", "length:2be", "--reply-file", tmp_path / "answer", at=listen)
    assert dig(talk.addresses[0], option) == b"192.0.2.7\n"
    assert talk.ended() == 0
    check_query(read_back(talk.shown()[0]))


def test_dig_against_an_answer_that_was_really_recorded(goodtalk, tmp_path):
    """A forged answer is heard by goodtalk, which keeps it in a file that then answers dig."""
    with open(tmp_path / "answer", "wb") as file:
        recorder = goodtalk("--silent", "-s", "raw", at="udp:0", stdout=file)
        with Peer(recorder.addresses[0]) as peer:
            peer.send(dns_answer("talk.example", "192.0.2.99"))
            assert recorder.ended() == 0
    talk = goodtalk("-n", "2", "-f", "length:2be", "--reply-file", tmp_path / "answer",
                    at=["tcp:0", "udp:0"])
    assert dig(talk.addresses[0], "+tcp") == dig(talk.addresses[1]) == b"192.0.2.99\n"
    assert talk.ended() == 0


# ---- netstring, by scripts ----

NETSTRINGS = """
say() { printf '%d:%s,' "${#1}" "$1"; }
exec 3<>/dev/tcp/127.0.0.1/$0
say 'hello' >&3; say '' >&3; say '5:hello,' >&3; say "$(printf 'two\\nlines')" >&3
for message in 1 2 3 4; do
    IFS= read -r -d : length <&3
    IFS= read -r -N "$length" reply <&3
    read -r -N 1 comma <&3
    echo "$length $reply$comma"
done
"""


def test_a_shell_script_of_netstrings(goodtalk):
    talk = goodtalk("-n", "4", "-f", "netstring")
    heard = client_says(["bash", "-c", NETSTRINGS, str(talk.port)], env=os.environ | {"LC_ALL": "C"})
    assert heard == b"19 Good talking to you,\n" * 4
    assert talk.ended() == 0
    assert talk.shown() == [b"hello", b"", b"5:hello,", b"two\\nlines"]


# ---- protobuf's streams of messages: varint ----

PROTOBUF = """
import socket, sys

def varint(number):
    while number > 0x7f:
        yield number & 0x7f | 0x80
        number >>= 7
    yield number

def field(number, text):
    return bytes(varint(number << 3 | 2)) + bytes(varint(len(text))) + text

def read_delimited(stream):
    size = shift = 0
    while True:
        byte = stream.read(1)[0]
        size |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return stream.read(size)

with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as server:
    for text in (b"hello", b"x" * 300, b""):
        message = field(1, b"person") + field(2, text)
        server.sendall(bytes(varint(len(message))) + message)
        echo = read_delimited(server.makefile("rb"))
        print(echo == message, len(echo))
"""


def test_a_script_that_writes_protobuf(goodtalk):
    talk = goodtalk("-n", "3", "-f", "varint", "--echo", "-s", "raw")
    heard = client_says(["/usr/bin/python3", "-c", PROTOBUF, str(talk.port)])
    assert heard == b"True 15\nTrue 311\nTrue 10\n"
    assert talk.ended() == 0
    person = b"\x0a\x06person\x12"
    messages = [person + b"\x05hello", person + b"\xac\x02" + b"x" * 300, person + b"\x00"]
    assert talk.stdout.everything() == b"".join(varint(len(message)) + message
                                                for message in messages)


# ---- PostgreSQL: the number counts itself; a letter stands before it in all but the first ----

PROTOCOL_3, SSL_REQUEST = 196608, 80877103


def test_postgres_start_up(goodtalk):
    """What a client says first: the version and its parameters, each ended by a NUL."""
    talk = goodtalk("-n", "2", "-f", "length:4@0+4", "--echo", "-s", "raw")
    start_up = Framing("length:4@0+4").say(struct.pack("!I", PROTOCOL_3) + b"user\0me\0\0")
    request = struct.pack("!II", 8, SSL_REQUEST)
    with Client(talk.port) as client:
        assert client.send(request + start_up).everything() == request + start_up
    assert talk.ended() == 0
    assert talk.stdout.everything() == request + start_up


def test_psql_is_told_to_go_away(goodtalk, tmp_path):
    """psql against one error message, as a server that is full would say it."""
    fields = b"SFATAL\0C53300\0Mthere is no room at the inn\0\0"
    (tmp_path / "error").write_bytes(Framing("length:4@1+4").say(fields, header=b"E"))
    talk = goodtalk("-f", "length:4@0+4", "--reply-file", tmp_path / "error", "-s", "json")
    failed = start(["psql", f"host=127.0.0.1 port={talk.port} user=me dbname=talk sslmode=disable "
                            "gssencmode=disable"], stdin=subprocess.DEVNULL)
    assert failed.returncode == 2
    assert b"there is no room at the inn" in failed.stdout
    assert talk.ended() == 0
    assert rb"user\u0000me\u0000database\u0000talk\u0000" in talk.stdout.everything()


def test_postgres_queries(goodtalk):
    framing = Framing("length:4@1+4")
    talk = goodtalk("-n", "3", "-f", framing.spec, "--echo", "-s", "raw")
    said = [framing.say(b"select 1\0", b"Q"), framing.say(b"", b"S"), framing.say(b"", b"X")]
    with Client(talk.port) as client:
        assert client.send(b"".join(said)).everything() == b"".join(said)
    assert talk.ended() == 0
    assert talk.stdout.everything() == b"".join(said)


# ---- others, by hand ----


def test_bgp_keepalive(goodtalk):
    """16 bytes of ones, and a length that counts them and itself: 19 is the least."""
    keepalive = b"\xff" * 16 + b"\x00\x13\x04"
    talk = goodtalk("-n", "2", "-f", "length:2@16+18", "--echo", "-s", "raw")
    with Client(talk.port) as client:
        assert client.send(keepalive * 2).everything() == keepalive * 2
    assert talk.ended() == 0
    assert talk.stdout.everything() == keepalive * 2


def test_mysql_packets(goodtalk):
    """Three bytes of length, which leave out the sequence number that follows them."""
    ping = b"\x01\x00\x00" + b"\x00" + b"\x0e"
    talk = goodtalk("-f", "length:3le-1", "-r", r"\x01\x00\x00\x00\x02\x00\x00\x00")
    with Client(talk.port) as client:
        assert client.send(ping).everything() == b"\x07\0\0" + b"\x01\0\0\0\x02\0\0\0"
    assert talk.ended() == 0
    assert talk.shown() == [b"\\x00\\x0e"]


def test_modbus(goodtalk):
    """Transaction, protocol, length, unit, function, data: the length is that of the last three."""
    request = bytes.fromhex("0001 0000 0006 11 03 006b 0003")
    talk = goodtalk("-f", "length:2@4", "--echo", "-s", "hex")
    with Client(talk.port) as client:
        assert client.send(request).everything() == request
    assert talk.ended() == 0
    assert talk.stdout.everything().startswith(b"00000000  00 01 00 00 00 06 11 03")


# ---- lines and other delimiters ----


def test_whois(goodtalk, tmp_path):
    (tmp_path / "answer").write_bytes(b"domain: TALK\r\nstatus: good\r\n")
    talk = goodtalk("-f", "crlf", "--reply-file", tmp_path / "answer")
    heard = client_says(["whois", "-h", "127.0.0.1", "-p", str(talk.port), "talk.example"])
    assert heard.replace(b"\r", b"").endswith(b"domain: TALK\nstatus: good\n")
    assert talk.ended() == 0
    assert talk.shown() == [b"talk.example"]


def test_curl_telnet(goodtalk):
    talk = goodtalk("-f", "line")
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    with subprocess.Popen(["curl", "--silent", "--no-buffer", f"telnet://127.0.0.1:{talk.port}"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as curl:
        printed = Collector(os.dup(curl.stdout.fileno()))
        curl.stdin.write(b"hello\n")
        curl.stdin.flush()
        printed.wait_for(REPLY)
        assert talk.ended() == 0
        curl.stdin.close()
        curl.wait(PATIENCE)
    assert printed.everything() == REPLY


def test_curl_http(goodtalk, tmp_path):
    """A request ends with an empty line; the answer is a file."""
    (tmp_path / "answer").write_bytes(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\ngood\n")
    talk = goodtalk("-n", "2", "--close", "-f", r"delim:\r\n\r\n", "--reply-file", tmp_path / "answer")
    for _ in range(2):
        assert client_says(["curl", "--silent", "--fail", "--max-time", str(PATIENCE),
                            f"http://127.0.0.1:{talk.port}/talk"]) == b"good\n"
    assert talk.ended() == 0
    assert all(re.match(rb"GET /talk HTTP/1.1\\r\\nHost: ", message) for message in talk.shown())


def test_curl_gopher(goodtalk, tmp_path):
    (tmp_path / "answer").write_bytes(b"iGood talking to you\t\t\t0\r\n.\r\n")
    talk = goodtalk("-f", "crlf", "--reply-file", tmp_path / "answer")
    heard = client_says(["curl", "--silent", f"gopher://127.0.0.1:{talk.port}/1/talk"])
    assert heard == (tmp_path / "answer").read_bytes()
    assert talk.ended() == 0
    assert talk.shown() == [b"/talk"]


def test_names_ended_by_nul(goodtalk, tmp_path):
    """find -print0, so that a name may hold a line end."""
    for name in ("one", "two\nlines", " three"):
        (tmp_path / name).touch()
    talk = goodtalk("--connections", "1", "-f", "nul", "--silent")
    client_says(["bash", "-c", f"find '{tmp_path}' -type f -print0 | nc.openbsd -N 127.0.0.1 {talk.port}"])
    assert talk.ended() == 0
    assert sorted(read_back(message).rsplit(b"/", 1)[1] for message in talk.shown()) == [
        b" three", b"one", b"two\nlines"]


def test_records_of_a_fixed_size(goodtalk, tmp_path):
    """A transport stream: packets of 188 bytes, through a real client."""
    stream = b"".join(b"\x47" + bytes([number]) * 187 for number in range(100))
    talk = goodtalk("--connections", "1", "-f", "fixed:188", "--echo", "-s", "raw")
    heard = client_says(["socat", "-t", str(PATIENCE), "-", f"TCP:127.0.0.1:{talk.port}"],
                        input=stream)
    assert heard == stream
    assert talk.ended() == 0
    assert talk.stdout.everything() == stream


def test_chunks(goodtalk):
    """What comes at once is a message: an echo server for anything."""
    talk = goodtalk("-n", "3", "-f", "chunk", "--echo", "-s", "raw")
    with Client(talk.port) as client:
        for said in (b"no", b"line\nends", b"\0"):
            client.send(said)
            assert client.socket.recv(100) == said
    assert talk.ended() == 0
    assert talk.stdout.everything() == b"noline\nends\0"
