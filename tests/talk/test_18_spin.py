"""--spin: it polls while there is talk, and sleeps when there is none."""
import pathlib
import re

from goodtalk_talk import REPLY, Client, until
from test_08_limits import check_no_spinning


def sleeps(program):
    """How often it has given its CPU away of its own will."""
    status = pathlib.Path(f"/proc/{program.pid}/status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[1])


def sleeps_while_talking(program, talks=100):
    with Client(program.port) as client:
        assert client.send(b"hello\n").line() == REPLY
        before = sleeps(program)
        for _ in range(talks):
            assert client.send(b"hello\n").line() == REPLY
        return sleeps(program) - before


def test_it_does_not_sleep_while_it_spins(goodtalk):
    talk = goodtalk("-k", "-s", "none", "--spin", "1h")
    assert sleeps_while_talking(talk) == 0
    assert talk.stop() == 0


def test_control_without_spinning_it_sleeps(goodtalk):
    talk = goodtalk("-k", "-s", "none")
    until(lambda: sleeps_while_talking(talk) > 0, "a sleep")
    assert talk.stop() == 0


def test_when_nobody_talks_any_more_it_sleeps(goodtalk):
    talk = goodtalk("-k", "--spin", "1ms")
    with Client(talk.port) as client:
        before = sleeps(talk)
        assert client.send(b"hello\n").line() == REPLY
        until(lambda: sleeps(talk) > before, "a sleep")
        check_no_spinning(talk)
        assert client.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0


def test_timers_and_signals_are_obeyed(goodtalk):
    talk = goodtalk("--spin", "1h", "-w", "100ms")
    assert talk.ended() == 3
    talk = goodtalk("-k", "--spin", "1h")
    assert talk.stop() == 0
