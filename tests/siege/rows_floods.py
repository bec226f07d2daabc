"""Floods: connects from everywhere and from few, messages and datagrams over their rate; the honest are served."""

import contextlib
import socket
import struct
import threading
import time

import table
from besieged import Server
from crowd import Besiegers
from goodtalk_talk import Client
from honest import CLIENTS, Honest, quiet
from rows_siege import honest_rows, left_when_told, memory_row

SECONDS, QUIET_SECONDS = 15, 5
SLOTS, PLACES = 2000, 500
NEWCOMERS = 100
FEW, PER_SOURCE = 8, 40
CHATTERS, CHATTER_SOURCES, MAX_RATE = 100, 20, 1500
SPRAYERS, SPRAY_RATE, HONEST_DATAGRAMS = 50, 200, 100
MEMORY = 16 << 20


def answered_newcomers(port, count):
    """How many of so many who connect one after the other, and say a line at once, are answered."""
    answered = 0
    for number in range(count):
        with contextlib.suppress(OSError), Client(port) as client:
            answered += client.send(b"new\n").line() == b"new\n"
    return answered


class Flooded:
    """A server, a crowd, honest clients and, amid it all, newcomers."""

    def __init__(self, how, engine, options, peers, sources):
        self.how, self.peers, self.sources = how, peers, sources
        self.seconds = how.short(SECONDS)
        self.server = Server(how.program, "--echo", "-f", "line", "-s", "none", "--max-memory", MEMORY, "-m", PLACES,
                             "--engine", engine, *options, told=())

    def run(self):
        server = self.server
        self.calm = quiet(self.how.program, server.port, self.how.short(QUIET_SECONDS))
        load = Honest(self.how.program, server.port, self.seconds)
        crowd = Besiegers(server.port, self.seconds + 30, self.peers, again_seconds=0.02, arrival_seconds=0.5,
                          sources=self.sources, stays=False, records=False)
        self.newcomers = answered_newcomers(server.port, NEWCOMERS)
        self.load = load.result()
        self.counters = server.counters()
        self.became = crowd.end()

    def rows(self, title):
        return [*honest_rows(title, self.calm, self.load, 5, 50),
                table.holds(f"{title}: newcomers answered", f"{NEWCOMERS}", self.newcomers,
                            self.newcomers == NEWCOMERS),
                memory_row(title, self.server, PLACES, MEMORY), left_when_told(title, self.server)]


def connects_from_everywhere(how, engine):
    flooded = Flooded(how, engine, [], {"flooder": how.of_crowd(SLOTS)}, 250)
    title = f"connects from everywhere, -m {PLACES}, {engine}"
    with flooded.server:
        flooded.run()
        return [*flooded.rows(title),
                table.measures(f"{title}: connects", "many", f"{flooded.became['opened']}, "
                               f"{flooded.counters['ended-gave-way']} gave way", True)]


def connects_from_few(how, engine):
    """One source cannot take the places: nobody has to give way."""
    slots = max(how.of_crowd(SLOTS), 2 * FEW * PER_SOURCE)
    flooded = Flooded(how, engine, ["--max-per-source", PER_SOURCE], {"flooder": slots}, FEW)
    title = f"connects from few, --max-per-source {PER_SOURCE}, {engine}"
    most = FEW * PER_SOURCE + CLIENTS + 1
    with flooded.server:
        flooded.run()
        counters = flooded.counters
        return [*flooded.rows(title),
                table.holds(f"{title}: open connections", f"at most {most}", counters["connections-open"],
                            counters["connections-open"] <= most),
                table.holds(f"{title}: made to give way", "none",
                            f"{counters['ended-gave-way']} ({counters['ended-per-source']} over their number)",
                            counters["ended-gave-way"] == 0 < counters["ended-per-source"])]


def messages_over_rate(how, engine):
    """Streams that send as fast as they are read, from few sources."""
    flooded = Flooded(how, engine, ["--max-rate", f"{MAX_RATE}/s"], {"chatter": CHATTERS}, CHATTER_SOURCES)
    title = f"streams over --max-rate {MAX_RATE}/s, {engine}"
    with flooded.server:
        began = time.monotonic()
        flooded.run()
        most = (CHATTER_SOURCES + 1) * MAX_RATE * (time.monotonic() - began + 1)
        return [*flooded.rows(title),
                table.holds(f"{title}: messages taken", f"at most {most:.0f}", flooded.counters["messages"],
                            flooded.counters["messages"] <= most)]


class Spray(threading.Thread):
    """Datagrams from many addresses, some 20,000 a second."""

    def __init__(self, port, sources):
        super().__init__(daemon=True)
        self.over, self.sent, self.sockets = False, 0, []
        for number in range(sources):
            sprayer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sprayer.bind((f"127.20.0.{1 + number}", 0))
            sprayer.connect(("127.0.0.1", port))
            self.sockets.append(sprayer)
        self.start()

    def run(self):
        while not self.over:
            for sprayer in self.sockets:
                with contextlib.suppress(OSError):
                    self.sent += sprayer.send(b"spray") > 0
            time.sleep(0.0025)

    def end(self):
        self.over = True
        self.join()
        for sprayer in self.sockets:
            sprayer.close()
        return self.sent


def datagrams_over_rate(how, engine):
    title = f"datagrams over --max-rate {SPRAY_RATE}/s, {engine}"
    seconds = how.short(SECONDS)
    with Server(how.program, "--echo", "-s", "none", "--max-rate", f"{SPRAY_RATE}/s", "--engine", engine,
                at=["udp:127.0.0.1:0"], told=()) as server:
        began = time.monotonic()
        spray = Spray(int(server.addresses[0].rsplit(":", 1)[1]), SPRAYERS)
        load = Honest(how.program, server.addresses[0], seconds, 5, HONEST_DATAGRAMS).result()
        sent, counters = spray.end(), server.counters()
        most = SPRAYERS * SPRAY_RATE * (time.monotonic() - began + 1) + HONEST_DATAGRAMS * seconds
        return [table.holds(f"{title}: honest datagrams unanswered", "none",
                            f"{load['unanswered']} of {load['replied'] + load['unanswered']}",
                            load["unanswered"] == 0),
                table.holds(f"{title}: taken of {sent}", f"at most {most:.0f}",
                            f"{counters['messages']} ({counters['datagrams-over-rate']} dropped)",
                            counters["messages"] <= most and counters["datagrams-over-rate"] > 0),
                left_when_told(title, server)]


def forge(source, target, payload):
    """One datagram to the target that seems to come from the source: ports of 127.0.0.1. Only root may."""
    loopback = socket.inet_aton("127.0.0.1")
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0, loopback, loopback)
    udp = struct.pack("!HHHH", source, target, 8 + len(payload), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(header + udp + payload, ("127.0.0.1", 0))


def answer_each_other(how, engine):
    """Two servers, and a datagram to one of them that seems to come from the other."""
    title = f"two servers that answer each other, --max-rate {SPRAY_RATE}/s, {engine}"
    seconds = how.short(QUIET_SECONDS)
    options = ["--echo", "-s", "none", "--max-rate", f"{SPRAY_RATE}/s", "--engine", engine]
    with Server(how.program, *options, at=["udp:127.0.0.1:0"], told=()) as one, \
            Server(how.program, *options, at=["udp:127.0.0.1:0"], told=()) as other:
        began = time.monotonic()
        forge(*(int(server.addresses[0].rsplit(":", 1)[1]) for server in (one, other)), b"and so on")
        time.sleep(seconds)
        taken = one.counters()["messages"] + other.counters()["messages"]
        most = 2 * SPRAY_RATE * (time.monotonic() - began + 1)
        return [table.holds(f"{title}: messages in {seconds} s", f"at most {most:.0f}", taken, 1 < taken <= most)]


FLOODS = {"everywhere": connects_from_everywhere, "few": connects_from_few, "streams": messages_over_rate,
          "datagrams": datagrams_over_rate, "each other": answer_each_other}
