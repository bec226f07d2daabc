"""The shapes of load, who is measured in each, and what each brings."""

from dataclasses import dataclass

GOODTALK = ("goodtalk", "goodtalk epoll", "goodtalk uring")
FLOORS = ("floor epoll", "floor io_uring", "floor recvmmsg", "floor blocking", "floor, one message", "floor durable")
STREAM_FLOORS = ("floor epoll", "floor io_uring")
LIBRARIES = ("libuv", "libev", "libevent")
KEPT = (*GOODTALK, *STREAM_FLOORS, *LIBRARIES, "redis", "memcached", "node", "asyncio")


@dataclass(frozen=True)
class Shape:
    name: str
    title: str
    servers: tuple
    kind: str = "load"  # or idle, one-shot
    measure: str = "rate"  # the one that the shape is about
    connections: int = 64
    depth: int = 1
    size: int = 32
    transport: str = "tcp"
    short: bool = False  # a connection for each message
    shares_cpus: bool = False  # server and load run where they like


def _streams():
    for connections in (64, 1000, 10000):
        for depth in (1, 16):
            servers = (*KEPT, "socat") if connections == 64 else KEPT
            yield Shape(f"tcp-{connections}x{depth}", f"TCP, {connections:,} connections, depth {depth}", servers,
                        connections=connections, depth=depth)


def _large():
    for size, told in ((1024, "1 KiB"), (65536, "64 KiB")):
        for depth in (1, 16):
            yield Shape(f"large-{size}-64x{depth}", f"TCP, messages of {told}, 64 connections, depth {depth}",
                        (*GOODTALK, *STREAM_FLOORS, "libuv", "libev"), depth=depth, size=size)


def _durable():
    for connections in (1, 32, 128, 1000):
        told = "one connection" if connections == 1 else f"{connections:,} connections"
        yield Shape(f"durable-{connections}x1", f"On disk before its reply: messages of 256 bytes, {told}, depth 1",
                    ("goodtalk -d", "goodtalk epoll -d", "goodtalk uring -d", "floor durable", "redis, appendfsync always",
                     "rsyslog, RELP and sync"),
                    connections=connections, size=256)


SHAPES = (
    *_streams(),
    *_large(),
    *_durable(),
    Shape("kept-64x16", "Recorded in other ways, 64 connections, depth 16",
          ("goodtalk", "goodtalk -d --sync 100ms", "goodtalk -d --sync never", "goodtalk --log"), depth=16),
    Shape("rules-64x16", "Twenty rules, the reply from the last, 64 connections, depth 16",
          ("goodtalk", "goodtalk, 20 rules", "node, 20 expressions"), depth=16),
    Shape("lua-64x16", "A Lua function for each message, 64 connections, depth 16",
          ("goodtalk", "goodtalk, a function"), depth=16),
    Shape("tcp-1x1", "TCP, one connection, depth 1",
          ("goodtalk --spin 50us", *GOODTALK, *STREAM_FLOORS, *LIBRARIES, "redis", "memcached", "node"), connections=1),
    Shape("unix-64x1", "Unix socket, 64 connections, depth 1",
          (*GOODTALK, *STREAM_FLOORS, *LIBRARIES, "redis"), transport="unix"),
    Shape("udp-64x1", "UDP, 64 sockets, depth 1", (*GOODTALK, "floor recvmmsg", "libuv"), transport="udp"),
    Shape("short-64", "A connection for each message, 64 clients",
          (*GOODTALK, *STREAM_FLOORS, "floor blocking", "nginx", *LIBRARIES, "node", "asyncio", "tcpserver", "ncat",
           "socat"), measure="cpu_us", short=True),
    Shape("shown-64x16", "Messages shown to a file, 64 connections, depth 16",
          ("goodtalk", "goodtalk -s raw > file"), depth=16),
    Shape("workers-64x16", "Two workers, both CPUs shared with the load, 64 connections, depth 16",
          ("goodtalk epoll -j 1", "goodtalk epoll -j 2"), depth=16, shares_cpus=True),
    Shape("idle-10000", "10,000 idle connections", (*GOODTALK, *STREAM_FLOORS, *LIBRARIES, "redis", "memcached", "node",
          "asyncio"), kind="idle", measure="bytes_per_connection", connections=10000),
    Shape("one-shot", "A server for one message, from its exec to its reply",
          ("goodtalk, one message", "floor, one message", "nc -l", "busybox nc -l", "ncat -l", "socat -"),
          kind="one-shot", measure="reply_us"),
)
BY_NAME = {shape.name: shape for shape in SHAPES}


def peers(shape):
    """Whom goodtalk is compared with there: neither itself nor a floor."""
    return tuple(name for name in shape.servers if name not in FLOORS and not name.startswith("goodtalk"))


def floors(shape):
    return tuple(name for name in shape.servers if name in FLOORS)
