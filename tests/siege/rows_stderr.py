"""A thousand peers a second, each worth a warning, and a standard error that nobody reads."""

import fcntl
import os
import re
import time

import table
from besieged import F_SETPIPE_SZ, Server
from crowd import Besiegers
from goodtalk_talk import Collector
from honest import Honest

PEERS, SECONDS, READ_SECONDS = 1000, 10, 4
LINES_A_SECOND = 21  # twenty, and how many were left out


def stuck_stderr(how, engine):
    title = f"warnings, nobody reads standard error, {engine}"
    read, write = os.pipe()
    fcntl.fcntl(write, F_SETPIPE_SZ, 4096)  # soon full
    with Server(how.program, "-f", "netstring", "-s", "none", "--engine", engine, told=(), stderr=write) as server:
        os.close(write)
        crowd = Besiegers(server.port, how.short(SECONDS) + READ_SECONDS + 2, {"malformed": how.of_crowd(PEERS)},
                          stays=False, records=False)
        load = Honest(how.program, server.port, how.short(SECONDS), frame="netstring", options=["-w", "3s"]).result()
        began = time.monotonic()
        told = Collector(read)
        time.sleep(READ_SECONDS)
        data, seconds = bytes(told.data), time.monotonic() - began
        provoked = crowd.end()["left"]
        rows = [table.holds(f"{title}: honest messages unanswered", "none",
                            f"{load['unanswered']} of {load['replied'] + load['unanswered']}",
                            load["unanswered"] == 0)]
        server.kill()
    most = LINES_A_SECOND * (seconds + 1) + data[:4096].count(b"\n")
    rows.append(table.holds(f"{title}: lines once it is read, {provoked} provoked", f"at most {LINES_A_SECOND}/s",
                            f"{data.count(10)} in {seconds:.1f} s", 0 < data.count(b"\n") <= most))
    rows.append(table.holds(f"{title}: control bytes in them", "none", len(re.findall(rb"[^\x20-\x7e\n]", data)),
                            not re.search(rb"[^\x20-\x7e\n]", data)))
    return rows
