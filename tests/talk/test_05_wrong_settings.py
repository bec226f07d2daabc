"""Every wrong setting says what is right; what is not built is refused and not in the help."""
import re
import subprocess

import pytest
from goodtalk_talk import GOODTALK, PATIENCE, run

BUILT = """keep count connections reply reply-file echo silent greeting greeting-file close frame
    pause max-message show timeout idle-timeout message-timeout write-timeout drain-timeout
    max-connections max-memory max-per-source max-rate
    max-waiting send-buffer receive-buffer backlog socket-mode socket-owner
    udp-amplification ready workers engine spin talk strict report seed match-bytes
    max-script-steps max-script-memory max-script-allocation trust exec
    exec-connection exec-timeout exec-max max-reply verbose quiet log-format help version""".split()
LATER = """tls-cert tls-key tls-ca tls-alpn proxy allow deny user chroot
    sandbox""".split()

WRONG = [
    (["--max-message", "5x"], "not a size", "for example 64KiB"),
    (["--max-message", "0"], "--max-message 0", ""),
    (["--max-message", "-1"], "not a size", "for example"),
    (["--max-memory", "lots"], "not a size", "for example"),
    (["--max-message", "99999999999999999999"], "not a size", ""),
    (["-w", "soon"], "not a duration", "for example"),
    (["--spin", "fast"], "not a duration", "for example 0us"),
    (["--pause", "5 min"], "not a duration", "for example"),
    (["--idle-timeout", "-1s"], "not a duration", "for example"),
    (["--message-timeout", ""], "not a duration", "for example"),
    (["--write-timeout", "1y"], "not a duration", "for example"),
    (["--drain-timeout", "x"], "not a duration", "for example"),
    (["-n", "many"], "not a", ""),
    (["--count", "-3"], "not a", ""),
    (["--connections", "1.5"], "not a", ""),
    (["-m", "0x10"], "not a", ""),
    (["--backlog", "x"], "not a", ""),
    (["--seed", "luck"], "not a count", "from 0"),
    (["--match-bytes", "0"], "too small", "at least 1 byte"),
    (["--max-script-steps", "10"], "not a count", "from 1000"),
    (["--max-script-memory", "1KiB"], "too small", "at least 1 MiB"),
    (["--max-script-allocation", "1"], "too small", "at least 64 KiB"),
    (["--report", ""], "--report", "name of a file"),
    (["--talk", ""], "--talk", "name of a file"),
    (["--talk", "/no/such/file.lua"], "/no/such/file.lua", "ENOENT"),
    (["-x", ""], "--exec ''", "not a command"),
    (["-x", " \t"], "--exec", "not a command"),
    (["-e", ""], "--exec-connection ''", "not a command"),
    (["--exec-timeout", "0"], "--exec-timeout", "at least"),
    (["--exec-max", "0"], "not a count", "from 1"),
    (["--max-reply", "none"], "not a size", "for example"),
    (["--max-per-source", "few"], "not a", "from 0"),
    (["--max-waiting", "0"], "not a count", "from 1"),
    (["--send-buffer", "1KiB"], "too small", "at least 4 KiB"),
    (["--receive-buffer", "2GiB"], "too large", "at most 1 GiB"),
    (["--max-rate", "10/d"], "not a rate", "for example 100/s"),
    (["--max-rate", "1.5/s"], "not a rate", "for example 100/s"),
    (["-f", "lines"], "talk", "line"),
    (["-f", "eof:3"], "eof", ""),
    (["-s", "xml"], "json", "hex"),
    (["--engine", "iocp"], "epoll", ""),
    (["--log-format", "xml"], "json", "text"),
    (["--socket-mode", "999"], "not a mode", "for example 06"),
    (["--socket-mode", "rw"], "not a mode", "for example 06"),
    (["--socket-owner", "no-such-user-here"], "no-such-user-here", ""),
    (["-r", "\\q"], "\\q", ""),
    (["-r", "\\x1"], "\\x", ""),
    (["--greeting", "\\"], "\\", ""),
    (["--ready", "fd:x"], "fd:x", ""),
    (["--reply"], "--reply", "argument"),
    (["--keep=yes"], "--keep", ""),
]


@pytest.mark.parametrize("options, why, right", WRONG, ids=[" ".join(row[0]) for row in WRONG])
def test_a_wrong_value_says_what_is_right(options, why, right):
    refused = run("0", *options)
    assert refused.returncode == 2
    assert refused.stdout == b""
    said = refused.stderr.decode()
    assert said.startswith("goodtalk: ") and said.count("\n") == 1
    assert why in said and right in said


@pytest.mark.parametrize("option", ["--reply-file", "--greeting-file"])
def test_a_file_that_is_not_there(option):
    refused = run(option, "/no/such/file", "0")
    assert refused.returncode in (1, 2)
    assert b"/no/such/file" in refused.stderr and b"ENOENT" in refused.stderr


def test_the_wording_of_the_issue():
    assert b"--max-message 5x: not a size; for example 64KiB\n" in run("--max-message", "5x").stderr


# ---- options that are not ----


@pytest.mark.parametrize("typed, meant", [
    ("--max-mesage=5", "--max-message"), ("--timout", "--timeout"), ("--kep", "--keep"),
    ("--replyfile", "--reply-file"), ("--verbos3", "--verbose")])
def test_an_unknown_option_names_the_nearest(typed, meant):
    refused = run(typed, "0")
    assert refused.returncode == 2
    assert typed.split("=")[0] in refused.stderr.decode() and f"{meant}" in refused.stderr.decode()


def test_an_unknown_letter():
    refused = run("-Q")
    assert refused.returncode == 2 and b"-Q" in refused.stderr


@pytest.mark.parametrize("words, right", [
    (["-l", "8080"], "goodtalk 8080"), (["-l", "-p", "8080"], "goodtalk 8080"),
    (["-lp", "8080"], "goodtalk 8080"), (["-p", "8080"], "goodtalk 8080"),
    (["-u", "9999"], "udp:9999"), (["-U", "/tmp/x"], "unix:/tmp/x"), (["-c", "cat"], "goodtalk -e cat"),
    (["localhost", "8080"], "localhost:8080"), (["127.0.0.1", "80"], "127.0.0.1:80"),
    (["-lk", "8080"], "goodtalk -k 8080"), (["-lvnp", "8080"], "goodtalk 8080"),
], ids=lambda said: said if isinstance(said, str) else " ".join(said))
def test_fingers_trained_on_nc(words, right):
    refused = run(*words)
    assert refused.returncode == 2
    assert right in refused.stderr.decode()
    assert refused.stderr.count(b"\n") == 1


@pytest.mark.parametrize("name", LATER)
def test_options_not_built_yet_are_refused_and_not_in_the_help(name):
    refused = run(f"--{name}", "1", "0")
    assert refused.returncode == 2
    assert f"--{name}" in refused.stderr.decode() and "not " in refused.stderr.decode()
    assert not re.search(rf"--{name}\b(?!-)", run("--help").stdout.decode())


@pytest.mark.parametrize("frame, right", [
    ("crlf:x", "takes no parameter"), ("delim", "delim:TEXT"), ("delim:", "delim:TEXT"),
    ("delim:\\q", "backslash"), ("length", "length:N"), ("length:9", "1 to 8"),
    ("length:1+256", "at most 255"), ("fixed:0", "fixed:N"), ("packet", "not a framing")])
def test_framings_that_cannot_work(frame, right):
    refused = run("-f", frame, "0")
    assert refused.returncode == 2
    assert f"--frame {frame}".encode().replace(b"\\", b"\\\\") in refused.stderr
    assert right in refused.stderr.decode()
    assert refused.stderr.count(b"\n") == 1


@pytest.mark.parametrize("frame", ["fixed:17", "length:4@13", "length:2-17"])
def test_framings_that_leave_no_room_for_a_message(frame):
    refused = run("-f", frame, "--max-message", "16", "0")
    assert refused.returncode == 2
    assert frame in refused.stderr.decode() and "--max-message 16" in refused.stderr.decode()


def test_listen_spelled_out():
    assert run("listen", "-w", "1ms", "0").returncode == 3


# ---- help ----


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_option(option):
    shown = run(option)
    assert shown.returncode == 0 and shown.stderr == b""
    for name in BUILT:
        assert re.search(rf"--{name}\b(?!-)", shown.stdout.decode()), name
    assert re.search(r"-4\b", shown.stdout.decode()) and re.search(r"-6\b", shown.stdout.decode())
    assert max(map(len, shown.stdout.decode().splitlines())) <= 100


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(option):
    shown = run(option)
    assert shown.returncode == 0
    assert re.fullmatch(r"goodtalk \d+\.\d+\.\d+\n", shown.stdout.decode())


def test_help_tells_every_exit_status():
    told = run("--help").stdout.decode().split("Exit status:")[1].split("\n\n")[0]
    assert [word for word in told.replace(";", "").split() if word.isdigit()] == ["0", "1", "2", "3", "4"]
    assert "talk" in told.split("2 ")[1]


def test_help_to_a_full_disk_is_an_error():
    with open("/dev/full", "wb") as full:
        refused = subprocess.run([GOODTALK, "--help"], stdout=full, stderr=subprocess.PIPE,
                                 timeout=PATIENCE)
    assert refused.returncode == 1 and b"ENOSPC" in refused.stderr
