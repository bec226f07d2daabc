"""Replies to datagrams that cannot be delivered, or must not be."""
import collections
import json
import signal

import pytest
from goodtalk_datagrams import EVERY_BYTE, Held, Peer, add_addresses, address_of
from goodtalk_talk import REPLY

# ---- replies that cannot be delivered ----


def test_a_sender_without_a_name(goodtalk, tmp_path):
    """Recorded; that the reply cannot be delivered is told, and a one-shot's status is 1."""
    talk = goodtalk("--log-format", "json", at=f"unixgram:{tmp_path}/gt")
    with Peer(talk.addresses[0], nameless=True) as peer:
        peer.send(b"hello")
        assert talk.ended() == 1
        told = json.loads(talk.said().splitlines()[0])
        assert (told["reason"], told["peer"]) == ("undelivered", peer.name)
        assert "name" in told["text"]
    assert talk.shown() == [b"hello"]


def test_a_kept_server_goes_on_after_one_without_a_name(goodtalk, tmp_path):
    talk = goodtalk("-k", at=f"unixgram:{tmp_path}/gt")
    with Peer(talk.addresses[0], nameless=True) as peer, Peer(talk.addresses[0]) as named:
        for _ in range(3):
            peer.send(b"nameless")
            assert named.ask(b"named") == REPLY
    assert talk.stop() == 0
    assert talk.shown() == [b"nameless", b"named"] * 3
    assert talk.said().count("no name") == 3


def test_silent_needs_no_name(goodtalk, tmp_path):
    talk = goodtalk("--silent", at=f"unixgram:{tmp_path}/gt")
    with Peer(talk.addresses[0], nameless=True) as peer:
        peer.send(b"hello")
    assert talk.ended() == 0
    assert talk.said() == ""


@pytest.mark.parametrize("keep, status", [([], 1), (["-k"], 0)], ids=["one-shot", "kept"])
def test_a_sender_that_has_gone(goodtalk, tmp_path, keep, status):
    talk = goodtalk(*keep, at=f"unixgram:{tmp_path}/gt")
    with Held(talk):
        with Peer(talk.addresses[0]) as peer:
            peer.send(b"hello")
    assert "ECONNREFUSED" in talk.told_about("reply was dropped")
    if keep:
        talk.signal(signal.SIGTERM)
    assert talk.ended() == status
    assert talk.shown() == [b"hello"]


def test_a_udp_sender_that_has_gone_hurts_nobody(goodtalk):
    """What the network says about the reply (no such port) is not taken for a failure of ours."""
    talk = goodtalk("-k", at="udp:127.0.0.1:0")
    for _ in range(3):
        with Held(talk):
            with Peer(talk.addresses[0]) as gone:
                gone.send(b"gone")
        with Peer(talk.addresses[0]) as peer:
            assert peer.ask(b"here") == REPLY
    assert talk.stop() == 0
    assert talk.shown() == [b"gone", b"here"] * 3


def test_a_sender_that_never_reads_holds_nobody_up(goodtalk, tmp_path):
    """Its queue is full: its replies are dropped and told, others get theirs."""
    talk = goodtalk("-k", "-v", at=f"unixgram:{tmp_path}/gt")
    with Peer(talk.addresses[0], connected=False) as deaf, Peer(talk.addresses[0]) as peer:
        for number in range(500):
            deaf.send_unconnected(b"deaf")
            if number % 10 == 0:
                assert peer.ask(b"peer") == REPLY
        assert peer.ask(b"peer") == REPLY
        assert talk.stop() == 0
    assert collections.Counter(talk.shown()) == {b"deaf": 500, b"peer": 51}
    assert talk.said().count("EAGAIN") > 400


def test_one_that_is_connected_and_never_reads(goodtalk, tmp_path):
    """Linux puts no bound on what waits for one who is connected to the sender, but the sender's
    own buffer: while that is full nothing leaves, and it is told; nothing hangs or is left unrecorded, and
    when he has gone all is well."""
    talk = goodtalk("-k", "-v", at=f"unixgram:{tmp_path}/gt")
    with Peer(talk.addresses[0]) as peer:
        with Peer(talk.addresses[0]) as deaf:
            for _ in range(20000): # the buffer has 4 MiB where we may ask for it
                deaf.send(b"deaf")
            assert "EAGAIN" in talk.told_about(deaf.name)
        assert peer.ask(b"peer") == REPLY
    assert talk.stop() == 0
    assert collections.Counter(talk.shown()) == {b"deaf": 20000, b"peer": 1}


def test_a_reply_too_long_for_a_datagram(goodtalk, tmp_path):
    (tmp_path / "reply").write_bytes(b"x" * 65508)
    talk = goodtalk("-n", "2", "--reply-file", tmp_path / "reply", at="udp:127.0.0.1:0")
    with Peer(talk.addresses[0]) as peer:
        peer.send(b"one").send(b"two")
        talk.ended()
        assert peer.has_nothing()
    assert talk.said().count("EMSGSIZE") == 2
    assert talk.shown() == [b"one", b"two"]


# ---- amplification ----

HEADERS = {"192.0.2.1": 28, "2001:db8::1": 48}  # bytes of IP and UDP headers


@pytest.fixture
def outside(own_network):
    """A network with addresses that are not loopback's."""
    add_addresses("192.0.2.1", "2001:db8::1")


@pytest.mark.parametrize("host", HEADERS)
@pytest.mark.parametrize("times, request_size", [(3, 0), (3, 1), (3, 100), (1, 0), (1, 40), (10, 7)])
def test_a_reply_is_at_most_so_many_times_its_request(outside, goodtalk, tmp_path, host, times,
                                                      request_size):
    most = (request_size + HEADERS[host]) * times - HEADERS[host]
    request = b"x" * request_size
    for size, arrives in ((most, True), (most + 1, False)):
        (tmp_path / "reply").write_bytes(b"r" * size)
        talk = goodtalk("-k", "--log-format", "json", "--udp-amplification", times,
                        "--reply-file", tmp_path / "reply", at="udp:0")
        with Peer(talk.addresses[0], host=host, source=host) as peer:
            if arrives:
                assert peer.ask(request) == b"r" * size
                assert talk.stop() == 0 and talk.said() == ""
            else:
                peer.send(request)
                told = json.loads(talk.told_about("udp-amplification"))
                assert (told["reason"], told["peer"]) == ("undelivered", peer.name)
                assert peer.has_nothing()
                assert talk.stop() == 0
        assert talk.shown() == [request]


def test_the_default_is_three_times_and_a_one_shot_has_failed(outside, goodtalk, tmp_path):
    (tmp_path / "reply").write_bytes(b"r" * 200)
    talk = goodtalk("--reply-file", tmp_path / "reply", at="udp4:0")
    with Peer(talk.addresses[0], host="192.0.2.1", source="192.0.2.1") as peer:
        peer.send(b"x" * 48)  # 228 is three times 76
        assert talk.ended() == 0
        assert peer.receive() == b"r" * 200
        talk = goodtalk("--reply-file", tmp_path / "reply", at="udp4:0")
    with Peer(talk.addresses[0], host="192.0.2.1", source="192.0.2.1") as peer:
        peer.send(b"x" * 47)
        assert talk.ended() == 1
        assert peer.has_nothing()


def test_no_bound_and_echoes(outside, goodtalk, tmp_path):
    (tmp_path / "reply").write_bytes(b"r" * 60000)
    unbounded = goodtalk("--udp-amplification", "0", "--reply-file", tmp_path / "reply", at="udp:0")
    echo = goodtalk("--udp-amplification", "1", "--echo", "-n", "2", at="udp:0")
    with Peer(unbounded.addresses[0], host="2001:db8::1", source="2001:db8::1") as peer:
        assert peer.ask(b"") == b"r" * 60000
    with Peer(echo.addresses[0], host="192.0.2.1", source="192.0.2.1") as peer:
        assert [peer.ask(b""), peer.ask(EVERY_BYTE)] == [b"", EVERY_BYTE]
    assert unbounded.ended() == echo.ended() == 0


@pytest.mark.parametrize("address", ["udp:127.0.0.1:0", "udp:[::1]:0", "unixgram"])
def test_loopback_and_unix_are_exempt(goodtalk, tmp_path, address):
    (tmp_path / "reply").write_bytes(b"r" * 60000)
    talk = goodtalk("--udp-amplification", "1", "--reply-file", tmp_path / "reply",
                    at=address_of(address, tmp_path) if address == "unixgram" else address)
    with Peer(talk.addresses[0]) as peer:
        assert peer.take_large().ask(b"") == b"r" * 60000
    assert talk.ended() == 0
