"""Started by a service manager: sockets are handed in (LISTEN_FDS), and it is told how far the program
is (NOTIFY_SOCKET)."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess

import pytest
from goodtalk_talk import GOODTALK, PATIENCE, REPLY, Client, run, wait_readable

ACTIVATE = "systemd-socket-activate"


@pytest.fixture
def activate(goodtalk):
    """activate(ADDRESS..., options=[OPTION...], served=[...]): sockets, and goodtalk when somebody
    knocks: what it is given as served, by default systemd."""
    if not shutil.which(ACTIVATE):
        pytest.skip(f"{ACTIVATE} is not installed")

    def start(*addresses, options=(), served=("systemd",), **how):
        listens = [f"--listen={address}" for address in addresses]
        program = goodtalk(*served, at=[], ready=False, wrapper=[ACTIVATE, *listens, *options], **how)
        for number in range(len(addresses)):
            program.told_about(f" as {3 + number}.")
        return program

    return start


@contextlib.contextmanager
def correspondent(target, own=None):
    """A socket of datagrams, named own where it is a Unix one, that sends to target."""
    family = socket.AF_INET6 if isinstance(target, tuple) and ":" in target[0] else (
        socket.AF_INET if isinstance(target, tuple) else socket.AF_UNIX)
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.settimeout(PATIENCE)
        if own:
            sender.bind(str(own))
        sender.connect(target if isinstance(target, tuple) else str(target))
        yield sender


# ---- sockets handed in ----


def test_a_stream(activate, tmp_path):
    path = tmp_path / "handed in"
    talk = activate(path)
    with Client(path) as client:
        assert client.send(b"hello\n").line() == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]
    assert path.is_socket()  # the manager's, for the next time


def test_it_is_told_as_it_can_be_connected_to(activate, tmp_path):
    talk = activate(tmp_path / "gt", served=["-v", "systemd"])
    with Client(tmp_path / "gt") as client:
        assert talk.told_about("listening").endswith(f"listening on unix:{tmp_path}/gt")
        assert client.send(b"hello\n").line() == REPLY
    assert talk.ended() == 0


def test_several_are_all_served(activate, tmp_path):
    paths = [tmp_path / "one", tmp_path / "two", tmp_path / "three"]
    talk = activate(*paths, served=["-n", "3", "systemd"])
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(path)) for path in paths]
        for client in clients:
            assert client.send(b"hello\n").line() == REPLY
    assert talk.ended() == 0
    assert len(talk.shown()) == 3


@pytest.mark.parametrize("names, served, wanted", [
    ("web:mail:web", ["systemd:web"], [0, 2]), ("web:mail:web", ["systemd:mail"], [1]),
    ("web:mail:web", ["systemd:mail", "systemd:web"], [1, 0, 2]), ("web:mail:a b", ["systemd:a b"], [2]),
    (None, ["systemd:unknown"], [0, 1, 2])])
def test_by_name(activate, tmp_path, names, served, wanted):
    paths = [tmp_path / name for name in ("one", "two", "three")]
    options = [f"--fdname={names}"] if names else []
    talk = activate(*paths, options=options, served=["-v", *served])
    with Client(paths[wanted[0]]) as client:
        assert client.send(b"hello\n").line() == REPLY
    assert talk.ended() == 0
    listening = [line for line in talk.said().splitlines() if "listening on" in line]
    assert listening == [f"goodtalk: listening on unix:{paths[number]}" for number in wanted]


def test_a_name_that_nobody_has(activate, tmp_path):
    talk = activate(tmp_path / "one", tmp_path / "two", options=["--fdname=web:mail"],
                    served=["systemd:wbe"])
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        client.connect(str(tmp_path / "one"))
        assert talk.ended() == 1
    assert talk.told_about("goodtalk: ") == ("goodtalk: cannot listen on systemd:wbe: no socket is called "
                                             "'wbe'; handed in: 'web', 'mail'")


@pytest.mark.parametrize("served", [["systemd", "systemd"], ["fd:3", "systemd"], ["systemd", "fd:3"],
                                    ["systemd:web", "fd:3"], ["systemd:web", "systemd"]])
def test_a_socket_is_listened_on_once(activate, tmp_path, served):
    talk = activate(tmp_path / "gt", options=["--fdname=web"], served=served)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        client.connect(str(tmp_path / "gt"))
        assert talk.ended() == 2
    assert f"goodtalk: fd:3: is listened on already (unix:{tmp_path}/gt)\n" in talk.said()


def test_tcp(activate, own_network):
    talk = activate("127.0.0.1:9999", "[::1]:9999", served=["-n", "2", "systemd"])
    for host in ("127.0.0.1", "::1"):
        with Client((host, 9999)) as client:
            assert client.send(b"hello\n").line() == REPLY
    assert talk.ended() == 0


def test_udp(activate, own_network):
    talk = activate("127.0.0.1:9999", options=["--datagram"], served=["-v", "-n", "2", "systemd"])
    with correspondent(("127.0.0.1", 9999)) as sender:
        for message in (b"first", b"second"):
            sender.send(message)
            assert sender.recv(1000) == REPLY
    assert talk.ended() == 0
    assert "goodtalk: listening on udp:127.0.0.1:9999\n" in talk.said()
    assert talk.shown() == [b"first", b"second"]


def test_unix_datagrams(activate, tmp_path):
    talk = activate(tmp_path / "gt", options=["--datagram", "--fdname=log"],
                    served=["-v", "systemd:log"])
    with correspondent(tmp_path / "gt", own=tmp_path / "own") as sender:
        sender.send(b"hello")
        assert sender.recv(1000) == REPLY
    assert talk.ended() == 0
    assert f"goodtalk: listening on unixgram:{tmp_path}/gt\n" in talk.said()
    assert talk.shown() == [b"hello"]


def test_packets(activate, tmp_path):
    talk = activate(tmp_path / "gt", options=["--seqpacket"], served=["-v", "systemd"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(PATIENCE)
        client.connect(str(tmp_path / "gt"))
        client.send(b"hello")
        assert client.recv(1000) == REPLY
    assert talk.ended() == 0
    assert f"goodtalk: listening on unixpacket:{tmp_path}/gt\n" in talk.said()
    assert talk.shown() == [b"hello"]


# ---- nothing handed in ----


def told_by(variables, *addresses):
    """What it says when it is started with these variables; it must fail."""
    cleared = {name: value for name, value in os.environ.items() if not name.startswith("LISTEN_")}
    refused = run(*addresses, env={**cleared, **variables})
    assert refused.returncode == 1
    assert refused.stdout == b"" and refused.stderr.count(b"\n") == 1
    return refused.stderr.decode()


@pytest.mark.parametrize("address", ["systemd", "systemd:web"])
def test_without_a_manager(address):
    assert told_by({}, address) == (
        f"goodtalk: cannot listen on {address}: LISTEN_PID is not set: no service manager has handed in "
        "sockets; a .socket unit does, and systemd-socket-activate to try it\n")


def test_handed_to_another_process():
    said = told_by({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}, "systemd")
    assert said.startswith(f"goodtalk: cannot listen on systemd: LISTEN_PID is {os.getpid()}, and this is ")


def with_own_pid(assignments, *addresses):
    """Run it with variables of which LISTEN_PID may be its own."""
    return subprocess.run(["sh", "-c", f'{assignments} exec "$@"', "sh", GOODTALK, *addresses],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)


@pytest.mark.parametrize("assignments, hint", [
    ("LISTEN_PID=$$ LISTEN_FDS=x", "LISTEN_FDS is 'x'"),
    ("LISTEN_PID=$$ LISTEN_FDS=-1", "LISTEN_FDS is '-1'"),
    ("LISTEN_PID=$$ LISTEN_FDS=0", "no socket was handed in"),
    ("LISTEN_PID=$$ LISTEN_FDS=99999999999999999999", "LISTEN_FDS is '99999999999999999999'"),
    ("LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=a:b", "2 names for 1 socket"),
    ("LISTEN_PID=$$ LISTEN_FDS=1000", "is not usable: Bad file descriptor"),
    ("LISTEN_PID=$$x LISTEN_FDS=1", "LISTEN_PID is '"),
    ("LISTEN_PID=$$", "LISTEN_FDS is not set")])
def test_what_the_environment_says_wrongly(assignments, hint):
    refused = with_own_pid(assignments, "systemd")
    assert refused.returncode == 1
    assert refused.stderr.startswith(b"goodtalk: cannot listen on systemd: ")
    assert hint in refused.stderr.decode() and refused.stderr.count(b"\n") == 1


# ---- telling the manager ----


class Manager:
    """Who listens at NOTIFY_SOCKET."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.bind(address)
        self.variable = address.replace("\0", "@")
        self.environment = {**os.environ, "NOTIFY_SOCKET": self.variable}

    def hears(self):
        return self.socket.recv(1 << 16).decode()

    def hears_nothing_more(self):
        return not wait_readable(self.socket.fileno(), 0)


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    name = {"path": str(tmp_path / "notify"), "abstract": f"\0goodtalk-notify-{os.getpid()}"}
    told = Manager(name[request.param])
    yield told
    told.socket.close()


STOPPING = "STOPPING=1\nSTATUS=finishing what is in hand"


@pytest.mark.parametrize("options", [[], ["-q"], ["-v"]])
def test_the_manager_is_told(goodtalk, manager, tmp_path, options):
    talk = goodtalk("-k", *options, at=["127.0.0.1:0", f"unix:{tmp_path}/gt"], ready=False,
                    env=manager.environment)
    heard = manager.hears()
    ready, status = heard.split("\n")
    assert ready == "READY=1"
    listening = status.removeprefix("STATUS=listening on ").split(", ")
    assert listening[1:] == [f"unix:{tmp_path}/gt"] and listening[0].startswith("tcp:127.0.0.1:")
    with Client(int(listening[0].rsplit(":", 1)[1])) as client:
        assert client.send(b"hello\n").line() == REPLY
        assert manager.hears_nothing_more()
        talk.signal(signal.SIGTERM)
        assert manager.hears() == STOPPING
    assert talk.ended() == 0
    assert manager.hears_nothing_more()


def test_only_with_v_it_is_said_that_the_manager_does_not_hear(goodtalk, tmp_path):
    for options in ([], ["-v"]):
        talk = goodtalk("-k", *options, env={**os.environ, "NOTIFY_SOCKET": f"{tmp_path}/gone"})
        assert talk.stop() == 0
        told = [line for line in talk.said().splitlines() if "notify" in line]
        line = (f"goodtalk: cannot notify {tmp_path}/gone (NOTIFY_SOCKET): No such file or directory "
                "(ENOENT, errno 2)")
        assert told == ([line, line] if options else [])


def test_without_v_neither_readiness_nor_stopping_is_said(goodtalk):
    talk = goodtalk("-k", at="127.0.0.1:0")
    assert talk.stop() == 0
    assert talk.said() == ""
    talk = goodtalk("-k", "-v", at="127.0.0.1:0")
    assert talk.stop() == 0
    assert "goodtalk: ready\n" in talk.said() and "goodtalk: stopping" in talk.said()


def test_a_whole_service(activate, manager, tmp_path):
    """As a unit with Type=notify and a .socket has it."""
    talk = activate(tmp_path / "gt", options=[f"--setenv=NOTIFY_SOCKET={manager.variable}"],
                    served=["-k", "systemd"])
    with Client(tmp_path / "gt") as client:
        assert client.send(b"hello\n").line() == REPLY
        assert manager.hears() == f"READY=1\nSTATUS=listening on unix:{tmp_path}/gt"
        talk.signal(signal.SIGTERM)
        assert manager.hears() == STOPPING
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]
