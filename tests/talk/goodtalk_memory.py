"""Programs whose allocations fail in turn: a library loaded before all others sees to that.

An Attempt is one run in which some allocations fail; what it came to is judged by its scenario. Whoever
fails to start must say so; whoever runs may lose a connection for each allocation that failed, and
tells it; everybody else is served as ever.
"""
import contextlib
import os
import signal
import socket
import struct
import subprocess
import tempfile

from goodtalk_talk import GOODTALK, PATIENCE, Client, Collector, shown_messages, wait_readable

BUILD = os.path.dirname(os.path.realpath(GOODTALK))
PRELOAD = os.path.join(BUILD, "tests", "memory", "libmemory_preload.so")

# What is said where memory is out: of ours, of an errno, of the resolver.
WORDS = ("memory is out", "out of memory", "Cannot allocate memory", "Memory allocation failure", "no memory for",
         "cannot start worker")

SAYS_READY = "fd:{}"


def told_of_memory(said):
    return any(word in said for word in WORDS)


class Attempt:
    """A program in which the first-th allocation fails (0: none), and count - 1 after it."""

    def __init__(self, arguments, first=0, count=1, program=GOODTALK, ready=True, stdin=subprocess.DEVNULL):
        self.counter = tempfile.NamedTemporaryFile()
        self.counter.write(bytes(8))
        self.counter.flush()
        environment = {**os.environ, "LD_PRELOAD": PRELOAD, "MEMORY_COUNT": self.counter.name}
        if first:
            environment["MEMORY_FAIL"] = f"{first}:{count}"
        read, write = os.pipe()
        self.process = subprocess.Popen(
            [program, *(["--ready", SAYS_READY.format(write)] if ready else []), *arguments], stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[write], env=environment)
        os.close(write)
        self.out, self.err = [Collector(os.dup(side.fileno()))
                              for side in (self.process.stdout, self.process.stderr)]
        with os.fdopen(read, "rb", 0) as pipe:
            self.addresses = self._await_ready(pipe) if ready else []

    @staticmethod
    def _await_ready(pipe):
        """The addresses it listens on; none where it ends before it is ready."""
        text = b""
        while wait_readable(pipe.fileno()) and (piece := pipe.read(4096)):
            text += piece
        return text.decode().splitlines()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        self.counter.close()

    def ended(self):
        return self.process.wait(PATIENCE)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def said(self):
        return self.err.everything().decode()

    def shown(self):
        return shown_messages(self.out.everything())

    def allocations(self):
        self.counter.seek(0)
        return struct.unpack("Q", self.counter.read(8))[0]


def connectable(address):
    """What Client takes, of an address as it is told."""
    kind, _, rest = address.partition(":")
    return rest if kind.startswith("unix") else int(rest.rsplit(":", 1)[1])


class Session:
    """A client that says its messages at once, and knows what it must hear."""

    def __init__(self, address, name, messages):
        self.messages = [b"%s.%d" % (name, i) + b"x" * size for i, size in enumerate(messages)]
        self.client = Client(connectable(address))
        with contextlib.suppress(ConnectionError):
            self.client.send(b"".join(message + b"\n" for message in self.messages))

    def heard(self):
        """How many of its messages were echoed, each whole and in order."""
        for count, message in enumerate(self.messages):
            try:
                line = self.client.line()
            except ConnectionError:
                line = b""
            if not line.endswith(b"\n"):
                return count
            assert line == message + b"\n", (line[:80], message[:80])
        return len(self.messages)


def judge_start(attempt, first):
    """It did not become ready: it says why, and its status is 1."""
    status, said = attempt.ended(), attempt.said()
    assert status == 1 and told_of_memory(said) and first, (status, said)


def judge_sessions(attempt, sessions, failures):
    """What every session heard, what was shown, what was told. The program has ended."""
    shown, said = attempt.shown(), attempt.said()
    hit = 0
    for session in sessions:
        heard, of_it = session.result, [line for line in shown if line in session.messages]
        assert of_it == session.messages[:len(of_it)], "shown out of order"
        assert heard <= len(of_it), "replied to before it was shown"
        hit += heard < len(session.messages)
    assert len(shown) == sum(line in session.messages for session in sessions for line in shown)
    assert hit <= failures, f"{hit} connections are lost for {failures} allocations: {said}"
    assert not hit or told_of_memory(said), said


def converse(attempt, first, count=1, address=0):
    """Three clients at once, and, when they are done, one more who must be served."""
    if not attempt.addresses:
        judge_start(attempt, first)
        return
    at = attempt.addresses[address]
    sessions = [Session(at, b"abc"[i:i + 1], [10, 3000, 60000, 0, 100]) for i in range(3)]
    for session in sessions:
        session.result = session.heard()
    served, again = True, False
    for name in b"defghijklmno":
        again = not first or attempt.allocations() >= first + count - 1  # there is memory again
        late = Session(at, bytes([name]), [20, 20])
        late.result = late.heard()
        sessions.append(late)
        served = late.result == len(late.messages)
        if again:
            break
    status = attempt.stop()
    assert served or not again, (late.result, attempt.allocations(), attempt.said())
    judge_sessions(attempt, sessions, count if first else 0)
    assert status == 0, (status, attempt.said())


class Letters:
    """A client with datagrams: it says some, and when the server has ended it looks what has come."""

    def __init__(self, address, path):
        kind, _, rest = address.partition(":")
        unix = kind.startswith("unix")
        self.socket = socket.socket(socket.AF_UNIX if unix else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(path if unix else ("127.0.0.1", 0))
        self.socket.connect(rest if unix else ("127.0.0.1", int(rest.rsplit(":", 1)[1])))
        self.messages = [b"%s.%d" % (kind.encode(), i) + b"x" * 100 * i for i in range(8)]
        for message in self.messages:
            self.socket.send(message)

    def heard(self):
        came = []
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                came.append(self.socket.recv(1 << 16, socket.MSG_DONTWAIT))
        self.socket.close()
        assert len(set(came)) == len(came) and set(came) <= set(self.messages)
        return set(came)


def correspond(attempt, first, tmp_path, count=1):
    """Datagrams over UDP and Unix sockets, and then the order to stop."""
    if not attempt.addresses:
        judge_start(attempt, first)
        return
    for old in tmp_path.glob("client*"):
        old.unlink()
    clients = [Letters(address, str(tmp_path / f"client{i}")) for i, address in enumerate(attempt.addresses)]
    status = attempt.stop()
    shown, said, lost = attempt.shown(), attempt.said(), 0
    for client in clients:
        heard = client.heard()
        assert heard <= set(shown)
        lost += len(client.messages) - len(heard)
    assert len(shown) == len(set(shown))
    assert lost <= (count if first else 0), (lost, said)
    assert not lost or told_of_memory(said), said
    assert status == 0, (status, said)


def one_message(attempt, first):
    """A one-shot: done, with a reply; or it says that its reply was lost; or it waits for the next."""
    if not attempt.addresses:
        judge_start(attempt, first)
        return
    replies = []
    while attempt.process.poll() is None and not any(replies):
        with contextlib.suppress(ConnectionError), Client(connectable(attempt.addresses[0])) as client:
            replies.append(client.send(b"hello\n").everything())
    status, said, shown = attempt.ended(), attempt.said(), attempt.shown()
    assert shown == [b"hello"], shown
    whole = [reply for reply in replies if reply]
    assert whole in ([], [b"Good talking to you\n"]), replies
    assert status == (0 if whole else 1), (status, said, replies)
    assert whole or told_of_memory(said), said
