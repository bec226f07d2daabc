"""How it ends: when it is done, when time is up, when it is told to. Nothing is lost on the way."""
import signal
import socket

import pytest
from goodtalk_talk import REPLY, Client, Swarm, is_sanitized, say, shown_messages

BIG = 64 << 20  # more than a connection's buffers hold on both sides


# ---- done ----


def test_count(goodtalk):
    talk = goodtalk("-n", "3")
    for message in (b"one", b"two", b"three"):
        with Client(talk.port) as client:
            assert client.send(message + b"\n").line() == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"one", b"two", b"three"]


@pytest.mark.parametrize("frame", ["talk", "line"])
def test_nothing_beyond_the_count_is_taken_from_a_pipeline(goodtalk, frame):
    talk = goodtalk("-n", "3", "-f", frame, "--echo")
    assert say(talk.port, b"1\n2\n3\n4\n5\n") == b"1\n2\n3\n"
    assert talk.ended() == 0
    assert talk.shown() == [b"1", b"2", b"3"]


def test_nothing_beyond_the_count_is_taken_across_connections(goodtalk):
    talk = goodtalk("-n", "10", "--echo")
    swarm = Swarm(talk.port, [b"%d\n" % number * 3 for number in range(30)])
    swarm.run()
    assert talk.ended() == 0
    assert len(talk.shown()) == 10
    assert sorted(b"".join(swarm.heard).split()) == sorted(talk.shown())


def test_count_without_limit(goodtalk):
    talk = goodtalk("-n", "0")
    with Client(talk.port) as client:
        assert client.send(b"hello\n" * 500).lines(500) == [REPLY] * 500
    assert talk.stop() == 0
    assert len(talk.shown()) == 500


def test_connections(goodtalk):
    talk = goodtalk("--connections", "2")
    for messages in (3, 2):
        Client(talk.port).socket.close()  # a probe does not count
        assert say(talk.port, b"hello\n" * messages, half_close=True) == REPLY * messages
    assert talk.ended() == 0
    assert len(talk.shown()) == 5


# ---- time is up ----


@pytest.mark.parametrize("option", ["-w", "--timeout"])
def test_timeout_in_a_one_shot_is_status_3(goodtalk, option):
    talk = goodtalk(option, "50ms")
    assert talk.ended() == 3
    assert "goodtalk: " in talk.said()


def test_timeout_after_some_of_several_is_status_3(goodtalk):
    talk = goodtalk("-n", "3", "-w", "1s")
    assert say(talk.port, b"hello\n", half_close=True) == REPLY
    assert talk.ended() == 3
    assert talk.shown() == [b"hello"]


def test_timeout_of_a_kept_server_is_how_long_it_runs(goodtalk):
    talk = goodtalk("-k", "-w", "1s")
    with Client(talk.port) as client:
        assert client.send(b"hello\n").line() == REPLY
        assert client.ended_silently()
    assert talk.ended() == 0


# ---- told to ----


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("before", [b"", b"unfinished"], ids=["idle", "within a message"])
def test_a_one_shot_interrupted_ends_by_the_signal(goodtalk, number, before):
    talk = goodtalk("--pause", "1h")
    with Client(talk.port) as client:
        client.send(before)
        talk.signal(number)
        assert talk.ended() == -number
    assert talk.stdout.everything() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [["-n", "5"], ["--connections", "5"]], ids=" ".join)
def test_a_larger_count_interrupted_drains_and_is_status_1(goodtalk, number, options):
    talk = goodtalk(*options)
    with Client(talk.port) as client:
        assert client.send(b"hello\n").line() == REPLY
        talk.signal(number)
        assert client.ended_silently()
    assert talk.ended() == 1
    assert talk.shown() == [b"hello"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("options", [["-k"], ["-n", "0"]], ids=" ".join)
def test_a_kept_server_drains_and_is_status_0(goodtalk, number, options):
    talk = goodtalk(*options)
    with Client(talk.port) as silent, Client(talk.port) as client:
        assert client.send(b"hello\n").line() == REPLY
        talk.signal(number)
        assert client.ended_silently() and silent.ended_silently()
    assert talk.ended() == 0


def stuck_reply(goodtalk, tmp_path, *options):
    """A server with a reply too big for all buffers, and a client that does not read it yet."""
    with open(tmp_path / "reply", "wb") as file:
        file.truncate(BIG)
    talk = goodtalk("-v", *options, "--reply-file", tmp_path / "reply", "--max-memory", "1GiB")
    client = Client(talk.port, receive_buffer=65536).send(b"hello\n")
    assert client.socket.recv(1) == b"\0"
    return talk, client


def test_a_drain_finishes_the_reply_in_hand(goodtalk, tmp_path):
    talk, client = stuck_reply(goodtalk, tmp_path, "-k")
    talk.signal(signal.SIGTERM)
    talk.told_about("stop")
    assert len(client.everything()) == BIG - 1
    assert talk.ended() == 0


def test_drain_timeout_is_status_1(goodtalk, tmp_path):
    talk, client = stuck_reply(goodtalk, tmp_path, "-k", "--drain-timeout", "100ms")
    talk.signal(signal.SIGTERM)
    assert talk.ended() == 1
    assert "drain-timeout" in talk.said()
    client.socket.close()


def test_a_second_signal_leaves_at_once(goodtalk, tmp_path):
    talk, client = stuck_reply(goodtalk, tmp_path, "-k", "--drain-timeout", "1h")
    talk.signal(signal.SIGTERM)
    talk.told_about("stop")
    talk.signal(signal.SIGTERM)
    assert talk.ended() != 0
    client.socket.close()


@pytest.mark.parametrize("options", [[], ["--write-timeout", "100ms"]],
                         ids=["reset", "never reads"])
def test_a_reply_that_cannot_be_delivered_in_a_one_shot_is_status_1(goodtalk, tmp_path, options):
    talk, client = stuck_reply(goodtalk, tmp_path, *options)
    name = client.name
    if not options:
        client.reset()
    assert talk.ended() == 1
    assert talk.shown() == [b"hello"]
    assert name in talk.said()
    client.socket.close()


@pytest.mark.parametrize("before, waiting", [(0, 50), (1500, 50)], ids=["a few", "many"])
def test_one_in_the_listening_queue_is_not_reset(goodtalk, before, waiting):
    """Stopped by SIGSTOP it can neither accept nor read; then it is told to go: those who had
    connected before and those in the queue are served, or closed without a reset."""
    talk = goodtalk("-k", "--echo")
    clients = [Client(talk.port) for _ in range(before)]
    for client in clients:
        assert client.send(b"0\n").line() == b"0\n"
    talk.signal(signal.SIGSTOP)
    clients += [Client(talk.port) for _ in range(waiting)]
    for number, client in enumerate(clients, 1):
        client.send(b"%d\n" % number)
    talk.signal(signal.SIGTERM)
    talk.signal(signal.SIGCONT)
    replied = b"".join(client.everything() for client in clients).split()
    assert talk.ended() == 0
    assert sorted(replied) == sorted(talk.shown()[before:])
    for client in clients:
        client.socket.close()


def check_shown_is_replied(shown, heard):
    """Each connection's messages are NUMBER-1, NUMBER-2 ...: what was shown was replied to, in
    order, and what was replied to was shown."""
    per_connection = [[] for _ in heard]
    for message in shown:
        per_connection[int(message.split(b"-")[0])].append(message)
    for number, (messages, replies) in enumerate(zip(per_connection, heard)):
        assert replies == b"".join(message + b"\n" for message in messages)
        assert messages == [b"%d-%d" % (number, n) for n in range(1, len(messages) + 1)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_thousand_pipelines_stopped_half_way(goodtalk, tmp_path, number):
    with open(tmp_path / "shown", "wb") as file:
        talk = goodtalk("-k", "--echo", stdout=file)
        swarm = Swarm(talk.port, [b"".join(b"%d-%d\n" % (connection, n) for n in range(1, 201))
                                  for connection in range(1000 if not is_sanitized() else 300)])
        swarm.run(enough=lambda swarm: swarm.heard_lines() > 5000)
        talk.signal(number)
        swarm.run()
        assert talk.ended() == 0
    shown = shown_messages((tmp_path / "shown").read_bytes())
    check_shown_is_replied(shown, swarm.heard)
    assert 5000 < len(shown)


@pytest.mark.parametrize("heard", [b"", b"0-1\n", b"0-1\n0-2\n0-3\n", b"0-2\n0-1\n"])
def test_control_shown_and_replied_differ(heard):
    with pytest.raises(AssertionError):
        check_shown_is_replied([b"0-1", b"0-2"], [heard])


def test_a_closed_port_is_a_closed_port(goodtalk):
    talk = goodtalk("-k")
    port = talk.port
    assert talk.stop() == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
