"""The siege: five kinds of hostile connections, a thousand of each, beside twenty honest clients."""

from dataclasses import astuple, dataclass

import story
import table
from besieged import Server, left_out
from crowd import Besiegers
from honest import CLIENTS, Honest, quiet

KINDS = ["drip", "mute", "endless", "silent", "half-closed"]
MAX_MEMORY, PER_CONNECTION = 64 << 20, 16 << 10  # bytes
AGAIN_SECONDS = 4  # how long after its end each comes again
QUIET_SECONDS = 10



@dataclass(frozen=True)
class Timeouts:
    """In seconds; short enough for everybody's to fall in the run."""

    idle: int = 20
    message: int = 15
    write: int = 10

    def options(self):
        return [word for name, seconds in vars(self).items() for word in (f"--{name}-timeout", f"{seconds}s")]


USUAL = Timeouts()
OPTIONS = ["--echo", "-f", "line", "-s", "json", "--max-memory", MAX_MEMORY]


def honest_rows(title, calm, load, times, or_more):
    """What honest clients got beside what they get when it is quiet."""
    bound = max(times * calm["p99"], calm["p99"] + or_more)
    aim = f"at most {table.milliseconds(bound)} (quiet: {table.milliseconds(calm['p99'])})"
    return [table.holds(f"{title}: honest messages unanswered", "none",
                        f"{load['unanswered']} of {load['replied'] + load['unanswered']}" +
                        (f" ({load['told']})" if load["told"] else ""), load["unanswered"] == 0),
            table.measures(f"{title}: honest p99", aim,
                           f"{table.milliseconds(load['p99'])} (p50 {table.milliseconds(load['p50'])}, "
                           f"max {table.milliseconds(load['max'])})", load["p99"] <= bound)]


def memory_row(title, server, connections, max_memory=MAX_MEMORY):
    bound = max_memory + connections * PER_CONNECTION
    peak = server.memory_peak()
    return table.holds(f"{title}: resident memory, peak", f"at most {table.mebibytes(bound)}", table.mebibytes(peak),
                       peak <= bound)


def left_when_told(title, server):
    status = server.leave()
    return table.holds(f"{title}: it goes on, and leaves when told", "status 0", status, status == 0)


def kind_rows(title, name, kind):
    reasons = ", ".join(f"{reason} {count}" for reason, count in kind.reasons.most_common())
    latest = f"{kind.latest:+.2f} s" if kind.latest > float("-inf") else "none due"
    return [table.measures(f"{title}: {name}: ended after its deadline", f"at most +{story.GRACE} s",
                           f"{latest}, {kind.late} of {kind.count} late ({reasons})", kind.late == 0),
            table.holds(f"{title}: {name}: not ended", "none", kind.never, kind.never == 0)]


def siege(how, engine, workers, kinds=KINDS, timeouts=USUAL, max_memory=MAX_MEMORY):
    """One engine and number of workers: its rows."""
    title = f"siege, {engine}, -j {workers}"
    each = how.crowd // len(KINDS)
    options = [*OPTIONS, "--max-memory", max_memory, *timeouts.options(), "--engine", engine, "-j", workers]
    with Server(how.program, *options) as server:
        calm = quiet(how.program, server.port, how.short(QUIET_SECONDS))
        crowd = Besiegers(server.port, how.seconds + 5, {kind: each for kind in kinds},
                          timeouts=astuple(timeouts), again_seconds=AGAIN_SECONDS)
        load = Honest(how.program, server.port, how.seconds).result()
        what_became = crowd.result()
        rows = honest_rows(title, calm, load, 5, 50)
        rows.append(memory_row(title, server, each * len(kinds) + CLIENTS, max_memory))
        rows.append(left_when_told(title, server))
        events = server.events()
    judged = story.judge(what_became, events)
    for kind in kinds:
        rows += kind_rows(title, kind, judged[kind])
    rows.append(table.holds(f"{title}: connections refused; lines of the story left out", "none",
                            f"{what_became['refused']}; {left_out(events)}",
                            not what_became["refused"] and not left_out(events)))
    return rows
