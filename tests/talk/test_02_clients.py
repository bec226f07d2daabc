"""Every client a new user might try gets the reply, and its message is shown exactly."""
import os
import pty
import shutil
import subprocess

import pytest
from goodtalk_talk import PATIENCE, REPLY, Collector

MESSAGE = b"Who is there?"

# How each says MESSAGE: its words, and whether it says it by itself (or by its stdin).
CLIENTS = {
    "telnet": (["telnet", "{host}", "{port}"], False),
    "nc.openbsd": (["nc.openbsd", "{host}", "{port}"], False),
    "nc.openbsd -N": (["nc.openbsd", "-N", "{host}", "{port}"], False),
    "nc.traditional": (["nc.traditional", "{host}", "{port}"], False),
    "ncat": (["ncat", "{host}", "{port}"], False),
    "socat": (["socat", "-", "TCP:{host}:{port}"], False),
    "curl": (["curl", "--silent", "--no-buffer", "telnet://{host}:{port}"], False),
    "busybox nc": (["busybox", "nc", "{host}", "{port}"], False),
    "whois": (["whois", "-h", "{host}", "-p", "{port}", MESSAGE.decode()], True),
    "bash": (["bash", "-c", "exec 3<>/dev/tcp/{host}/{port}; echo '" + MESSAGE.decode() +
              "' >&3; cat <&3"], True),
    "gawk": (["gawk", 'BEGIN { peer = "/inet/tcp/0/{host}/{port}"; print "' + MESSAGE.decode() +
              '" |& peer; while ((peer |& getline line) > 0) print line; close(peer) }'], True),
}


def command(words, host, port):
    if not shutil.which(words[0]):
        pytest.skip(f"{words[0]} is not installed")
    return [word.replace("{host}", host).replace("{port}", str(port)) for word in words]


def check_served(talk, heard, message=MESSAGE):
    assert REPLY.strip() in heard.replace(b"\r", b"")
    assert heard.count(REPLY.strip()) == 1
    assert talk.ended() == 0
    assert talk.stdout.everything() == b"The message was: " + message + b"\n"


def talk_with(words, port, said, keep_stdin_open, host="127.0.0.1"):
    """Run a client, its stdin closed after what it says, or kept open until the reply is there
    (some go on reading it after the server has closed); what it printed."""
    with subprocess.Popen(command(words, host, port), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as client:
        printed = Collector(os.dup(client.stdout.fileno()))
        if words[0] == "telnet":
            printed.wait_for(b"Escape character")
        client.stdin.write(said)
        client.stdin.flush()
        if keep_stdin_open:
            printed.wait_for(REPLY.strip())
        client.stdin.close()
        try:
            client.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            client.kill()
            raise
        return printed.everything()


@pytest.mark.parametrize("name", CLIENTS)
def test_client(goodtalk, name):
    """As by hand: a line, and stdin stays open."""
    words, says_it_itself = CLIENTS[name]
    talk = goodtalk()
    heard = talk_with(words, talk.port, b"" if says_it_itself else MESSAGE + b"\n",
                      keep_stdin_open=not says_it_itself)
    check_served(talk, heard)


@pytest.mark.parametrize("name", ["nc.openbsd -N", "nc.traditional", "nc.openbsd", "ncat", "socat",
                                  "busybox nc"])
def test_printf_without_a_line_end(goodtalk, name):
    """printf hello | nc: some half-close after their stdin, some do not and wait."""
    talk = goodtalk()
    heard = talk_with(CLIENTS[name][0], talk.port, MESSAGE, keep_stdin_open=False)
    check_served(talk, heard)


@pytest.mark.parametrize("name", ["telnet", "nc.openbsd", "nc.traditional", "ncat", "curl", "gawk"])
def test_localhost_by_name(goodtalk, name):
    words, says_it_itself = CLIENTS[name]
    talk = goodtalk()
    heard = talk_with(words, talk.port, b"" if says_it_itself else MESSAGE + b"\n",
                      keep_stdin_open=not says_it_itself, host="localhost")
    check_served(talk, heard)


@pytest.mark.parametrize("name", ["telnet", "nc.openbsd", "nc.traditional", "ncat", "socat",
                                  "whois"])
def test_port_9999_as_the_readme_says(own_network, goodtalk, name):
    words, says_it_itself = CLIENTS[name]
    talk = goodtalk(at=[])
    heard = talk_with(words, 9999, b"" if says_it_itself else MESSAGE + b"\n",
                      keep_stdin_open=not says_it_itself)
    check_served(talk, heard)


def test_telnet_in_a_terminal(goodtalk):
    talk = goodtalk()
    master, slave = pty.openpty()
    with subprocess.Popen(command(CLIENTS["telnet"][0], "127.0.0.1", talk.port), stdin=slave,
                          stdout=slave, stderr=slave, start_new_session=True) as client:
        os.close(slave)
        screen = Collector(os.dup(master))
        screen.wait_for(b"Escape character")
        os.write(master, MESSAGE + b"\n")
        screen.wait_for(REPLY.strip())
        screen.wait_for(b"Connection closed by foreign host.")
        client.wait(PATIENCE)
    os.close(master)
    check_served(talk, screen.everything())


@pytest.mark.parametrize("words", [
    ["nc.openbsd", "-N", "-U", "{host}"],
    ["ncat", "-U", "{host}"],
    ["socat", "-", "UNIX-CONNECT:{host}"],
], ids=lambda words: words[0])
def test_unix_socket(goodtalk, tmp_path, words):
    talk = goodtalk(at=f"unix:{tmp_path}/gt")
    heard = talk_with(words, 0, MESSAGE + b"\n", keep_stdin_open=False, host=f"{tmp_path}/gt")
    check_served(talk, heard)


def test_two_lines_of_bash(goodtalk):
    """A script that says a line, hears the reply, and says the next one to a kept server."""
    talk = goodtalk("-k")
    script = ('exec 3<>/dev/tcp/127.0.0.1/$0; for line in one two; do echo $line >&3; '
              'read -r reply <&3; echo "$line: $reply"; done')
    heard = subprocess.run(["bash", "-c", script, str(talk.port)], capture_output=True,
                           timeout=PATIENCE, check=True).stdout
    assert heard == b"one: Good talking to you\ntwo: Good talking to you\n"
    assert talk.stop() == 0
    assert talk.shown() == [b"one", b"two"]
