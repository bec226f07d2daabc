"""Unix sockets: a stale one is replaced, a live one is not, anything else is left alone."""
import os
import signal
import socket

import pytest
from goodtalk_talk import PATIENCE, REPLY, Client, run, say, this_process


def test_removed_at_the_end_however_it_ends(goodtalk, tmp_path):
    path = tmp_path / "gt"
    for options, stop, status in (
            ([], lambda talk: say(path, b"hello\n"), 0),
            (["-k"], lambda talk: talk.signal(signal.SIGTERM), 0),
            ([], lambda talk: talk.signal(signal.SIGINT), -signal.SIGINT),
            (["-w", "10ms"], lambda talk: None, 3)):
        talk = goodtalk(*options, at=f"unix:{path}")
        stop(talk)
        assert talk.ended() == status
        assert not path.exists()


def stale_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def test_a_stale_socket_is_replaced(goodtalk, tmp_path):
    stale_socket(tmp_path / "gt")
    talk = goodtalk(at=f"unix:{tmp_path}/gt")
    assert say(tmp_path / "gt", b"hello\n") == REPLY
    assert talk.ended() == 0


def test_one_left_by_kill_is_replaced(goodtalk, tmp_path):
    for _ in range(3):
        talk = goodtalk(at=f"unix:{tmp_path}/gt")
        talk.signal(signal.SIGKILL)
        assert talk.ended() == -signal.SIGKILL
        assert (tmp_path / "gt").is_socket()
    assert goodtalk("-k", at=f"unix:{tmp_path}/gt").stop() == 0


@pytest.mark.parametrize("full", [False, True], ids=["with room", "its queue full"])
def test_a_live_socket_is_refused(tmp_path, full):
    path = str(tmp_path / "gt")
    with socket.socket(socket.AF_UNIX) as live, socket.socket(socket.AF_UNIX) as waits:
        live.bind(path)
        live.listen(0)
        before = os.stat(path).st_ino
        if full:
            waits.connect(path)
        refused = run(f"unix:{path}")
        assert refused.returncode == 1
        assert f"held by {this_process()}" in refused.stderr.decode()
        assert os.stat(path).st_ino == before


@pytest.mark.parametrize("kind", ["file", "directory", "fifo", "symlink",
                                  "symlink to a stale socket", "dangling symlink"])
def test_anything_else_in_its_place_is_left_alone(tmp_path, kind):
    path, other = tmp_path / "gt", tmp_path / "other"
    {"file": lambda: path.write_text("precious"), "directory": path.mkdir,
     "fifo": lambda: os.mkfifo(path),
     "symlink": lambda: (other.write_text("precious"), path.symlink_to(other)),
     "symlink to a stale socket": lambda: (stale_socket(other), path.symlink_to(other)),
     "dangling symlink": lambda: path.symlink_to(other)}[kind]()
    before = os.lstat(path).st_ino, os.path.lexists(other)
    refused = run(f"unix:{path}")
    assert refused.returncode == 1
    assert refused.stderr.startswith(b"goodtalk: ") and str(path).encode() in refused.stderr
    assert (os.lstat(path).st_ino, os.path.lexists(other)) == before
    if kind == "file":
        assert path.read_text() == "precious"


def test_one_that_took_its_place_meanwhile_is_not_removed(goodtalk, tmp_path):
    talk = goodtalk("-k", at=f"unix:{tmp_path}/gt")
    (tmp_path / "gt").unlink()
    stale_socket(tmp_path / "gt")
    assert talk.stop() == 0
    assert (tmp_path / "gt").is_socket()


@pytest.mark.parametrize("option, mode", [([], 0o600), (["--socket-mode", "0666"], 0o666),
                                          (["--socket-mode", "660"], 0o660)])
@pytest.mark.parametrize("umask", [0o077, 0])
def test_mode(goodtalk, tmp_path, option, mode, umask):
    talk = goodtalk("-k", *option, at=f"unix:{tmp_path}/gt", umask=umask)
    assert (tmp_path / "gt").stat().st_mode & 0o7777 == mode
    assert talk.stop() == 0


@pytest.mark.parametrize("owner, uid, gid", [("nobody", 65534, None), ("nobody:daemon", 65534, 1),
                                             ("1234:4321", 1234, 4321)])
def test_owner(goodtalk, tmp_path, owner, uid, gid):
    if os.geteuid() != 0:
        pytest.skip("only root may give a file away")
    talk = goodtalk("-k", "--socket-owner", owner, at=f"unix:{tmp_path}/gt")
    found = (tmp_path / "gt").stat()
    assert found.st_uid == uid
    assert gid is None or found.st_gid == gid
    assert talk.stop() == 0


TYPES = {"unix": socket.SOCK_STREAM, "unixgram": socket.SOCK_DGRAM, "unixpacket": socket.SOCK_SEQPACKET}


@pytest.mark.parametrize("kind", ["unixgram", "unixpacket"])
def test_datagrams_and_packets(goodtalk, tmp_path, kind):
    """In the place of a stale stream; refused to who comes second; removed at the end."""
    path = tmp_path / "gt"
    stale_socket(path)
    talk = goodtalk("-n", "1", "--socket-mode", "0666", at=f"{kind}:{path}")
    assert talk.addresses == [f"{kind}:{path}"]
    assert path.stat().st_mode & 0o7777 == 0o666
    for other in TYPES:
        second = run(f"{other}:{path}")
        assert second.returncode == 1
        assert b"EADDRINUSE" in second.stderr and f"(pid {talk.pid})".encode() in second.stderr
    with socket.socket(socket.AF_UNIX, TYPES[kind]) as client:
        client.settimeout(PATIENCE)
        client.bind(str(tmp_path / "own"))
        client.connect(str(path))
        client.send(b"hello")
        assert client.recv(1000) == REPLY
    assert talk.ended() == 0
    assert not path.exists()


def test_abstract(goodtalk):
    name = f"goodtalk-test-{os.getpid()}"
    talk = goodtalk("-k", at=f"unix:@{name}")
    assert talk.addresses == [f"unix:@{name}"]
    with Client(b"\0" + name.encode()) as client:
        assert client.send(b"hello\n").line() == REPLY
    second = run(f"unix:@{name}")
    assert second.returncode == 1
    assert b"EADDRINUSE" in second.stderr and f"pid {talk.pid}".encode() in second.stderr
    assert talk.stop() == 0
