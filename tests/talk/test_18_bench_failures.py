"""goodtalk bench: servers that get it wrong, each under its name; a stall that is seen; what is
refused."""
import contextlib
import os
import socket
import struct
import subprocess
import threading
import time

import pytest
from goodtalk_bench import bench, failed, run_bench, slower_than
from goodtalk_talk import GOODTALK, PATIENCE

BRIEFLY = ["-c", 4, "-d", "200ms", "-w", "300ms"]


def answer(connection, reply=b"yes\n"):
    for _ in connection.makefile("rb"):
        connection.sendall(reply)


def reset(connection):
    """With something unread, or without: the peer sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def reset_at_once(connection):
    connection.recv(10)
    reset(connection)


def close(connection):
    connection.recv(100)
    connection.close()


def close_within(connection):
    connection.recv(100)
    connection.sendall(b"3:ye")
    connection.close()


def hang(connection):
    while connection.recv(100):
        pass


def hang_within(connection):
    connection.recv(100)
    connection.sendall(b"ye")
    hang(connection)


def one_too_many(connection):
    answer(connection, b"yes\nyes\n")


def too_long(connection):
    with contextlib.suppress(OSError):
        answer(connection, b"y" * 2_000_000)


# ---- each under its name ----


@pytest.mark.parametrize("server, name, status", [
    (reset_at_once, "reset", 1),
    (close, "closed_early", 1),
    (close_within, "closed_early", 1),
    (hang, "timed_out", 3),
    (hang_within, "timed_out", 3),
    (one_too_many, "wrong_bytes", 1),
    (too_long, "wrong_bytes", 1),
])
def test_a_failure_has_a_name(fake, server, name, status):
    """And no reply is counted, no rate told without it."""
    framing = ["-f", "netstring"] if server == close_within else []
    result = bench(*BRIEFLY, *framing, fake(server), status=status)
    assert set(failed(result)) == {name}
    assert result["failed"] >= 4
    assert result["messages"] == result["rate"] == 0
    assert result["told"].startswith(f"goodtalk: {result['failed']} failures: {result['failed']} ")


@pytest.mark.parametrize("server, name, status", [(reset_at_once, "reset", 1), (close, "closed_early", 1),
                                                  (hang, "timed_out", 3)])
def test_with_short_too(fake, server, name, status):
    result = bench(*BRIEFLY, "--short", fake(server), status=status)
    assert set(failed(result)) == {name} and result["messages"] == 0


def test_every_message_in_flight_has_failed(fake):
    """A pipeline of 5 that is reset is 5 failures, not one."""

    def serve(connection):
        for _ in range(5):
            assert connection.recv(32, socket.MSG_WAITALL)
        reset(connection)

    result = bench("-c", 1, "-p", 5, "-n", 5, fake(serve), status=1)
    assert failed(result) == {"reset": 5}


def test_a_reply_of_another_size_than_expected(fake):
    """One byte too many is seen at once; one too few is waited for."""
    result = bench(*BRIEFLY, "--expect-bytes", 3, fake(answer), status=1)
    assert set(failed(result)) <= {"wrong_bytes", "timed_out"} and result["failed"] > 0
    result = bench(*BRIEFLY, "--expect-bytes", 5, fake(answer), status=3)
    assert set(failed(result)) == {"timed_out"}


@pytest.mark.parametrize("kind", ["udp:127.0.0.1:0", "unixgram:{}", "unixpacket:{}"])
def test_a_packet_of_another_size_than_expected(goodtalk, place, kind):
    talk = goodtalk("-k", "-r", "twelve bytes", "-s", "none", at=place(kind))
    expecting = lambda size, status: bench(*BRIEFLY, "--expect-bytes", size, talk.addresses[0], status=status)
    assert set(failed(expecting(12, 1))) == {"wrong_bytes"}
    assert failed(expecting(13, 0)) == {}  # with its line feed


def test_nobody_is_there(own_network):
    said, told = run_bench("9999", status=1)
    assert said == "" and "ECONNREFUSED" in told and "--wait" in told


def test_a_server_that_goes_away_is_refused_connections():
    """The first connections are served, then nobody listens any more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve():
            connections = [listener.accept()[0] for _ in range(2)]
            for connection in connections:
                connection.recv(32)
            listener.close()
            for connection in connections:
                connection.sendall(b"yes\n")
                close(connection)

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        result = bench("-c", 2, "-d", "1h", "-w", "300ms", port, status=1)
        server.join(PATIENCE)
    assert result["messages"] == 2
    assert result["given_up"] and result["failures"]["refused"] > 2
    assert result["failures"]["reset"] + result["failures"]["closed_early"] == 2


def test_it_goes_on_when_the_server_is_back(fake):
    """Connections are made again: one failure of each, then replies."""
    met = []

    def serve(connection):
        met.append(connection)
        if len(met) <= 3:
            reset_at_once(connection)
        else:
            answer(connection)

    result = bench("-c", 3, "-n", 1000, fake(serve), status=1)
    assert failed(result) == {"reset": 3}
    assert result["messages"] == 997


def test_nothing_but_failures_is_given_up(fake):
    result = bench("-c", 2, "-d", "1h", "-w", "100ms", fake(hang), status=3)
    assert result["given_up"] and set(failed(result)) == {"timed_out"}
    said, _ = run_bench("-c", 2, "-d", "1h", "-w", "100ms", fake(hang), status=3)
    assert "given up" in said and "100 ms" in said


def test_where_some_are_replied_to_it_goes_on(fake):
    met = []

    def serve(connection):
        met.append(connection)
        answer(connection) if len(met) > 1 else hang(connection)

    result = bench("-c", 2, "-d", "600ms", "-w", "100ms", fake(serve), status=3)
    assert failed(result) == {"timed_out": 1}
    assert not result["given_up"] and result["seconds"] >= 0.6


def test_some_failures_stand_beside_the_rate(fake):
    """For people: in the line of the rate itself, in words that are not overlooked."""
    met = []

    def serve(connection):
        met.append(connection)
        answer(connection) if len(met) > 1 else hang(connection)

    said, told = run_bench("-c", 4, "-d", "200ms", "-w", "300ms", fake(serve), status=3)
    rate = next(line for line in said.splitlines() if line.startswith("  rate"))
    assert "NOT COUNTING 1 THAT FAILED" in rate
    assert "1 timed out" in said and told == "goodtalk: 1 failure: 1 timed out\n"


@pytest.mark.parametrize("greets, words", [(True, "before it is said anything"),
                                           (False, "connection 1 of 3, before all were open: closed early")])
def test_what_goes_wrong_before_all_connections_are_open(tmp_path, greets, words):
    """A server that speaks first, or ends a connection: no result. The queue takes no third
    connection meanwhile."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "server"))
        listener.listen(0)
        running = subprocess.Popen([GOODTALK, "bench", "-c", "3", f"unix:{tmp_path}/server"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        connection, _ = listener.accept()
        with connection:
            if greets:
                connection.sendall(b"220 hello\n")
            else:
                connection.close()
            said, told = running.communicate(timeout=PATIENCE)
    assert (running.returncode, said) == (1, b"") and words in told.decode()


@pytest.mark.parametrize("kind", ["udp", "unixgram"])
def test_a_datagram_that_is_lost_has_timed_out(tmp_path, kind):
    family = socket.AF_INET if kind == "udp" else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0) if kind == "udp" else str(tmp_path / "gram"))
        server.settimeout(PATIENCE)
        where = f"udp:127.0.0.1:{server.getsockname()[1]}" if kind == "udp" else f"unixgram:{tmp_path}/gram"

        def serve():
            for number in range(10):
                message, sender = server.recvfrom(1000)
                if number != 4:
                    server.sendto(message, sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        result = bench("-c", 1, "-n", 10, "-w", "300ms", where, status=3)
        thread.join(PATIENCE)
    assert failed(result) == {"timed_out": 1} and result["messages"] == 9


def test_a_datagram_nobody_takes_is_refused(own_network):
    result = bench("-c", 1, "-d", "1h", "-w", "200ms", "udp:127.0.0.1:9999", status=1)
    assert set(failed(result)) == {"refused"} and result["given_up"]


# ---- a stall is seen with a rate, and hidden without ----

STALL_S = 0.4


class Stalling:
    """A server that replies at once, but that once, at its 50th message, it does not for a while."""

    def __init__(self):
        self.seen = 0

    def __call__(self, connection):
        for _ in connection.makefile("rb"):
            self.seen += 1
            if self.seen == 50:
                time.sleep(STALL_S)
            connection.sendall(b"yes\n")


def test_with_a_rate_a_stall_counts_for_every_message_that_was_due(fake):
    """1000 a second were due while it lasted: about 300 of them waited for more than 100 ms."""
    result = bench("-c", 1, "-n", 600, "--rate", 1000, fake(Stalling()))
    assert result["messages"] == 600
    assert slower_than(result, 100) > 200
    assert result["latency_us"]["max"] >= STALL_S * 1e6


def test_in_a_closed_loop_it_counts_once(fake):
    """The control: the same stall, and hardly anybody has seen it."""
    result = bench("-c", 1, "-n", 600, fake(Stalling()))
    assert result["messages"] == 600
    assert 1 <= slower_than(result, 100) < 20
    assert result["latency_us"]["max"] >= STALL_S * 1e6


def test_a_rate_that_cannot_be_kept_is_told(fake):
    """What was due and never sent, and that it was."""

    def serve(connection):
        for _ in connection.makefile("rb"):
            time.sleep(0.02)
            connection.sendall(b"yes\n")

    where = fake(serve)
    result = bench("-c", 1, "-d", "200ms", "--rate", 2000, "-w", "200ms", where)
    assert result["unsent"] > 200 and result["late"] > 0 and result["rate_asked"] == 2000
    said, _ = run_bench("-c", 1, "-d", "200ms", "--rate", 2000, "-w", "200ms", where)
    assert "of 2,000 asked for" in said and "unsent" in said and "did not keep up" in said


def test_what_was_due_is_sent_afterwards(fake):
    """A stall at the end hides nothing: its messages are sent late, and have their latency."""

    def serve(connection):
        stream = connection.makefile("rb")
        stream.readline()
        time.sleep(STALL_S)
        connection.sendall(b"yes\n")
        answer(connection)

    result = bench("-c", 1, "-d", "200ms", "--rate", 1000, fake(serve))
    assert result["messages"] == 0 and result["unsent"] == 0
    assert 190 <= result["late"] <= 210
    assert slower_than(result, (STALL_S - 0.2) * 1000 * 0.98) >= 190


# ---- what is refused ----


@pytest.mark.parametrize("arguments, parts", [
    ([], ["no address", "goodtalk bench"]),
    (["0"], ["port 0", "bench needs"]),
    (["fd:3"], ["fd:3", "bench connects"]),
    (["tls:localhost:443"], ["tls", "not built yet"]),
    (["9999", "one", "two"], ["one MESSAGE"]),
    (["-b", "10", "9999", "one"], ["--bytes", "only one of them"]),
    (["9999", "two\nlines"], ["--frame line", "2 messages"]),
    (["-b", "0", "9999"], ["--bytes 0"]),
    (["-b", "3", "-f", "crlf", "-c", "0", "9999"], ["--connections 0", "1 to"]),
    (["-b", "13", "-f", "netstring", "9999"], ["--bytes 13", "netstring"]),
    (["-b", "300", "-f", "length:1", "9999"], ["--bytes 300", "length:1"]),
    (["-b", "5", "-f", "fixed:4", "9999"], ["fixed:4"]),
    (["-f", "eof", "9999"], ["eof", "--short"]),
    (["-f", "chunk", "-p", "2", "9999"], ["chunk", "--expect-bytes"]),
    (["--short", "-p", "2", "9999"], ["--short", "--depth"]),
    (["--short", "udp:localhost:9999"], ["--short", "no connections"]),
    (["-b", "1GiB", "9999"], ["256 MiB"]),
    (["-b", "1MiB", "unixpacket:x"], ["1048576 bytes", "too long"]),
    (["-b", "20", "-f", "delim:" + "x" * 30, "9999"], ["--bytes 20", "delim"]),
    (["-b", "0", "unixpacket:x"], ["empty packet"]),
    (["-d", "0", "9999"], ["--duration 0", "too short"]),
    (["-n", "0", "9999"], ["--count 0"]),
    (["--rate", "fast", "9999"], ["--rate fast"]),
    (["--engine", "warp", "9999"], ["warp", "epoll"]),
    (["--rade", "5", "9999"], ["--rade", "--rate"]),
    (["-k", "9999"], ["-k", "goodtalk bench --help"]),
    (["-u", "9999"], ["-u", "udp:"]),
    (["-f", "lines", "9999"], ["--frame lines", "line"]),
])
def test_it_is_refused_and_what_would_help(arguments, parts):
    said, told = run_bench(*arguments, status=2)
    assert said == ""
    assert all(part in told for part in parts), told


def test_help_names_the_command():
    said, _ = run_bench("--help")
    assert said.startswith("Usage: goodtalk bench ") and "--rate N" in said
    assert max(map(len, said.splitlines())) <= 80
    helped = subprocess.run([GOODTALK, "--help"], capture_output=True, timeout=PATIENCE, check=True)
    assert b"goodtalk bench" in helped.stdout


def test_without_a_standard_output():
    ended = subprocess.run(["sh", "-c", f"exec {GOODTALK} bench 9999 >&-"], stderr=subprocess.PIPE,
                           timeout=PATIENCE, check=False)
    assert ended.returncode == 1 and b"standard output" in ended.stderr


def test_an_address_shown_is_escaped():
    _, told = run_bench("\x1b[2J:1:1", status=2)
    assert "\\x1b" in told and os.linesep in told
