"""--exec-connection: a command for each connection, as inetd and tcpserver run it."""
import os
import pathlib
import shutil
import signal
import subprocess

import pytest
from goodtalk_exec import UCSPI, WITNESS, Marks, Witnessed, none_left, some_run, zombies
from goodtalk_talk import PATIENCE, Client, run, say, until
from test_18_engines import uring  # noqa: F401 (a fixture)

MIB = 1 << 20


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mark():
    return Marks()


# ---- as others do it ----

COUNTING = 'i=0; while read line; do i=$((i + 1)); echo "$i $line"; done; echo "$i lines"'
TALKS = [("cat", b"one\ntwo\n"), (COUNTING, b"one\ntwo\nthree\n"), ("sh", b"echo $((6 * 7))\nexit\n"),
         ("sh -i", b"echo $((6 * 7)); exit\n"), ("head -c 3000000 /dev/zero", b""), ("exec 1>&-; cat >/dev/null", b"one\n"),
         ("read a; read b; echo $b; exit 3", b"one\ntwo\n"), ("wc -c", b"x" * MIB)]


def told_by_tcpserver(command, said):
    """What a client of ucspi-tcp's tcpserver hears, which hands the socket to the command too."""
    server = subprocess.Popen(["tcpserver", "-1", "-H", "-R", "-l0", "127.0.0.1", "0", "sh", "-c", command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        return say(int(server.stdout.readline()), said, half_close=True)
    finally:
        server.kill()
        server.communicate()


@pytest.mark.skipif(not shutil.which("tcpserver"), reason="no tcpserver here: apt-get install ucspi-tcp")
@pytest.mark.parametrize("command, said", TALKS, ids=[row[0] for row in TALKS])
def test_the_client_hears_what_it_hears_from_tcpserver(goodtalk, command, said):
    expected = told_by_tcpserver(command, said)
    talk = goodtalk("-e", command, at="127.0.0.1:0")
    assert say(talk.port, said, half_close=True) == expected
    assert talk.ended() == 0 and talk.stdout.everything() == b""


@pytest.mark.parametrize("client", [["ncat"], ["nc", "-N"], ["socat", "-t5", "-"]], ids=lambda words: words[0])
def test_the_clients_that_people_have(goodtalk, client):
    talk = goodtalk("-e", COUNTING, at="127.0.0.1:0")
    where = [f"TCP:127.0.0.1:{talk.port}"] if client[0] == "socat" else ["127.0.0.1", str(talk.port)]
    told = subprocess.run([*client, *where], input=b"one\ntwo\n", capture_output=True, timeout=PATIENCE)
    assert told.stdout == b"1 one\n2 two\n2 lines\n"
    assert talk.ended() == 0


def test_a_person_talks_with_a_shell(goodtalk):
    """With nc, line by line; its prompts are standard error's."""
    talk = goodtalk("-e", "sh -i")
    with Client(talk.port) as client:
        assert client.send(b"echo $((1 + 1))\n").line() == b"2\n"
        assert client.send(b"echo $PROTO\n").line() == b"TCP\n"
        assert client.send(b"exit 0\n").everything() == b""
    assert talk.ended() == 0


@pytest.mark.parametrize("engine", ["epoll", "uring"])
def test_it_has_the_socket_and_nothing_else(goodtalk, engine, request):
    if engine == "uring":
        request.getfixturevalue("uring")
    talk = goodtalk("-k", "-e", WITNESS, "--engine", engine, at="127.0.0.1:0")
    for _ in range(2):
        with Client(talk.port) as client:
            testimony = Witnessed(client.send(b"hi").half_close().everything())
            assert testimony.environment["TCPREMOTEPORT"] == client.name.rsplit(":", 1)[1]
        assert testimony.descriptors == [0, 1, 2] and testimony.blocking and testimony.leads
        assert {name for name in testimony.environment if not UCSPI.match(name)} <= {"PATH", "LANG", "PROTO"}
    assert talk.stop() == 0


def test_over_a_unix_socket(goodtalk):
    talk = goodtalk("-e", 'read line; echo "$line, $UNIXREMOTEPID"', at="unix:socket")
    assert say("socket", b"hello\n") == b"hello, %d\n" % os.getpid()
    assert talk.ended() == 0


# ---- how it ends ----


def test_the_last_words_arrive_though_not_all_was_read(goodtalk):
    """A socket that is closed with unread input is reset; a million bytes must not be lost by that."""
    talk = goodtalk("-k", "-e", "head -c 1000000 /dev/zero")
    for _ in range(5):
        with Client(talk.port) as client:
            client.send(b"x" * 20_000)
            assert len(client.everything()) == 1_000_000
    assert talk.stop() == 0


def test_the_count_is_one_of_connections(goodtalk):
    talk = goodtalk("-n", "3", "-e", "cat")
    for number in range(3):
        assert say(talk.port, b"a\nb\nc\n", half_close=True) == b"a\nb\nc\n"
    assert talk.ended() == 0


def test_no_more_than_the_count_are_run(goodtalk):
    talk = goodtalk("-n", "2", "-j", "2", "-e", "echo >> ran; cat")
    clients = [Client(talk.port) for _ in range(6)]
    until(lambda: pathlib.Path("ran").exists() and pathlib.Path("ran").read_text() == "\n\n", "two")
    for client in clients:
        client.half_close()
    for client in clients:
        assert client.everything() == b""
    assert talk.ended() == 0 and pathlib.Path("ran").read_text() == "\n\n"


def test_a_failure_is_told(goodtalk):
    talk = goodtalk("-n", "2", "-e", "echo said; echo wrong >&2; exit 4")
    assert say(talk.port, b"") == b"said\n"
    assert say(talk.port, b"") == b"said\n"
    assert talk.ended() == 0
    said = talk.said()
    assert said.count(": command: wrong\n") == 2 and said.count(": command: exit status 4\n") == 2


def test_no_time_limit_unless_one_is_set(goodtalk, mark):
    number = mark()
    talk = goodtalk("-k", "-e", f"sleep {number}", "--exec-timeout", "100ms")
    assert say(talk.port, b"") == b""
    assert "not done within exec-timeout 100 ms: killed" in talk.told_about("exec-timeout")
    none_left(number)
    assert talk.stop() == 0


def test_so_many_at_once(goodtalk):
    talk = goodtalk("-k", "--exec-max", "2", "-e", "echo here; cat")
    first, second, third = (Client(talk.port) for _ in range(3))
    assert first.line() == second.line() == b"here\n"
    assert third.send(b"hi\n").half_close() and second.half_close().everything() == b""
    assert third.everything() == b"here\nhi\n"
    assert first.send(b"still\n").half_close().everything() == b"still\n"
    assert talk.stop() == 0


def test_a_peer_that_fails_takes_it_along(goodtalk, mark):
    number = mark()
    talk = goodtalk("-k", "-e", f"sleep {number}")
    client = Client(talk.port)
    some_run(number)
    client.reset()
    none_left(number)
    assert zombies(talk.pid) == []
    assert talk.stop() == 0


def test_a_drain_waits_a_second_signal_does_not(goodtalk, mark):
    number = mark()
    talk = goodtalk("-k", "-e", f"read line && echo $line && exit; sleep {number}")
    with Client(talk.port) as first:
        until(lambda: len(pathlib.Path(f"/proc/{talk.pid}/task/{talk.pid}/children").read_text().split()) == 1, "it")
        talk.signal(signal.SIGTERM)
        assert first.send(b"hello\n").everything() == b"hello\n"
    assert talk.ended() == 0
    talk = goodtalk("-k", "-e", f"sleep {number} & sleep {number}")
    with Client(talk.port) as first:
        some_run(number, 2)
        talk.signal(signal.SIGINT)
        talk.signal(signal.SIGTERM)
        assert talk.ended() != 0
    none_left(number)


def test_with_nobody_there_it_ends_by_the_signal(goodtalk):
    talk = goodtalk("-e", "cat")
    talk.signal(signal.SIGINT)
    assert talk.ended() == -signal.SIGINT


# ---- what does not go with it ----


@pytest.mark.parametrize("options, word", [
    (["--log", "log"], "--log"), (["-d", "journal"], "--record"), (["-r", "hi"], "--reply"), (["--echo"], "--echo"),
    (["--silent"], "--silent"), (["--reply-file", "/etc/hostname"], "--reply-file"), (["-x", "cat"], "--exec"),
    (["--greeting", "hi"], "--greeting"), (["-t", "talk.lua"], "talk")])
def test_it_is_refused_beside(options, word):
    pathlib.Path("talk.lua").write_text('reply { { "", "hi" } }\n')
    refused = run("-e", "cat", *options, "0")
    assert refused.returncode == 2 and refused.stdout == b""
    assert word in refused.stderr.decode() and "--exec-connection" in refused.stderr.decode()


@pytest.mark.parametrize("address", ["udp:0", "unixgram:socket"])
def test_datagrams_are_refused(address):
    refused = run("-e", "cat", address)
    assert refused.returncode == 2 and b"datagrams, and no connections" in refused.stderr
