"""Datagrams from the clients people have."""
import os
import shutil
import subprocess

import pytest
from goodtalk_talk import PATIENCE, REPLY, wait_readable



def heard_from(words, said, until_heard=REPLY.strip()):
    """Run a client that goes on waiting after the reply; what it printed until then."""
    if not shutil.which(words[0]):
        pytest.skip(f"{words[0]} is not installed")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        client.stdin.write(said)
        client.stdin.flush()
        printed = b""
        while until_heard not in printed and wait_readable(client.stdout.fileno()):
            piece = os.read(client.stdout.fileno(), 4096)
            if not piece:
                break
            printed += piece
        client.terminate()
        client.wait(PATIENCE)
    return printed


UDP_CLIENTS = {
    "nc.openbsd -u": ["nc.openbsd", "-u", "{host}", "{port}"],
    "nc.traditional -u": ["nc.traditional", "-u", "{host}", "{port}"],
    "ncat -u": ["ncat", "-u", "{host}", "{port}"],
    "socat": ["socat", "-", "UDP4:{host}:{port}"],
    "socat UDP-SENDTO": ["socat", "-", "UDP-SENDTO:{host}:{port}"],
    "gawk": ["gawk", '{ peer = "/inet/udp/0/{host}/{port}"; print |& peer;'
             ' if ((peer |& getline line) > 0) print line; fflush() }'],
}


@pytest.mark.parametrize("name", UDP_CLIENTS)
def test_udp_clients(goodtalk, name):
    talk = goodtalk(at="udp:0")
    port = talk.addresses[0].rsplit(":", 1)[1]
    words = [word.replace("{host}", "127.0.0.1").replace("{port}", port)
             for word in UDP_CLIENTS[name]]
    assert heard_from(words, b"Who is there?\n").count(REPLY.strip()) == 1
    assert talk.ended() == 0
    assert talk.shown() == [b"Who is there?\\n"]


def test_udp_clients_of_ipv6(goodtalk):
    talk = goodtalk("-k", at="udp6:0")
    port = talk.addresses[0].rsplit(":", 1)[1]
    for words in (["socat", "-", f"UDP6:[::1]:{port}"], ["nc.openbsd", "-6", "-u", "::1", port],
                  ["ncat", "-6", "-u", "::1", port]):
        assert heard_from(words, b"Who is there?\n") == REPLY
    assert talk.stop() == 0
    assert talk.shown() == [b"Who is there?\\n"] * 3


def test_socat_and_unix_datagrams(goodtalk, tmp_path):
    talk = goodtalk(at=f"unixgram:{tmp_path}/gt")
    words = ["socat", "-", f"UNIX-SENDTO:{tmp_path}/gt,bind={tmp_path}/client"]
    assert heard_from(words, b"Who is there?\n") == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"Who is there?\\n"]


def test_socat_and_abstract_datagrams(goodtalk, tmp_path):
    name = f"goodtalk-{os.getpid()}-{tmp_path.name}"
    talk = goodtalk(at=f"unixgram:@{name}")
    words = ["socat", "-", f"ABSTRACT-SENDTO:{name},bind={name}-client"]
    assert heard_from(words, b"Who is there?\n") == REPLY
    assert talk.ended() == 0
    assert talk.shown() == [b"Who is there?\\n"]


def test_socat_without_a_name(goodtalk, tmp_path):
    talk = goodtalk(at=f"unixgram:{tmp_path}/gt")
    subprocess.run(["socat", "-u", "-", f"UNIX-SENDTO:{tmp_path}/gt"], input=b"hello\n", check=True,
                   timeout=PATIENCE)
    assert talk.ended() == 1
    assert talk.shown() == [b"hello\\n"]
    assert "no name" in talk.said()


def test_logger_over_udp(goodtalk):
    talk = goodtalk("--silent", at="udp:0")
    port = talk.addresses[0].rsplit(":", 1)[1]
    subprocess.run(["logger", "-n", "127.0.0.1", "-P", port, "--udp", "-t", "test", "it works"],
                   check=True, timeout=PATIENCE)
    assert talk.ended() == 0
    [shown] = talk.shown()
    assert shown.startswith(b"<13>1 ") and shown.endswith(b"it works")


def test_logger_over_a_unix_datagram_socket(goodtalk, tmp_path):
    """logger -d -u, as to /dev/log: it has no name, so --silent is what is wanted."""
    talk = goodtalk("--silent", at=f"unixgram:{tmp_path}/log")
    subprocess.run(["logger", "-d", "-u", f"{tmp_path}/log", "-t", "test", "it works"], check=True,
                   timeout=PATIENCE)
    assert talk.ended() == 0
    [shown] = talk.shown()
    assert shown.startswith(b"<13>") and b"it works" in shown


SYSLOG = """
import logging.handlers, sys
log = logging.getLogger("test")
log.addHandler(logging.handlers.SysLogHandler(sys.argv[1]))
for number in range(20):
    log.warning("warning %d", number)
"""


def test_python_syslog_over_a_unix_datagram_socket(goodtalk, tmp_path):
    talk = goodtalk("-n", "20", "--silent", "-s", "raw", at=f"unixgram:{tmp_path}/log")
    subprocess.run(["/usr/bin/python3", "-c", SYSLOG, f"{tmp_path}/log"], check=True,
                   timeout=PATIENCE)
    assert talk.ended() == 0
    assert talk.stdout.everything().split(b"\0") == [
        *(b"<12>warning %d" % number for number in range(20)), b""]


STATSD = """
import socket, sys
statsd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server = "127.0.0.1", int(sys.argv[1])
def count(name, value=1):
    statsd.sendto(f"{name}:{value}|c".encode(), server)
def gauge(name, value):
    statsd.sendto(f"{name}:{value}|g".encode(), server)
for page in range(3):
    count("page.views")
gauge("queue.length", 17)
statsd.sendto(b"a:1|c\\nb:2|ms", server)
"""


def test_a_statsd_client(goodtalk):
    talk = goodtalk("-n", "6", "--silent", at="udp:0")
    port = talk.addresses[0].rsplit(":", 1)[1]
    subprocess.run(["bash", "-c", f"echo -n 'foo:1|c' > /dev/udp/127.0.0.1/{port}"], check=True,
                   timeout=PATIENCE)
    subprocess.run(["/usr/bin/python3", "-c", STATSD, port], check=True, timeout=PATIENCE)
    assert talk.ended() == 0
    assert talk.shown() == [b"foo:1|c", *[b"page.views:1|c"] * 3, b"queue.length:17|g",
                            b"a:1|c\\nb:2|ms"]
