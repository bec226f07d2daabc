"""The hostile: one class for each way to misuse a connection.

Each says what it does when its connection is open and at each of its ticks, and by when the server should have ended
it: `due`, in seconds of the wall clock, so that it can be held against the server's story. None of them reads.
"""

import fcntl
import socket
import struct
import termios

RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class Hostile:
    small_buffer = False

    def __init__(self, crowd, slot, socket_, now):
        self.crowd, self.slot, self.socket = crowd, slot, socket_
        self.opened_at, self.due, self.seen = now, None, None

    def open(self, now):
        """Connected. Returns in how many seconds tick() is wanted, or None."""

    def tick(self, now):
        """The same."""

    def say(self, data):
        """Send what the system takes now; False where it takes nothing."""
        try:
            return self.socket.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) > 0
        except OSError:
            return False

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)


class Silent(Hostile):
    """Connects, and that is all: idle-timeout."""

    def open(self, now):
        self.due = now + self.crowd.idle_timeout


class HalfClosed(Hostile):
    """Ends its own side at once and stays: nothing can come of it, it is ended at once."""

    def open(self, now):
        self.due = now
        self.socket.shutdown(socket.SHUT_WR)


class Drip(Hostile):
    """A byte a second of a line that never ends: message-timeout, from the first byte."""

    def open(self, now):
        self.due = now + self.crowd.message_timeout
        return self.tick(now)

    def tick(self, now):
        self.say(b".")
        return 1


class Endless(Hostile):
    """A line without an end, 16 KiB a second: message-timeout, if its length or max-memory does not end it before."""

    def open(self, now):
        self.due = now + self.crowd.message_timeout
        return self.tick(now)

    def tick(self, now):
        self.say(b"e" * 16384)
        return 1


class Mute(Hostile):
    """Asks and asks and never reads: write-timeout, from when it last took something in. Every other one asks for
    little at a time: what waits for it is little too, and max-memory does not end it before.

    What the system takes in for it is seen twice a second; the deadline counts from the look before, so that it is
    never later than it should be."""

    small_buffer = True
    lines = [b"m" * 4095 + b"\n", (b"m" * 63 + b"\n") * 64]

    def open(self, now):
        self.line = self.crowd.chance.choice(self.lines)
        self.looked_at, self.taken = now, -1
        return self.tick(now)

    def tick(self, now):
        for _ in range(64):
            if not self.say(self.line):
                break
        taken = struct.unpack("i", fcntl.ioctl(self.socket, termios.FIONREAD, b"\0" * 4))[0]
        if taken != self.taken:
            self.due = self.looked_at + self.crowd.write_timeout
        self.taken, self.looked_at = taken, now
        return 0.5


class Resetter(Hostile):
    """Says something, or a part of it, or nothing, and resets at a random moment of the second."""

    words = [b"", b"unfinis", b"a line\n", b"a line of a pipeline\n" * 200, b"l" * 60000, b"\n" * 500,
             b"a line and a part\nof ano"]

    def open(self, now):
        chance = self.crowd.chance
        self.say(chance.choice(self.words))
        if chance.random() < 0.2:
            self.socket.shutdown(socket.SHUT_WR)
        return chance.random()

    def tick(self, now):
        self.crowd.leave(self, now)


class Malformed(Hostile):
    """Says what no framing takes: each of these is worth a warning."""

    def open(self, now):
        self.due = now
        self.say(b"zz\x1b[31m,")


class Flooder(Hostile):
    """Connects from anywhere, and stays until it is thrown out."""


class Chatter(Hostile):
    """Sends lines as fast as they are taken, and throws the replies away."""

    def open(self, now):
        return self.tick(now)

    def tick(self, now):
        for _ in range(16):
            if not self.say(b"chatter\n" * 64):
                break
        try:
            while len(self.socket.recv(1 << 16, socket.MSG_DONTWAIT)) == 1 << 16:
                pass
        except OSError:
            pass
        return 0.05


KINDS = {"silent": Silent, "half-closed": HalfClosed, "drip": Drip, "endless": Endless, "mute": Mute,
         "resetter": Resetter, "malformed": Malformed, "flooder": Flooder, "chatter": Chatter}
