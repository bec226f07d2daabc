"""Nothing that a peer says becomes a part of a command, and nothing of the server's becomes the command's."""
import os
import pathlib
import signal
import socket

import pytest
from goodtalk_exec import NAMES, UCSPI, WITNESS, Witnessed, heard, none_left, zombies
from goodtalk_talk import Client, say

SIGNS = [b"'", b'"', b"`", b"$(touch pwned)", b"`touch pwned`", b"; touch pwned;", b"\n touch pwned\n", b"\0", b"\\",
         b"| touch pwned", b"& touch pwned &", b"${IFS}", b"%s%n", b"\x1b[2J", b"\xff\xfe", b"=", b"PATH=.", b"-n",
         b"() { :; }; touch pwned", b"../../", b"*", b"~", b"!", b"#", b"<", b">", b"\r", b"\x7f", b"\xe2\x80\xae"]


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "C.UTF-8")


def hostile(chance):
    token = b"HOSTILE%d" % chance.getrandbits(40)
    return b"".join(chance.choice([*SIGNS, token, os.urandom(chance.randrange(1, 40))]) for _ in range(chance.randrange(1, 12)))


def netstrings(client):
    """The replies of a client that speaks netstrings, as they come."""
    with client.socket.makefile("rb") as stream:
        while True:
            size = b""
            while not size.endswith(b":"):
                byte = stream.read(1)
                assert byte, "the stream has ended"
                size += byte
            yield stream.read(int(size[:-1]))
            assert stream.read(1) == b","


def check(testimony, message):
    assert testimony.arguments == [WITNESS]
    assert testimony.descriptors == [0, 1, 2]
    assert testimony.input == heard(message)
    assert {name for name in testimony.environment if not UCSPI.match(name)} == NAMES
    assert "HOSTILE" not in testimony.told and "pwned" not in testimony.told
    assert testimony.leads and testimony.blocking


def test_a_thousand_hostile_messages_reach_no_shell(goodtalk, chance):
    talk = goodtalk("-k", "-f", "netstring", "-s", "none", "-x", WITNESS)
    messages = [hostile(chance) for _ in range(996)]
    messages += [b"", b"\0" * 1000, b"$(touch pwned)\n" * 65_000, os.urandom(1 << 20)]
    with Client(talk.port) as client:
        replies = netstrings(client)
        for batch in range(0, len(messages), 50):
            client.send(b"".join(b"%d:%s," % (len(message), message) for message in messages[batch:batch + 50]))
            for message in messages[batch:batch + 50]:
                check(Witnessed(next(replies)), message)
    assert zombies(talk.pid) == []
    assert talk.stop() == 0 and talk.said() == ""
    assert not list(pathlib.Path().iterdir())
    none_left(WITNESS)


def test_what_others_have_left_open_is_closed(goodtalk):
    """A descriptor that is handed in without close-on-exec, and all of the server's own."""
    with open("secret", "w+b") as secret:
        os.set_inheritable(secret.fileno(), True)
        talk = goodtalk("-f", "eof", "-x", WITNESS, "--log", "log", "-d", "journal", at=["0", "unix:socket", "udp:0"],
                        pass_fds=[secret.fileno()])
        testimony = Witnessed(say(talk.port, b"", half_close=True) or say(talk.port, b"hi", half_close=True))
    assert testimony.descriptors == [0, 1, 2]
    talk.ended()


def test_signals_are_as_at_first(goodtalk):
    def disturb():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGALRM])
        signal.signal(signal.SIGQUIT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    talk = goodtalk("-x", WITNESS, preexec_fn=disturb)
    testimony = Witnessed(say(talk.port, b"hi\n"))
    of_libc = 1 << 31 | 1 << 32  # glibc's own two, which it has ignored in what it spawns
    assert int(testimony.signals["SigBlk"], 16) == 0
    assert int(testimony.signals["SigIgn"], 16) & ~of_libc == 0
    assert talk.ended() == 0, talk.said()


def test_its_environment_is_small(goodtalk):
    secrets = {"SECRET": "x", "LD_LIBRARY_PATH": "/nowhere", "HOME": "/root", "PATH": "/usr/bin:/bin"}
    talk = goodtalk("-x", WITNESS, env={**secrets, "LANG": "C"})
    with Client(talk.port) as client:
        name = client.name.rsplit(":", 1)
        told = Witnessed(client.send(b"hi\n").everything()).environment
    assert told == {"PATH": "/usr/bin:/bin", "LANG": "C", "GOODTALK_ID": "0-1", "PROTO": "TCP",
                    "TCPREMOTEIP": name[0], "TCPREMOTEPORT": name[1],
                    "TCPLOCALIP": "127.0.0.1", "TCPLOCALPORT": str(talk.port)}


def test_where_there_is_no_path_there_is_a_usual_one(goodtalk):
    talk = goodtalk("-x", WITNESS, env={})
    told = Witnessed(say(talk.port, b"hi\n")).environment
    assert "/usr/bin" in told["PATH"] and "LANG" not in told


def test_ipv6(goodtalk):
    talk = goodtalk("-x", WITNESS, at="[::1]:0")
    port = talk.port
    with Client(("::1", port)) as client:
        theirs = client.socket.getsockname()[1]
        told = Witnessed(client.send(b"hi\n").everything()).environment
    assert told["PROTO"] == "TCP6"
    for proto in ("TCP", "TCP6"):
        assert (told[proto + "REMOTEIP"], told[proto + "REMOTEPORT"]) == ("::1", str(theirs))
        assert (told[proto + "LOCALIP"], told[proto + "LOCALPORT"]) == ("::1", str(port))


@pytest.mark.parametrize("family, host, proto", [
    (socket.AF_INET, "127.0.0.1", "UDP"), (socket.AF_INET6, "::1", "UDP6")])
def test_udp(goodtalk, family, host, proto):
    talk = goodtalk("-x", WITNESS, "--udp-amplification", "0", at="udp:0")
    port = int(talk.addresses[0].rsplit(":", 1)[1])
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.settimeout(20)
        peer.connect((host, port))
        peer.send(b"hi")
        told = Witnessed(peer.recv(1 << 16)).environment
        theirs = peer.getsockname()[1]
    assert told["PROTO"] == proto
    assert (told[proto + "REMOTEIP"], told[proto + "REMOTEPORT"]) == (host, str(theirs))
    assert (told[proto + "LOCALIP"], told[proto + "LOCALPORT"]) == (host, str(port))


def test_unix(goodtalk, tmp_path):
    talk = goodtalk("-x", WITNESS, at="unix:socket")
    told = Witnessed(say("socket", b"hi\n")).environment
    assert told["PROTO"] == "UNIX" and told["UNIXLOCALPATH"] == "socket"
    assert told["UNIXREMOTEPID"] == str(os.getpid())
    assert (told["UNIXREMOTEUID"], told["UNIXREMOTEGID"]) == (str(os.getuid()), str(os.getgid()))
    assert talk.ended() == 0
