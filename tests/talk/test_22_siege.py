"""A small siege: hostile peers of every kind beside an honest one; the large ones are `make soak-siege`."""
import sys

import pytest
from goodtalk_talk import ROOT, Client, until

sys.path.append(str(ROOT / "tests" / "siege"))
from besieged import Server, left_out  # noqa: E402
from crowd import Besiegers  # noqa: E402
from mutants import MUTANTS  # noqa: E402

EACH = 20

# Each kind, and why it is ended.
ENDS = {"drip": "message-timeout", "endless": "message-timeout", "silent": "idle-timeout",
        "half-closed": "peer-closed", "mute": "write-timeout"}


def talk(client):
    for number in range(20):
        assert client.send(b"honest %d\n" % number).line() == b"honest %d\n" % number
    return True


def ended(server):
    """Reason -> how many have ended for it so far, of those that have."""
    counters = server.counters()
    return {name[6:]: count for name, count in counters.items() if name.startswith("ended-") and count}


@pytest.mark.parametrize("engine", ["epoll", "auto"])
@pytest.mark.parametrize("workers", [1, 2])
def test_each_kind_is_ended_for_its_reason_and_the_honest_are_answered(engine, workers):
    timeouts = ["--idle-timeout", "5s", "--message-timeout", "2500ms", "--write-timeout", "1s"]
    wanted = {reason: EACH * list(ENDS.values()).count(reason) for reason in ENDS.values()}
    with Server(None, "--echo", "-f", "line", "-s", "none", "--engine", engine, "-j", workers, *timeouts) as server:
        crowd = Besiegers(server.port, 60, dict.fromkeys(ENDS, EACH), timeouts=[5, 2.5, 1], again_seconds=3600,
                          arrival_seconds=0.2)
        with Client(server.port) as client:
            until(lambda: talk(client) and ended(server) == wanted, "the end of all of them")
        what_became = crowd.end()
        until(lambda: server.counters()["connections-open"] == 0, "the end of all connections")
        assert server.leave() == 0
        assert not left_out(server.events())
    by_peer = {event["peer"]: event["reason"] for event in server.events() if event["event"] == "ended"}
    assert all(by_peer[peer] == ENDS[kind] for kind, peer, *_ in what_became["records"])


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_the_controls_of_the_large_sieges_still_fit_the_source(mutant):
    """Each replaces a text that stands in its file once; `make soak-siege` builds and besieges them."""
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1
