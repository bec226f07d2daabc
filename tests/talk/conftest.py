"""Fixtures: the program under test, networks of one's own, and servers that get it wrong."""
import contextlib
import os
import random
import signal
import socket
import threading

import pytest

import goodtalk_talk
from goodtalk_datagrams import KINDS, address_of
from goodtalk_mutant import make_mutant
from goodtalk_talk import GOODTALK, program_starter


def pytest_configure():
    # Who runs in the background may have been told to ignore these, and what it starts inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if not os.access(GOODTALK, os.X_OK):
        raise pytest.UsageError(f"{GOODTALK} is not there: build it (make), or set GOODTALK")


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.timeout(180))


@pytest.fixture
def goodtalk():
    """goodtalk(OPTION..., at=ADDRESS or [ADDRESS...]): started and, unless ready=False, ready."""
    with program_starter() as start:
        yield start


@pytest.fixture
def sender(goodtalk):
    """sender(ARGUMENT...): goodtalk send, started: a Program that has not ended yet."""
    return lambda *arguments, **how: goodtalk("send", *arguments, at=[], ready=False, **how)


@pytest.fixture
def mutant(tmp_path):
    """mutant(SOURCE, (old, new)...): the program with that changed in a file of src."""
    return lambda source, *changes: make_mutant(tmp_path, source, *changes)


@pytest.fixture
def chance():
    """Chance that can be repeated, with GOODTALK_SEED."""
    seed = int(os.environ.get("GOODTALK_SEED") or random.SystemRandom().getrandbits(32))
    print(f"GOODTALK_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def place(tmp_path):
    """Fill in where a Unix socket is: place("unix:{}"), place("unix:@{}")."""
    name = f"gt-{os.getpid()}-{os.urandom(4).hex()}"
    return lambda kind: kind.format(name if "@" in kind else tmp_path / "gt")


@pytest.fixture
def own_network():
    """This test and what it starts are alone on a network: any port is free."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(goodtalk_talk.own_network())
        except PermissionError as refused:
            pytest.skip(str(refused))
        yield


class Pipe:
    def __init__(self):
        self.read, self.write = os.pipe()

    def close_read(self):
        os.close(self.read)
        self.read = None

    def close_write(self):
        os.close(self.write)
        self.write = None


@pytest.fixture
def pipe():
    """A pipe, its ends read and write, for a stdout that is read when the test says so."""
    ends = Pipe()
    yield ends
    for end in (ends.read, ends.write):
        if end is not None:
            os.close(end)


@pytest.fixture
def fake():
    """A server in Python that gets something wrong, to see that a check can fail:
    fake(handle) serves connections with handle(connection), each on a thread; its port."""
    listeners = []

    def start(handle, one_at_a_time=False):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def handle_one(connection):
            with contextlib.suppress(OSError):
                handle(connection)

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.settimeout(goodtalk_talk.PATIENCE)
                    thread = threading.Thread(target=handle_one, args=(connection,), daemon=True)
                    thread.start()
                    if one_at_a_time:
                        thread.join()

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    yield start
    for listener in listeners:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture(params=KINDS)
def at(request, tmp_path):
    """Where to listen for datagrams, of every kind."""
    return address_of(request.param, tmp_path)


@pytest.fixture(params=["udp", "unixgram"])
def at_two(request, tmp_path):
    """For what is not about addresses: one of IP, one of Unix."""
    return address_of(request.param, tmp_path)
