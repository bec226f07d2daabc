"""The real program while allocations fail, one after the other: promise 6 for memory.

Every allocation of each scenario fails in turn, on its own and with some after it: as many as
GOODTALK_ALLOCATIONS says (make soak: 3000), else a sample of them, from the start on.
"""
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess

import pytest
from goodtalk_journal import read_journal
from goodtalk_memory import (PRELOAD, Attempt, converse, correspond, one_message, told_of_memory)
from goodtalk_talk import REPLY, Client, is_sanitized, until
from library_talk import compiler

pytestmark = pytest.mark.skipif(is_sanitized() or not os.path.exists(PRELOAD),
                                reason="the sanitizers have an allocator of their own; tests/memory is for them")

MOST = int(os.environ.get("GOODTALK_ALLOCATIONS", "0"))
SAMPLE = 8  # of each scenario, where not all are asked for
SEVERAL = 10


def in_turn(run):
    """run(first, count) for every allocation that is meant, until none is left; how many there are."""
    there_are = run(0, 1)
    step = 1 if MOST else max(1, there_are // SAMPLE)
    for first in range(1, min(there_are, MOST or there_are) + 1, step):
        run(first, 1)
        run(first, SEVERAL)
    return there_are


def scenario(judge, *arguments, **how):
    """What in_turn runs: the program with these arguments, judged by judge(attempt, first, count)."""

    def run(first, count):
        with Attempt(arguments, first, count, **how) as attempt:
            judge(attempt, first, count)
            return attempt.allocations()

    return run


KINDS = {"epoll": ["--engine", "epoll"], "auto": [], "two workers": ["-j", "2"], "json": ["-v", "--log-format", "json"]}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_connections(kind):
    """Clients in a pipeline, some messages large; who comes when there is memory again is served."""
    judge = lambda attempt, first, count: converse(attempt, first, count)
    assert in_turn(scenario(judge, "-k", "-f", "line", "--echo", *KINDS[kind], "127.0.0.1:0")) > 20


# Each an echo, as the converse of goodtalk_memory has it.
TALKS = {
    "rules": """
        reply {
          { "^(?<whole>[^x]{0,9})$", "${whole}" },
          { "x", function (message) return message.text end },
          function (message) return message.text end,
        }""",
    "conversation": """
        talk(function (peer)
          for message in peer.hear, peer do
            peer:say(message.text, "\\n")
          end
        end)""",
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", TALKS)
def test_talk_files(tmp_path, kind):
    """Templates, functions and conversations: what memory is out for fails alone."""
    talk = tmp_path / "talk.lua"
    talk.write_text(TALKS[kind])
    judge = lambda attempt, first, count: converse(attempt, first, count)
    assert in_turn(scenario(judge, "-k", "-f", "line", "-t", talk, "127.0.0.1:0")) > 20


@pytest.mark.timeout(900)
def test_messages_for_commands():
    judge = lambda attempt, first, count: converse(attempt, first, count)
    assert in_turn(scenario(judge, "-k", "-f", "line", "-x", "cat", "127.0.0.1:0")) > 20


def texts_of(log):
    lines = log.read_bytes().splitlines() if log.exists() else []
    return [json.loads(line)["text"].encode() for line in lines]


@pytest.mark.timeout(900)
def test_a_log_beside_standard_output(tmp_path):
    """What is shown is in the log, each once and in order, and nothing else."""
    log = tmp_path / "log"

    def judge(attempt, first, count):
        converse(attempt, first, count)
        if attempt.addresses:
            assert texts_of(log) == attempt.shown()
        log.unlink(missing_ok=True)

    assert in_turn(scenario(judge, "-k", "-f", "line", "--echo", "--log", log, "127.0.0.1:0")) > 20


@pytest.mark.timeout(900)
def test_a_journal_beside_standard_output(tmp_path):
    """What is shown is in the journal, each once and in order, and nothing else."""
    journal = tmp_path / "journal"

    def judge(attempt, first, count):
        converse(attempt, first, count)
        if attempt.addresses:
            kept = read_journal(journal).get(0, [])
            assert [message.body for message in kept] == attempt.shown()
        shutil.rmtree(journal, ignore_errors=True)

    assert in_turn(scenario(judge, "-k", "-f", "line", "--echo", "-d", journal, "--segment-size", "64KiB",
                            "127.0.0.1:0")) > 20


@pytest.mark.timeout(900)
def test_datagrams(tmp_path):
    judge = lambda attempt, first, count: correspond(attempt, first, tmp_path, count)
    places = ["udp:127.0.0.1:0", f"unixgram:{tmp_path}/server"]
    assert in_turn(scenario(judge, "-k", "--echo", "-s", "talk", *places)) > 20
    assert not os.path.exists(f"{tmp_path}/server")


@pytest.mark.timeout(900)
def test_one_message():
    judge = lambda attempt, first, count: one_message(attempt, first)
    assert in_turn(scenario(judge, "127.0.0.1:0")) > 20


def judge_command(wanted):
    """A command that ends by itself: it does its work, or says that memory is out."""

    def judge(attempt, first, count):
        status, printed, said = attempt.ended(), attempt.out.everything(), attempt.said()
        assert status in (0, 1), (status, said)
        if status == 0:
            assert wanted in printed, (printed, said)
        else:
            assert first and told_of_memory(said), (first, said, printed)

    return judge


@pytest.mark.timeout(900)
@pytest.mark.parametrize("what", ["send", "send --help", "bench", "--help", "--version"])
def test_commands(goodtalk, what):
    server = goodtalk("-k", "-f", "line", "-s", "none", at="127.0.0.1:0")
    arguments = {"send": ["send", f"127.0.0.1:{server.port}", "hello", "x" * 10000],
                 "bench": ["bench", "-n", "20", "-c", "3", f"127.0.0.1:{server.port}"]}.get(what, what.split())
    wanted = {"send": REPLY * 2, "bench": b"messages  20 in", "--version": b"goodtalk"}.get(what, b"[OPTION]...")
    assert in_turn(scenario(judge_command(wanted), *arguments, ready=False)) > 2


def test_a_bug_is_seen(tmp_path):
    """A program that does not check what malloc returned, or ends as if nothing had been."""
    source, unchecked, silent = tmp_path / "program.c", tmp_path / "unchecked", tmp_path / "silent"
    source.write_text("#include <stdio.h>\n#include <stdlib.h>\n"
                      "int main(void) { char *text = malloc(9); BUG; text[0] = 0; return puts(\"done\") < 0; }\n")
    for program, bug in (unchecked, ""), (silent, "if (!text) return 0"):
        subprocess.run([*compiler(), f"-DBUG={bug}", source, "-o", program], check=True)
        run = scenario(judge_command(b"done"), program=program, ready=False)
        assert run(0, 1) > 0
        with pytest.raises(AssertionError):
            in_turn(run)


# ---- memory that is really out: a bound on the address space ----

def address_space(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmSize:\s+(\d+) kB", status)[1]) * 1024


def flood(port, clients, size):
    """Unfinished messages, so large that there is no memory for all of them: how many were cut off."""
    swarm = [Client(port) for _ in range(clients)]
    lost = 0
    for client in swarm:
        try:
            client.send(b"x" * size)
        except ConnectionError:
            lost += 1
    for client in swarm:
        client.socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            try:
                lost += client.socket.recv(1) == b""
            except ConnectionError:
                lost += 1
        client.socket.close()
    return lost


def serves_large(port):
    large = b"x" * (1 << 20) + b"\n"
    with Client(port) as after, contextlib.suppress(ConnectionError):
        return after.send(large).line() == large
    return False


@pytest.mark.parametrize("kind", ["epoll", "auto", "two workers"])
def test_address_space_used_up(goodtalk, kind):
    """A load that takes more than there is costs connections of its own; a connection that was there
    before is served meanwhile, and so is who comes afterwards, with a large message too."""
    server = goodtalk("-k", "-v", "-f", "line", "--echo", "-s", "none", "--max-message", "8MiB", *KINDS[kind],
                      at="127.0.0.1:0")
    with Client(server.port) as before:
        assert before.send(b"hello\n").line() == b"hello\n"
        resource.prlimit(server.pid, resource.RLIMIT_AS, (address_space(server.pid) + (24 << 20),) * 2)
        cut_off = 0
        for _ in range(20):  # what the system holds for a slow server is not in its memory yet
            cut_off += flood(server.port, clients=16, size=4 << 20)
            assert before.send(b"still there\n").line() == b"still there\n"
            if cut_off > 0:
                break
        assert cut_off > 0 and "memory is out" in server.told_about("memory is out")
        until(lambda: serves_large(server.port), "the memory of those who have gone being there for a large message")
    assert server.stop() == 0
