"""Clients without a stream: datagrams (UDP, Unix) and the packets of a Unix socket.

A client is connected to what it asks: the system drops whatever comes from elsewhere."""
import fcntl
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import termios

from goodtalk_talk import PATIENCE, until, wait_readable

SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33


def place(address):
    """Family and address behind an address as --ready tells it; "every" is asked at loopback."""
    kind, _, rest = address.partition(":")
    if kind.startswith("unix"):
        return socket.AF_UNIX, b"\0" + rest[1:].encode() if rest[0] == "@" else rest
    host, port = re.fullmatch(r"\[?([^\]]*)\]?:(\d+)", rest).groups()
    host = {"::": "::1", "0.0.0.0": "127.0.0.1"}.get(host, host)
    return socket.AF_INET6 if ":" in host else socket.AF_INET, (host, int(port))


class Peer:
    """A client of packets or datagrams; of datagrams it has a name, unless nameless."""

    def __init__(self, address, host=None, nameless=False, family=None, source=None,
                 connected=True):
        found, where = place(address)
        packets = address.startswith("unixpacket")
        if host:
            where = host, where[1]
        kind = socket.SOCK_SEQPACKET if packets else socket.SOCK_DGRAM
        family = family or (found if not host else
                            socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.address, self.where = address, where
        self.socket = socket.socket(family, kind)
        self.socket.settimeout(PATIENCE)
        if family == socket.AF_UNIX and not packets and not nameless:
            self.socket.bind(b"")  # the system finds a name
        if source:
            self.socket.bind((source, 0))
        if connected:
            self.socket.connect(where)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @property
    def name(self):
        """How goodtalk names it."""
        if self.socket.family == socket.AF_UNIX:
            return f"unix:pid={os.getpid()},uid={os.geteuid()}"
        host, port = self.socket.getsockname()[:2]
        host = host.removeprefix("::ffff:")
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def send(self, data):
        assert self.socket.send(data) == len(data)
        return self

    def send_unconnected(self, data):
        assert self.socket.sendto(data, self.where) == len(data)

    def receive(self):
        """The next datagram or packet; of packets b"" also at the end."""
        return self.socket.recv(1 << 19)

    def receive_all(self, count):
        return [self.receive() for _ in range(count)]

    def ask(self, data):
        return self.send(data).receive()

    def everything(self):
        """Packets until the end."""
        return list(iter(self.receive, b""))

    def has_nothing(self):
        """Whether nothing has come; ask it when what would come must have come."""
        return not wait_readable(self.socket.fileno(), 0)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def take_large(self):
        """Send and receive more than the system's defaults; needs the right to."""
        for option in (SO_SNDBUFFORCE, SO_RCVBUFFORCE):
            self.socket.setsockopt(socket.SOL_SOCKET, option, 1 << 20)
        return self

    def unread(self):
        """How many bytes of what was sent over a Unix socket wait to be read."""
        return int.from_bytes(fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"\0" * 4), "little")


def reaches_itself(address):
    """Whether a datagram from this address to itself arrives."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                       socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
            probe.sendto(b"probe", probe.getsockname())
        except OSError:
            return False
        return wait_readable(probe.fileno(), 0)


def add_addresses(*addresses):
    """Give a network of one's own more addresses (IPv6 takes a moment to know its own)."""
    for address in addresses:
        length = 128 if ":" in address else 32
        subprocess.run(["ip", "address", "add", f"{address}/{length}", "dev", "lo"], check=True,
                       timeout=PATIENCE)
        until(lambda: reaches_itself(address), f"{address} usable")


def is_stopped(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return stat.rsplit(")", 1)[1].split()[0] == "T"


EVERY_BYTE = bytes(range(256))
KINDS = ["udp", "udp4", "udp6", "unixgram", "unixgram:@"]


def address_of(kind, tmp_path):
    """What to listen on: port 0, a path, or an abstract name of this test's own."""
    if kind == "unixgram:@":
        return f"unixgram:@goodtalk-{os.getpid()}-{tmp_path.name}"
    return f"unixgram:{tmp_path}/gt" if kind == "unixgram" else f"{kind}:0"


class Held:
    """While it lasts the server is stopped: what is sent meanwhile arrives at once."""

    def __init__(self, talk):
        self.talk = talk

    def __enter__(self):
        self.talk.signal(signal.SIGSTOP)
        until(lambda: is_stopped(self.talk.pid), "the server stopped")

    def __exit__(self, *_):
        self.talk.signal(signal.SIGCONT)


def rows_of(talk):
    """The messages shown as JSON, once it has ended."""
    return [json.loads(line) for line in talk.stdout.everything().splitlines()]
