"""The library: the example as the README shows it, replies from threads, a stop from a signal."""
import functools
import os
import pathlib
import shutil
import signal
import subprocess

import pytest
from goodtalk_talk import (GOODTALK, PATIENCE, REPLY, ROOT, Client, Collector, is_sanitized, say,
                           until)

BUILD = pathlib.Path(GOODTALK).resolve().parent
EXAMPLE = ROOT / "examples" / "hello.c"
LINKS = {"static": [BUILD / "libgoodtalk.a"],
         "shared": [f"-L{BUILD}", "-lgoodtalk", f"-Wl,-rpath,{BUILD}"]}

LATER = r"""
#include <goodtalk.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gt_server *server;
static pthread_t threads[64];
static unsigned thread_count;

static void *reply_later(void *turn)
{
    gt_reply(turn, "from a thread", 13);
    return NULL;
}

static void heard(gt_turn *turn, const struct gt_message *message, void *context)
{
    (void)context;
    if (message->size == 4 && memcmp(message->bytes, "none", 4) == 0)
        gt_reply_none(turn);
    else if (message->size == 3 && memcmp(message->bytes, "now", 3) == 0)
        gt_reply(turn, "at once", 7);
    else if (thread_count == sizeof threads / sizeof *threads ||
             pthread_create(&threads[thread_count++], NULL, reply_later, turn) != 0)
        abort();
}

static void told(const struct gt_event *event, void *context)
{
    (void)context;
    printf("%s %s\n", event->name, event->listener ? event->listener : "-");
    fflush(stdout);
}

static void stop(int number)
{
    (void)number;
    gt_stop(server);
}

int main(int argc, char **argv)
{
    server = gt_create();
    signal(SIGTERM, stop);
    gt_on_message(server, heard, NULL);
    gt_on_event(server, GT_DETAIL, told, NULL);
    if (gt_set(server, "max-message", "5x") != GT_WRONG || !strstr(gt_error(server), "not a size"))
        return 10;
    for (int i = 2; i + 1 < argc; i += 2)
        if (gt_set(server, argv[i], argv[i + 1]) != GT_DONE)
            return 11;
    if (gt_listen(server, argv[1]) != GT_DONE) {
        fprintf(stderr, "%s\n", gt_error(server));
        return 12;
    }
    int status = gt_run(server);
    for (unsigned i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    printf("messages %d\n", (int)gt_message_count(server));
    gt_free(&server);
    return server ? 13 : status;
}
"""


@functools.lru_cache(None)
def compiler():
    candidates = (os.environ.get("CC", "cc"), "gcc", "clang")
    return next((name for name in candidates if shutil.which(name)), None)


def build(source, target, link):
    if not compiler():
        pytest.skip("no C compiler here")
    flags = ["-fsanitize=address,undefined"] if is_sanitized() else []
    subprocess.run([compiler(), "-std=c11", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-g",
                    *flags, f"-I{ROOT}/include", source, "-o", target, *LINKS[link], "-pthread"],
                   check=True, timeout=PATIENCE * 2)
    return target


@pytest.fixture(scope="module", params=LINKS)
def later(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    (folder / "later.c").write_text(LATER)
    return build(folder / "later.c", folder / "later", request.param)


class Started:
    """A program of a user of the library, and its stdout."""

    def __init__(self, *command):
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL)
        self.stdout = Collector(os.dup(self.process.stdout.fileno()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def ended(self):
        status = self.process.wait(PATIENCE)
        return status, self.stdout.everything().decode()

    def listens(self):
        """The port it tells once it listens."""
        data = self.stdout.wait_for(lambda data: b"listening tcp:" in data and data.endswith(b"\n"))
        return int(data.split(b"listening tcp:127.0.0.1:")[1].split()[0])


def test_replies_from_another_thread_in_order(later):
    with Started(later, "127.0.0.1:0") as program:
        with Client(program.listens()) as client:
            client.send(b"later\nnow\nnone\nlater\nnow\n")
            assert client.lines(4) == [b"from a thread\n", b"at once\n"] * 2
            program.process.send_signal(signal.SIGTERM)
            assert client.ended_silently()
        status, told = program.ended()
    assert status == 0
    assert told.endswith("messages 5\n") and "stopping" in told


def test_a_peer_that_has_gone_before_its_reply(later):
    with Started(later, "127.0.0.1:0") as program:
        port = program.listens()
        for _ in range(20):
            Client(port).send(b"later\n").reset()
        with Client(port) as client:
            assert client.send(b"now\n").line() == b"at once\n"
            program.process.send_signal(signal.SIGTERM)
            assert client.ended_silently()
        assert program.ended()[0] == 0


def test_a_count_ends_the_run(later):
    with Started(later, "127.0.0.1:0", "count", "2") as program:
        assert say(program.listens(), b"now\nlater\nlater\n") == b"at once\nfrom a thread\n"
        status, told = program.ended()
    assert status == 0
    assert told.endswith("messages 2\n")


def test_a_count_not_reached_is_told_apart(later):
    with Started(later, "127.0.0.1:0", "count", "2") as program:
        program.listens()
        program.stdout.wait_for(b"ready")
        program.process.send_signal(signal.SIGTERM)
        assert program.ended()[0] == 5  # GT_STOPPED


@pytest.mark.parametrize("link", LINKS)
def test_the_example(own_network, tmp_path, link):
    """examples/hello.c, as the README says: compiled, run, and talked to on port 9999."""
    build(EXAMPLE, tmp_path / "hello", link)
    with Started(tmp_path / "hello") as program:
        table = pathlib.Path("/proc/thread-self/net/tcp6")
        until(lambda: ":270F " in table.read_text(), "somebody listening on port 9999")
        with Client(9999) as client:
            assert client.send(b"Who is there?\n").line() == REPLY
        program.process.send_signal(signal.SIGTERM)
        program.process.wait(PATIENCE)


def test_only_what_the_header_declares_is_visible():
    """Nothing but gt_ names leaves the library."""
    if not shutil.which("nm"):
        pytest.skip("nm (binutils) is not installed")
    for file, option in (("libgoodtalk.so", "-D"), ("libgoodtalk.a", "-g")):
        listed = subprocess.run(["nm", option, "--defined-only", BUILD / file], check=True,
                                capture_output=True, text=True).stdout
        names = [line.split()[-1] for line in listed.splitlines() if len(line.split()) == 3]
        ours = [name for name in names if not name.startswith(("_", "gt_"))]
        assert ours == [] and "gt_run" in names


def test_the_header_is_c_plus_plus_too(tmp_path):
    if not shutil.which("g++"):
        pytest.skip("no C++ compiler here")
    (tmp_path / "a.cc").write_text("#include <goodtalk.h>\n#include <goodtalk.h>\n"
                                   "int main() { return gt_version() == nullptr; }\n")
    subprocess.run(["g++", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT}/include",
                    tmp_path / "a.cc"], check=True, timeout=PATIENCE)
