"""Programs of users of the library: how they are built, started and talked to."""
import contextlib
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess

import goodtalk_talk
import pytest
from goodtalk_talk import (GOODTALK, PATIENCE, REPLY, ROOT, SANITIZER_WORDS, Client, Collector,
                           until)

BUILD = pathlib.Path(GOODTALK).resolve().parent
LINKS = {"static": [BUILD / "libgoodtalk.a"],
         "shared": [f"-L{BUILD}", "-lgoodtalk", f"-Wl,-rpath,{BUILD}"]}
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wcast-qual", "-Wformat=2", "-Wundef", "-Werror"]


@functools.lru_cache(None)
def compiler():
    """The compiler the library was built with, and the sanitizers it was told of."""
    commands = json.loads((BUILD / "compile_commands.json").read_text())
    words = next(entry["command"].split() for entry in commands if entry["file"].endswith("serve/server.c"))
    options = [number for number, word in enumerate(words) if word.startswith("-")]
    return [shutil.which(words[0]), *words[1:options[0]], *(word for word in words if word.startswith("-fsanitize="))]


def build(source, target, link):
    """Build a C program against the library in the build directory."""
    subprocess.run([*compiler(), "-std=c11", "-D_GNU_SOURCE", "-g", *STRICT, f"-I{ROOT}/include", source,
                    "-o", target, *LINKS[link], "-pthread"], check=True, timeout=PATIENCE * 4)
    return target


class Started:
    """A program of a user of the library, started; stdin, stdout and stderr."""

    def __init__(self, *command):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(list(map(str, command)), stdin=pipe, stdout=pipe, stderr=pipe,
                                        bufsize=0)
        self.stdin = self.process.stdin
        self.stdout, self.stderr = [Collector(os.dup(side.fileno()))
                                    for side in (self.process.stdout, self.process.stderr)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for side in (self.stdin, self.process.stdout, self.process.stderr):
            side.close()
        said = self.stderr.everything()
        assert not [word for word in SANITIZER_WORDS if word in said], said.decode(errors="replace")

    def signal(self, number=signal.SIGTERM):
        """ThreadSanitizer may keep a signal to itself that comes shortly before a sleep: there the sleep
        is waited for."""
        if "-fsanitize=thread" in compiler():
            until(self.sleeps, "the program to sleep")
        self.process.send_signal(number)

    def sleeps(self):
        stat = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rsplit(")", 1)[1].split()[0] == "S"

    def ended(self):
        """Its exit status and all it printed."""
        status = self.process.wait(PATIENCE)
        return status, self.stdout.everything().decode()

    def address(self):
        """Where it listens, as the setting "ready" tells it on stderr: a port, or a path."""
        said = self.stderr.wait_for(b"\n").decode().split("\n")[0]
        return int(said.rsplit(":", 1)[1]) if said.startswith("tcp:") else said.removeprefix("unix:")


@contextlib.contextmanager
def alone():
    """On a network of one's own, where port 9999 is free."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(goodtalk_talk.own_network())
        except PermissionError as refused:
            pytest.skip(str(refused))
        yield


# ---- the examples: each is talked to, and ends as it should ----

def talk_to_hello(program):
    """One message on port 9999, shown and replied to."""
    with alone(), Started(program) as hello:
        table = pathlib.Path("/proc/thread-self/net/tcp6")
        until(lambda: ":270F " in table.read_text(), "somebody listening on port 9999")
        with Client(9999) as client:
            assert client.send(b"Who is there?\n").line() == REPLY
            assert client.ended_silently()
        assert hello.ended() == (0, "The message was: Who is there?\n")


def work_is_done_out_of_order(program, slow):
    """Three messages, the first of which takes long: whether the others were done before it. The
    replies come in the order of the messages whatever order that was."""
    with Started(program, "127.0.0.1:0") as later, Client(later.address()) as client:
        client.send(b"%d\n1\n2\n" % slow)
        later.stdout.wait_for(b"2 ms of work\n")
        later.signal()  # what is in hand is finished
        lines = [b"%d ms of work\n" % number for number in (slow, 1, 2)]
        assert client.lines(3) == lines
        assert client.ended_silently()
        status, printed = later.ended()
        assert status == 0
        assert sorted(printed.splitlines(True)) == sorted(line.decode() for line in lines)
        return printed.endswith(lines[0].decode())


def talk_to_later(program):
    """Replies in the order of the messages, though the work is done in another one. Only a machine
    that stands still for long can keep that from being seen: then the work takes longer."""
    assert any(work_is_done_out_of_order(program, slow) for slow in (100, 1000, 10000))


def talk_to_own_loop(program):
    """Messages are replied to while lines are read and the timer ticks."""
    with Started(program, "127.0.0.1:0") as own_loop, Client(own_loop.address()) as client:
        assert client.send(b"hello\n").line() == REPLY
        for line in b"first", b"second":
            own_loop.stdin.write(line + b"\n")
            own_loop.stdout.wait_for(b"the reply is now: " + line + b"\n")
            assert client.send(b"hello\nhello\n").lines(2) == [line + b"\n"] * 2
        own_loop.stdout.wait_for(b"tick: 5 messages so far\n")
        assert client.send(b"hello\n").line() == b"second\n"
        own_loop.stdout.wait_for(b"tick: 6 messages so far\n")
        own_loop.stdin.close()
        assert client.ended_silently()
        assert own_loop.ended()[0] == 0


def talk_to_counter(program):
    """Each connection is counted for itself; the counters are told at the end."""
    with Started(program, "127.0.0.1:0") as counter:
        port = counter.address()
        with Client(port) as first, Client(port) as second:
            assert first.send(b"a\nb\n").lines(2) == [b"message 1\n", b"message 2\n"]
            assert second.send(b"c\n").line() == b"message 1\n"
            assert first.send(b"d\n").line() == b"message 3\n"
        with Client(port) as third:
            assert third.send(b"e\n").line() == b"message 1\n"
            counter.signal()
            assert third.ended_silently()
        status, printed = counter.ended()
        told = dict(line.split(": ") for line in printed.splitlines())
        assert status == 0
        assert told["messages"] == told["replies"] == "5" and told["connections"] == "3"
        assert told["bytes-received"] == "10" and told["bytes-sent"] == "50"


EXAMPLES = {"hello": talk_to_hello, "later": talk_to_later, "own_loop": talk_to_own_loop,
            "counter": talk_to_counter}
