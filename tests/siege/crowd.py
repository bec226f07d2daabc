#!/usr/bin/python3
"""crowd.py ORDER: hostile connections, thousands at once, driven by one thread; ORDER is JSON.

Each slot holds one connection at a time and connects anew some seconds after its end, so that the crowd keeps its
size. A hostile peer that is shut out does not go politely: it keeps its side open, and goes on with what it does, for
three seconds more. At the end, or when standard input ends, one JSON object is printed: what became of each.

It runs at a lower priority than the others: in the world a crowd brings its own computers.
"""

import contextlib
import errno
import heapq
import itertools
import json
import os
import random
import resource
import select
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from hostile import KINDS  # noqa: E402

STAYS_SECONDS = 3
TCP_MAXSEG = 2
IP_BIND_ADDRESS_NO_PORT = 24  # the port is chosen by connect, for the pair of addresses
REFUSALS = {errno.ECONNREFUSED, errno.ETIMEDOUT}
ENDS = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


class Slot:
    def __init__(self, kind, source):
        self.kind, self.source = kind, source
        self.peer, self.connecting = None, False


class Crowd:
    def __init__(self, order):
        self.order = order
        self.target = tuple(order["target"])
        self.idle_timeout, self.message_timeout, self.write_timeout = order["timeouts"]
        self.again_seconds = order["again_seconds"]
        self.chance = random.Random(order["seed"])
        self.poll, self.by_fd = select.epoll(), {}
        self.agenda, self.counter = [], itertools.count()
        self.records, self.opened, self.refused, self.left = [], 0, 0, 0
        for kind, count in order["peers"].items():
            for number in range(count):
                self.plan(time.time() + number * order["arrival_seconds"] / count, self.connect,
                          Slot(kind, self.source_of(kind, number)))

    def source_of(self, kind, number):
        """Each kind comes from addresses of its own, of which there are `sources`."""
        net = 1 + list(KINDS).index(kind)
        place = number % self.order["sources"]
        return f"127.{net}.{place // 250}.{1 + place % 250}"

    def plan(self, when, act, *what):
        heapq.heappush(self.agenda, (when, next(self.counter), act, what))

    # ---- a connection ----

    def connect(self, now, slot):
        peer_class = KINDS[slot.kind]
        made = socket.socket()
        made.setblocking(False)
        if peer_class.small_buffer:  # so that the server's side needs little room to be full
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            made.setsockopt(socket.IPPROTO_TCP, TCP_MAXSEG, 1400)
        try:
            made.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            made.bind((slot.source, 0))
            failure = made.connect_ex(self.target)
        except OSError as error:
            failure = error.errno
        if failure not in (0, errno.EINPROGRESS):
            self.refuse(now, slot, made)
            return
        slot.peer, slot.connecting = peer_class(self, slot, made, now), True
        self.by_fd[made.fileno()] = slot
        self.poll.register(made, select.EPOLLOUT | ENDS)

    def refuse(self, now, slot, made):
        self.refused += 1
        made.close()
        self.plan(now + max(self.again_seconds, 1), self.connect, slot)

    def connected(self, now, slot):
        slot.connecting = False
        self.refused += slot.peer.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in REFUSALS
        self.poll.modify(slot.peer.socket, ENDS)
        self.opened += 1
        slot.peer.name = "%s:%d" % slot.peer.socket.getsockname()
        slot.peer.opened_at = now
        with contextlib.suppress(OSError):
            self.go_on(slot.peer, now, slot.peer.open(now))

    def go_on(self, peer, now, wait):
        if wait is not None and peer.slot.peer is peer:
            self.plan(now + wait, self.tick, peer)

    def tick(self, now, peer):
        if peer.slot.peer is peer:
            with contextlib.suppress(OSError):
                self.go_on(peer, now, peer.tick(now))

    def shut_out(self, now, slot, event):
        """The server has ended its side; or all of it."""
        peer = slot.peer
        peer.seen = peer.seen or now
        if event & (select.EPOLLERR | select.EPOLLHUP) or not self.order["stays"]:
            self.leave(peer, now)
            return
        self.poll.modify(peer.socket, 0)
        self.plan(now + STAYS_SECONDS, lambda then, who: who.slot.peer is who and self.leave(who, then), peer)

    def leave(self, peer, now):
        """Go, with a reset; the slot is free for the next."""
        slot = peer.slot
        del self.by_fd[peer.socket.fileno()]
        self.note(peer)
        peer.reset()
        peer.socket.close()
        slot.peer = None
        self.left += 1
        self.plan(now + self.again_seconds, self.connect, slot)

    def note(self, peer):
        if self.order["records"] and not peer.slot.connecting:
            self.records.append([peer.slot.kind, peer.name, peer.opened_at, peer.due, peer.seen])

    # ---- all of them ----

    def happen(self, now, fd, event):
        slot = self.by_fd.get(fd)
        if fd == sys.stdin.fileno():
            self.over = True
        elif slot and slot.connecting:
            self.connected(now, slot)
        elif slot:
            self.shut_out(now, slot, event)

    def act_on_agenda(self):
        now = time.time()
        for _ in range(1000):  # then look at the network again
            if not self.agenda or self.agenda[0][0] > now:
                break
            _, _, act, what = heapq.heappop(self.agenda)
            act(now, *what)

    def run(self):
        self.over = False
        self.poll.register(sys.stdin, select.EPOLLIN | select.EPOLLHUP)
        end = time.time() + self.order["seconds"]
        while not self.over and time.time() < end:
            wait = self.agenda[0][0] - time.time() if self.agenda else 1
            for fd, event in self.poll.poll(min(max(wait, 0), 1)):
                self.happen(time.time(), fd, event)
            self.act_on_agenda()
        return self.finish()

    def finish(self):
        ended_at = time.time()
        still = [slot.peer for slot in self.by_fd.values()]
        for peer in still:
            self.note(peer)
        result = {"records": self.records, "opened": self.opened, "refused": self.refused, "left": self.left,
                  "still": len(still), "ended_at": ended_at}
        for peer in still:
            peer.reset()
            peer.socket.close()
        return result


def main():
    os.nice(10)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(Crowd(json.loads(sys.argv[1])).run()))


def order(port, seconds, peers, **how):
    """What to do, with what is usual filled in."""
    return {"target": ["127.0.0.1", port], "seconds": seconds, "peers": peers, "timeouts": [60, 60, 60],
            "again_seconds": 1, "arrival_seconds": 2, "sources": 8, "stays": True, "records": True, "seed": 1, **how}


class Besiegers:
    """A crowd under way, in a process of its own."""

    def __init__(self, port, seconds, peers, **how):
        self.process = subprocess.Popen([sys.executable, __file__, json.dumps(order(port, seconds, peers, **how))],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def result(self):
        """What became of each, when its time is up."""
        said = self.process.stdout.read()
        self.process.wait()
        return json.loads(said)

    def end(self):
        """The same, now."""
        self.process.stdin.close()
        return self.result()


if __name__ == "__main__":
    main()
