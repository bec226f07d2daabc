"""A datagram is a message: recorded, then replied to, from the address that was asked."""
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from goodtalk_datagrams import EVERY_BYTE, Held, Peer, add_addresses, rows_of
from goodtalk_talk import (PATIENCE, REPLY, SHOWN, Client, is_sanitized, read_now, run,
                           shown_messages, wait_readable)
from test_06_slow_stdout import F_SETPIPE_SZ, PAGE
from test_06_what_is_shown import NASTY, body_of, read_back

# ---- a message and its reply ----


def test_one_shot(goodtalk, at):
    talk = goodtalk(at=at)
    with Peer(talk.addresses[0]) as peer:
        assert peer.ask(b"Who is there?") == REPLY
        assert talk.ended() == 0
        assert peer.has_nothing()
    assert talk.shown() == [b"Who is there?"]
    assert talk.said() == ""


def test_addresses_are_told_as_they_can_be_sent_to(goodtalk, tmp_path):
    talk = goodtalk("-k", at=["udp:0", "udp4:0", "udp6:0", "udp:127.0.0.1:0", "udp:[::1]:0",
                              f"unixgram:{tmp_path}/gt"])
    hosts = ["[::]", "0.0.0.0", "[::]", "127.0.0.1", "[::1]"]
    for host, told in zip(hosts, talk.addresses):
        assert told.startswith(f"udp:{host}:") and not told.endswith(":0")
    assert talk.addresses[5:] == [f"unixgram:{tmp_path}/gt"]
    for told in talk.addresses:
        with Peer(told) as peer:
            assert peer.ask(told.encode()) == REPLY
    assert talk.stop() == 0
    assert not (tmp_path / "gt").exists()


def test_kept(goodtalk, at):
    talk = goodtalk("-k", "--echo", at=at)
    messages = [b"message %d" % number for number in range(100)]
    with Peer(talk.addresses[0]) as one, Peer(talk.addresses[0]) as other:
        for message in messages:
            assert one.ask(message) == message
            assert other.ask(message + b"!") == message + b"!"
    assert talk.stop() == 0
    assert talk.shown() == [message + end for message in messages for end in (b"", b"!")]


def test_many_at_once_are_taken_in_their_order(goodtalk, at):
    talk = goodtalk("-k", "--echo", at=at)
    messages = [b"message %d" % number for number in range(10)]  # a Unix queue holds no more
    with Peer(talk.addresses[0]) as peer:
        with Held(talk):
            for message in messages:
                peer.send(message)
        assert peer.receive_all(len(messages)) == messages
    assert talk.stop() == 0
    assert talk.shown() == messages


def test_no_message_beyond_the_count(goodtalk, at):
    talk = goodtalk("-n", "3", at=at)
    with Peer(talk.addresses[0]) as peer:
        with Held(talk):
            for number in range(6):
                peer.send(b"message %d" % number)
        assert peer.receive_all(3) == [REPLY] * 3
        assert talk.ended() == 0
        assert peer.has_nothing()
    assert talk.shown() == [b"message 0", b"message 1", b"message 2"]


def test_an_empty_one_is_a_message(goodtalk, at):
    talk = goodtalk("-n", "3", "-s", "json", at=at)
    with Peer(talk.addresses[0]) as peer:
        assert [peer.ask(data) for data in (b"", b"x", b"")] == [REPLY] * 3
    assert talk.ended() == 0
    assert [(row["text"], row["size"]) for row in rows_of(talk)] == [("", 0), ("x", 1), ("", 0)]


def test_an_empty_one_comes_back(goodtalk, at):
    talk = goodtalk("--echo", at=at)
    with Peer(talk.addresses[0]) as peer:
        assert peer.ask(b"") == b""
    assert talk.ended() == 0
    assert talk.shown() == [b""]


@pytest.mark.parametrize("frame", ["talk", "line", "crlf", "eof", "netstring", "length:2", "fixed:3"])
def test_a_datagram_is_a_message_whatever_the_framing(goodtalk, at_two, frame):
    """Its line ends are its own; only the default reply has one."""
    talk = goodtalk("-k", "-f", frame, "--echo", at=at_two)
    said = [b"one\ntwo\r\n", b"no line end", b"\n", EVERY_BYTE, b"3:abc", b"\0"]
    with Peer(talk.addresses[0]) as peer:
        assert [peer.ask(data) for data in said] == said
    default = goodtalk("-f", frame, "-s", "none", at=at_two.replace("gt", "default"))
    with Peer(default.addresses[0]) as peer:
        assert peer.ask(b"one\ntwo") == REPLY
    assert talk.stop() == default.ended() == 0
    assert [read_back(message) for message in talk.shown()] == said


def test_a_file_is_sent_exactly(goodtalk, tmp_path, at_two):
    (tmp_path / "reply").write_bytes(EVERY_BYTE * 4)
    talk = goodtalk("--reply-file", tmp_path / "reply", at=at_two)
    with Peer(talk.addresses[0]) as peer:
        assert peer.ask(b"hello") == EVERY_BYTE * 4
    assert talk.ended() == 0


def test_silent(goodtalk, at):
    talk = goodtalk("-n", "2", "--silent", at=at)
    with Peer(talk.addresses[0]) as peer:
        peer.send(b"one").send(b"two")
        assert talk.ended() == 0
        assert peer.has_nothing()
    assert talk.shown() == [b"one", b"two"]


def test_recorded_then_replied_to(goodtalk, pipe, at_two):
    """Nobody reads stdout, a pipe of a page: there is no reply for what is not in it."""
    fcntl.fcntl(pipe.write, F_SETPIPE_SZ, PAGE)
    talk = goodtalk("-k", "--echo", at=at_two, stdout=pipe.write)
    pipe.close_write()
    messages = [b"%04d" % number + b"x" * 1000 for number in range(10)]
    shown, replies = b"", []
    with Peer(talk.addresses[0]) as peer:
        with Held(talk):
            for message in messages:
                peer.send(message)
        while len(replies) < len(messages):
            while not peer.has_nothing():
                replies.append(peer.receive())
            shown += read_now(pipe.read)
            recorded = shown.count(b"\n")
            assert len(replies) <= recorded
            if recorded == len(messages):
                replies += peer.receive_all(len(messages) - len(replies))
            elif not wait_readable(pipe.read):
                raise AssertionError(f"{recorded} are shown and nothing more comes")
    assert replies == messages
    assert shown_messages(shown) == messages
    assert talk.stop() == 0


@pytest.mark.parametrize("options, status", [(["-w", "20ms"], 3), (["-k", "-w", "20ms"], 0)])
def test_a_run_ends_in_time(goodtalk, at_two, options, status):
    assert goodtalk(*options, at=at_two).ended() == status


def test_interrupted_before_a_message(goodtalk, at_two):
    talk = goodtalk(at=at_two)
    talk.signal(signal.SIGINT)
    assert talk.ended() == -signal.SIGINT


def test_draining_takes_what_has_arrived(goodtalk, at):
    talk = goodtalk("-k", "--echo", at=at)
    peers = [Peer(talk.addresses[0]) for _ in range(2)]
    messages = [b"message %d" % number for number in range(5)]
    with Held(talk):
        for message in messages:
            for peer in peers:
                peer.send(message)
        talk.signal(signal.SIGTERM)
    assert talk.ended() == 0
    assert [peer.receive_all(len(messages)) for peer in peers] == [messages] * 2
    assert sorted(talk.shown()) == sorted(messages * 2)


def test_draining_takes_a_full_queue(goodtalk):
    """As many as UDP's queue holds: more than one receive brings, and all of them replied to."""
    talk = goodtalk("-k", "--echo", at="udp:127.0.0.1:0")
    messages = [b"message %d" % number for number in range(150)]
    with Peer(talk.addresses[0]) as peer:
        with Held(talk):
            for message in messages:
                peer.send(message)
            talk.signal(signal.SIGTERM)
        assert peer.receive_all(len(messages)) == messages
        assert talk.ended() == 0
    assert talk.shown() == messages


# ---- from the address that was asked ----


@pytest.mark.parametrize("listen, asked", [
    ("udp:0", "127.0.0.1"), ("udp:0", "127.0.0.2"), ("udp:0", "127.9.8.7"), ("udp:0", "::1"),
    ("udp4:0", "127.0.0.1"), ("udp4:0", "127.0.0.2"), ("udp6:0", "::1"),
    ("udp:127.0.0.2:0", "127.0.0.2"), ("udp:[::1]:0", "::1"),
])
def test_the_reply_comes_from_where_it_was_asked(goodtalk, listen, asked):
    talk = goodtalk("-n", "2", "-s", "json", at=listen)
    with Peer(talk.addresses[0], host=asked) as peer:
        assert [peer.ask(b"hello"), peer.ask(b"hello")] == [REPLY] * 2
        assert talk.ended() == 0
        assert [row["peer"] for row in rows_of(talk)] == [peer.name] * 2


@pytest.mark.parametrize("asked", ["::ffff:127.0.0.1", "::ffff:127.0.0.3"])
def test_a_mapped_address(goodtalk, asked):
    """An IPv6 client that asks for an IPv4 address: told as what it is."""
    talk = goodtalk("-s", "json", at="udp:0")
    with Peer(talk.addresses[0], host=asked, family=socket.AF_INET6) as peer:
        assert peer.ask(b"hello") == REPLY
        assert talk.ended() == 0
        assert rows_of(talk)[0]["peer"] == peer.name
        assert peer.name.startswith("127.0.0.")


def test_several_addresses_in_one_batch(goodtalk):
    """Each reply leaves from the address that its own message came to."""
    talk = goodtalk("-k", "--echo", at="udp:0")
    hosts = ["127.0.0.1", "127.0.0.2", "::1", "127.0.0.3", "::1", "127.0.0.2"]
    peers = [Peer(talk.addresses[0], host=host) for host in hosts]
    with Held(talk):
        for number, peer in enumerate(peers):
            peer.send(b"%d" % number)
    assert [peer.receive() for peer in peers] == [b"%d" % number for number in range(len(peers))]
    assert talk.stop() == 0


def test_other_addresses_of_the_machine(own_network, goodtalk):
    """Two addresses that are not loopback's: the system alone would pick the first of them."""
    hosts = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"]
    add_addresses(*hosts)
    talk = goodtalk("-k", "-r", "hi", at="udp:0")
    for host in hosts:
        for source in (None, "2001:db8::1" if ":" in host else "192.0.2.1"):
            with Peer(talk.addresses[0], host=host, source=source) as peer:
                assert peer.ask(b"hello") == b"hi\n"
    assert talk.stop() == 0


def test_control_a_reply_from_elsewhere_is_dropped():
    """The check can fail: a server that does not care from where it replies is not heard."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as careless:
        careless.bind(("0.0.0.0", 0))
        careless.settimeout(PATIENCE)
        port = careless.getsockname()[1]
        with Peer(f"udp:0.0.0.0:{port}", host="127.0.0.2") as asks_2, \
                Peer(f"udp:0.0.0.0:{port}", host="127.0.0.1") as asks_1:
            for peer in (asks_2, asks_1):
                peer.send(b"hello")
                _, sender = careless.recvfrom(100)
                careless.sendto(REPLY, ("127.0.0.1", sender[1]))
            assert asks_1.receive() == REPLY
            assert asks_2.has_nothing()


# ---- too long ----


def test_over_max_message_is_told_not_replied_to_and_contained(goodtalk, at):
    talk = goodtalk("-n", "3", "--echo", "--log-format", "json", "--max-message", "16", at=at)
    with Peer(talk.addresses[0]) as peer:
        assert peer.ask(b"0123456789abcdef") == b"0123456789abcdef"
        peer.send(b"0123456789abcdefg").send(EVERY_BYTE * 10)
        assert peer.ask(b"next") == b"next"
        assert peer.ask(b"") == b""
        assert talk.ended() == 0
        assert peer.has_nothing()
        told = [json.loads(line) for line in talk.said().splitlines()]
        assert [(event["reason"], event["peer"], event["level"], event["listener"])
                for event in told] == [("too-long", peer.name, "warning", talk.addresses[0])] * 2
    assert talk.shown() == [b"0123456789abcdef", b"next", b""]


def test_too_long_in_words(goodtalk, at_two):
    talk = goodtalk("--max-message", "1", at=at_two)
    with Peer(talk.addresses[0]) as peer:
        peer.send(b"ab")
        assert peer.ask(b"c") == REPLY
        assert talk.ended() == 0
        assert peer.name in talk.said() and "max-message" in talk.said()


@pytest.mark.parametrize("limit", ["65507", "64KiB", "1MiB", "1GB"])
def test_max_message_over_the_size_of_a_datagram(goodtalk, limit):
    """The longest that UDP has."""
    talk = goodtalk("--echo", "-s", "raw", "--max-memory", "2GB", "--max-message", limit,
                    at="udp:127.0.0.1:0")
    longest = (EVERY_BYTE * 256)[:65507]
    with Peer(talk.addresses[0]) as peer:
        assert peer.take_large().ask(longest) == longest
    assert talk.ended() == 0
    assert talk.stdout.everything() == longest


@pytest.mark.parametrize("size", [65508, 128 * 1024, 256 * 1024])
def test_a_long_one_over_a_unix_socket(goodtalk, tmp_path, size):
    if os.geteuid() != 0 and size > 1 << 17:
        pytest.skip("only root may send one this long")
    message = (EVERY_BYTE * 1024)[:size]
    (tmp_path / "reply").write_bytes(b"heard")
    talk = goodtalk("-s", "raw", "--reply-file", tmp_path / "reply", at=f"unixgram:{tmp_path}/gt")
    with Peer(talk.addresses[0]) as peer:
        assert peer.take_large().ask(message) == b"heard"
    assert talk.ended() == 0
    assert talk.stdout.everything() == message


def test_over_what_is_ever_taken(goodtalk, tmp_path):
    """Longer than any buffer for datagrams, and under max-message: refused, never cut."""
    if os.geteuid() != 0:
        pytest.skip("only root may send one this long")
    talk = goodtalk("--log-format", "json", at=f"unixgram:{tmp_path}/gt")
    with Peer(talk.addresses[0]) as peer:
        peer.take_large().send(b"x" * (256 * 1024 + 1))
        assert peer.ask(b"next") == REPLY
    assert talk.ended() == 0
    assert json.loads(talk.said())["reason"] == "too-long"
    assert talk.shown() == [b"next"]


# ---- many ----


def flood(address, label, count, window):
    """Say count messages, at most window of them not replied to yet; what was heard."""
    heard = []
    with Peer(address) as peer:
        for number in range(count):
            if number >= window:
                heard.append(peer.receive())
            peer.send(b"%s %d" % (label, number))
        heard += peer.receive_all(count - len(heard))
    return heard


def test_five_thousand_from_several_senders(goodtalk, at_two):
    senders, each = 8, 625
    talk = goodtalk("-n", senders * each, "--echo", at=at_two)
    heard = {}

    def send(label):
        heard[label] = flood(talk.addresses[0], label, each, window=8)

    labels = [b"sender-%d" % number for number in range(senders)]
    threads = [threading.Thread(target=send, args=(label,)) for label in labels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {label: [b"%s %d" % (label, number) for number in range(each)] for label in labels}
    assert heard == expected
    assert talk.ended() == 0
    shown = talk.shown()
    for label in labels:
        assert [message for message in shown if message.startswith(label + b" ")] == expected[label]


def test_a_flood_that_nobody_waits_for(goodtalk):
    """5,000 as fast as they can be sent: some may be lost on the way, none half, none twice, and
    whoever asks afterwards is answered."""
    talk = goodtalk("-k", "--log-format", "json", at="udp:127.0.0.1:0")
    peers = [Peer(talk.addresses[0]) for _ in range(5)]
    for number in range(1000):
        for peer, sender in zip(peers, b"abcde"):
            peer.send(b"%c %d" % (sender, number))
    with Peer(talk.addresses[0]) as honest:
        for _ in range(100):
            honest.send(b"honest")
            if wait_readable(honest.socket.fileno(), 1):
                break
        assert honest.receive() == REPLY
        talk.signal(signal.SIGUSR1)
        counters = json.loads(talk.told_about("bytes-received"))["counters"]
        assert talk.stop() == 0
    shown = [message for message in talk.shown() if message != b"honest"]
    assert len(shown) == len(set(shown)) > 0
    assert counters["datagrams"] == counters["messages"] >= len(shown)
    for sender in b"abcde":
        numbers = [int(message[2:]) for message in shown if message[0] == sender]
        assert numbers == sorted(numbers) and set(numbers) <= set(range(1000))


# ---- several listeners, several forms ----


def test_tcp_and_udp_on_one_server(goodtalk, tmp_path):
    talk = goodtalk("-n", "4", "-s", "json", at=["0", "udp:0", f"unixgram:{tmp_path}/gt"])
    tcp, udp, unixgram = talk.addresses
    with Client(talk.port) as client, Peer(udp) as peer, Peer(unixgram) as local:
        assert client.send(b"one\n").line() == REPLY
        assert peer.ask(b"two") == REPLY
        assert local.ask(b"three") == REPLY
        assert client.send(b"four\n").line() == REPLY
        assert talk.ended() == 0
        expected = [("one", tcp, client.name), ("two", udp, peer.name),
                    ("three", unixgram, local.name), ("four", tcp, client.name)]
    rows = rows_of(talk)
    assert [(row["text"], row["listener"], row["peer"]) for row in rows] == expected
    assert [row["id"] for row in rows] == ["0-1", "0-2", "0-3", "0-4"]


def test_tcp_and_udp_on_the_same_port(own_network, goodtalk):
    talk = goodtalk("-k", at=["9999", "udp:9999"])
    with Client(9999) as client, Peer("udp:127.0.0.1:9999") as peer:
        assert client.send(b"hello\n").line() == peer.ask(b"hello") == REPLY
    assert talk.stop() == 0


def test_a_one_shot_on_both_takes_one_message(goodtalk):
    talk = goodtalk(at=["0", "udp:0"])
    with Client(talk.port) as client, Peer(talk.addresses[1]) as peer:
        assert peer.ask(b"hello") == REPLY
        assert client.ended_silently()
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]


def test_connections_are_not_counted_where_there_are_none(tmp_path):
    refused = run("--connections", "1", "udp:0", f"unixgram:{tmp_path}/gt")
    assert refused.returncode == 2
    assert b"--connections" in refused.stderr
    assert not (tmp_path / "gt").exists()


def test_connections_are_counted_where_there_are_some(goodtalk):
    talk = goodtalk("--connections", "1", at=["0", "udp:0"])
    with Peer(talk.addresses[1]) as peer:
        assert [peer.ask(b"one"), peer.ask(b"two")] == [REPLY] * 2
    with Client(talk.port) as client:
        assert client.send(b"three\n").half_close().everything() == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"one", b"two", b"three"]


def test_raw_is_the_bytes(goodtalk, at_two):
    talk = goodtalk("-n", len(NASTY), "-s", "raw", at=at_two)
    with Peer(talk.addresses[0]) as peer:
        assert [peer.ask(data) for data in NASTY] == [REPLY] * len(NASTY)
    assert talk.ended() == 0
    assert talk.stdout.everything() == b"".join(NASTY)


def test_json_is_one_object_each(goodtalk, at):
    talk = goodtalk("-n", len(NASTY), "-s", "json", at=at)
    with Peer(talk.addresses[0]) as peer:
        assert [peer.ask(data) for data in NASTY] == [REPLY] * len(NASTY)
        name = peer.name
    assert talk.ended() == 0
    rows = rows_of(talk)
    assert [body_of(row) for row in rows] == NASTY
    assert [row["size"] for row in rows] == [len(data) for data in NASTY]
    assert {(row["peer"], row["listener"]) for row in rows} == {(name, talk.addresses[0])}


def test_hex_is_as_hexdump_shows_it(goodtalk, at_two):
    if not shutil.which("hexdump"):
        pytest.skip("hexdump (bsdextrautils) is not installed")
    talk = goodtalk("-n", "3", "-s", "hex", at=at_two)
    said = [EVERY_BYTE, b"Who is there?\n", b""]
    with Peer(talk.addresses[0]) as peer:
        assert [peer.ask(data) for data in said] == [REPLY] * 3
    assert talk.ended() == 0
    expected = b"".join(subprocess.run(["hexdump", "-C"], input=data, check=True, timeout=PATIENCE,
                                       capture_output=True).stdout for data in said)
    assert talk.stdout.everything() == expected + b"00000000\n"  # hexdump is silent about nothing


def test_memory_is_bounded_while_stdout_is_not_read(goodtalk, pipe, tmp_path):
    """Who sends over a Unix socket has to wait; nothing is lost and nothing grows."""
    talk = goodtalk("-k", "--silent", at=f"unixgram:{tmp_path}/gt", stdout=pipe.write)
    pipe.close_write()
    message = b"x" * 60000
    with Peer(talk.addresses[0], nameless=True) as peer:
        peer.socket.setblocking(False)
        sent = 0
        while wait_writable(peer.socket, 0.5):
            peer.socket.send(message)
            sent += 1
            assert sent < 2000
        if not is_sanitized():
            assert talk.memory_peak() < 32 << 20
        shown = b""
        while len(shown) < sent * (len(SHOWN) + len(message) + 1):
            assert wait_readable(pipe.read)
            shown += os.read(pipe.read, 1 << 20)
    assert shown_messages(shown) == [message] * sent
    assert talk.stop() == 0


def wait_writable(one, seconds):
    poll = select.poll()
    poll.register(one, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))
