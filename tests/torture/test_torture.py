"""Every system call fails in turn, in every way its manual page names (torture_calls.py).

What holds of every run, whichever call failed: the program does not crash, hang or spin; what was
replied to had been shown, and what was shown had been said, once; descriptors and files are not left
behind. Either it goes on, and at most the connection that was hit is lost (none by what is transient),
or it ends with status 1 and a line that names the errno.

GOODTALK_TORTURE=all tries every failure; else a sample, another one for each GOODTALK_TORTURE_SEED.
"""
import errno
import os
import random

import pytest

from torture_calls import CALLS, Failure, failures
from torture_scenarios import SCENARIOS, SHIM

ALL = os.environ.get("GOODTALK_TORTURE") == "all"
SEED = os.environ.get("GOODTALK_TORTURE_SEED", "1")
SAMPLE = 40  # failures of each scenario and part
PARTS = 4  # a scenario's failures are tried by so many tests, side by side


def run(scenario, directory, plan):
    directory.mkdir()
    return SCENARIOS[scenario](directory, plan)


def quiet_run(scenario, directory):
    return run(scenario, directory / "quiet", {})


def check_messages(outcome):
    said = {text.rstrip(b"\n") for text in outcome.said}
    replied = [text.rstrip(b"\n") for text in outcome.replied]
    shown = outcome.shown
    stream = [text for text in shown if text != b"a datagram"]
    assert set(shown) <= said, "shown, but never said"
    assert set(replied) <= set(shown), f"replied to, but not shown: {set(replied) - set(shown)}"
    assert len(set(stream)) == len(stream), "shown twice"


def hit(outcome):
    """How many lost what they should have had: connections, and datagrams."""
    return len({name for _, name, _ in outcome.lost if not name.startswith("rude")})


def named(outcome, failure):
    return any(f"errno {failure.number}" in line for line in outcome.errors)


def check_end(outcome, failure):
    assert outcome.status in (0, 1), f"ended with {outcome.status}"
    if outcome.status == 1:
        assert outcome.errors, "ended with 1 and without a word"
        assert not failure.transient, f"{failure} is no reason to end"
    elif failure.count:
        assert hit(outcome) <= (0 if failure.transient else failure.count), f"hit: {outcome.lost}"


def check(outcome, failure):
    assert "shim:" not in outcome.stderr, outcome.stderr
    check_messages(outcome)
    check_end(outcome, failure)
    if failure.call not in ("unlink", "lstat"):  # of which one says whether the file is still ours
        assert outcome.left == [], "files are left"
    if failure.call != "close":
        assert outcome.leaked == [], "descriptors are left"
    if outcome.status == 1 and not outcome.ready:
        assert named(outcome, failure), "the reason is not named"


def chosen(scenario, counts, part):
    every = list(failures(counts))
    if not ALL:
        random.Random(f"{SEED} {scenario}").shuffle(every)
        every = every[:SAMPLE * PARTS]
    return every[part::PARTS]


@pytest.mark.timeout(3600 if ALL else 180)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_call_fails_in_turn(scenario, part, tmp_path):
    counts = quiet_run(scenario, tmp_path).counts
    broken = []
    for number, failure in enumerate(chosen(scenario, counts, part)):
        try:
            outcome = run(scenario, tmp_path / str(number), {"SHIM_FAIL": failure.plan})
            said = f"; status {outcome.status}, said {outcome.stderr!r}, lost {outcome.lost}"
            check(outcome, failure)
        except AssertionError as error:
            broken.append(f"{failure}: {str(error).splitlines()[0]}{said}")
        said = ""
    assert not broken, f"{len(broken)} failed:\n" + "\n".join(broken)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nothing_fails_when_nothing_fails(scenario, tmp_path):
    outcome = quiet_run(scenario, tmp_path)
    assert outcome.status == 0 and outcome.ready and outcome.lost == []
    check(outcome, Failure("recv", errno.EINTR, 1))
    unknown = {call for call, count in outcome.counts.items() if count} - set(CALLS)
    assert unknown <= {"clock_gettime", "fcntl"}, "called, but not in the table"


def test_the_shim_is_there():
    assert SHIM.exists(), f"{SHIM}: built with -Dtests=enabled"
