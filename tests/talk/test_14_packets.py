"""Packets of a Unix socket (SOCK_SEQPACKET): each is a message, each reply a packet of its own."""
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from goodtalk_datagrams import Peer
from goodtalk_talk import (PATIENCE, REPLY, Collector, is_sanitized, shown_messages, until,
                           wait_readable)
from test_06_slow_stdout import F_SETPIPE_SZ, PAGE
from test_06_what_is_shown import NASTY, body_of, read_back

EVERY_BYTE = bytes(range(256))


@pytest.fixture(params=["path", "abstract"])
def at(request, tmp_path):
    if request.param == "abstract":
        return f"unixpacket:@goodtalk-{os.getpid()}-{tmp_path.name}"
    return f"unixpacket:{tmp_path}/gt"


@pytest.fixture
def at_path(tmp_path):
    return f"unixpacket:{tmp_path}/gt"


def test_one_shot(goodtalk, at):
    talk = goodtalk(at=at)
    assert talk.addresses == [at]
    with Peer(at) as peer:
        assert peer.ask(b"Who is there?") == REPLY
        assert peer.everything() == []
    assert talk.ended() == 0
    assert talk.shown() == [b"Who is there?"]
    assert talk.said() == ""


def test_its_file_goes_with_it(goodtalk, at_path, tmp_path):
    talk = goodtalk("-k", at=at_path)
    assert (tmp_path / "gt").stat().st_mode & 0o777 == 0o600
    assert talk.stop() == 0
    assert not (tmp_path / "gt").exists()


def test_a_stream_is_not_taken_for_packets(goodtalk, at_path, tmp_path):
    talk = goodtalk("-k", at=at_path)
    with socket.socket(socket.AF_UNIX) as stream, pytest.raises(OSError):
        stream.connect(f"{tmp_path}/gt")
    assert talk.stop() == 0


def test_two_hundred_in_their_order(goodtalk, at):
    talk = goodtalk("-n", "200", "--echo", at=at)
    messages = [b"packet %d\n" % number * (number % 7 + 1) for number in range(200)]
    with Peer(at) as peer:
        receiver = []
        thread = threading.Thread(target=lambda: receiver.extend(peer.everything()))
        thread.start()
        for message in messages:
            peer.send(message)
        thread.join()
    assert receiver == messages
    assert talk.ended() == 0
    assert [read_back(message) for message in talk.shown()] == messages


@pytest.mark.parametrize("frame", ["talk", "line", "eof", "netstring", "length:2"])
def test_a_packet_is_a_message_whatever_the_framing(goodtalk, at_path, frame):
    talk = goodtalk("-k", "-f", frame, "--echo", "--pause", "1ms", at=at_path)
    said = [b"one\ntwo\r\n", b"no line end", b"\n", EVERY_BYTE, b"3:abc,", b"\0", b"\0\1x"]
    with Peer(at_path) as peer:
        assert [peer.ask(data) for data in said] == said
    assert talk.stop() == 0
    assert [read_back(message) for message in talk.shown()] == said


def test_count_is_over_connections(goodtalk, at):
    talk = goodtalk("-n", "3", at=at)
    with Peer(at) as one, Peer(at) as other:
        assert one.ask(b"1") == other.ask(b"2") == one.ask(b"3") == REPLY
        assert one.everything() == other.everything() == []
    assert talk.ended() == 0
    assert talk.shown() == [b"1", b"2", b"3"]


def test_no_packet_beyond_the_count(goodtalk, at):
    talk = goodtalk("-n", "3", at=at)
    with Peer(at) as peer:
        peer.socket.setblocking(False)
        for number in range(6):
            try:
                peer.send(b"%d" % number)
            except BrokenPipeError:  # it has three and is done
                break
        peer.socket.settimeout(PATIENCE)
        assert peer.everything() == [REPLY] * 3
    assert talk.ended() == 0
    assert talk.shown() == [b"0", b"1", b"2"]


def test_connections_are_counted(goodtalk, at):
    talk = goodtalk("--connections", "1", at=at)
    with Peer(at) as peer:
        assert [peer.ask(b"one"), peer.ask(b"two")] == [REPLY] * 2
        assert peer.half_close().everything() == []
    assert talk.ended() == 0
    assert talk.shown() == [b"one", b"two"]


def test_an_empty_packet_is_the_end(goodtalk, at):
    talk = goodtalk("-k", "--echo", at=at)
    with Peer(at) as peer:
        peer.send(b"one").send(b"two").send(b"")
        assert peer.everything() == [b"one", b"two"]
    with Peer(at) as peer:
        assert peer.send(b"").everything() == []
    assert talk.stop() == 0
    assert talk.shown() == [b"one", b"two"]


def test_one_that_says_nothing_is_no_message(goodtalk, at):
    """A one-shot goes on waiting."""
    talk = goodtalk(at=at)
    with Peer(at) as peer:
        assert peer.send(b"").everything() == []
    with Peer(at) as peer:
        assert peer.half_close().everything() == []
    with Peer(at) as peer:
        assert peer.ask(b"hello") == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]


def test_a_half_closing_client_gets_its_replies(goodtalk, at):
    talk = goodtalk("--connections", "1", "--echo", at=at)
    messages = [b"%d" % number for number in range(20)]
    with Peer(at) as peer:
        for message in messages:
            peer.send(message)
        assert peer.half_close().everything() == messages
    assert talk.ended() == 0


def test_close_after_each_reply(goodtalk, at):
    talk = goodtalk("-k", "--close", at=at)
    for _ in range(3):
        with Peer(at) as peer:
            assert peer.send(b"hello").everything() == [REPLY]
    assert talk.stop() == 0
    assert talk.shown() == [b"hello"] * 3


def test_a_greeting_is_a_packet_of_its_own(goodtalk, at):
    talk = goodtalk("--greeting", "welcome", at=at)
    with Peer(at) as peer:
        assert peer.receive() == b"welcome"
        assert peer.ask(b"hello") == REPLY
    assert talk.ended() == 0


def test_json_raw_and_the_peer(goodtalk, at):
    talk = goodtalk("-n", len(NASTY) - 1, "-s", "json", at=at)
    said = [data for data in NASTY if data]
    with Peer(at) as peer:
        assert [peer.ask(data) for data in said] == [REPLY] * len(said)
        name = peer.name
    assert talk.ended() == 0
    rows = [json.loads(line) for line in talk.stdout.everything().splitlines()]
    assert [body_of(row) for row in rows] == said
    assert {(row["peer"], row["listener"]) for row in rows} == {(name, at)}


def test_raw_is_the_bytes(goodtalk, at_path):
    talk = goodtalk("--connections", "1", "-s", "raw", "--silent", at=at_path)
    with Peer(at_path) as peer:
        for data in NASTY:
            if data:
                peer.send(data)
        assert peer.half_close().everything() == []
    assert talk.ended() == 0
    assert talk.stdout.everything() == b"".join(NASTY)


# ---- bounds kept, however long they wait ----


class Sender(threading.Thread):
    """Sends packets, waiting where it must, and tells how many have gone."""

    def __init__(self, peer, packets):
        super().__init__(daemon=True)
        self.peer, self.packets, self.sent = peer, packets, 0
        self.start()

    def run(self):
        for packet in self.packets:
            self.peer.send(packet)
            self.sent += 1


def packets_of_all_sizes(count):
    return [b"%d:" % number + b"x" * (number * 37 % 3000) for number in range(count)]


@pytest.mark.parametrize("read_size", [700, 1 << 20])
def test_bounds_are_kept_while_stdout_is_slow(goodtalk, pipe, at_path, read_size):
    """Some wait in the server, the rest in the socket, the sender too; none is joined with another,
    lost, or replied to before it is shown."""
    fcntl.fcntl(pipe.write, F_SETPIPE_SZ, PAGE)
    talk = goodtalk("-k", "--echo", at=at_path, stdout=pipe.write)
    pipe.close_write()
    packets = packets_of_all_sizes(600 if is_sanitized() else 2000)
    with Peer(at_path) as peer:
        sender = Sender(peer, packets)
        assert wait_readable(pipe.read)
        heard, shown = [], b""
        while shown.count(b"\n") < len(packets):
            assert wait_readable(pipe.read)
            shown += os.read(pipe.read, read_size)
            while len(heard) < len(packets) and not peer.has_nothing():
                heard.append(peer.receive())
        heard += peer.receive_all(len(packets) - len(heard))
        sender.join(PATIENCE)
    assert heard == packets
    assert shown_messages(shown) == packets
    assert talk.stop() == 0


def test_bounds_are_kept_while_the_peer_does_not_read(goodtalk, at):
    """Its echoes wait, then it is read no more until it reads: nothing grows without a bound."""
    talk = goodtalk("-k", "--echo", "-s", "none", at=at)
    packets = packets_of_all_sizes(3000) if is_sanitized() else packets_of_all_sizes(20000)
    with Peer(at) as peer, Peer(at) as other:
        sender = Sender(peer, packets)
        for _ in range(50):
            assert other.ask(b"other") == b"other"
        assert peer.receive_all(len(packets)) == packets
        sender.join(PATIENCE)
    if not is_sanitized():
        assert talk.memory_peak() < 32 << 20
    assert talk.stop() == 0


def test_draining_finishes_what_is_in_hand(goodtalk, pipe, at):
    """Stopped while packets wait, in the server and in the socket: what it has read is shown and
    replied to, the first ones and no other; the rest is neither."""
    fcntl.fcntl(pipe.write, F_SETPIPE_SZ, PAGE)
    talk = goodtalk("-k", "--echo", at=at, stdout=pipe.write)
    pipe.close_write()
    packets = packets_of_all_sizes(60)
    with Peer(at) as peer:
        for packet in packets:
            peer.send(packet)
        assert wait_readable(pipe.read)
        talk.signal(signal.SIGTERM)
        record = Collector(os.dup(pipe.read))
        heard = peer.everything()
        assert talk.ended() == 0
    assert heard == packets[:len(heard)] != []
    assert shown_messages(record.everything()) == heard


# ---- too long ----


def test_over_max_message_is_told_and_contained(goodtalk, at):
    talk = goodtalk("-k", "--echo", "--log-format", "json", "--max-message", "16", at=at)
    with Peer(at) as honest, Peer(at) as peer:
        honest.send(b"before")
        peer.send(b"0123456789abcdef").send(b"0123456789abcdefg").send(b"never")
        assert peer.everything() == [b"0123456789abcdef"]
        told = json.loads(talk.told_about("too-long"))
        assert (told["peer"], told["listener"], told["level"]) == (peer.name, at, "warning")
        assert "max-message" in told["text"]
        assert honest.ask(b"after") == b"before"
        assert honest.receive() == b"after"
    assert talk.stop() == 0
    assert sorted(talk.shown()) == [b"0123456789abcdef", b"after", b"before"]


@pytest.mark.parametrize("size", [65536, 65537, 256 * 1024])
def test_long_ones(goodtalk, at_path, size):
    if os.geteuid() != 0 and size > 1 << 17:
        pytest.skip("only root may send one this long")
    message = (EVERY_BYTE * 1025)[:size]
    talk = goodtalk("--connections", "1", "-s", "raw", "-r", "heard", at=at_path)
    with Peer(at_path) as peer:
        peer.take_large().send(message).send(b"x").send(message)
        assert peer.half_close().everything() == [b"heard\n"] * 3
    assert talk.ended() == 0
    assert talk.stdout.everything() == message + b"x" + message


def test_over_what_is_ever_taken(goodtalk, at_path):
    """Longer than any buffer for packets, and under max-message: refused, never cut."""
    if os.geteuid() != 0:
        pytest.skip("only root may send one this long")
    talk = goodtalk("-k", "--log-format", "json", "-s", "raw", at=at_path)
    with Peer(at_path) as peer:
        peer.take_large().send(b"one").send(b"x" * (256 * 1024 + 1))
        assert peer.everything() == [REPLY]
        assert json.loads(talk.told_about("too-long"))["peer"] == peer.name
    with Peer(at_path) as peer:
        assert peer.ask(b"two") == REPLY
    assert talk.stop() == 0
    assert talk.stdout.everything() == b"onetwo"


def test_a_reply_too_long_for_a_packet(goodtalk, at_path, tmp_path):
    """The system refuses it: told, its connection ends, a one-shot's status is 1."""
    (tmp_path / "reply").write_bytes(b"x" * (16 << 20))
    talk = goodtalk("--reply-file", tmp_path / "reply", at=at_path)
    with Peer(at_path) as peer:
        assert peer.send(b"hello").everything() == []
    assert talk.ended() == 1
    assert talk.shown() == [b"hello"]
    assert "reply" in talk.said()


def test_a_peer_that_goes_before_its_reply(goodtalk, at_path, pipe):
    fcntl.fcntl(pipe.write, F_SETPIPE_SZ, PAGE)
    talk = goodtalk("-k", at=at_path, stdout=pipe.write)
    pipe.close_write()
    with Peer(at_path) as gone:
        for _ in range(3):
            gone.send(b"x" * 3000)
        until(lambda: gone.unread() == 0, "the packets read")
    record = Collector(os.dup(pipe.read))
    with Peer(at_path) as peer:
        assert peer.ask(b"hello") == REPLY
    assert talk.stop() == 0
    assert shown_messages(record.everything()) == [b"x" * 3000] * 3 + [b"hello"]


# ---- the clients people have ----


def test_socat(goodtalk, at_path, tmp_path):
    """What socat reads at once is a packet: type=5 is SOCK_SEQPACKET."""
    if not shutil.which("socat"):
        pytest.skip("socat is not installed")
    talk = goodtalk(at=at_path)
    heard = subprocess.run(["socat", "-t", str(PATIENCE), "-", f"UNIX-CONNECT:{tmp_path}/gt,type=5"],
                           input=b"Who is there?\n", capture_output=True, check=True,
                           timeout=PATIENCE).stdout
    assert heard == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"Who is there?\\n"]


def test_socat_over_an_abstract_socket(goodtalk, tmp_path):
    name = f"goodtalk-{os.getpid()}-{tmp_path.name}"
    talk = goodtalk(at=f"unixpacket:@{name}")
    heard = subprocess.run(["socat", "-t", str(PATIENCE), "-", f"ABSTRACT-CONNECT:{name},type=5"],
                           input=b"hello", capture_output=True, check=True, timeout=PATIENCE).stdout
    assert heard == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]
