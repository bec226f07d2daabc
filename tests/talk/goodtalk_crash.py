"""Many clients, a server that goes at any moment, and what must be true of its journal afterwards.

    crowd = Crowd(addresses, count, random.Random(seed))
    crowd.talk(replies=500)      until so many replies have come, or the server has gone
    crowd.check(read_journal(directory))

What clients saw replied to is in the journal; what is in the journal was sent; equal by client, number and
SHA-256; and each client's messages are in their order, none left out. Nothing here is shared with goodtalk, whose
`show` must say the same of a journal as who reads it by its description (check_shown).
"""
import base64
import hashlib
import json
import select
import socket
import time

from goodtalk_talk import PATIENCE, REPLY, run, where

SIZES = [0, 10, 100, 100, 2000]


class Talker:
    """A client: sends numbered messages, a few at a time, and counts replies."""

    def __init__(self, name, target, chance, sizes):
        family, address = where(target)
        self.name, self.chance, self.sizes = name, chance, sizes
        self.socket = socket.socket(family)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
        self.socket.setblocking(False)
        self.depth = chance.choice([1, 1, 4, 16])
        self.sent, self.heard, self.outgoing, self.digests = 0, 0, b"", []
        self.times = []  # when each reply was read

    def message(self):
        filling = self.chance.randbytes(self.chance.choice(self.sizes) // 2).hex().encode()
        body = b"%s %d %s" % (self.name.encode(), self.sent, filling)
        self.digests.append(hashlib.sha256(body).digest())
        self.sent += 1
        return body + b"\n"

    def fill(self):
        while self.sent - self.replies < self.depth:
            self.outgoing += self.message()

    @property
    def replies(self):
        return self.heard // len(REPLY)

    def send(self):
        self.fill()
        if self.outgoing:
            self.outgoing = self.outgoing[self.socket.send(self.outgoing[:self.chance.randint(1, 4096)]):]

    def receive(self):
        """How much came; 0 at the end."""
        data = self.socket.recv(1 << 16)
        self.heard += len(data)
        self.times += [time.monotonic()] * (self.replies - len(self.times))
        return len(data)


class Crowd:
    """Talkers, driven by one thread. name: different for each crowd that writes to one journal; sizes: of what a
    message has beside its number."""

    def __init__(self, targets, count, chance, name="crowd", sizes=SIZES):
        self.talkers = [Talker(f"{name}.{number}", targets[number % len(targets)], chance, sizes)
                        for number in range(count)]
        self.poll, self.open = select.epoll(), {}
        for talker in self.talkers:
            self.open[talker.socket.fileno()] = talker
            self.poll.register(talker.socket, select.EPOLLIN | select.EPOLLOUT)

    @property
    def replies(self):
        return sum(talker.replies for talker in self.talkers)

    def talk(self, replies, patience=None):
        """Until so many replies have come in all, or everybody's connection has ended; or, with a patience in
        seconds, until nothing happens for so long."""
        while self.open and self.replies < replies:
            events = self.poll.poll(patience or PATIENCE)
            assert events or patience, "nothing happens"
            if not events:
                break
            self._handle(events)

    def finish(self):
        """Nothing more is said; go when all that was said has its reply, or the server has gone."""
        for talker in self.open.values():
            talker.depth = 0
            if talker.outgoing:
                self.poll.modify(talker.socket, select.EPOLLIN | select.EPOLLOUT)
        while any(talker.sent > talker.replies for talker in self.open.values()):
            self.talk(self.replies + 1)
        self.close()

    def _handle(self, events):
        for fd, event in events:
            talker = self.open[fd]
            try:
                if event & select.EPOLLOUT and not event & (select.EPOLLHUP | select.EPOLLERR):
                    talker.send()
                    self._rest(talker)
                if event & ~select.EPOLLOUT and talker.receive() == 0:
                    self._forget(talker)
                elif event & select.EPOLLIN and talker.depth > 0:
                    self.poll.modify(fd, select.EPOLLIN | select.EPOLLOUT)
            except (ConnectionError, BlockingIOError) as error:
                if not isinstance(error, BlockingIOError):
                    self._forget(talker)

    def _rest(self, talker):
        """Who waits for replies has nothing to send."""
        if not talker.outgoing and talker.sent - talker.replies >= talker.depth:
            self.poll.modify(talker.socket, select.EPOLLIN)

    def _forget(self, talker):
        fd = talker.socket.fileno()
        self.poll.unregister(fd)
        del self.open[fd]
        talker.socket.close()

    def close(self):
        for talker in list(self.open.values()):
            self._forget(talker)

    def lost_replies(self, journal, dropped=False):
        """When the replies were read to messages that the journal does not have. What else must be true is asserted.
        dropped: old messages may have been."""
        kept = kept_of(journal)
        lost = []
        for talker in self.talkers:
            mine = kept.get(talker.name, [])
            if dropped and not mine:
                continue
            first = mine[0][0] if dropped else 0
            end = first + len(mine)
            assert [number for number, _ in mine] == list(range(first, end)), f"{talker.name}: out of order"
            assert end <= talker.sent, f"{talker.name}: more than was sent"
            assert [digest for _, digest in mine] == talker.digests[first:end], f"{talker.name}: other bytes"
            lost += talker.times[end:]
        return sorted(lost)

    def lost(self, journal, before=float("inf")):
        """How many of them were read before that time."""
        return sum(read < before for read in self.lost_replies(journal))

    def check(self, journal, dropped=False):
        assert not self.lost_replies(journal, dropped), "replied to, and not there"


def kept_of(journal):
    """{name of a client: [(number, digest)...]} in the order of the journal."""
    kept = {}
    for messages in journal.values():
        for message in messages:
            name, number, _ = message.body.split(b" ", 2)
            kept.setdefault(name.decode(), []).append((int(number), hashlib.sha256(message.body).digest()))
    return kept


def body_of(record):
    return base64.b64decode(record["base64"]) if "base64" in record else record["text"].encode()


def check_shown(directory, journal):
    """`goodtalk show` has the same messages, each worker's in the same order."""
    shown = run("show", "--json", str(directory))
    assert shown.returncode == 0 and shown.stderr == b"", shown.stderr
    series = {worker: [] for worker in journal}
    for record in map(json.loads, shown.stdout.splitlines()):
        series[int(record["id"].split("-")[0])].append((record["id"], record["peer"], record["listener"], body_of(record)))
    assert series == {worker: [(message.id, message.peer, message.listener, message.body) for message in messages]
                      for worker, messages in journal.items()}
