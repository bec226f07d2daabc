"""The real program while allocations fail, one after the other: promise 6 for memory.

Every allocation of each scenario fails in turn, on its own and with some after it: as many as
GOODTALK_ALLOCATIONS says (make soak: 3000), else a sample of them, from the start on.
"""
import os

import pytest
from goodtalk_memory import (PRELOAD, Attempt, connectable, converse, correspond, one_message, told_of_memory)
from goodtalk_talk import REPLY, Client, is_sanitized

pytestmark = pytest.mark.skipif(is_sanitized() or not os.path.exists(PRELOAD),
                                reason="the sanitizers have an allocator of their own; tests/memory is for them")

MOST = int(os.environ.get("GOODTALK_ALLOCATIONS", "0"))
SAMPLE = 12  # of each scenario, where not all are asked for
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
