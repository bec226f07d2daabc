"""What the tests talk with: the program as a user starts it, and the clients that talk to it.

Waiting is always for an event: the ready line, an end of stream, an exit, a line. PATIENCE is only
when to give up; nothing here measures how fast anything is.
"""
import contextlib
import ctypes
import errno
import fcntl
import functools
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time

PATIENCE = 25  # seconds: a failure limit, never a measure; less than any default of 30 s
REPLY = b"Good talking to you\n"
SHOWN = b"The message was: "

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GOODTALK = os.environ.get("GOODTALK") or str(ROOT / "build" / "goodtalk")
SANITIZER_WORDS = (b"AddressSanitizer", b"LeakSanitizer", b"ThreadSanitizer", b"runtime error:",
                   b"Assertion `", b"Assertion failed")


@functools.lru_cache(None)
def is_sanitized():
    """Whether this build carries AddressSanitizer or ThreadSanitizer (memory figures mean little then)."""
    program = pathlib.Path(GOODTALK).read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def this_process():
    """How goodtalk names the process that runs the tests."""
    return f"{pathlib.Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"


def wait_readable(fd, seconds=PATIENCE):
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def read_now(fd):
    """What can be read from fd without waiting."""
    data = b""
    while wait_readable(fd, 0):
        piece = os.read(fd, 1 << 16)
        if not piece:
            break
        data += piece
    return data


def bytes_waiting(fd):
    """How many bytes a pipe holds."""
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]


def until(condition, what):
    """Wait for a condition that has no descriptor to wait on (a file in /proc, say)."""
    deadline, turns = time.monotonic() + PATIENCE, 0
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        turns += 1
        time.sleep(0 if turns < 100 else 0.005)


class Collector(threading.Thread):
    """Reads a descriptor to its end, and lets others wait for what comes."""

    def __init__(self, fd):
        super().__init__(daemon=True)
        self.fd, self.data, self.ended = fd, bytearray(), False
        self.news = threading.Condition()
        self.start()

    def run(self):
        piece = b"."
        while piece:
            try:
                piece = os.read(self.fd, 1 << 20)
            except OSError:  # EIO: the other side of a terminal has gone
                piece = b""
            with self.news:
                self.data += piece
                self.ended = not piece
                self.news.notify_all()
        os.close(self.fd)

    def wait_for(self, wanted):
        """Wait until wanted (bytes, or a condition on the data) has come; the data so far."""
        seen = wanted if callable(wanted) else lambda data: wanted in data
        with self.news:
            self.news.wait_for(lambda: seen(self.data) or self.ended, PATIENCE)
            assert seen(self.data), f"never came: {wanted!r}; came: {bytes(self.data[-2000:])!r}"
            return bytes(self.data)

    def everything(self):
        self.join(PATIENCE)
        assert self.ended, f"still open after {bytes(self.data[-2000:])!r}"
        return bytes(self.data)


class Program:
    """goodtalk, started. stdout and stderr are Collectors, unless a descriptor was given."""

    def __init__(self, arguments, wrapper=(), ready=True, stdout=None, stderr=None, program=None,
                 **how):
        reads, extra = [], []
        pass_fds = list(how.pop("pass_fds", ()))
        if ready:
            ready_read, ready_write = os.pipe()
            pass_fds.append(ready_write)
            extra = ["--ready", f"fd:{ready_write}"]
        sides = []
        for given in (stdout, stderr):
            read, write = os.pipe() if given is None else (None, given)
            reads.append(read)
            sides.append(write)
        self.process = subprocess.Popen(
            [*wrapper, program or GOODTALK, *extra, *arguments], stdin=how.pop("stdin", subprocess.DEVNULL),
            stdout=sides[0], stderr=sides[1], pass_fds=pass_fds, **how)
        self.pid = self.process.pid
        for read, write in zip(reads, sides):
            if read is not None:
                os.close(write)
        self.stdout, self.stderr = [None if read is None else Collector(read) for read in reads]
        self.addresses = []
        if ready:
            os.close(ready_write)
            self.addresses = self._await_ready(ready_read)

    def _await_ready(self, fd):
        text = b""
        with contextlib.closing(os.fdopen(fd, "rb", 0)) as pipe:
            while wait_readable(pipe.fileno()):
                piece = pipe.read(4096)
                if not piece:
                    break
                text += piece
        if not text.endswith(b"\n"):
            status = self.process.wait(PATIENCE)
            said = self.stderr.everything() if self.stderr else b""
            raise AssertionError(f"never ready: {text!r}, ended with {status}, said {said!r}")
        return text.decode().splitlines()

    @property
    def port(self):
        """The port of the first TCP address it listens on."""
        tcp = [address for address in self.addresses if address.startswith("tcp:")]
        return int(tcp[0].rsplit(":", 1)[1])

    def signal(self, number):
        self.process.send_signal(number)

    def ended(self):
        """Wait for its end: the exit status, or minus the signal that ended it."""
        status = self.process.wait(PATIENCE)
        for collector in (self.stdout, self.stderr):
            if collector:
                collector.everything()
        return status

    def told_about(self, word):
        """Wait for a line on stderr with this word: the line."""
        word = word.encode()
        ended_by_newline = lambda data: any(word in line for line in data.split(b"\n")[:-1])
        told = self.stderr.wait_for(ended_by_newline)
        return next(line for line in told.split(b"\n") if word in line).decode()

    def stop(self):
        """Ask a kept server to drain and leave: its exit status."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def said(self):
        """All of stderr, once it has ended."""
        return self.stderr.everything().decode(errors="backslashreplace")

    def shown(self):
        """The messages shown in talk format (still escaped), once it has ended."""
        return shown_messages(self.stdout.everything())

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_peak(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def clean_up(self):
        """End it if it still runs, and see that no sanitizer had anything to say."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                self.signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.5 if number == signal.SIGTERM else PATIENCE)
        said = self.stderr.everything() if self.stderr else b""
        for word in SANITIZER_WORDS:
            assert word not in said, said.decode(errors="replace")


@contextlib.contextmanager
def program_starter():
    """A function that starts programs, all of which are cleaned up at the end."""
    started = []

    def start(*options, at="0", **how):
        addresses = [at] if isinstance(at, str) else list(at)
        program = Program.__new__(Program)
        started.append(program)
        program.__init__([*map(str, options), *addresses], **how)
        return program

    try:
        yield start
    finally:
        for program in started:
            if hasattr(program, "process"):
                program.clean_up()


def run(*arguments, **how):
    """Run goodtalk to its end, without waiting for it to listen (it is expected not to)."""
    return subprocess.run([GOODTALK, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE, **how)


def shown_messages(stdout):
    """Take stdout in talk format apart: nothing but whole lines that begin as they should."""
    assert not stdout or stdout.endswith(b"\n"), stdout[-100:]
    lines = stdout.split(b"\n")[:-1]
    for line in lines:
        assert line.startswith(SHOWN), line[:100]
    return [line[len(SHOWN):] for line in lines]


def where(target):
    """Family and address of a port on 127.0.0.1, a (host, port), or a Unix socket's path."""
    if isinstance(target, int):
        return socket.AF_INET, ("127.0.0.1", target)
    if isinstance(target, tuple):
        return (socket.AF_INET6 if ":" in target[0] else socket.AF_INET), target
    return socket.AF_UNIX, target if isinstance(target, bytes) else str(target)


def received(peer, size):
    """So many bytes of a stream, in however many pieces they come; fewer where it ends before."""
    data = b""
    while len(data) < size:
        piece = peer.recv(size - len(data))
        if not piece:
            break
        data += piece
    return data


class Client:
    """A connection to a server. A reset raises ConnectionResetError: no server should do that."""

    def __init__(self, target, receive_buffer=None):
        family, address = where(target)
        self.socket = socket.socket(family)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect(address)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def send_apart(self, data):
        """Send, and wait until it has been read: on a Unix socket SIOCOUTQ tells that."""
        self.send(data)
        zero = b"\0" * 4
        until(lambda: fcntl.ioctl(self.socket, termios.TIOCOUTQ, zero) == zero, "a piece read")
        return self

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        """Go with an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def line(self):
        """The next line; what came before the end of the stream, where no line end came."""
        while b"\n" not in self.rest:
            piece = self.socket.recv(1 << 16)
            if not piece:
                break
            self.rest += piece
        line, end, self.rest = self.rest.partition(b"\n")
        return line + end

    def lines(self, count):
        return [self.line() for _ in range(count)]

    def everything(self):
        """All until the server closes."""
        pieces, self.rest = [self.rest], b""
        while pieces[-1] or len(pieces) == 1:
            pieces.append(self.socket.recv(1 << 20))
        return b"".join(pieces)

    def ended_silently(self):
        return self.everything() == b""

    @property
    def name(self):
        host, port = self.socket.getsockname()[:2]
        return f"{host}:{port}"


def say(target, data, half_close=False):
    """Connect, say data, read to the end of the stream."""
    with Client(target) as client:
        client.send(data)
        if half_close:
            client.half_close()
        return client.everything()


class Swarm:
    """Many connections at once, each with bytes to say, driven by one thread."""

    def __init__(self, port, outgoing, piece=512):
        self.outgoing, self.piece = list(outgoing), piece
        self.heard = [bytearray() for _ in self.outgoing]
        self.open, self.poll = {}, select.epoll()
        for number, _ in enumerate(self.outgoing):
            client = Client(port)
            client.socket.setblocking(False)
            self.open[client.socket.fileno()] = number, client.socket
            self.poll.register(client.socket, select.EPOLLIN | select.EPOLLOUT)

    def run(self, enough=lambda swarm: False):
        """Talk until the server has ended every connection, or until it is enough."""
        while self.open and not enough(self):
            events = self.poll.poll(PATIENCE)
            assert events, f"{len(self.open)} connections are still open and nothing happens"
            for fd, event in events:
                if event & ~select.EPOLLOUT:
                    self._receive(fd)
                if fd in self.open and event & select.EPOLLOUT:
                    self._send(fd)

    def _send(self, fd):
        number, peer = self.open[fd]
        piece = self.outgoing[number][:self.piece]
        try:
            sent = peer.send(piece) if piece else 0
        except BrokenPipeError:  # it has ended; what it said before is still to be read
            sent, self.outgoing[number] = 0, b""
        self.outgoing[number] = self.outgoing[number][sent:]
        if not self.outgoing[number]:
            self.poll.modify(fd, select.EPOLLIN)

    def _receive(self, fd):
        number, peer = self.open[fd]
        data = peer.recv(1 << 16)  # a reset raises: that is a failure
        self.heard[number] += data
        if not data:
            self.poll.unregister(fd)
            self.open.pop(fd)[1].close()

    def heard_lines(self):
        return sum(heard.count(b"\n") for heard in self.heard)

    def close(self):
        for _, peer in self.open.values():
            peer.close()
        self.open.clear()


@contextlib.contextmanager
def own_network():
    """A network namespace for this thread and what it starts, with the loopback device up."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_network = 0x40000000  # CLONE_NEWNET
    before = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(new_network) != 0:
            number = ctypes.get_errno()
            raise PermissionError(f"no network namespace here: {os.strerror(number)} "
                                  f"({errno.errorcode[number]}); it needs CAP_SYS_ADMIN")
        try:
            with socket.socket() as any_socket:
                request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
                fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS
            yield
        finally:
            assert libc.setns(before, new_network) == 0
    finally:
        os.close(before)
