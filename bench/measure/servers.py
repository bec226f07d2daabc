"""The servers: how each is started in each setting, and what it is told and replies.

goodtalk, the floors and the servers on libraries choose their port and write where they listen to standard
error. The others are given a free port, and listen once a connection to it succeeds. All of them run with what
their users would call ordinary good settings: no persistence, no access log, no delayed sends.
"""

import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import machine

HERE = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 10
MOST_CONNECTIONS = 12000
ADDRESS_STARTS = ("tcp:", "udp:", "unix:")


class Absent(Exception):
    """This server, or this way of starting it, is not here: the reason it gave."""


@dataclass(frozen=True)
class Setting:
    """What a server is started for."""

    programs: Path  # the build directory
    folder: Path  # for its files; its own, empty
    transport: str = "tcp"  # or unix, udp
    size: int = 32  # bytes of a message
    short: bool = False  # a connection for each message
    port: int = 0

    @property
    def path(self):
        return str(self.folder / "socket")

    @property
    def address(self):
        """As the floors and peers of ours are told."""
        return f"unix:{self.path}" if self.transport == "unix" else f"{self.transport}:0"

    def ours(self, name, *options):
        """A program of bench/ with its address."""
        return [str(self.programs / "bench" / name), *options, *self.closing, self.address]

    @property
    def closing(self):
        return ["--close"] if self.short else []


@dataclass(frozen=True)
class Server:
    command: Callable  # Setting to the words of its command line
    says_where: bool = True  # it writes its address to standard error
    message: str = ""  # what the load says to it; empty: a line of the size wanted
    reply_bytes: int = 20
    load: str = ""  # the program of bench/ that speaks to it, where `goodtalk bench` cannot; it has the same options
    shown_to: str = os.devnull  # its standard output, in its folder
    one_shot: bool = False  # its command holds {port}, it serves once and ends


def goodtalk(*options, **how):
    def command(setting):
        address = f"unix:{setting.path}" if setting.transport == "unix" else f"{setting.transport}:127.0.0.1:0"
        show = [] if "-s" in options else ["-s", "none"]
        return [str(setting.programs / "goodtalk"), "-k", "-f", "line", "-m", str(MOST_CONNECTIONS), "--ready", "-",
                *show, *options, *setting.closing, address]

    return Server(command, **how)


def floor_uring(setting):
    """Its buffers suit the messages: a floor may know what comes."""
    return setting.ours("floor-uring", "--buffer", "65536" if setting.size > 512 else "2048")


def conversation(setting):
    """What starters of programs start for each connection."""
    return f"{setting.programs}/bench/floor-blocking -"


def redis(setting):
    place = ["--port", str(setting.port)]
    if setting.transport == "unix":
        place = ["--port", "0", "--unixsocket", setting.path]
    return ["redis-server", "--bind", "127.0.0.1", *place, "--save", "", "--appendonly", "no", "--tcp-backlog", "4096",
            "--maxclients", str(MOST_CONNECTIONS), "--dir", str(setting.folder)]


def durable_redis(setting):
    """As `redis`, but that every command is in a file, and synced, before its reply."""
    command = redis(setting)
    command[command.index("--appendonly") + 1] = "yes"
    return [*command, "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]


def memcached(setting):
    return ["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", str(setting.port), "-U", "0", "-t", "1",
            "-c", str(MOST_CONNECTIONS), "-b", "4096"]


NGINX = """\
load_module modules/ngx_stream_module.so;
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 16384; }}
stream {{
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        return "Good talking to you\\n";
    }}
}}
"""


def nginx(setting):
    """It replies as soon as somebody connects, and closes."""
    configuration = setting.folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=setting.folder, port=setting.port))
    return ["nginx", "-p", "/usr/share/nginx", "-c", str(configuration), "-e", str(setting.folder / "error.log")]


RSYSLOG = """\
global(workDirectory="{folder}" abortOnUncleanConfig="on")
module(load="imrelp" ruleset="kept")
template(name="line" type="string" string="%rawmsg%\\n")
ruleset(name="kept" queue.type="Direct") {{
    action(type="omfile" file="{folder}/log" template="line" sync="on" flushOnTXEnd="on" asyncWriting="off"
           queue.type="Direct")
}}
input(type="imrelp" address="127.0.0.1" port="{port}")
"""


def rsyslog(setting):
    """Direct queues: the acknowledgement waits for the action, which writes and syncs."""
    configuration = setting.folder / "rsyslog.conf"
    configuration.write_text(RSYSLOG.format(folder=setting.folder, port=setting.port))
    return ["rsyslogd", "-n", "-f", str(configuration), "-i", str(setting.folder / "pid")]


def socat(setting):
    listener = f"TCP-LISTEN:{setting.port},bind=127.0.0.1,reuseaddr,fork,backlog=4096,nodelay"
    return ["socat", listener, f"EXEC:{conversation(setting)}"]


def ncat(setting):
    return ["ncat", "-l", "-k", "--max-conns", "1000", "--exec", conversation(setting), "127.0.0.1", str(setting.port)]


def tcpserver(setting):
    return ["tcpserver", "-D", "-H", "-R", "-l", "0", "-c", "1000", "-b", "4096", "127.0.0.1", str(setting.port),
            *conversation(setting).split()]


def once(*words):
    """A server that serves once: {port} is filled in by the program that starts it."""
    return Server(lambda setting: [word.format(programs=setting.programs, port="{port}") for word in words],
                  one_shot=True)


def talk(name):
    """goodtalk with a talk file of bench/talks; its message is of 32 bytes, its reply of 20."""
    return goodtalk("-t", str(HERE / "talks" / f"{name}.lua"), **TALK)


# A line of 32 bytes, of which a word is in the reply.
TALK = dict(message="talk to you, please, at 12:30:4")

# An inline command, and a key that is not there: lines of 32 bytes, with the shortest replies these have.
REDIS = dict(says_where=False, message="PING" + " " * 27, reply_bytes=len("+PONG\r\n"))
DURABLE_REDIS = dict(says_where=False, message="SET key " + "v" * 247, reply_bytes=len("+OK\r\n"))
MEMCACHED = dict(says_where=False, message="get " + "k" * 27, reply_bytes=len("END\r\n"))

SERVERS = {
    "goodtalk": goodtalk(),
    "goodtalk epoll": goodtalk("--engine", "epoll"),
    "goodtalk uring": goodtalk("--engine", "uring"),
    "goodtalk --spin 50us": goodtalk("--spin", "50us"),
    "goodtalk -s raw > file": goodtalk("-s", "raw", shown_to="shown"),
    "goodtalk epoll -j 1": goodtalk("--engine", "epoll", "-j", "1"),
    "goodtalk epoll -j 2": goodtalk("--engine", "epoll", "-j", "2"),
    "goodtalk -d": goodtalk("-d", "journal"),
    "goodtalk epoll -d": goodtalk("-d", "journal", "--engine", "epoll"),
    "goodtalk uring -d": goodtalk("-d", "journal", "--engine", "uring"),
    "goodtalk -d --sync 100ms": goodtalk("-d", "journal", "--sync", "100ms"),
    "goodtalk -d --sync never": goodtalk("-d", "journal", "--sync", "never"),
    "goodtalk --log": goodtalk("--log", "log"),
    "goodtalk, 20 rules": talk("rules"),
    "goodtalk, a function": talk("function"),
    "floor durable": Server(lambda setting: setting.ours("floor-durable")),
    "floor epoll": Server(lambda setting: setting.ours("floor-epoll")),
    "floor io_uring": Server(floor_uring),
    "floor blocking": Server(lambda setting: setting.ours("floor-blocking")),
    "floor recvmmsg": Server(lambda setting: setting.ours("floor-datagrams")),
    "libuv": Server(lambda setting: setting.ours("peer-libuv")),
    "libev": Server(lambda setting: setting.ours("peer-libev")),
    "libevent": Server(lambda setting: setting.ours("peer-libevent")),
    "asyncio": Server(lambda setting: ["/usr/bin/python3", str(HERE / "peer" / "asyncio_server.py"), *setting.closing]),
    "node": Server(lambda setting: ["node", str(HERE / "peer" / "node_server.js"), *setting.closing]),
    "node, 20 expressions": Server(lambda setting: ["node", str(HERE / "peer" / "node_rules.js")], **TALK),
    "redis": Server(redis, **REDIS),
    "redis, appendfsync always": Server(durable_redis, **DURABLE_REDIS),
    "rsyslog, RELP and sync": Server(rsyslog, says_where=False, load="relp-load"),
    "memcached": Server(memcached, **MEMCACHED),
    "nginx": Server(nginx, says_where=False),
    "socat": Server(socat, says_where=False),
    "ncat": Server(ncat, says_where=False),
    "tcpserver": Server(tcpserver, says_where=False),
    "goodtalk, one message": once("{programs}/goodtalk", "-q", "-s", "none", "{port}"),
    "floor, one message": once("{programs}/bench/floor-blocking", "--once", "tcp:{port}"),
    "nc -l": once("nc.openbsd", "-l", "{port}"),
    "ncat -l": once("ncat", "-l", "{port}"),
    "socat -": once("socat", "-", "TCP-LISTEN:{port},reuseaddr"),
    "busybox nc -l": once("busybox", "nc", "-l", "-p", "{port}"),
}


class Running:
    """A server that has been started and listens; `address` is as `goodtalk bench` takes it."""

    def __init__(self, server, setting, cpu):
        self.server = server
        self.log = setting.folder / "stderr"
        with open(self.log, "wb") as told, open(setting.folder / server.shown_to, "wb") as shown:
            try:
                self.process = subprocess.Popen(server.command(setting), stdin=subprocess.DEVNULL, stdout=shown,
                                                stderr=told, cwd=setting.folder, preexec_fn=machine.pinned_to(cpu))
            except OSError as error:
                raise Absent(f"{error.filename}: {error.strerror}") from error
        try:
            self.address = self._wait_for(self._told if server.says_where else lambda: self._answers(setting))
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self):
        return self.process.pid

    def _wait_for(self, address):
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            found = address()
            if found:
                return found
            if self.process.poll() is not None:
                raise Absent(self._last_words())
            time.sleep(0.005)
        raise Absent(f"does not listen after {PATIENCE_SECONDS} s: {self._last_words()}")

    def _last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[0] if lines else f"ended with status {self.process.poll()}"

    def _told(self):
        lines = self.log.read_text(errors="replace").split("\n")[:-1]  # whole lines only
        return next((line for line in lines if line.startswith(ADDRESS_STARTS)), None)

    @staticmethod
    def _answers(setting):
        is_unix = setting.transport == "unix"
        with socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET) as probe:
            try:
                probe.connect(setting.path if is_unix else ("127.0.0.1", setting.port))
            except OSError:
                return None
        return f"unix:{setting.path}" if is_unix else f"tcp:127.0.0.1:{setting.port}"

    def stop(self):
        """SIGTERM, and SIGKILL for who does not listen; children that are left go the same way."""
        members = machine.family(self.pid) if self.process.poll() is None else []
        self.process.terminate()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for member in members[1:]:
            try:
                os.kill(member, 9)
            except ProcessLookupError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
