"""What goodtalk is to reach, as data, and whether it does. Every aim is a ratio within one run, or a figure of its
own; one against a peer counts as reached too where goodtalk has 0.95 of the better floor, since then there
is nothing left to be won."""

from dataclasses import dataclass

import figures
from shapes import BY_NAME, floors, peers

ENOUGH_OF_THE_FLOOR = 0.95
BETTER_FLOOR, BEST_PEER = "the better floor", "the best peer"


@dataclass(frozen=True)
class Aim:
    shape: str
    against: str  # a server, BETTER_FLOOR, BEST_PEER; empty: the figure itself
    bound: float
    measure: str = "rate"
    subjects: tuple = ("goodtalk",)  # the better of these
    at_most: bool = False

    @property
    def bound_text(self):
        bound = f"{self.bound:g}" if self.against else figures_text(self.measure, self.bound)
        return f"at {'most' if self.at_most else 'least'} {bound}"


@dataclass(frozen=True)
class Verdict:
    aim: Aim
    subject: str
    reference: str
    figure: float = None  # the ratio, or the figure itself; None: not measured
    of_the_floor: float = None  # where that decides

    @property
    def is_reached(self):
        if self.figure is None:
            return False
        met = self.figure <= self.aim.bound if self.aim.at_most else self.figure >= self.aim.bound
        return met or (self.of_the_floor or 0) >= ENOUGH_OF_THE_FLOOR

    @property
    def word(self):
        if self.figure is None:
            return "not measured"
        return "reached" if self.is_reached else "not reached"


def figures_text(measure, value):
    """A figure with its unit, as a person reads it."""
    if measure == "rate":
        return f"{value / 1e6:.2f}M/s" if value >= 1e6 else f"{value / 1e3:.1f}k/s"
    if measure.endswith("_us"):
        return f"{value:,.0f} µs" if value >= 100 else f"{value:.3g} µs"
    if measure == "bytes_per_connection":
        return f"{value:,.0f} bytes"
    if measure == "idle_cpu_ms":
        return f"{value:.0f} ms"
    return f"{value:g}"


def _streams():
    for connections in (64, 1000, 10000):
        few, many = connections == 64, connections == 10000
        for depth in (1, 16):
            shape = f"tcp-{connections}x{depth}"
            yield Aim(shape, BETTER_FLOOR, 0.95)
            yield Aim(shape, "libuv", 1.12 if few else 0.97)
            yield Aim(shape, "libev", 1.05 if few else 0.97)
            yield Aim(shape, "redis", {1: 1.1 if many else 1.4, 16: 1.6 if many else 2.0}[depth])
            yield Aim(shape, "libevent", 1.2 if many else 1.5)
            yield Aim(shape, "node", 1.8)
            yield Aim(shape, "asyncio", 5)
            if few:
                yield Aim(shape, "socat", 15)


def _large():
    for size in (1024, 65536):
        for depth in (1, 16):
            shape = f"large-{size}-64x{depth}"
            yield Aim(shape, "floor epoll", 0.95, subjects=("goodtalk epoll", "goodtalk uring"))
            yield Aim(shape, "floor epoll", 0.85)


def _durable():
    for connections in (1, 32, 128, 1000):
        shape = f"durable-{connections}x1"
        subjects = ("goodtalk epoll -d", "goodtalk uring -d")
        yield Aim(shape, "floor durable", 0.85, subjects=subjects)
        yield Aim(shape, "redis, appendfsync always", 1.0 if connections == 1 else 1.35, subjects=subjects)
        yield Aim(shape, "rsyslog, RELP and sync", 2, subjects=subjects)


AIMS = (
    *_streams(),
    *_large(),
    *_durable(),
    Aim("kept-64x16", "goodtalk", 0.5, subjects=("goodtalk -d --sync 100ms",)),
    Aim("kept-64x16", "goodtalk", 0.5, subjects=("goodtalk --log",)),
    Aim("rules-64x16", "goodtalk", 0.5, subjects=("goodtalk, 20 rules",)),
    Aim("rules-64x16", "node, 20 expressions", 3, subjects=("goodtalk, 20 rules",)),
    Aim("lua-64x16", "goodtalk", 0.35, subjects=("goodtalk, a function",)),
    Aim("tcp-1x1", BEST_PEER, 2.5, subjects=("goodtalk --spin 50us",)),
    Aim("tcp-1x1", BEST_PEER, 0.4, measure="p50_us", subjects=("goodtalk --spin 50us",), at_most=True),
    Aim("unix-64x1", "libuv", 1.3),
    Aim("unix-64x1", "redis", 1.4),
    Aim("udp-64x1", "libuv", 1.3),
    Aim("short-64", "nginx", 1.0, measure="cpu_us", at_most=True),
    Aim("one-shot", "nc -l", 0.7, measure="reply_us", subjects=("goodtalk, one message",), at_most=True),
    Aim("idle-10000", "", 270, measure="bytes_per_connection", at_most=True),
    Aim("idle-10000", "", 0, measure="idle_cpu_ms", at_most=True),
    Aim("shown-64x16", "goodtalk", 0.85, subjects=("goodtalk -s raw > file",)),
    Aim("workers-64x16", "goodtalk epoll -j 1", 1.3, subjects=("goodtalk epoll -j 2",)),
)


def _reference(aim, results):
    shape = BY_NAME[aim.shape]
    if aim.against == BETTER_FLOOR:
        return figures.best(results, floors(shape), aim.measure)
    if aim.against == BEST_PEER:
        return figures.best(results, peers(shape), aim.measure)
    return aim.against


def _of_the_floor(aim, subject, results):
    """What part of the better floor's rate the subject has, where the aim is one against a peer."""
    shape = BY_NAME[aim.shape]
    if aim.measure != "rate" or aim.against not in peers(shape) or not floors(shape):
        return None
    floor = figures.best(results, floors(shape), aim.measure)
    return figures.ratio(results, subject, floor, aim.measure) if floor else None


def judge(aim, results):
    """What the results of its shape say of an aim."""
    subject = figures.best(results, aim.subjects, aim.measure)
    if subject is None:
        return Verdict(aim, aim.subjects[0], aim.against)
    if not aim.against:
        return Verdict(aim, subject, "", figures.median(results, subject, aim.measure))
    reference = _reference(aim, results)
    if reference is None:
        return Verdict(aim, subject, aim.against)
    return Verdict(aim, subject, reference, figures.ratio(results, subject, reference, aim.measure),
                   _of_the_floor(aim, subject, results))


def judge_all(shapes):
    """The verdicts on all aims of these shapes, from {shape: results}."""
    return [judge(aim, shapes[aim.shape]) for aim in AIMS if aim.shape in shapes]
