"""Every setting does what it says; wrong ones: the next file."""
import json
import re
import shutil
import subprocess

import pytest
from goodtalk_talk import REPLY, Client, run, say


def reply_to(goodtalk, *options, said=b"hello\n"):
    talk = goodtalk(*options)
    heard = say(talk.port, said)
    assert talk.ended() == 0
    return heard


# ---- what is replied ----


@pytest.mark.parametrize("text, reply", [
    ("Hi", b"Hi\n"), ("Hi\\n", b"Hi\n"), ("a\\tb\\r\\n", b"a\tb\r\n"),
    ("\\x00\\xff\\\\", b"\0\xff\\\n"),
    ("\\0", b"\0\n"), ("", b"\n"), ("two\\nlines", b"two\nlines\n"), ("grüße", "grüße\n".encode()),
])
@pytest.mark.parametrize("option", ["-r", "--reply"])
def test_reply(goodtalk, option, text, reply):
    assert reply_to(goodtalk, option, text) == reply


@pytest.mark.parametrize("content", [b"", b"no line end", b"\0\xff\r\n" * 100_000], ids=len)
def test_reply_file_is_sent_exactly(goodtalk, tmp_path, content):
    (tmp_path / "reply").write_bytes(content)
    assert reply_to(goodtalk, "--reply-file", tmp_path / "reply") == content


def test_echo(goodtalk):
    assert reply_to(goodtalk, "--echo", said=b"\0 Who is there?\r\n") == b"\0 Who is there?\n"


def test_silent_is_recorded_that_is_all(goodtalk):
    talk = goodtalk("--silent")
    assert say(talk.port, b"hello\n") == b""
    assert talk.ended() == 0
    assert talk.shown() == [b"hello"]


def test_greeting_comes_first_and_exactly(goodtalk, tmp_path):
    assert reply_to(goodtalk, "--greeting", "220 \\x00ready") == b"220 \0ready" + REPLY
    (tmp_path / "greeting").write_bytes(b"220 hi\\n\r\n")
    talk = goodtalk("--greeting-file", tmp_path / "greeting")
    with Client(talk.port) as client:
        assert client.line() == b"220 hi\\n\r\n"
        assert client.send(b"hello\n").everything() == REPLY
    assert talk.ended() == 0


def test_close_ends_each_connection_of_a_kept_server(goodtalk):
    talk = goodtalk("-k", "--close")
    for _ in range(3):
        assert say(talk.port, b"one\ntwo\n") == REPLY
    assert talk.stop() == 0
    assert talk.shown() == [b"one"] * 3


def test_without_close_it_goes_on(goodtalk):
    talk = goodtalk("--keep")
    with Client(talk.port) as client:
        for _ in range(3):
            assert client.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0


@pytest.mark.parametrize("engine", ["auto", "epoll"])
def test_engine(goodtalk, engine):
    assert reply_to(goodtalk, "--engine", engine) == REPLY


@pytest.mark.parametrize("backlog", ["7", "100"])
def test_backlog(goodtalk, backlog):
    if not shutil.which("ss"):
        pytest.skip("ss (iproute2) is not installed: the backlog cannot be seen")
    talk = goodtalk("-k", "--backlog", backlog)
    listed = subprocess.run(["ss", "-Hltn", f"sport = :{talk.port}"], capture_output=True,
                            check=True)
    assert listed.stdout.split()[2] == backlog.encode()
    assert talk.stop() == 0


# ---- where readiness is told ----


def test_ready_file_is_whole_when_it_is_there(goodtalk, tmp_path):
    talk = goodtalk("-k", "--ready", tmp_path / "ready", at=["127.0.0.1:0", f"unix:{tmp_path}/gt"],
                    ready=False)
    while not (tmp_path / "ready").exists():
        assert talk.process.poll() is None
    first, second = (tmp_path / "ready").read_text().splitlines()
    assert re.fullmatch(r"tcp:127\.0\.0\.1:\d+", first) and second == f"unix:{tmp_path}/gt"
    assert say(int(first.rsplit(":", 1)[1]), b"hello", half_close=True) == REPLY
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gt", "ready"]
    assert talk.stop() == 0


def test_ready_on_stderr(goodtalk):
    talk = goodtalk("-k", "-q", "--ready", "-", at="127.0.0.1:0", ready=False)
    talk.stderr.wait_for(b"\n")
    assert talk.stop() == 0
    assert re.search(r"^tcp:127\.0\.0\.1:\d+$", talk.said(), re.M)


@pytest.mark.parametrize("where", ["fd:77", "/no/such/folder/ready"])
def test_ready_nowhere(where):
    refused = run("--ready", where, "0")
    assert refused.returncode in (1, 2)
    assert where.encode() in refused.stderr


# ---- what stderr gets ----


def test_quiet_and_verbose(goodtalk):
    said = {}
    for option in ("-q", "-v"):
        talk = goodtalk(option)
        name = []
        with Client(talk.port) as client:
            name.append(client.name)
            assert client.send(b"hello\n").everything() == REPLY
        assert talk.ended() == 0
        said[option] = talk.said()
    assert said["-q"] == ""
    assert name[0] in said["-v"]
    assert all(line.startswith("goodtalk: ") for line in said["-v"].splitlines())


def test_quiet_still_says_what_failed():
    refused = run("-q", "unix:/no/such/folder/gt")
    assert refused.returncode == 1 and b"ENOENT" in refused.stderr


def test_log_format_json(goodtalk):
    talk = goodtalk("-v", "--log-format", "json")
    assert say(talk.port, b"hello\n") == REPLY
    assert talk.ended() == 0
    lines = [json.loads(line) for line in talk.said().splitlines()]
    assert any(str(talk.port) in json.dumps(line) for line in lines)
    assert all(isinstance(line, dict) for line in lines)


# ---- how options are written ----


def test_long_options_may_be_shortened(goodtalk):
    assert reply_to(goodtalk, "--ech", "--verb", "--max-mes=1KiB", said=b"hi\n") == b"hi\n"
    refused = run("--max-m", "5", "0")
    assert refused.returncode == 2
    assert b"--max-message" in refused.stderr and b"--max-memory" in refused.stderr


def test_letters_together_and_values_attached(goodtalk):
    talk = goodtalk("-kvsnone", "-rHi")
    with Client(talk.port) as client:
        assert client.send(b"hello\n").line() == b"Hi\n"
    assert talk.stop() == 0
    assert talk.stdout.everything() == b""
