"""The crowd's records held against the server's story: who ended when, why, and how long after it should have."""

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

GRACE = 2  # seconds after its deadline by which each is to be gone
NEVER = 10  # seconds after its deadline from which on it counts as never ended
CLOCKS = 0.05  # what the two ends' reading of one clock may differ


@dataclass
class Kind:
    """One kind of hostile peer: how many there were, how they ended, how late."""

    count: int = 0
    reasons: Counter = field(default_factory=Counter)
    latest: float = float("-inf")  # seconds after the deadline
    late: int = 0
    never: int = 0


def seconds_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def endings(events):
    """Peer -> its ends (a name is used again): (when, reason), in order."""
    ended = defaultdict(list)
    for event in events:
        if event["event"] == "ended":
            ended[event["peer"]].append((seconds_of(event["time"]), event["reason"]))
    return ended


def ending_of(ended, name, opened_at):
    """The first end of this peer after it was opened: (when, reason) or None."""
    of_this = ended.get(name, [])
    place = bisect_left(of_this, (opened_at - CLOCKS, ""))
    return of_this[place] if place < len(of_this) else None


def judge(crowd, events):
    """Kind's name -> Kind. Who was still open at the end, before its deadline, is none to be judged."""
    ended, kinds = endings(events), defaultdict(Kind)
    for name, peer, opened_at, due, _seen in crowd["records"]:
        kind = kinds[name]
        when, reason = ending_of(ended, peer, opened_at) or (crowd["ended_at"], "open")
        when = min(when, crowd["ended_at"])
        kind.count += 1
        if when == crowd["ended_at"]:
            reason = "open"
        kind.reasons[reason] += 1
        lateness = when - due if due is not None else float("-inf")
        kind.latest = max(kind.latest, lateness)
        kind.late += lateness > GRACE
        kind.never += lateness > NEVER
    return kinds
