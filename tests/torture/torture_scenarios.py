"""Small scenarios that the program goes through while its calls fail.

Each starts it under the shim, has clients say messages that occur once, and gives an Outcome: what was
said, what was replied, what was shown, how it ended. What must hold of it is in test_torture.py. No
client gives up because another was hit; whoever loses its connection notes that, and goes on.
"""
import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from goodtalk_talk import ROOT, SANITIZER_WORDS, Client, Program, until

BUILD = Path(os.environ.get("GOODTALK_BUILD", ROOT / "build"))
SHIM = BUILD / "tests" / "torture" / "libgoodtalk_shim.so"
PATIENCE = 8  # seconds until a client that hears nothing calls it a hang
CALLS_MOST = 20_000  # a scenario makes some hundred: more is a program that spins


@dataclass
class Outcome:
    said: set = field(default_factory=set)
    replied: list = field(default_factory=list)
    lost: list = field(default_factory=list)  # what got no reply, and why
    status: int = None
    stdout: bytes = b""
    stderr: str = ""
    ready: bool = False
    leaked: list = field(default_factory=list)  # descriptors
    left: list = field(default_factory=list)  # files
    counts: dict = field(default_factory=dict)

    @property
    def shown(self):
        return re.findall(rb"^The message was: (.*)$", self.stdout, re.MULTILINE)

    @property
    def errors(self):
        return [line for line in self.stderr.splitlines() if line.startswith("goodtalk: ")]


def environment(plan, directory):
    added = {"LD_PRELOAD": str(SHIM), "SHIM_MOST": str(CALLS_MOST),
             "SHIM_COUNT": str(directory / "counts")}
    added.update(plan)
    return {**os.environ, **added}


class Scene:
    """The program under the shim, and those who talk to it."""

    def __init__(self, directory, plan, options, addresses, wrapper=()):
        self.directory, self.outcome, self.stopped = directory, Outcome(), False
        self.ready_file = directory / "ready"
        self.program = Program(
            ["--engine", "epoll", "--echo", "-f", "line", "--ready", str(self.ready_file), *options,
             *addresses],
            ready=False, wrapper=wrapper, env=None if wrapper else environment(plan, directory))

    def await_ready(self):
        """False: it has ended instead."""
        until(lambda: self.ready_file.exists() or self.program.process.poll() is not None, "ready")
        self.outcome.ready = self.ready_file.exists()
        if self.outcome.ready:
            self.addresses = self.ready_file.read_text().splitlines()
        return self.outcome.ready

    def address(self, kind):
        return next(line for line in self.addresses if line.startswith(kind + ":"))

    def target(self, kind):
        where = self.address(kind).split(":", 1)[1]
        return int(where.rsplit(":", 1)[1]) if kind in ("tcp", "udp") else where

    def descriptors(self):
        with contextlib.suppress(OSError):
            return sorted(os.listdir(f"/proc/{self.program.pid}/fd"))
        return []

    # ---- clients ----

    def talker(self, kind, name):
        return Talker(self, kind, name)

    def datagram(self, text):
        """Say it once, and again where no reply comes: datagrams may be lost."""
        self.outcome.said.add(text)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", self.target("udp")))
            client.settimeout(0.4)
            for _ in range(2):
                with contextlib.suppress(OSError):
                    client.send(text)
                    self.outcome.replied.append(client.recv(1000))
                    return
        self.outcome.lost.append(("udp", "datagram", "silence"))

    # ---- the end ----

    def stop(self):
        """Ask it to drain, once: a second time it would leave at once."""
        if not self.stopped and self.program.process.poll() is None:
            self.program.signal(signal.SIGTERM)
        self.stopped = True

    def finish(self, stop=True):
        """Have it drain, if it still runs, and gather what is left of it."""
        outcome, program = self.outcome, self.program
        if stop:
            self.stop()
        try:
            outcome.status = program.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            program.signal(signal.SIGKILL)
            outcome.status = "hangs"
            program.process.wait(PATIENCE)
        outcome.stdout = program.stdout.everything()
        outcome.stderr = program.said()
        counts = self.directory / "counts"
        if counts.exists():
            outcome.counts = {call: int(count) for call, count in
                              (line.split() for line in counts.read_text().splitlines())}
        outcome.left = [entry.name for entry in self.directory.iterdir()
                        if entry.name not in ("counts", "ready")]
        return outcome


class Talker:
    """A client whose messages must all be replied to, in their order, unless its connection is lost."""

    def __init__(self, scene, kind, name):
        self.scene, self.kind, self.name = scene, kind, name
        self.count, self.client = 0, None
        try:
            self.client = Client(scene.target(kind))
            self.client.socket.settimeout(PATIENCE)
        except OSError as error:
            self.lose(error)

    def lose(self, why):
        self.scene.outcome.lost.append((self.kind, self.name, repr(why)))
        self.close()

    def say(self, count):
        """So many messages at once."""
        said = [b"%s-%d\n" % (self.name.encode(), self.count + i) for i in range(count)]
        self.count += count
        self.scene.outcome.said.update(said)
        try:
            if self.client:
                self.client.send(b"".join(said))
                self.expected = said
        except OSError as error:
            self.lose(error)
        return self

    def hear(self):
        """Their replies; a silent server hangs."""
        try:
            for expected in self.expected if self.client else ():
                line = self.client.line()
                if not line.endswith(b"\n"):
                    self.lose("end of stream")
                    break
                assert line == expected, f"{self.name}: {line!r} instead of {expected!r}"
                self.scene.outcome.replied.append(line)
        except TimeoutError:
            raise AssertionError(f"{self.name} hears nothing") from None
        except OSError as error:
            self.lose(error)
        return self

    def end(self):
        """End our side, and see the end of the other."""
        try:
            if self.client:
                assert self.client.half_close().everything() == b""
        except TimeoutError:
            raise AssertionError(f"{self.name} sees no end") from None
        except OSError as error:
            self.lose(error)
        self.close()

    def reset(self):
        if self.client:
            self.client.reset()
        self.client = None

    def close(self):
        if self.client:
            self.client.socket.close()
        self.client = None


@contextlib.contextmanager
def scene(directory, plan, options, addresses, wrapper=()):
    """The scene under the shim, or under a wrapper instead."""
    opened = Scene(directory, plan, options, addresses, wrapper)
    try:
        yield opened
    finally:
        if opened.program.process.poll() is None:
            opened.program.signal(signal.SIGKILL)
            opened.program.process.wait(PATIENCE)
        said = opened.program.said()
        assert not any(word.decode() in said for word in SANITIZER_WORDS), said


def one_shot(directory, plan):
    """One message; a client whose connection is lost is followed by others."""
    with scene(directory, plan, [], ["127.0.0.1:0"]) as play:
        if play.await_ready():
            for attempt in range(5):
                if play.outcome.replied or play.program.process.poll() is not None:
                    break
                play.talker("tcp", f"only-{attempt}").say(1).hear().end()
        return play.finish(stop=not play.outcome.replied)


def kept_addresses(directory):
    return ["127.0.0.1:0", f"unix:{directory}/gt", "udp:127.0.0.1:0"]


def first_round(play):
    """Pipelines on several connections, one that resets, a Unix socket, a datagram."""
    talkers = [play.talker("tcp", f"first{i}") for i in range(3)] + [play.talker("unix", "local")]
    rude = play.talker("tcp", "rude").say(1)
    for talker in talkers:
        talker.say(3)
    rude.reset()
    for talker in talkers:
        talker.hear()
    play.datagram(b"a datagram")
    for talker in talkers[1:]:
        talker.end()
    return talkers[0]


def second_round(play, stays):
    """Others come; then it is told to stop while two are in the middle of it."""
    play.talker("tcp", "second").say(2).hear().end()
    play.talker("unix", "nearby").say(1).hear().end()
    stays.say(1).hear()


def rest(play, before):
    """What is left open when everybody has gone, beyond what was before."""
    with contextlib.suppress(AssertionError):
        until_soon(lambda: set(play.descriptors()) <= set(before))
    play.outcome.leaked = sorted(set(play.descriptors()) - set(before))


def until_soon(condition):
    for _ in range(400):
        if condition():
            return
        os.sched_yield()
        signal.sigtimedwait([], 0.005)


def drain(play, last):
    """Asked to stop with a message on its way: it is replied to, the stream ends."""
    last.say(1)
    last.hear()
    play.stop()
    last.end()


def kept(directory, plan, options=(), wrapper=()):
    with scene(directory, plan, ["-k", *options], kept_addresses(directory), wrapper) as play:
        if play.await_ready():
            before = play.descriptors()
            stays = first_round(play)
            second_round(play, stays)
            stays.close()
            rest(play, before)
            drain(play, play.talker("tcp", "last"))
        return play.finish()


def workers(directory, plan):
    return kept(directory, plan, ["-j", "2"])


SCENARIOS = {"one_shot": one_shot, "kept": kept, "workers": workers}
