"""goodtalk bench: as many messages as asked for reach the server, and every reply is counted, over
every kind of address and framing; what it tells, and where."""
import json
import os
import resource
import signal
import socket
import subprocess
import xml.etree.ElementTree

import pytest
from goodtalk_bench import LETTERS, bench, run_bench
from goodtalk_send import send
from goodtalk_talk import GOODTALK, PATIENCE, REPLY, until
from test_12_terminal import Terminal
from test_13_send import DATAGRAMS, PACKETS, STREAMS
from test_06_what_is_shown import body_of

CONTENT = LETTERS + LETTERS[:5]  # 31 bytes, and a line feed
RATE = ["--rate", 20000]


# ---- as many as asked for ----


@pytest.mark.parametrize("how", [[], ["-p", 5], RATE], ids=["closed", "pipelined", "rate"])
@pytest.mark.parametrize("kind", STREAMS + PACKETS + DATAGRAMS)
def test_every_kind_of_address(goodtalk, place, kind, how):
    """A server that ends after as many messages has got them all, and nothing else."""
    talk = goodtalk("-n", 500, "-f", "line", "-s", "json", at=place(kind))
    result = bench("-c", 4, "-n", 500, *how, talk.addresses[0])
    assert talk.ended() == 0
    shown = [body_of(json.loads(line)) for line in talk.stdout.everything().splitlines()]
    assert shown == [CONTENT if kind in STREAMS else CONTENT + LETTERS[5:6]] * 500
    assert result["messages"] == 500 and result["failed"] == result["late"] == 0
    assert result["message_bytes"] == 32
    assert result["bytes_sent"] == 500 * 32
    assert result["bytes_received"] == 500 * len(REPLY)
    assert result["address"] == talk.addresses[0]


@pytest.mark.parametrize("kind", STREAMS + PACKETS)
def test_a_connection_for_each_message(goodtalk, place, kind):
    talk = goodtalk("-n", 300, "-f", "line", "-s", "json", at=place(kind))
    result = bench("-c", 4, "-n", 300, "--short", talk.addresses[0])
    assert talk.ended() == 0
    assert result["messages"] == 300 and result["short"]
    shown = [json.loads(line) for line in talk.stdout.everything().splitlines()]
    assert len(shown) == 300
    if kind == "tcp:127.0.0.1:0":
        assert len({message["peer"].rsplit(":", 1)[0] for message in shown}) == 300


@pytest.mark.parametrize("how", [[], ["-p", 5], RATE, ["--short"]], ids=["closed", "pipelined", "rate", "short"])
@pytest.mark.parametrize("engine", ["epoll", "uring"])
def test_every_engine(goodtalk, engine, how):
    tried = subprocess.run([GOODTALK, "bench", "--engine", engine, "unix:/nobody"], capture_output=True,
                           timeout=PATIENCE, check=False)
    if engine == "uring" and b"uring" in tried.stderr:
        pytest.skip(tried.stderr.decode())
    talk = goodtalk("-n", 500, "-f", "line", "-s", "raw")
    result = bench("--engine", engine, "-c", 4, "-n", 500, *how, talk.addresses[0])
    assert talk.ended() == 0
    assert talk.stdout.everything() == (CONTENT + b"\n") * 500
    assert result["messages"] == 500 and result["bytes_received"] == 500 * len(REPLY)


FRAMINGS = ["talk", "line", "crlf", "nul", "delim:END", "length:1", "length:2le", "length:4+4", "varint",
            "netstring", "octet", "fixed:32"]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("size", [32, 200])
def test_every_framing(goodtalk, framing, size):
    """The size is that of the message with all its framing adds: an echo returns as much."""
    size = 32 if framing.startswith("fixed") else size
    talk = goodtalk("-n", 300, "-f", framing, "--echo", "-s", "none")
    result = bench("-c", 3, "-p", 7, "-n", 300, "-b", size, "-f", framing, talk.addresses[0])
    assert talk.ended() == 0
    assert result["messages"] == 300 and result["message_bytes"] == size
    assert result["bytes_sent"] == result["bytes_received"] == 300 * size


def test_large_messages_come_in_pieces(goodtalk):
    talk = goodtalk("-n", 60, "-f", "line", "--echo", "-s", "none")
    result = bench("-c", 2, "-p", 3, "-n", 60, "-b", "300KiB", talk.addresses[0])
    assert talk.ended() == 0
    assert result["bytes_received"] == 60 * 300 * 1024


@pytest.mark.parametrize("framing", ["eof", "chunk"])
def test_framings_without_an_end(goodtalk, framing):
    talk = goodtalk("-n", 20, "-f", framing, "--echo", "-s", "none", "--close")
    result = bench("-c", 2, "-n", 20, "--short", "-f", framing, "-b", 100, talk.addresses[0])
    assert talk.ended() == 0
    assert result["messages"] == 20 and result["bytes_received"] == 20 * 100


def test_a_message_of_ones_own(goodtalk):
    said = b"\x01 what \\n I \xff say"
    talk = goodtalk("-n", 3, "-f", "netstring", "-s", "json")
    result = bench("-c", 1, "-n", 3, "-f", "netstring", talk.addresses[0], os.fsdecode(said))
    assert talk.ended() == 0
    shown = [body_of(json.loads(line)) for line in talk.stdout.everything().splitlines()]
    assert shown == [said] * 3
    assert result["message_bytes"] == len(b"16:,") + len(said)


def test_connections_are_as_many_as_asked_for(goodtalk):
    talk = goodtalk("-n", 100, "-f", "line", "-s", "json")
    bench("-c", 7, "-n", 100, talk.addresses[0])
    assert talk.ended() == 0
    shown = [json.loads(line) for line in talk.stdout.everything().splitlines()]
    assert len({message["peer"] for message in shown}) == 7


def test_replies_that_differ_from_each_other_are_counted(fake):
    """Lines of other sizes each time, many in one piece, cut anywhere."""

    def serve(connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream, number = connection.makefile("rb"), 0
        for _ in stream:
            number += 1
            line = b"%d " % number * (number % 7) + b"\n"
            connection.sendall(line[:3])
            connection.sendall(line[3:])

    result = bench("-c", 3, "-p", 9, "-n", 1000, fake(serve))
    assert result["messages"] == 1000 and result["failed"] == 0


def test_expected_bytes_need_no_framing(fake):
    """Replies of three bytes, whatever they are."""

    def serve(connection):
        for _ in connection.makefile("rb"):
            connection.sendall(b"\n\0\n")

    assert bench("-c", 2, "-p", 4, "-n", 1000, "--expect-bytes", 3, fake(serve))["messages"] == 1000


def test_the_warm_up_does_not_count(goodtalk):
    talk = goodtalk("-k", "-f", "line", "-s", "raw")
    result = bench("-c", 2, "-n", 100, "--warmup", "50ms", talk.addresses[0])
    assert talk.stop() == 0
    assert result["messages"] == 100
    assert sum(count for _, count in result["histogram"]) == 100
    assert len(talk.stdout.everything()) > 100 * 32


def test_many_connections_where_the_limit_can_be_raised(goodtalk):
    """The soft limit of open files is raised to the hard one."""
    talk = goodtalk("-k", "-f", "line", "-s", "none")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    assert bench("-c", 500, "-n", 5000, talk.addresses[0], preexec_fn=limit)["messages"] == 5000
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)


def test_more_connections_than_descriptors_are_refused(goodtalk):
    talk = goodtalk("-k", "-f", "line", "-s", "none")
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    said, told = run_bench("-c", 100, talk.addresses[0], status=1, preexec_fn=limit)
    assert said == "" and "100 connections" in told and "64" in told


def test_it_waits_for_the_server(goodtalk, place):
    where = place("unix:{}")
    waiting = subprocess.Popen([GOODTALK, "bench", "--wait", "60s", "-n", "10", "-c", "2", where],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    talk = goodtalk("-n", 10, "-f", "line", "-s", "none", at=where)
    said, told = waiting.communicate(timeout=PATIENCE)
    assert talk.ended() == 0
    assert (waiting.returncode, told) == (0, b"") and b"messages  10 in" in said


# ---- what it tells ----


def test_the_summary(goodtalk):
    talk = goodtalk("-k", "-f", "line", "-s", "none")
    said, _ = run_bench("-c", 3, "-p", 2, "-n", 1234, talk.addresses[0])
    assert said.splitlines()[0] == f"{talk.addresses[0]}: 3 connections, 2 messages in flight on each, 32 bytes each"
    assert "\n  messages  1,234 in " in said and "\n  failed    none\n" in said
    assert all(f"{name} " in said for name in ["p50", "p90", "p99", "p99.9", "max"])
    shares = [float(line.split("%")[0].split()[-1]) for line in said.splitlines() if "up to" in line]
    assert sum(shares) == pytest.approx(100, abs=0.1)


def test_the_json_has_what_scripts_rely_on(goodtalk):
    talk = goodtalk("-k", "-f", "line", "-s", "none")
    result = bench("-c", 2, "-n", 100, talk.addresses[0])
    assert {"address", "connections", "depth", "message_bytes", "seconds", "messages", "rate", "failed",
            "failures", "bytes_sent", "bytes_received", "cpu_seconds", "latency_us",
            "histogram"} <= set(result)
    assert {"refused", "reset", "timed_out", "wrong_bytes"} <= set(result["failures"])
    assert set(result["latency_us"]) == {"mean", "p50", "p90", "p99", "p99_9", "max"}
    ordered = [result["latency_us"][name] for name in ["p50", "p90", "p99", "p99_9", "max"]]
    assert ordered == sorted(ordered) and ordered[0] > 0
    assert result["rate"] == pytest.approx(result["messages"] / result["seconds"], rel=0.01)
    uppers = [upper for upper, _ in result["histogram"]]
    assert uppers == sorted(set(uppers))


def test_the_picture(goodtalk, tmp_path):
    """Well-formed, with the percentiles; what stood in the file before is gone."""
    talk = goodtalk("-k", "-f", "line", "-s", "none", at=f"unix:{tmp_path}/a&b<c")
    (tmp_path / "plot.svg").write_text("x" * 100000)
    run_bench("-c", 2, "-n", 1000, "--plot", tmp_path / "plot.svg", talk.addresses[0])
    picture = xml.etree.ElementTree.parse(tmp_path / "plot.svg").getroot()
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    words = " ".join(picture.itertext())
    assert f"{tmp_path}/a&b<c" in words
    assert all(f"{name} " in words for name in ["p50", "p90", "p99", "p99.9"])
    assert (tmp_path / "plot.svg").stat().st_size < 20000


def test_a_picture_that_cannot_be_written_is_told_before_anything_is_sent(goodtalk, tmp_path):
    talk = goodtalk("-k", "-f", "line", "-s", "raw")
    said, told = run_bench("--plot", tmp_path / "none" / "plot.svg", talk.addresses[0], status=1)
    assert said == "" and "--plot" in told and "ENOENT" in told
    assert talk.stop() == 0
    assert talk.stdout.everything() == b""


def test_a_result_that_cannot_be_written_is_an_error(goodtalk):
    talk = goodtalk("-k", "-f", "line", "-s", "none")
    with open("/dev/full", "wb") as full:
        ended = subprocess.run([GOODTALK, "bench", "-n", "10", talk.addresses[0]], stdout=full,
                               stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    assert ended.returncode == 1 and b"standard output" in ended.stderr and b"ENOSPC" in ended.stderr


def test_more_is_told_where_asked_for(goodtalk):
    talk = goodtalk("-k", "-f", "line", "-s", "none")
    ended = subprocess.run([GOODTALK, "bench", "-v", "-c", "2", "-n", "10", talk.addresses[0]],
                           capture_output=True, timeout=PATIENCE, check=True)
    assert ended.stderr.decode().splitlines() == [
        f"goodtalk: connected to {talk.addresses[0]}",
        f"goodtalk: all connections are open to {talk.addresses[0]}"]


# ---- in a terminal, and interrupted ----


def test_a_terminal_sees_how_far_it_is(goodtalk):
    """On one line, which is empty before the result is told."""
    talk = goodtalk("-k", "-f", "line", "-s", "none")
    window = Terminal("bench", "-c", "2", "-d", "700ms", talk.addresses[0], ready=False)
    screen = window.screen()
    screen.wait_for(b" of 700 ms: ")
    assert window.ended() == 0
    seen = screen.everything()
    window.close()
    progress, result = seen.split(b"tcp:", 1)
    assert b"\n" not in progress and b"\x1b" not in seen
    assert progress.endswith(b" \r") and progress.split(b"\r")[-2].strip() == b""
    assert b"messages/s" in result


@pytest.mark.parametrize("quiet", [["-q"], None])
def test_elsewhere_nothing_is_seen_of_it(goodtalk, quiet):
    talk = goodtalk("-k", "-f", "line", "-s", "none")
    if quiet is None:
        run_bench("-c", 2, "-d", "500ms", talk.addresses[0])  # nothing on standard error
        return
    window = Terminal("bench", *quiet, "-c", "2", "-d", "500ms", talk.addresses[0], ready=False)
    screen = window.screen()
    assert window.ended() == 0
    assert screen.everything().startswith(b"tcp:")
    window.close()


def test_an_interrupt_tells_the_result_so_far(goodtalk, fake):
    """And the process ends by the signal, as a shell expects."""
    asked = []

    def serve(connection):
        for line in connection.makefile("rb"):
            asked.append(line)
            connection.sendall(b"yes\n")

    running = subprocess.Popen([GOODTALK, "bench", "--json", "-c", "2", "-d", "1h", str(fake(serve))],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: len(asked) > 100, "messages")
    running.send_signal(signal.SIGINT)
    said, told = running.communicate(timeout=PATIENCE)
    assert (running.returncode, told) == (-signal.SIGINT, b"")
    result = json.loads(said)
    assert result["interrupted"] and result["failed"] == 0 and result["messages"] > 90


def test_an_interrupt_before_there_is_a_result(tmp_path):
    running = subprocess.Popen([GOODTALK, "bench", "--wait", "1h", f"unix:{tmp_path}/nobody"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    caught = lambda: int(field("SigCgt", running.pid), 16) >> (signal.SIGINT - 1) & 1
    until(caught, "the handler")
    running.send_signal(signal.SIGINT)
    said, told = running.communicate(timeout=PATIENCE)
    assert (running.returncode, said, told) == (-signal.SIGINT, b"", b"")


def field(name, pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(line.split()[1] for line in status if line.startswith(name))


# ---- how a connection of --short ends ----


def test_elsewhere_than_on_ipv4_loopback_it_is_reset(goodtalk):
    """No port waits for another use. (That on IPv4 loopback it is not: the next test.)"""
    assert ending_seen_by_a_server("::1", socket.AF_INET6) == ConnectionResetError


def test_on_ipv4_loopback_it_ends_in_peace():
    assert ending_seen_by_a_server("127.0.0.1", socket.AF_INET) == b""


def ending_seen_by_a_server(host, family):
    """What a server receives after its reply."""
    with socket.create_server((host, 0), family=family) as listener:
        listener.settimeout(PATIENCE)
        running = subprocess.Popen([GOODTALK, "bench", "--short", "-c", "1", "-n", "1",
                                    f"[{host}]:{listener.getsockname()[1]}" if family == socket.AF_INET6
                                    else f"{host}:{listener.getsockname()[1]}"],
                                   stdout=subprocess.DEVNULL)
        first, _ = listener.accept()  # only to see whether somebody is there
        with first:
            first.settimeout(PATIENCE)
            assert first.recv(100) == b""
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(PATIENCE)
            connection.makefile("rb").readline()
            connection.sendall(b"yes\n")
            try:
                ending = connection.recv(100)
            except OSError as error:
                ending = type(error)
        assert running.wait(PATIENCE) == 0
    return ending


def test_the_server_talks_to_goodtalk_send_meanwhile(goodtalk):
    """A load is one client among others."""
    talk = goodtalk("-k", "-f", "line", "-s", "none")
    running = subprocess.Popen([GOODTALK, "bench", "-c", "8", "-d", "1h", talk.addresses[0]],
                               stdout=subprocess.DEVNULL)
    try:
        assert send("-f", "line", talk.addresses[0], "hello") == REPLY
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE) == -signal.SIGINT
