"""The calls of io_uring fail: strace lets them, for nothing of the program itself makes them (liburing does).

What holds of every run is what test_torture.py checks; and the ring is not asked as fast as it refuses.
"""
import errno
import shutil
import subprocess

import pytest

from goodtalk_talk import until
from test_controls import mutant  # noqa: F401 (a fixture)
from test_torture import check, check_messages
from torture_calls import Failure
from torture_scenarios import kept

CALLS_MOST = 2000  # a scenario makes some twenty
PASSING = [errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ENOMEM]
REFUSED = [errno.EMFILE, errno.ENOMEM, errno.ENOSYS, errno.EPERM]
EVERY = "io_uring_setup,io_uring_enter,io_uring_register"


@pytest.fixture(scope="module", autouse=True)
def tracing():
    """Skips where nobody may trace, or where there is no ring to be refused."""
    if not shutil.which("strace"):
        pytest.skip("strace is not there")
    tried = subprocess.run(["strace", "-f", "-e", "inject=getppid:error=EPERM", "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"tracing is not permitted here: {tried.stderr.strip()[-200:]}")


def traced(directory, call, number, when, options=("--engine", "uring")):
    """The scenario, while a call fails so; how many calls of the ring were made."""
    inside, log = directory / "scene", directory / "log"
    inside.mkdir(parents=True)
    wrapper = ["strace", "-D", "-f", "-o", str(log), "-e", f"trace={EVERY}", "-e",
               f"inject={call}:error={errno.errorcode[number]}:when={when}"]
    outcome = kept(inside, {}, options, wrapper)
    until(lambda: "+++ exited with" in log.read_text(), "the end of the trace")
    return outcome, log.read_text()


def check_ring(outcome, log, number, passing=False):
    """One failure of a call, from which on it either goes on or ends with a reason."""
    assert "INJECTED" in log, "nothing has failed"
    assert log.count("io_uring_enter(") < CALLS_MOST, "it spins"
    check(outcome, Failure("io_uring", number, 1, 0))
    if passing:
        assert outcome.status == 0 and outcome.lost == [], f"{outcome.stderr}{outcome.lost}"
    if outcome.status == 1:
        assert any(f"({errno.errorcode[number]}, errno {number})" in line for line in outcome.errors), outcome.stderr


@pytest.fixture(scope="module", autouse=True)
def ring(tracing, tmp_path_factory):
    """A run in which nothing fails: the ring is used."""
    directory = tmp_path_factory.mktemp("ring")
    outcome, log = traced(directory, "io_uring_enter", errno.EPERM, "60000")
    if "io_uring cannot be used" in outcome.stderr:
        pytest.skip(f"no ring here: {outcome.errors[0]}")
    check_messages(outcome)
    assert outcome.status == 0 and outcome.lost == [] and log.count("io_uring_enter(") > 10


# ---- in the middle of it ----


@pytest.mark.parametrize("number", PASSING, ids=errno.errorcode.get)
@pytest.mark.parametrize("when", ["1", "2", "3", "5", "8", "11", "2..13"])
def test_what_passes_is_borne(tmp_path, number, when):
    check_ring(*traced(tmp_path, "io_uring_enter", number, when), number, passing=True)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EBUSY, errno.ENOMEM, errno.EBADF], ids=errno.errorcode.get)
@pytest.mark.parametrize("when", [1, 3, 6])
def test_what_stays_is_the_end_and_said(tmp_path, number, when):
    outcome, log = traced(tmp_path, "io_uring_enter", number, f"{when}+")
    check_ring(outcome, log, number)
    assert outcome.status == 1 and "the uring engine failed" in outcome.stderr


# ---- at the start ----


@pytest.mark.parametrize("number", REFUSED, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["io_uring_setup", "io_uring_register"])
def test_a_ring_refused_is_said(tmp_path, call, number):
    outcome, log = traced(tmp_path, call, number, "1+")
    check_ring(outcome, log, number)
    assert outcome.status == 1 and not outcome.ready and len(outcome.errors) == 1


@pytest.mark.parametrize("number", REFUSED, ids=errno.errorcode.get)
@pytest.mark.parametrize("call", ["io_uring_setup", "io_uring_register"])
@pytest.mark.parametrize("workers", [1, 2])
def test_auto_does_without(tmp_path, call, number, workers):
    outcome, log = traced(tmp_path, call, number, "1+", ("--engine", "auto", "-j", str(workers)))
    check_ring(outcome, log, number, passing=True)
    assert "io_uring_enter(" not in log


@pytest.mark.parametrize("number", REFUSED, ids=errno.errorcode.get)
def test_a_second_ring_refused(tmp_path, number):
    """For its second worker: auto does without one there, and uring says so."""
    outcome, log = traced(tmp_path / "auto", "io_uring_setup", number, "2+", ("--engine", "auto", "-j", "2"))
    check_ring(outcome, log, number, passing=True)
    outcome, log = traced(tmp_path / "uring", "io_uring_setup", number, "2+", ("--engine", "uring", "-j", "2"))
    check_ring(outcome, log, number)
    assert outcome.status == 1 and not outcome.ready


@pytest.mark.parametrize("number", REFUSED, ids=errno.errorcode.get)
def test_a_ring_that_cannot_be_enabled(tmp_path, number):
    """The last that is asked of it before it serves: by then nothing else can take its place."""
    check_ring(*traced(tmp_path, "io_uring_register", number, "2"), number)


# ---- controls ----


def test_control_a_ring_that_does_not_bear_a_want_of_memory(mutant, tmp_path):  # noqa: F811
    mutant("engine/uring_ring.c", "    case ENOMEM:\n", "")
    with pytest.raises(AssertionError):
        test_what_passes_is_borne(tmp_path, errno.ENOMEM, "2..13")


def test_control_a_ring_that_is_asked_as_fast_as_it_refuses(mutant, tmp_path):  # noqa: F811
    mutant("engine/uring_ring.c", "#define REFUSALS_AT_ONCE 8\n#define REFUSALS_MOST    308",
           "#define REFUSALS_AT_ONCE 5000\n#define REFUSALS_MOST    5008")
    with pytest.raises(AssertionError, match="it spins"):
        test_what_stays_is_the_end_and_said(tmp_path, errno.EAGAIN, 3)
