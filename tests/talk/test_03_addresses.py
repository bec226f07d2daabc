"""Where it listens: every form of address, told as it can be connected to; who is in the way."""
import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest
from goodtalk_talk import GOODTALK, PATIENCE, REPLY, Client, run, say, this_process

TCP_FORMS = {
    "0": r"tcp:\[::\]:\d+",
    ":0": r"tcp:\[::\]:\d+",
    "127.0.0.1:0": r"tcp:127\.0\.0\.1:\d+",
    "[::1]:0": r"tcp:\[::1\]:\d+",
    "tcp:0": r"tcp:\[::\]:\d+",
    "tcp:127.0.0.1:0": r"tcp:127\.0\.0\.1:\d+",
    "tcp4:0": r"tcp:0\.0\.0\.0:\d+",
    "tcp6:0": r"tcp:\[::\]:\d+",
    "tcp4:127.0.0.1:0": r"tcp:127\.0\.0\.1:\d+",
    "tcp6:[::1]:0": r"tcp:\[::1\]:\d+",
}


def host_to_try(form):
    return "::1" if "6" in form or "::1" in form else "127.0.0.1"


@pytest.mark.parametrize("form", TCP_FORMS)
def test_tcp_form(goodtalk, form):
    talk = goodtalk(at=form)
    assert len(talk.addresses) == 1
    assert re.fullmatch(TCP_FORMS[form], talk.addresses[0])
    assert say((host_to_try(form), talk.port), b"hello\n") == REPLY
    assert talk.ended() == 0


UDP_FORMS = {
    "udp:0": r"udp:\[::\]:\d+",
    "udp:127.0.0.1:0": r"udp:127\.0\.0\.1:\d+",
    "udp:[::1]:0": r"udp:\[::1\]:\d+",
    "udp4:0": r"udp:0\.0\.0\.0:\d+",
    "udp6:0": r"udp:\[::\]:\d+",
}


@pytest.mark.parametrize("form", UDP_FORMS)
def test_udp_form(goodtalk, form):
    talk = goodtalk(at=form)
    assert len(talk.addresses) == 1
    assert re.fullmatch(UDP_FORMS[form], talk.addresses[0])
    host = host_to_try(form)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.settimeout(PATIENCE)
        sender.connect((host, int(talk.addresses[0].rsplit(":", 1)[1])))
        sender.send(b"hello")
        assert sender.recv(1000) == REPLY
    assert talk.ended() == 0


@pytest.mark.parametrize("form", ["0", "127.0.0.1:0"])
def test_a_chosen_port_is_told_where_nobody_asked_to_know(goodtalk, form):
    talk = goodtalk(at=form, ready=False)
    told = talk.told_about("listening on tcp:")
    assert say(int(told.rsplit(":", 1)[1]), b"hello\n") == REPLY
    assert talk.ended() == 0


@pytest.mark.parametrize("at, option, refused", [
    ("tcp4:0", [], "::1"), ("tcp6:0", [], "127.0.0.1"), ("0", ["-4"], "::1"),
    ("0", ["-6"], "127.0.0.1"),
])
def test_one_family_only(goodtalk, at, option, refused):
    talk = goodtalk("-k", *option, at=at)
    with pytest.raises(ConnectionRefusedError):
        Client((refused, talk.port))
    assert talk.stop() == 0


def test_a_name_is_every_address_it_resolves_to_on_one_port(goodtalk):
    resolved = socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)
    expected = {entry[4][0] for entry in resolved}
    talk = goodtalk("-k", at="localhost:0")
    assert len(talk.addresses) == len(expected)
    for host in expected:
        with Client((host, talk.port)) as client:
            assert client.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0


def test_a_chosen_udp_port_is_told_where_nobody_asked_to_know(goodtalk):
    talk = goodtalk("-k", at="udp:127.0.0.1:0", ready=False)
    talk.told_about("listening on udp:127.0.0.1:")
    assert talk.stop() == 0


def test_what_ends_like_port_0_and_is_none_is_not_told(goodtalk, tmp_path):
    talk = goodtalk("-k", at=[f"unixgram:{tmp_path}/gt:0", f"unixpacket:{tmp_path}/other:0"])
    assert talk.stop() == 0
    assert talk.said() == ""


def test_several_at_once_in_their_order(goodtalk, tmp_path):
    talk = goodtalk("-n", "3", at=["127.0.0.1:0", f"unix:{tmp_path}/gt", "tcp6:[::1]:0"])
    first, second, third = talk.addresses
    assert first.startswith("tcp:127.0.0.1:") and third.startswith("tcp:[::1]:")
    assert second == f"unix:{tmp_path}/gt"
    for target in (talk.port, tmp_path / "gt", ("::1", int(third.rsplit(":", 1)[1]))):
        assert say(target, b"hello\n", half_close=True) == REPLY
    assert talk.ended() == 0
    assert len(talk.shown()) == 3


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])
def test_a_listener_handed_in(goodtalk, tmp_path, family):
    """fd:N is served, and given back as it was: neither shut down nor removed."""
    path = str(tmp_path / "handed in")
    with socket.socket(family) as listener:
        listener.bind(path if family == socket.AF_UNIX else ("127.0.0.1", 0))
        listener.listen()
        target = pathlib.Path(path) if family == socket.AF_UNIX else listener.getsockname()[1]
        for _ in range(2):
            talk = goodtalk(at=f"fd:{listener.fileno()}", pass_fds=[listener.fileno()])
            assert say(target, b"hello\n") == REPLY
            assert talk.ended() == 0
        with Client(target):
            listener.accept()[0].close()


def test_a_descriptor_that_is_no_listener():
    for number in (0, 77):
        refused = run(f"fd:{number}")
        assert refused.returncode == 1
        assert f"fd:{number}".encode() in refused.stderr


# ---- a port that is taken ----


def test_a_taken_port_names_its_holder():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        refused = run(f"127.0.0.1:{port}")
    assert refused.returncode == 1
    assert refused.stdout == b""
    text = refused.stderr.decode()
    assert text.startswith("goodtalk: cannot listen on ")
    assert f"{port}: Address already in use (EADDRINUSE, errno 98)" in text
    assert f"held by {this_process()}" in text


def test_a_taken_bare_port():
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as holder:
        port = holder.getsockname()[1]
        refused = run(str(port))
    assert refused.stderr.decode().startswith(
        f"goodtalk: cannot listen on port {port}: Address already in use (EADDRINUSE, errno 98)")
    assert f"port {port} is held by {this_process()}" in refused.stderr.decode()


def test_a_taken_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        refused = run(f"udp:127.0.0.1:{port}")
    assert refused.returncode == 1
    assert refused.stderr.decode() == (
        f"goodtalk: cannot listen on udp:127.0.0.1:{port}: Address already in use (EADDRINUSE, errno 98); "
        f"UDP port {port} is held by {this_process()}\n")


def test_held_by_ourselves(own_network):
    refused = run("127.0.0.1:9999", "127.0.0.1:9999")
    assert refused.returncode == 1
    assert b"held by this process" in refused.stderr


def test_held_by_somebody_we_may_not_look_at(tmp_path):
    """Another user's process: what is known is said."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root and setpriv, to become another user")
    binary = tmp_path / "goodtalk"
    shutil.copy(GOODTALK, binary)
    for folder in [tmp_path, *tmp_path.parents][:3]:
        folder.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        refused = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", binary,
             f"127.0.0.1:{port}"],
            capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    assert refused.returncode == 1
    assert b"another user (uid 0)" in refused.stderr


def test_a_port_taken_later_than_another_leaves_nothing_behind(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        refused = run(f"unix:{tmp_path}/gt", f"127.0.0.1:{holder.getsockname()[1]}")
    assert refused.returncode == 1
    assert not os.path.lexists(tmp_path / "gt")


# ---- what is no address ----


@pytest.mark.parametrize("address, hint", [
    ("99999", "65535"), ("127.0.0.1:99999", "65535"), ("127.0.0.1:", "PORT"), ("[::1", "]"),
    ("::1:80", "["), ("unix:", "PATH"), ("fd:", "fd:N"), ("fd:x", "fd:N"), ("", "PORT"),
    ("unix:/" + "x" * 120, "107"), ("nonsense", "PORT"), ("-1", ""), ("udp:", "PORT"), ("udp", "PORT"),
    ("unixgram:", "unixgram:PATH"), ("unixpacket", "unixpacket:PATH"), ("systemd:", "systemd:NAME"),
    ("unxi:/tmp/x", "the nearest is unix"), ("upd:localhost:9", "the nearest is udp")])
def test_not_an_address(address, hint):
    refused = run("--", address)
    assert refused.returncode == 2
    assert refused.stdout == b""
    assert refused.stderr.startswith(b"goodtalk: ") and refused.stderr.count(b"\n") == 1
    assert hint in refused.stderr.decode()


def test_not_built_yet():
    refused = run("tls:9999")
    assert refused.returncode == 2
    assert refused.stderr == b"goodtalk: tls:9999: tls is not built yet in this version\n"


@pytest.mark.parametrize("address, thing", [
    ("no-such-host.invalid:9", "no-such-host.invalid"), ("192.0.2.1:0", "192.0.2.1"),
    ("unix:/no/such/folder/gt", "/no/such/folder/gt")])
def test_cannot_listen_there(address, thing):
    refused = run(address)
    assert refused.returncode == 1
    assert refused.stderr.startswith(b"goodtalk: ") and refused.stderr.count(b"\n") == 1
    assert thing in refused.stderr.decode()
