"""Protections switched off, one at a time, in a copy of one source file: each must be found by the test
that holds it."""
import errno

import pytest

import goodtalk_talk
import test_exhaustion
from goodtalk_mutant import make_mutant
from test_exhaustion import shimmed
from test_torture import check, run
from torture_calls import Failure
from torture_scenarios import Client


@pytest.fixture
def mutant(tmp_path, monkeypatch):
    """mutant(SOURCE, old, new): from now on the program is one with that change."""
    def make(source, old, new):
        monkeypatch.setattr(goodtalk_talk, "GOODTALK", make_mutant(tmp_path, source, (old, new)))
    return make


def check_found(scenario, directory, *failure):
    """The program with its protection off does not pass."""
    failure = Failure(*failure)
    with pytest.raises(AssertionError):
        check(run(scenario, directory / "run", {"SHIM_FAIL": failure.plan}), failure)


def test_the_program_itself_passes(tmp_path):
    for number, failure in enumerate([Failure("recv", errno.EINTR, 3),
                                      Failure("open", errno.EMFILE, 3),
                                      Failure("accept4", errno.EPERM, 2, 150)]):
        outcome = run("kept", tmp_path / str(number), {"SHIM_FAIL": failure.plan})
        check(outcome, failure)


def test_a_recv_that_takes_a_signal_for_an_error(mutant, tmp_path):
    mutant("engine/epoll_stream.c", "ssize_t size = recv(op->op.fd, engine->buffer, "
           "EPOLL_RECEIVE_SIZE, MSG_DONTWAIT);", "ssize_t size = recv(op->op.fd, engine->buffer, "
           "EPOLL_RECEIVE_SIZE, MSG_DONTWAIT); if (size < 0 && errno == EINTR) errno = EIO;")
    check_found("kept", tmp_path, "recv", errno.EINTR, 3)


def test_a_descriptor_that_leaks(mutant, tmp_path):
    mutant("engine/epoll_connection.c", "epoll_forget(engine, fd);\n        engine->happened",
           "epoll_forget(engine, fd);\n        (void)!dup(2);\n        engine->happened")
    check_found("kept", tmp_path, "poll", errno.EINTR, 1)


def test_a_socket_file_that_stays(mutant, tmp_path):
    mutant("serve/socket_unix.c", "    if (lstat(opening->path, &made) == 0)\n        remember_file",
           "    if (0)\n        remember_file")
    check_found("kept", tmp_path, "open", errno.EMFILE, 3)


def test_a_reply_before_its_record(mutant, tmp_path):
    """What could not be written is taken for written."""
    mutant("record/outlet.c", "outlet->mode = WRITE_STREAM;",
           "outlet->mode = WRITE_STREAM; *outlet = (struct outlet){.fd = open(\"/dev/null\", O_WRONLY), "
           ".mode = WRITE_FILE, .owned = true}; return GT_DONE;")
    check_found("kept", tmp_path, "poll", errno.EINTR, 1)


def test_an_accept_that_is_refused_for_good(mutant, tmp_path):
    """Without a pause it is asked again and again; with one, that is told."""
    refused = {"SHIM_FAIL": Failure("accept4", errno.EPERM, 2, 150).plan}
    assert "EPERM" in run("kept", tmp_path / "itself", refused).stderr
    mutant("engine/epoll_connection.c", "&& ++died < EPOLL_ACCEPTS_MAX)", ")")
    assert "EPERM" not in run("kept", tmp_path / "changed", refused).stderr


def test_no_pause_without_descriptors(mutant, goodtalk, tmp_path):
    mutant("serve/listener.c", "#define RETRY_NS INT64_C(100000000)", "#define RETRY_NS INT64_C(0)")
    with pytest.raises(AssertionError):
        test_exhaustion.test_out_of_descriptors(goodtalk, tmp_path, "epoll")


def test_a_send_that_does_not_look_how_much_left(mutant, goodtalk, tmp_path):
    mutant("engine/epoll_stream.c", "epoll_rest_advance(&rest, op, (size_t)sent);",
           "sent = 0; for (unsigned i = 0; i < rest.count; i++) sent += (ssize_t)rest.part[i].iov_len; "
           "epoll_rest_advance(&rest, op, (size_t)sent);")
    talk = goodtalk("-k", "--engine", "epoll", "--echo", "-s", "none", at="127.0.0.1:0",
                    env=shimmed(tmp_path, cut="100:1"))
    said = [b"line %d of some length\n" % i for i in range(50)]
    with Client(talk.port) as client:
        client.send(b"".join(said))
        assert client.half_close().everything() != b"".join(said)


def test_a_timeout_by_the_wall_clock(mutant, goodtalk, tmp_path):
    mutant("engine/epoll.c", "    clock_gettime(clock, &time);",
           "    clock_gettime(clock == CLOCK_MONOTONIC ? CLOCK_REALTIME : clock, &time);")
    with pytest.raises((AssertionError, OSError)):
        test_exhaustion.test_a_clock_that_is_set_fires_no_timeout(goodtalk, tmp_path, "epoll", 1)
