"""Five hundred clients, each of which resets at a random moment of every second: nothing is left of them."""

import table
from besieged import Server
from crowd import Besiegers
from goodtalk_talk import until
from honest import Honest, quiet
from rows_siege import OPTIONS, USUAL, honest_rows, left_when_told

RESETTERS = 500
SETTLE_SECONDS, SECONDS, QUIET_SECONDS = 30, 60, 10
GROWTH = 2 << 20  # bytes that may come and go with the allocator: 64 for each client of a whole siege


def alone(server):
    """Wait until all connections are over: descriptors and resident memory then."""
    until(lambda: server.counters()["connections-open"] == 0, "the end of all connections")
    return server.descriptors(), server.resident()


def besiege(how, server, seconds):
    """What became of the honest, and how many were reset."""
    crowd = Besiegers(server.port, seconds, {"resetter": how.of_crowd(RESETTERS)}, again_seconds=0.5,
                      arrival_seconds=1, records=False)
    load = Honest(how.program, server.port, seconds - 1).result()
    return load, crowd.result()["left"]


def resets(how, engine):
    """Once to settle (buffers and pools grow to what is needed), once to be judged."""
    title = f"resets, {engine}"
    with Server(how.program, *OPTIONS, *USUAL.options(), "--engine", engine, told=()) as server:
        calm = quiet(how.program, server.port, how.short(QUIET_SECONDS))
        besiege(how, server, how.short(SETTLE_SECONDS))
        before = alone(server)
        load, resets_seen = besiege(how, server, how.short(SECONDS))
        after = alone(server)
        rows = honest_rows(title, calm, load, 2, 0)
        rows.append(table.holds(f"{title}: descriptors left of {resets_seen}", f"{before[0]}, as before", after[0],
                                after[0] == before[0]))
        rows.append(table.holds(f"{title}: memory left of them",
                                f"at most {table.mebibytes(before[1] + GROWTH)} (before: {table.mebibytes(before[1])})",
                                table.mebibytes(after[1]), after[1] <= before[1] + GROWTH))
        rows.append(left_when_told(title, server))
    return rows
