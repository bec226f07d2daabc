"""Every kind of peer at once, for long: what is resident and what is open stays as it was."""

import time
from dataclasses import astuple

import table
from besieged import Server
from crowd import Besiegers
from honest import CLIENTS, Honest, quiet
from rows_resets import alone
from rows_siege import OPTIONS, USUAL, honest_rows, left_when_told, memory_row

SAMPLE_SECONDS, QUIET_SECONDS = 5, 5
EACH = {"drip": 100, "mute": 100, "endless": 100, "silent": 100, "half-closed": 100, "resetter": 100, "chatter": 20}
GROWTH = 4 << 20


def soak(how, engine, workers):
    title = f"{how.soak_seconds} s of everybody, {engine}, -j {workers}"
    seconds = how.soak_seconds
    with Server(how.program, *OPTIONS, *USUAL.options(), "--engine", engine, "-j", workers, told=()) as server:
        calm = quiet(how.program, server.port, how.short(QUIET_SECONDS))
        before = alone(server)
        crowd = Besiegers(server.port, seconds + 5, EACH, timeouts=astuple(USUAL), records=False)
        load = Honest(how.program, server.port, seconds)
        samples = []
        while load.process.poll() is None and server.alive():
            samples.append((server.resident(), server.descriptors()))
            time.sleep(SAMPLE_SECONDS)
        rows = honest_rows(title, calm, load.result(), 5, 50)
        crowd.end()
        after = alone(server)
        third = max(len(samples) // 3, 1)
        for name, place, slack, shown in (("memory", 0, GROWTH, table.mebibytes), ("descriptors", 1, 40, str)):
            early = max(sample[place] for sample in samples[:2 * third])
            late = max(sample[place] for sample in samples[-third:])
            rows.append(table.holds(f"{title}: {name} in the last third", f"at most {shown(early + slack)}, as before",
                                    shown(late), late <= early + slack))
        rows.append(table.holds(f"{title}: descriptors once they have gone", str(before[0]), after[0],
                                after[0] == before[0]))
        rows.append(memory_row(title, server, sum(EACH.values()) + CLIENTS))
        rows.append(left_when_told(title, server))
    return rows
