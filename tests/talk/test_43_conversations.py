"""Conversations: talk(function (peer) ... end) with real clients, many at once, and how they end."""
import os
import pathlib
import resource
import select
import signal
import socket
import subprocess

import pytest
from goodtalk_outcome import write
from goodtalk_show import show
from goodtalk_talk import PATIENCE, Client, is_sanitized, until

MANY = int(os.environ.get("GOODTALK_CONVERSATIONS", "500"))

MAIL = r'''
frame = "line"
talk(function (peer)
  local from, to = nil, {}
  peer:say "220 mail.example\r\n"
  for message in peer.hear, peer do
    local verb, rest = message.text:match "^(%a+)%s*(.*)$"
    if verb == "HELO" then
      peer:say("250 hello ", rest, "\r\n")
    elseif verb == "DATA" then
      peer:say "354 go on\r\n"
      peer:frame "delim:\r\n.\r\n"
      local mail = peer:hear()
      peer:frame "line"
      peer:say("250 ", #mail.text, " bytes\r\n")
    elseif verb == "QUIT" then
      return peer:say "221 bye\r\n"
    else
      peer:say "250 OK\r\n"
    end
  end
end)
'''


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < MANY + 200:
        pytest.skip(f"needs {MANY + 200} descriptors, this system allows {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def talk_file(body, settings='frame = "line"'):
    """A talk file whose conversation this is: its name."""
    return write(f"{settings}\ntalk(function (peer)\n{body}\nend)\n")


# ---- one ----


@pytest.mark.parametrize("engine", ["epoll", "auto"])
def test_a_mail(goodtalk, engine):
    talk = goodtalk("-t", write(MAIL), "--engine", engine)
    Client(talk.port).socket.close()  # a probe
    with Client(talk.port) as client:
        assert client.line() == b"220 mail.example\r\n"
        client.send(b"HELO me\r\nDATA\r\nSubject: pipelined\r\n\r\nhello\r\n.\r\nQUIT\r\n")
        assert client.everything() == b"250 hello me\r\n354 go on\r\n250 27 bytes\r\n221 bye\r\n"
    assert talk.ended() == 0
    assert talk.shown() == [b"HELO me", b"DATA", b"Subject: pipelined\\r\\n\\r\\nhello", b"QUIT"]


@pytest.mark.parametrize("client", [["nc", "-N", "-w", "5"], ["socat", "-t", "5", "-"]], ids=["nc", "socat"])
def test_with_clients_that_people_have(goodtalk, client):
    talk = goodtalk("-t", talk_file('peer:say(peer:hear().text:upper(), "\\n")'))
    where = [f"TCP:127.0.0.1:{talk.port}"] if client[0] == "socat" else ["127.0.0.1", str(talk.port)]
    heard = subprocess.run([*client, *where], input=b"hello\n", capture_output=True, timeout=PATIENCE)
    assert heard.stdout == b"HELLO\n", heard
    assert talk.ended() == 0


def test_packets(goodtalk, place):
    talk = goodtalk("-t", talk_file('peer:say "one" peer:say "two"\n'
                                    'peer:say(peer:hear().text, peer:hear().text)\n'
                                    'log(select(2, pcall(peer.frame, peer, "line")))', settings=""),
                    at=place("unixpacket:{}"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(PATIENCE)
        client.connect(talk.addresses[0].removeprefix("unixpacket:"))
        client.send(b"a\nb")
        client.send(b"c")
        assert [client.recv(100) for _ in range(4)] == [b"one", b"two", b"a\nbc", b""]
    assert talk.ended() == 0
    assert "packets are messages as they are" in talk.said()


def test_a_reset_is_one(goodtalk):
    talk = goodtalk("-t", talk_file('peer:say "the last thing\\n" peer:hear() peer:reset()'))
    with Client(talk.port) as client:
        assert client.line() == b"the last thing\n"
        client.send(b"x\n")
        poll = select.poll()
        poll.register(client.socket, select.POLLIN)
        [(_, event)] = poll.poll(PATIENCE * 1000)
        assert event & select.POLLERR, "the end of the stream, not a reset"
        with pytest.raises(ConnectionResetError):
            client.socket.recv(1)
    assert talk.ended() == 0


def test_what_is_heard_is_on_disk_before_anything_is_said(goodtalk):
    talk = goodtalk("-k", "-d", "journal", "-t", write(MAIL))
    with Client(talk.port) as client:
        client.line()
        client.send(b"HELO disk\n")
        assert client.line() == b"250 hello disk\r\n"
        assert show("--raw", "journal") == b"HELO disk\n"


# ---- between conversations ----

CHAT = r'''
frame = "line"
shared.present = {}
talk(function (peer)
  shared.present[peer] = peer.address
  for message in peer.hear, peer do
    for other in pairs(shared.present) do
      other:say(peer.address, ": ", message.text, "\n")
    end
  end
  shared.present[peer] = nil
end)
'''


def test_a_chat(goodtalk):
    talk = goodtalk("-k", "-t", write(CHAT))
    with Client(talk.port) as anna, Client(talk.port) as bert:
        for speaker, other in [(anna, bert), (bert, anna), (anna, bert)]:
            said = f"{speaker.name}: hello\n".encode()
            speaker.send(b"hello\n")
            assert speaker.line() == said
            other.send(b"") if speaker is anna else None
            assert other.line() == said
        anna.reset()
        bert.send(b"alone\n")
        assert bert.line() == f"{bert.name}: alone\n".encode()
    assert talk.stop() == 0
    assert "script" not in talk.said()


def test_a_script_that_fails_fails_alone(goodtalk):
    body = 'for message in peer.hear, peer do peer:say(message.text + 1, "\\n") end'
    talk = goodtalk("-k", "-t", talk_file(body))
    with Client(talk.port) as other, Client(talk.port) as client:
        other.send(b"1\n")
        assert other.line() == b"2\n"
        assert client.send(b"1\n\x1b[2Jx\n").everything() == b"2\n"
        told = talk.told_about("attempt to add")
        assert "mail.lua:3" in told and "traceback" in told and "\x1b" not in told
        other.send(b"2\n")
        assert other.line() == b"3\n"
    assert talk.stop() == 0


def test_a_runaway_is_stopped(goodtalk):
    body = 'peer:hear() while true do end'
    talk = goodtalk("-k", "-t", talk_file(body))
    with Client(talk.port) as other, Client(talk.port) as client:
        assert client.send(b"x\n").everything() == b""
        talk.told_about("steps")
        assert other.send(b"x\n").everything() == b""
    assert talk.stop() == 0


# ---- counting, stopping, reading anew ----


@pytest.mark.parametrize("workers", [1, 2])
def test_the_count_is_of_conversations(goodtalk, workers):
    talk = goodtalk("-n", 50, "-j", workers, "-t", write(MAIL))
    for number in range(50):
        assert talk.process.poll() is None
        Client(talk.port).socket.close()
        with Client(talk.port) as client:
            client.send(b"HELO %d\nNOOP\n" % number)
            client.half_close() if number % 2 else client.send(b"QUIT\n")
            assert b"250 OK\r\n" in client.everything()
    assert talk.ended() == 0
    assert sorted(talk.shown()).count(b"NOOP") == 50


def test_who_is_talked_to_is_told_that_it_stops(goodtalk):
    body = 'local message, why = peer:hear() peer:say("421 ", why, "\\n") peer:wait "1h" peer:say "bye\\n"'
    talk = goodtalk("-k", "-t", talk_file(body))
    with Client(talk.port) as client, Client(talk.port) as other:
        other.send(b"")
        until(lambda: connections(talk) == 2, "two connections")
        talk.signal(signal.SIGTERM)
        assert client.everything() == b"421 stopping\nbye\n"
        assert other.everything() == b"421 stopping\nbye\n"
    assert talk.ended() == 0


def connections(talk):
    return sum(os.readlink(path).startswith("socket:") for path in
               pathlib.Path(f"/proc/{talk.pid}/fd").iterdir() if path.is_symlink()) - 1


def test_a_conversation_finishes_with_the_file_it_began_with(goodtalk):
    name = talk_file('peer:hear() peer:say "old\\n"')
    talk = goodtalk("-k", "-t", name)
    with Client(talk.port) as old:
        until(lambda: connections(talk) == 1, "a connection")
        talk_file('peer:hear() peer:say "new\\n"')
        talk.signal(signal.SIGHUP)
        talk.told_about("read again")
        with Client(talk.port) as new:
            assert new.send(b"x\n").everything() == b"new\n"
        assert old.send(b"x\n").everything() == b"old\n"
    assert talk.stop() == 0


# ---- many ----


@pytest.mark.parametrize("workers", [1, 2])
def test_many_at_once(goodtalk, many_descriptors, workers):
    """Each is in the middle of its own talk while all the others are in theirs."""
    talk = goodtalk("-n", MANY, "-j", workers, "-s", "none", "-m", MANY, "-t", write(MAIL))
    clients = [Client(talk.port) for _ in range(MANY)]
    for number, client in enumerate(clients):
        client.send(b"HELO %d\nDATA\nhalf a mail of %d" % (number, number))
    for number, client in enumerate(clients):
        assert client.lines(3)[1:] == [b"250 hello %d\r\n" % number, b"354 go on\r\n"]
    if not is_sanitized():
        print(f"{MANY} conversations: {talk.memory_peak() / MANY:.0f} bytes each at most")
        assert talk.memory_peak() < 40e6 + MANY * 8000
    for client in clients:
        client.send(b" and the rest\r\n.\r\nQUIT\n")
    for number, client in enumerate(clients):
        size = len("half a mail of  and the rest") + len(str(number))
        assert client.everything() == b"250 %d bytes\r\n221 bye\r\n" % size
    assert talk.ended() == 0
    for client in clients:
        client.socket.close()


def test_a_script_that_hoards_is_told_and_the_server_stays(goodtalk):
    body = '''
      shared.hoard = shared.hoard or {}
      for i = 1, 1000 do table.insert(shared.hoard, ("x"):rep(1000) .. #shared.hoard) end
      peer:say "room for more\\n"
      peer:hear()'''
    talk = goodtalk("-k", "--max-script-memory", "8MiB", "-t", talk_file(body))
    clients = [Client(talk.port) for _ in range(12)]
    heard = [client.line() for client in clients]
    assert heard[0] == b"room for more\n" and heard[-1] == b""
    assert "max-script-memory" in talk.told_about("max-script-memory")
    for client in clients:
        client.socket.close()
    assert talk.stop() == 0


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer takes more than any limit")
def test_patterns_out_of_what_is_heard_do_not_fill_the_memory(goodtalk):
    """Each takes half a megabyte that Lua does not see."""
    write(r"""
        frame = "line"
        talk(function (peer)
          for message in peer.hear, peer do
            peer:expect(message.text)
            peer:say "ok\n"
          end
        end)""")
    talk = goodtalk("-k", "-t", "mail.lua")
    classes = "|".join("[%c-z]{1,9}(b|c)+" % (97 + number % 20) for number in range(220))
    with Client(talk.port) as client:
        for number in range(150):
            client.send(b"a|(?:%d){0,3}y%s\na\n" % (number, classes.encode()))
            assert client.line() == b"ok\n"
            if number == 20:
                before = talk.memory_peak()
        assert talk.memory_peak() - before < 24 << 20
