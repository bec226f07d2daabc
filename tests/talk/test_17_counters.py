"""SIGUSR1: the counters, on one line, exact; whatever else goes on."""
import fcntl
import json
import os
import re
import signal
import threading

import pytest
from goodtalk_datagrams import Peer
from goodtalk_talk import (PATIENCE, REPLY, Client, Collector, bytes_waiting, is_sanitized, received,
                           say, until, wait_readable)
from test_06_slow_stdout import F_SETPIPE_SZ, PAGE

COUNTERS = ["connections", "connections-open", "datagrams", "datagrams-refused",
            "datagrams-over-rate", "messages", "replies", "replies-dropped",
            "replies-affected", "conversations", "conversations-failed",
            "bytes-received", "bytes-sent"]
REASONS = ["peer-closed", "replied", "finished", "drained", "gave-way", "per-source", "reset",
           "talked", "unmet", "script-failed", "reset-sent", "undelivered", "too-long", "malformed",
           "unframed", "unfinished", "idle-timeout", "message-timeout", "write-timeout",
           "drain-timeout", "memory", "no-memory", "unrecorded", "command-failed", "command-ended",
           "abandoned", "socket-error"]
OF_TALKS = ["expects-failed", "scripts-failed", "unmatched"]
EVERYTHING = {*COUNTERS, *OF_TALKS} | {f"ended-{reason}" for reason in REASONS}
TOLD = b'"event":"counters"'


def objects_told(talk):
    """The counters that were told so far, all of each."""
    data = bytes(talk.stderr.data)
    lines = data[:data.rfind(b"\n") + 1].splitlines()
    return [json.loads(line)["counters"] for line in lines if TOLD in line]


def ask(talk):
    """The counters now, by --log-format json: those that have counted something."""
    before = len(objects_told(talk))
    talk.signal(signal.SIGUSR1)
    talk.stderr.wait_for(lambda data: len(objects_told(talk)) > before)
    counters = objects_told(talk)[-1]
    assert set(counters) == EVERYTHING
    return {name: value for name, value in counters.items() if value}


def ask_until(talk, **wanted):
    """Ask until these have their values (a connection's end is seen by the server a little later
    than by its peer): all that have counted something."""
    wanted = {name.replace("_", "-"): value for name, value in wanted.items()}
    found = {}

    def there():
        found.clear()
        found.update(ask(talk))
        return wanted.items() <= found.items()

    until(there, f"counters with {wanted}")
    return found


@pytest.fixture
def kept(goodtalk):
    """kept(OPTION..., at=ADDRESS): a server whose counters are told as JSON."""
    return lambda *options, **how: goodtalk("-k", "--log-format", "json", *options, **how)


# ---- what is told ----


def test_in_words(goodtalk):
    talk = goodtalk("-k")
    talk.signal(signal.SIGUSR1)
    assert talk.told_about("count") == "goodtalk: nothing has been counted yet"
    with Client(talk.port) as client:
        assert client.send(b"one\ntwo\n").lines(2) == [REPLY] * 2
        talk.signal(signal.SIGUSR1)
        assert talk.told_about("bytes-received") == (
            "goodtalk: 1 connections, 1 connections-open, 2 messages, 2 replies, 8 bytes-received, "
            f"{2 * len(REPLY)} bytes-sent")
    assert talk.stop() == 0
    assert talk.said().count("\n") == 2


def test_as_an_object_with_everything(kept):
    talk = kept()
    talk.signal(signal.SIGUSR1)
    event = json.loads(talk.told_about("counters"))
    assert (event["event"], event["level"]) == ("counters", "notice")
    assert event["counters"] == {name: 0 for name in EVERYTHING}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["time"])
    assert talk.stop() == 0


@pytest.mark.parametrize("options", [[], ["-q"], ["-v"], ["-q", "-s", "none"]], ids=" ".join)
def test_however_little_is_told(kept, options):
    """Somebody asked for it."""
    talk = kept(*options)
    with Client(talk.port) as client:
        assert client.send(b"hello\n").line() == REPLY
        assert ask(talk) == {"connections": 1, "connections-open": 1, "messages": 1, "replies": 1,
                             "bytes-received": 6, "bytes-sent": len(REPLY)}
    assert talk.stop() == 0


def test_a_one_shot_is_not_ended_by_it(goodtalk):
    talk = goodtalk()
    talk.signal(signal.SIGUSR1)
    talk.told_about("nothing has been counted")
    assert say(talk.port, b"hello\n") == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]


def test_ignored_at_the_start_it_stays_ignored(goodtalk):
    talk = goodtalk("-k", preexec_fn=lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN))
    for _ in range(10):
        talk.signal(signal.SIGUSR1)
        with Client(talk.port) as client:
            assert client.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0
    assert talk.said() == ""


# ---- exact ----


def test_after_known_talk(kept):
    """Lines, one too long, one port probe, one reset; each end waited for."""
    talk = kept("--echo", "--max-message", "100")
    with Client(talk.port) as client:
        said = b"one\ntwo\r\nthree\n"
        assert client.send(said).lines(3) == [b"one\n", b"two\n", b"three\n"]
        assert ask(talk) == {"connections": 1, "connections-open": 1, "messages": 3, "replies": 3,
                             "bytes-received": len(said), "bytes-sent": len(said) - 1}
    with Client(talk.port) as client:
        client.half_close().ended_silently()
    with Client(talk.port) as client:
        client.send(b"x" * 101).ended_silently()
    Client(talk.port).reset()
    assert ask_until(talk, ended_reset=1, ended_too_long=1, ended_peer_closed=2) == {
        "connections": 4, "messages": 3, "replies": 3, "bytes-received": len(said) + 101,
        "bytes-sent": len(said) - 1, "ended-peer-closed": 2, "ended-too-long": 1, "ended-reset": 1}
    assert talk.stop() == 0


def test_replies_that_hold_nothing_are_none(kept):
    talk = kept("--silent")
    with Client(talk.port) as client:
        client.send(b"one\ntwo\n")
        assert ask_until(talk, messages=2) == {
            "connections": 1, "connections-open": 1, "messages": 2, "bytes-received": 8}
    assert talk.stop() == 0


def test_lengths_are_bytes_too(kept):
    talk = kept("-f", "netstring", "--echo")
    with Client(talk.port) as client:
        client.send(b"5:hello,0:,")
        assert received(client.socket, 11) == b"5:hello,0:,"
        client.half_close()
        assert ask_until(talk, ended_peer_closed=1) == {
            "connections": 1, "messages": 2, "replies": 2, "bytes-received": 11, "bytes-sent": 11,
            "ended-peer-closed": 1}
    assert talk.stop() == 0


def test_datagrams(kept, tmp_path):
    talk = kept("--echo", "--max-message", "10", at=["udp:0", f"unixgram:{tmp_path}/gt"])
    for address in talk.addresses:
        with Peer(address) as peer:
            assert [peer.ask(b"hello"), peer.ask(b"")] == [b"hello", b""]
            assert peer.send(b"x" * 11).ask(b"again") == b"again"
    with Peer(talk.addresses[1], nameless=True) as nameless:
        nameless.send(b"nameless")
    counters = ask_until(talk, replies_dropped=1)
    # Of one that is too long only what was looked at counts.
    assert counters.pop("bytes-received") in range(2 * 10 + 8 + 2 * 10, 2 * 10 + 8 + 2 * 11 + 1)
    assert counters == {"datagrams": 9, "datagrams-refused": 2, "messages": 7, "replies": 6,
                        "replies-dropped": 1, "bytes-sent": 20}
    assert talk.stop() == 0


def test_packets(kept, tmp_path):
    talk = kept("--echo", at=f"unixpacket:{tmp_path}/gt")
    with Peer(talk.addresses[0]) as peer:
        assert [peer.ask(b"one"), peer.ask(b"three")] == [b"one", b"three"]
        assert ask(talk) == {"connections": 1, "connections-open": 1, "messages": 2, "replies": 2,
                             "bytes-received": 8, "bytes-sent": 8}
        peer.send(b"")
        assert peer.everything() == []
        assert ask_until(talk, ended_peer_closed=1)["connections"] == 1
    assert talk.stop() == 0


def test_a_thousand_connections(kept):
    count = 100 if is_sanitized() else 1000
    talk = kept("-s", "none")
    for _ in range(count):
        assert say(talk.port, b"hello\nagain\n", half_close=True) == REPLY * 2
    assert ask_until(talk, ended_peer_closed=count) == {
        "connections": count, "messages": 2 * count, "replies": 2 * count,
        "bytes-received": 12 * count, "bytes-sent": 2 * count * len(REPLY),
        "ended-peer-closed": count}
    assert talk.stop() == 0


def test_they_wait_for_what_is_shown(kept, pipe):
    """A message is counted when it is recorded: not while stdout has no room for it."""
    fcntl.fcntl(pipe.write, F_SETPIPE_SZ, PAGE)
    talk = kept("--echo", stdout=pipe.write)
    pipe.close_write()
    line = b"x" * 3000 + b"\n"
    with Client(talk.port) as client:
        client.send(line * 10)
        counters = ask_until(talk, bytes_received=len(line) * 10)
        assert counters.get("messages", 0) * 3000 <= bytes_waiting(pipe.read)
        assert counters.get("replies", 0) <= counters.get("messages", 0) < 10
        record = Collector(os.dup(pipe.read))
        assert client.lines(10) == [line] * 10
        assert ask(talk) == {"connections": 1, "connections-open": 1, "messages": 10, "replies": 10,
                             "bytes-received": len(line) * 10, "bytes-sent": len(line) * 10}
    assert talk.stop() == 0
    assert record.everything().count(b"\n") == 10


# ---- each reason ----


def replied(talk):
    assert say(talk.port, b"hello\n") == REPLY


def gave_way(talk):
    with Client(talk.port) as probe, Client(talk.port) as client:
        assert client.send(b"hello\n").line() == REPLY
        assert probe.ended_silently()


def one_too_many(talk):
    with Client(talk.port) as client, Client(talk.port) as one_more:
        assert one_more.ended_silently()
        assert client.send(b"hello\n").line() == REPLY


def reset(talk):
    client = Client(talk.port)
    client.reset()


def said(data, half_close=False):
    def talk_to(talk):
        with Client(talk.port) as client:
            client.send(data)
            if half_close:
                client.half_close()
            client.everything()
    return talk_to


def silent(talk):
    with Client(talk.port) as client:
        assert client.ended_silently()


def never_reads(talk):
    """Says more than its echo finds room for, and reads none of it."""
    with Client(talk.port, receive_buffer=4096) as client:
        client.socket.setblocking(False)
        for _ in range(4000):
            try:
                client.socket.send((b"x" * 999 + b"\n") * 64)
            except BlockingIOError:
                break
        until(lambda: "ended-write-timeout" in ask(talk), "given up")


def hoard(talk):
    """Two unfinished messages, together more than there is memory for."""
    with Client(talk.port) as client, Client(talk.port) as other:
        client.send(b"x" * 700_000)
        ask_until(talk, bytes_received=700_000)
        other.send(b"x" * 500_000)
        until(lambda: "ended-memory" in ask(talk), "ended for its memory")


@pytest.mark.parametrize("reason, options, act", [
    ("peer-closed", [], said(b"hello\n", half_close=True)),
    ("replied", ["--close"], replied),
    ("gave-way", ["-m", "1"], gave_way),
    ("per-source", ["--max-per-source", "1"], one_too_many),
    ("reset", [], reset),
    ("too-long", ["--max-message", "4"], said(b"hello\n")),
    ("malformed", ["-f", "netstring"], said(b"hello")),
    ("unfinished", ["-f", "netstring"], said(b"5:hell", half_close=True)),
    ("idle-timeout", ["--idle-timeout", "20ms"], silent),
    ("message-timeout", ["--message-timeout", "20ms", "-f", "line"], said(b"hell")),
    ("write-timeout", ["--write-timeout", "50ms", "--echo"], never_reads),
    ("memory", ["--max-message", "1MiB", "--max-memory", "1MiB", "-f", "eof", "--silent"],
     hoard),
])
def test_each_reason(kept, reason, options, act):
    talk = kept("-s", "none", *options)
    act(talk)
    counters = ask_until(talk, **{f"ended_{reason.replace('-', '_')}": 1})
    ended = {name for name in counters if name.startswith("ended-")}
    assert ended - {"ended-peer-closed"} == {f"ended-{reason}"} - {"ended-peer-closed"}
    assert talk.stop() == 0


# ---- while much else goes on ----


def test_while_draining(kept, pipe):
    """The server is stopping and waits for a stdout that nobody reads."""
    fcntl.fcntl(pipe.write, F_SETPIPE_SZ, PAGE)
    talk = kept("-v", stdout=pipe.write)
    pipe.close_write()
    with Client(talk.port) as client, Client(talk.port) as idle:
        client.send((b"x" * 3000 + b"\n") * 3)
        ask_until(talk, bytes_received=9003, connections_open=2)
        talk.signal(signal.SIGTERM)
        talk.told_about("stopping")
        assert ask(talk)["bytes-received"] == 9003
        record = Collector(os.dup(pipe.read))
        assert client.everything() == REPLY * 3
        assert idle.ended_silently()
    assert talk.ended() == 0
    assert record.everything().count(b"\n") == 3


def test_the_drained_are_counted(kept):
    """One is drained at once, another has a long echo to get: it goes on while it is counted."""
    talk = kept("-s", "none", "--echo")
    line = b"x" * 1000 + b"\n"
    with Client(talk.port, receive_buffer=4096) as slow, Client(talk.port) as idle:
        slow.socket.setblocking(False)
        sent = 0
        for _ in range(100_000):
            try:
                sent += slow.socket.send(line)
            except BlockingIOError:
                break
        slow.socket.settimeout(PATIENCE)
        talk.signal(signal.SIGTERM)
        assert idle.ended_silently()
        idle.socket.close()
        counters = ask_until(talk, ended_drained=1)
        assert counters["connections-open"] == 1
        heard = slow.everything()
        assert heard == (line * (len(heard) // len(line) + 1))[:len(heard)]
    assert talk.ended() == 0


def test_many_in_a_row_during_load(kept):
    """Nothing is lost, and each line is later than the one before it."""
    count = 4000 if is_sanitized() else 20000
    talk = kept("--echo")
    lines = [b"line %d\n" % number for number in range(count)]
    over = threading.Event()

    def signals():
        while not over.is_set():
            talk.signal(signal.SIGUSR1)

    thread = threading.Thread(target=signals)
    thread.start()
    try:
        with Client(talk.port) as client:
            for start in range(0, count, 100):
                client.send(b"".join(lines[start:start + 100]))
                assert client.lines(100) == lines[start:start + 100]
    finally:
        over.set()
        thread.join()
    size = sum(map(len, lines))
    assert ask_until(talk, ended_peer_closed=1) == {
        "connections": 1, "messages": count, "replies": count, "bytes-received": size,
        "bytes-sent": size, "ended-peer-closed": 1}
    assert talk.stop() == 0
    assert talk.shown() == [line[:-1] for line in lines]
    told = objects_told(talk)
    assert len(told) > 1
    for name in ("messages", "replies", "bytes-received", "bytes-sent"):
        assert [one[name] for one in told] == sorted(one[name] for one in told)


def test_a_stderr_that_nobody_reads_stalls_nothing(goodtalk, pipe):
    """What would have to wait is left out."""
    fcntl.fcntl(pipe.write, F_SETPIPE_SZ, PAGE)
    talk = goodtalk("-k", "--log-format", "json", stderr=pipe.write)
    pipe.close_write()
    with Client(talk.port) as client:
        for _ in range(100):
            talk.signal(signal.SIGUSR1)
            assert client.send(b"hello\n").line() == REPLY
        assert wait_readable(pipe.read)
        said_then = Collector(os.dup(pipe.read))

        def told_again():
            talk.signal(signal.SIGUSR1)
            return b'"messages":100,' in said_then.data

        until(told_again, "the counters, now that somebody reads")
    assert talk.stop() == 0
    for line in said_then.everything().splitlines():
        json.loads(line)
