"""A server that is killed at any moment has every message that was replied to.

GOODTALK_CYCLES: how many kills in all; the whole is 1,000 (make soak)."""
import os
import signal
import threading
import time

import pytest
from goodtalk_crash import Crowd, check_shown
from goodtalk_journal import read_journal
from goodtalk_talk import run

CYCLES = int(os.environ.get("GOODTALK_CYCLES") or 20)
SETTINGS = [(engine, workers) for engine in ("epoll", "uring") for workers in ("1", "2")]


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


def has_uring():
    return run("--engine", "uring", "--timeout", "1ms", "0").returncode != 1


def killed_amid(talk, crowd, chance):
    """Kill the server after some replies, while more are on their way."""
    crowd.talk(replies=chance.randint(0, 400))
    timer = threading.Timer(chance.random() * 0.02, talk.signal, [signal.SIGKILL])
    timer.start()
    crowd.talk(replies=10**9)
    timer.join()
    assert talk.ended() == -signal.SIGKILL


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine,workers", SETTINGS)
def test_killed_under_load(goodtalk, journal, chance, tmp_path, record_property, engine, workers):
    """Each start finds what the one before has left, and cuts off what it had not finished."""
    if engine == "uring" and not has_uring():
        pytest.skip("io_uring is denied here")
    replied, segments, cycles, path = 0, 0, CYCLES // len(SETTINGS), tmp_path / "socket"
    start = lambda: goodtalk("-k", "-f", "delim:\\n", "-s", "none", "-d", journal, "--segment-size", "256KiB", "-j", workers,
                             "--engine", engine, at=["127.0.0.1:0", f"unix:{path}"])
    talk, began = start(), time.monotonic()
    for cycle in range(cycles):
        crowd = Crowd([talk.port, path], 32, chance, f"cycle{cycle}")
        killed_amid(talk, crowd, chance)
        talk = start()
        kept = read_journal(journal)
        crowd.check(kept)
        check_shown(journal, kept)
        replied += crowd.replies
        if cycle % 4 == 3:  # what the next run finds at its start stays small
            assert talk.stop() == 0
            for segment in journal.glob("*.journal"):
                segments += 1
                segment.unlink()
            talk = start()
    assert talk.stop() == 0
    assert replied > 0
    record_property("figures", f"{cycles} kills, {replied} replies read, {segments} segments, none lost, "
                               f"{time.monotonic() - began:.0f} s")


def test_the_check_sees_what_is_lost(goodtalk, journal, chance):
    """Its control: a message that was replied to is taken out of what was kept."""
    talk = goodtalk("-k", "-f", "delim:\\n", "-s", "none", "-d", journal)
    crowd = Crowd([talk.port], 8, chance)
    crowd.talk(replies=200)
    crowd.finish()
    assert talk.stop() == 0
    kept = read_journal(journal)
    crowd.check(kept)
    last = {}
    for message in kept[0]:
        last[message.body.split(b" ")[0]] = message
    most = max(crowd.talkers, key=lambda talker: talker.replies)
    while crowd.lost(kept) == 0:
        kept[0].remove(next(message for message in reversed(kept[0]) if message.body.startswith(most.name.encode() + b" ")))
    with pytest.raises(AssertionError, match="replied to, and not there"):
        crowd.check(kept)
    kept[0].remove(next(message for message in kept[0] if message.body.startswith(most.name.encode() + b" 0 ")))
    with pytest.raises(AssertionError, match="out of order"):
        crowd.check(kept)
