"""Two hundred who connect to a server with sixty-four descriptors: it waits for one, and does not spin for it."""

import contextlib
import resource
import time

import table
from besieged import Server
from goodtalk_talk import REPLY, Client, until
from rows_siege import left_when_told

DESCRIPTORS, CONNECTS, PLACES = 64, 200, 1000
SECONDS, FREED = 10, 20
PAUSE_SECONDS = 0.02  # between two messages: what they cost is not what is measured
MOST_PERCENT, MOST_SECONDS, MOST_UNTIL_FREE = 5, 0.05, 1


def talk(clients, seconds):
    """One after the other says a line now and then: the longest that one has waited for its reply."""
    end, worst, number = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        began = time.monotonic()
        if clients[number % len(clients)].send(b"still here\n").line() != REPLY:
            return float("inf")
        worst, number = max(worst, time.monotonic() - began), number + 1
        time.sleep(PAUSE_SECONDS)
    return worst


def answered(clients):
    """How many of those whose line is on its way are answered."""
    return sum(client.line() == REPLY for client in clients)


def nofile(how, engine):
    title, seconds = f"nofile {DESCRIPTORS}, {CONNECTS} connects, {engine}", how.short(SECONDS)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(how.program, "-f", "line", "-s", "none", "-m", PLACES, "--engine", engine,
                                            told=()))
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
        clients = [stack.enter_context(Client(server.port)).send(b"hello\n") for _ in range(CONNECTS)]
        until(lambda: server.descriptors() >= DESCRIPTORS, "no descriptor left")
        count = server.counters()["connections-open"]
        heard = answered(clients[:count])
        cpu, began = server.cpu_seconds(), time.monotonic()
        worst = talk(clients[:count], seconds)
        percent = 100 * (server.cpu_seconds() - cpu) / (time.monotonic() - began)
        began = time.monotonic()
        for client in clients[:FREED]:
            client.socket.close()
        heard += answered(clients[count:count + FREED])
        recovery = time.monotonic() - began
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        heard += answered(clients[count + FREED:])
        return [table.holds(f"{title}: CPU over {seconds} s, {CONNECTS - count} waiting", f"at most {MOST_PERCENT}%",
                            f"{percent:.1f}%", percent <= MOST_PERCENT),
                table.measures(f"{title}: open clients answered", f"within {table.milliseconds(1000 * MOST_SECONDS)}",
                               table.milliseconds(1000 * worst), worst <= MOST_SECONDS),
                table.measures(f"{title}: {FREED} descriptors free, {FREED} who waited answered",
                               f"within {MOST_UNTIL_FREE} s", f"{recovery:.2f} s", recovery <= MOST_UNTIL_FREE),
                table.holds(f"{title}: answered in the end", f"{CONNECTS}", heard, heard == CONNECTS),
                left_when_told(title, server)]
