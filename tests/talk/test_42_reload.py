"""SIGHUP reads the talk file again: what is right is in use for who comes next, what is wrong is told."""
import os
import signal
import socket
import threading

import pytest
from goodtalk_file import TalkFile
from goodtalk_talk import Client, is_sanitized, until


@pytest.fixture
def file(tmp_path):
    """file(TEXT): a talk file."""
    return lambda text="": TalkFile(tmp_path / "talk.lua", text)


def replying(text, more=""):
    return f'frame = "line"\n{more}\nreply {{ {{ "", "{text}\\n" }} }}\n'


def reload(talk, word="read again, and in use"):
    """Have it read again, and wait until that is told."""
    told = talk.stderr.data.count(word.encode())
    talk.signal(signal.SIGHUP)
    until(lambda: talk.stderr.data.count(word.encode()) > told, word)


def ask(talk, text=b"hello\n"):
    with Client(talk.port) as client:
        return client.send(text).line()


class Datagrams:
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(25)
        self.socket.connect(("127.0.0.1", int(address.rsplit(":", 1)[1])))

    def ask(self, text=b"hello"):
        self.socket.send(text)
        return self.socket.recv(1 << 16)


@pytest.mark.parametrize("workers", [1, 3])
def test_who_comes_next_gets_what_is_new(goodtalk, file, workers):
    text = file(replying("one"))
    talk = goodtalk("-k", "-j", workers, "-t", text)
    with Client(talk.port) as before:
        assert before.send(b"a\n").line() == b"one\n"
        text.write(replying("two"))
        reload(talk)
        # A worker takes it over when its pass ends; who connects finds either until all of them have.
        until(lambda: all(ask(talk) == b"two\n" for _ in range(4 * workers)), "the new rules")
        assert before.send(b"b\n").line() == b"one\n", "an open connection finishes with its own"
    assert talk.stop() == 0


def test_an_open_conversation_finishes_with_its_own(goodtalk, file):
    says = 'talk(function (peer) peer:hear(); peer:say("{}\\n"); peer:hear(); peer:say("still {}\\n") end)'
    text = file(says.format("one", "one"))
    talk = goodtalk("-k", "-t", text)
    with Client(talk.port) as before:
        assert before.send(b"a\n").line() == b"one\n"
        text.write(says.format("two", "two"))
        reload(talk)
        with Client(talk.port) as after:
            assert after.send(b"a\n").line() == b"two\n"
            assert before.send(b"b\n").everything() == b"still one\n"
            assert after.send(b"b\n").everything() == b"still two\n"
    assert talk.stop() == 0


def test_rules_become_a_conversation_and_the_other_way_round(goodtalk, file):
    text = file(replying("rule"))
    talk = goodtalk("-k", "-t", text)
    assert ask(talk) == b"rule\n"
    text.write('talk(function (peer) peer:say("at first\\n") end)')
    reload(talk)
    assert ask(talk) == b"at first\n"
    text.write('reply = "a text"')
    reload(talk)
    assert ask(talk) == b"a text\n"
    assert talk.stop() == 0


def test_settings_of_listeners_change(goodtalk, file):
    text = file('frame = "line"; echo = true; max_message = "5B"')
    talk = goodtalk("-k", "-t", text)
    with Client(talk.port) as client:
        assert client.send(b"123456\n").ended_silently()
    text.write('frame = "nul"; echo = true; greeting = "hi "')
    reload(talk)
    with Client(talk.port) as client:
        assert client.send(b"123456\n7\0").half_close().everything() == b"hi 123456\n7\0"
    assert talk.stop() == 0


def test_what_the_command_line_says_still_counts(goodtalk, file):
    text = file('frame = "line"; reply = "one"')
    talk = goodtalk("-k", "-t", text, "-f", "nul")
    text.write('frame = "crlf"; reply = "two"')
    reload(talk)
    with Client(talk.port) as client:
        assert client.send(b"a\0").half_close().everything() == b"two\0"
    assert talk.stop() == 0


def test_datagrams_get_it_at_once(goodtalk, file):
    listen = 'listen = {{ {{ "udp:127.0.0.1:0", max_message = "{}B" }} }}'
    text = file(replying("one", listen.format(5)))
    talk = goodtalk("-k", "-t", text, at=[])
    datagrams = Datagrams(talk.addresses[0])
    assert datagrams.ask(b"12345") == b"one\n"
    text.write(replying("two", listen.format(9)))
    reload(talk)
    assert datagrams.ask(b"123456789") == b"two\n"
    assert talk.stop() == 0


def test_a_datagrams_reply_that_is_held_back_survives(goodtalk, file):
    """It was taken under what is gone by the time that its reply leaves: shared bytes of it."""
    listen = 'listen = { { "udp:127.0.0.1:0", reply = "%s" } }'
    text = file(listen % ("one" * 100))
    talk = goodtalk("-k", "-t", text, "--udp-amplification", 0, at=[])
    datagrams = Datagrams(talk.addresses[0])
    for number in range(20):
        datagrams.socket.send(b"ask")
        text.write(listen % (str(number % 10) * 300))
        reload(talk)
    replies = {datagrams.socket.recv(1 << 16) for _ in range(20)}
    assert all(len(reply) == 300 + reply.endswith(b"\n") for reply in replies)
    assert talk.stop() == 0


WRONG = [
    ("frme = 1", "talk.lua:1: frme: no such setting; did you mean frame?"),
    ('\nmax_message = "5x"', "talk.lua:2: max_message 5x: not a size"),
    ("frame = ", "talk.lua:1: unexpected symbol near <eof>"),
    ("error('no')", "talk.lua:1: no"),
    ("while true do end", "talk.lua:1: "),
    ('reply { { "([a", "b" } }', "talk.lua:1: rule 1: the pattern is wrong"),
    ('frame = "length:1"; reply = ("x"):rep(300)', "cannot say a reply of 300 bytes"),
    ('max_memory = "1x"', "talk.lua:1: max_memory 1x: not a size"),
    ("listen = {}", "talk.lua:1: listen: at least one address expected"),
]


def test_what_is_wrong_is_told_and_the_old_one_stays(goodtalk, file):
    text = file(replying("one"))
    talk = goodtalk("-k", "-t", text)
    for wrong, says in WRONG:
        text.write(wrong)
        reload(talk, "the talk file stays as it was")
        assert says in talk.stderr.data.decode().splitlines()[-1]
        assert ask(talk) == b"one\n"
    text.path.unlink()
    reload(talk, "the talk file stays as it was")
    assert b"cannot read" in talk.stderr.data.splitlines()[-1]
    assert ask(talk) == b"one\n"
    text.write(replying("two"))
    reload(talk)
    assert ask(talk) == b"two\n"
    assert talk.stop() == 0


def pipe_of(content):
    """The reading end of a pipe that holds this and whose writer has gone, as of "<(command)"."""
    read, write = os.pipe()
    os.write(write, content)
    os.close(write)
    return read


def test_a_pipe_is_read_once(goodtalk):
    pipe = pipe_of(replying("one").encode())
    talk = goodtalk("-k", "-t", f"/dev/fd/{pipe}", pass_fds=[pipe])
    os.close(pipe)
    reload(talk, f"cannot read /dev/fd/{pipe} again: it is not a regular file; the talk file stays as it was")
    assert ask(talk) == b"one\n"
    assert talk.stop() == 0


def test_a_reply_in_a_pipe_is_read_once(goodtalk, file):
    pipe = pipe_of(b"one\n")
    talk = goodtalk("-k", "-t", file('frame = "line"'), "--reply-file", f"/dev/fd/{pipe}", pass_fds=[pipe])
    os.close(pipe)
    reload(talk, f"cannot read /dev/fd/{pipe} again")
    assert ask(talk) == b"one\n"
    assert talk.stop() == 0


def test_a_named_pipe_that_nobody_writes_to_stops_nobody(goodtalk, file):
    text = file(replying("one"))
    talk = goodtalk("-k", "-t", text)
    text.path.unlink()
    os.mkfifo(text.path)
    reload(talk, "it is not a regular file; the talk file stays as it was")
    assert ask(talk) == b"one\n"
    assert talk.stop() == 0


def test_a_conversation_where_datagrams_come_is_refused(goodtalk, file):
    text = file('listen = "udp:127.0.0.1:0"\n' + replying("one"))
    talk = goodtalk("-k", "-t", text, at=[])
    text.write('listen = "udp:127.0.0.1:0"\ntalk(function () end)')
    reload(talk, "the talk file stays as it was")
    assert b"datagrams do not hold" in talk.stderr.data
    assert Datagrams(talk.addresses[0]).ask() == b"one\n"
    assert talk.stop() == 0


def test_what_cannot_change_is_told(goodtalk, file):
    text = file(replying("one", 'listen = "127.0.0.1:0"; drain_timeout = "9s"; backlog = 5; show = "none"'))
    talk = goodtalk("-k", "-t", text, at=[])
    text.write(replying("two", 'listen = { "127.0.0.1:0", "127.0.0.1:1" }; backlog = 6; show = "none"'
                               '; max_connections = 5'))
    reload(talk)
    later = [line.split(": ", 2)[2] for line in talk.stderr.data.decode().splitlines() if "differs" in line]
    assert sorted(line.split()[0] for line in later) == ["backlog", "drain_timeout", "listen", "max_connections"]
    assert all(line.endswith("that takes effect at the next start") for line in later)
    assert ask(talk) == b"two\n", "the rest is in use"
    assert talk.stop() == 0


def test_an_address_keeps_its_own_settings(goodtalk, file):
    listen = 'keep = true; listen = { { "127.0.0.1:0", frame = "nul", reply = "%s" }, "127.0.0.1:0" }; frame = "line"\n'
    text = file(listen % "own" + replying("one"))
    talk = goodtalk("-t", text, at=[])
    text.write(listen % "another" + replying("two"))
    reload(talk)
    with Client(talk.port) as client:
        assert client.send(b"a\0").half_close().everything() == b"another\0"
    with Client(int(talk.addresses[1].rsplit(":", 1)[1])) as client:
        assert client.send(b"a\n").line() == b"two\n"
    assert talk.stop() == 0


def test_the_log_is_reopened_too(goodtalk, file, tmp_path):
    text = file(replying("one"))
    talk = goodtalk("-k", "--log", tmp_path / "log", "-t", text)
    assert ask(talk) == b"one\n"
    os.rename(tmp_path / "log", tmp_path / "log.1")
    text.write(replying("two"))
    reload(talk)
    assert ask(talk) == b"two\n"
    assert talk.stop() == 0
    assert [len((tmp_path / name).read_bytes().splitlines()) for name in ("log.1", "log")] == [1, 1]


def test_a_hangup_while_it_drains_is_no_reload(goodtalk, file):
    talk = goodtalk("-k", "-t", file(replying("one")))
    assert talk.stop() == 0


@pytest.mark.parametrize("workers", [1, 3])
def test_reloads_under_load_lose_nothing(goodtalk, file, workers):
    """Clients talk, connect, send datagrams through fifty reloads: each has every reply, of some load."""
    versions = 50
    listen = 'listen = { "127.0.0.1:0", { "udp:127.0.0.1:0" } }'
    text = file(replying("0", listen))
    talk = goodtalk("-k", "-s", "none", "-j", workers, "-t", text, at=[])
    done, wrong, asked = threading.Event(), [], [0] * 6

    def is_reply(reply):
        return reply.endswith(b"\n") and reply[:-1].isdigit() and int(reply) <= versions

    def on_one_connection(number):
        with Client(talk.port) as client:
            first = client.send(b"x\n").line()
            while not done.is_set():
                asked[number] += 16
                wrong.extend(reply for reply in client.send(b"x\n" * 16).lines(16) if reply != first)

    def on_many(number):
        while not done.is_set():
            asked[number] += 1
            reply = ask(talk)
            wrong.extend([] if is_reply(reply) else [reply])

    def by_datagram(number):
        datagrams = Datagrams(talk.addresses[1])
        while not done.is_set():
            asked[number] += 1
            reply = datagrams.ask()
            wrong.extend([] if is_reply(reply) else [reply])

    def kept(talks, number):
        try:
            talks(number)
        except Exception as error:  # pylint: disable=broad-except
            wrong.append(error)

    clients = [threading.Thread(target=kept, args=(talks, number))
               for number, talks in enumerate([on_one_connection, on_many, by_datagram] * 2)]
    for client in clients:
        client.start()
    for version in range(1, versions + 1):
        text.write(replying(version, listen))
        reload(talk)
    done.set()
    for client in clients:
        client.join()
    assert wrong == [] and all(asked)
    assert ask(talk) == f"{versions}\n".encode()
    assert talk.stop() == 0


@pytest.mark.skipif(is_sanitized(), reason="sanitizers keep what was freed for a while")
def test_what_was_replaced_is_given_back(goodtalk, file):
    """Two hundred reloads need no more memory than a few: the old ones go with their last connection."""
    text = file(replying("one") + f"local ballast = ('x'):rep(1 << 20)\nshared.ballast = ballast\n")
    talk = goodtalk("-k", "-s", "none", "-t", text)
    for _ in range(10):
        reload(talk)
    ask(talk)
    before = talk.memory_peak()
    for _ in range(60):
        reload(talk)
        ask(talk)
    assert talk.memory_peak() < before + (16 << 20)
    assert talk.stop() == 0
