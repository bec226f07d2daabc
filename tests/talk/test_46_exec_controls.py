"""Each promise about commands, broken on purpose in a copy of a source file: it must be noticed."""
import os
import pathlib
import signal

import pytest
from goodtalk_exec import SPAWN_SHIM, WITNESS, Marks, Witnessed, processes, some_run
from goodtalk_talk import Client, is_sanitized, say, until

CHILD, COMMAND, EXEC = "engine/epoll_child.c", "reply/command.c", "reply/exec.c"
CLOSING = "number ? number : posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1)"


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path, monkeypatch):
    (tmp_path / "place").mkdir()
    monkeypatch.chdir(tmp_path / "place")


@pytest.fixture
def mark():
    return Marks()


def test_descriptors_that_are_not_closed_are_seen(goodtalk, mutant):
    broken = mutant(CHILD, (CLOSING, "number"))
    with open("secret", "w+b") as secret:
        os.set_inheritable(secret.fileno(), True)
        talk = goodtalk("-x", WITNESS, program=broken, pass_fds=[secret.fileno()])
        assert secret.fileno() in Witnessed(say(talk.port, b"hi\n")).descriptors


def test_our_own_descriptors_without_close_on_exec_are_seen(goodtalk, mutant):
    broken = mutant(CHILD, (CLOSING, "number"), ("pipe2(pair, O_CLOEXEC)", "pipe2(pair, 0)"))
    talk = goodtalk("-x", f"exec {WITNESS} </dev/null", program=broken)
    assert len(Witnessed(say(talk.port, b"hi\n")).descriptors) > 3


def test_ignored_signals_that_stay_ignored_are_seen(goodtalk, mutant):
    broken = mutant(CHILD, ("POSIX_SPAWN_SETSIGDEF |", ""))
    talk = goodtalk("-x", WITNESS, program=broken)
    assert int(Witnessed(say(talk.port, b"hi\n")).signals["SigIgn"], 16) & 1 << signal.SIGPIPE - 1


def test_a_group_that_is_not_killed_is_seen(goodtalk, mutant, mark):
    broken = mutant(CHILD, ("    kill(-pid, SIGKILL);\n    pid_t reaped", "    pid_t reaped"))
    number = mark()
    talk = goodtalk("-x", f"sleep {number} >/dev/null 2>&1 </dev/null & echo gone", program=broken)
    assert say(talk.port, b"hi\n") == b"gone\n"
    assert talk.ended() == 0
    some_run(number)
    os.kill(processes(number)[0], signal.SIGKILL)


def test_a_command_that_outlives_its_peer_is_seen(goodtalk, mutant, mark):
    broken = mutant(EXEC, ("    submit(errand);\n    command_leave(&errand->command);", "    submit(errand);"))
    number = mark()
    talk = goodtalk("-k", "-x", f"sleep {number}", program=broken)
    client = Client(talk.port)
    client.send(b"hi\n")
    some_run(number)
    client.reset()
    talk.told_about("the peer went")
    assert processes(number)


def test_a_message_in_its_environment_is_seen(goodtalk, mutant):
    broken = mutant(EXEC, (".id = errand->id};", ".id = (const char *)message->body.data};"))
    talk = goodtalk("-x", WITNESS, program=broken)
    assert "HOSTILE" in Witnessed(say(talk.port, b"HOSTILE\0\n")).told


def test_an_environment_of_all_is_seen(goodtalk, mutant):
    broken = mutant(COMMAND, ("environment, {given, given, SPAWN_PIPE}", "(const char *const *)environ, {given, given, SPAWN_PIPE}"))
    talk = goodtalk("-x", WITNESS, program=broken, env={**os.environ, "SECRET": "x"})
    assert "SECRET" in Witnessed(say(talk.port, b"hi\n")).environment


def test_a_command_before_its_message_is_recorded_is_seen(goodtalk, mutant):
    broken = mutant(EXEC, ("    if (turn->state == TURN_OPEN)\n        submit(errand);", "    submit(errand);"))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    talk = goodtalk("-x", "touch ran", program=broken, stdout=writing)
    os.close(writing)
    with Client(talk.port) as client:
        client.send(b"hi\n")
        until(pathlib.Path("ran").exists, "a command, though nobody has read its message")
    os.close(reading)


def test_a_reply_behind_a_failure_is_seen(goodtalk, mutant):
    broken = mutant("serve/output.c", ("    output->ending = turn->ending;\n", ""))
    talk = goodtalk("-k", "-f", "line", "-s", "none", "-x", "read n; [ $n = 2 ] && exit 1; echo $n", program=broken)
    with Client(talk.port) as client:
        assert client.send(b"1\n2\n3\n").half_close().everything() == b"1\n3\n"


def test_a_line_feed_that_is_doubled_is_seen(goodtalk, mutant):
    broken = mutant("serve/answer.c", ("undoubled(framing_of(turn), printed)", "printed"))
    talk = goodtalk("-f", "crlf", "-x", "echo you", program=broken)
    assert say(talk.port, b"hi\r\n") == b"you\n\r\n"


def test_more_at_once_are_seen(goodtalk, mutant):
    broken = mutant("reply/command_room.c", ("room->running >= room->most", "room->running >= 2 * room->most"))
    talk = goodtalk("-n", "6", "-f", "line", "-s", "none", "--exec-max", "2", program=broken,
                    *("-x", "echo + >> log; until [ $(wc -l < log) -ge 3 ]; do :; done; cat"))
    assert say(talk.port, b"1\n2\n3\n4\n5\n6\n") == b"1\n2\n3\n4\n5\n6\n"


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer wants to be loaded before the shim")
def test_a_want_that_is_not_waited_for_is_seen(goodtalk, mutant):
    broken = mutant("reply/command_room.c", ("number == EAGAIN || ", ""))
    talk = goodtalk("-x", "cat", program=broken,
                    env={**os.environ, "LD_PRELOAD": SPAWN_SHIM, "SPAWN_FAILS": "1", "SPAWN_ERRNO": "11"})
    assert say(talk.port, b"hi\n") == b""


def test_a_status_that_does_not_matter_is_seen(goodtalk, mutant):
    broken = mutant(COMMAND, ("        command->fate = COMMAND_FAILED;\n", "        command->fate = COMMAND_DONE;\n"))
    talk = goodtalk("-x", "cat; exit 3", program=broken)
    assert say(talk.port, b"hi\n") == b"hi\n"


def test_words_that_are_cut_off_are_seen(goodtalk, mutant):
    """Closed with unread input, the connection of a command is reset, and what it said is lost."""
    broken = mutant("serve/handover.c", ("        connection->output->ending = REASON_COMMAND_ENDED;\n        go_on_soon(connection);", "        end_soon(connection, REASON_COMMAND_ENDED);"))
    talk = goodtalk("-k", "-e", "head -c 1000000 /dev/zero", program=broken)
    lost = 0
    for _ in range(20):
        with Client(talk.port) as client:
            client.send(b"x" * 20_000)
            try:
                lost += len(client.everything()) < 1_000_000
            except ConnectionResetError:
                lost += 1
    assert lost > 0
