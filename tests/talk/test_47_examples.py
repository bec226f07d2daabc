"""The talk files of examples/talks, each talked to by the client that its name makes one think of."""
import contextlib
import json
import os
import re
import shlex
import socket
import subprocess

import pytest
from goodtalk_talk import GOODTALK, PATIENCE, ROOT, Client, Collector, until
from test_15_protocols import client_says, start

TALKS = ROOT / "examples" / "talks"
LOCAL = "127.0.0.1:0"


@pytest.fixture
def talk_file(goodtalk):
    """talk_file(NAME, OPTION...): one of the examples, serving, on ports of its own."""
    return lambda name, *options, at=LOCAL: goodtalk("-t", str(TALKS / name), *options, at=at)


def said_by(words, **how):
    """What a client prints on stdout; it must not fail."""
    return client_says(words, **how).decode().replace("\r", "")


def ended_well(talk):
    """A server that is told to stop, and what it has told meanwhile."""
    assert talk.stop() == 0, talk.said()
    return talk.said()


# ---- whois ----

def whois(port, question):
    return said_by(["whois", "-h", "127.0.0.1", "-p", str(port), question])


def test_whois(talk_file):
    talk = talk_file("whois.lua")
    found = whois(talk.port, "Example.org")
    assert re.fullmatch(r"domain:   example\.org\nowner:    .*\nasked by: 127\.0\.0\.1:\d+\n", found)
    assert whois(talk.port, "192.0.2.7") == "address:  192.0.2.7\nnetwork:  TEST-NET-1\n"
    assert whois(talk.port, "example.shop") == 'No match for "example.shop".\n'
    ended_well(talk)
    assert talk.shown() == [b"example.org", b"192.0.2.7", b"example.shop"]


# ---- finger, which knows no port but its own ----

def test_finger(own_network, goodtalk):
    talk = goodtalk("-t", str(TALKS / "finger.lua"), at=[])
    assert "ada       Ada Lovelace\ngrace     Grace Hopper\n" in said_by(["finger", "@127.0.0.1"])
    assert "Login: ada\nName: Ada Lovelace\n" in said_by(["finger", "-l", "ada@127.0.0.1"])
    assert "nobody: no such user.\n" in said_by(["finger", "nobody@127.0.0.1"])
    assert "Nothing is forwarded.\n" in said_by(["finger", "ada@elsewhere@127.0.0.1"])
    ended_well(talk)


# ---- gopher ----

def test_gopher(talk_file):
    talk = talk_file("gopher.lua")
    at = f"gopher://127.0.0.1:{talk.port}"
    menu = said_by(["curl", "-sS", f"{at}/"])
    assert "0About this hole\t/about\t127.0.0.1\t7070\n" in menu and menu.endswith("\n.\n")
    assert said_by(["curl", "-sS", f"{at}/0/about"]).startswith("Fifty lines of Lua")
    time = said_by(["curl", "-sS", f"{at}/0/time"])
    assert re.fullmatch(r"It is 20\d\d-\d\d-\d\dT[\d:.]+Z, 127\.0\.0\.1:\d+\.\n\.\n", time)
    assert "3There is nothing of that name.\t" in said_by(["curl", "-sS", f"{at}/0/missing"])
    ended_well(talk)


# ---- syslog ----

def logger(port, *words):
    client_says(["logger", "--octet-count", "--tcp", "--server", "127.0.0.1", "--port", str(port),
                 "--tag", "pump", *words])


def test_syslog(talk_file):
    talk = talk_file("syslog.lua")
    logger(talk.port, "--priority", "user.err", "The pump is hot")
    talk.told_about("error of pump on ")
    logger(talk.port, "--priority", "user.info", "The pump is warm")
    logger(talk.port, "--priority", "kern.alert", "The pump burns")
    assert "alert of pump on " in talk.told_about(", its number 2")
    logger(talk.port, "--rfc3164", "old")
    talk.told_about("not as RFC 5424 has it, from 127.0.0.1:")
    assert "number 3" not in ended_well(talk)
    texts = [json.loads(line)["text"] for line in talk.stdout.everything().splitlines()]
    assert [text.split()[-1] for text in texts] == ["hot", "warm", "burns", "old"]


# ---- statsd ----

@pytest.fixture
def statsd(talk_file):
    """The server, a datagram socket that is connected to it, and a client of its totals."""
    talk = talk_file("statsd.lua", at=["udp:127.0.0.1:0", LOCAL])
    port = next(int(at.rsplit(":", 1)[1]) for at in talk.addresses if at.startswith("udp:"))
    with socket.socket(type=socket.SOCK_DGRAM) as metrics, Client(talk.port) as asking:
        metrics.connect(("127.0.0.1", port))
        yield talk, metrics, asking


def totals(asking):
    lines = [asking.send(b"totals\n").line()]
    while lines[-1] != b"END\n":
        lines.append(asking.line())
    return b"".join(lines[:-1]).decode()


def test_statsd(statsd):
    talk, metrics, asking = statsd
    said_by(["nc", "-u", "-w", "1", *map(str, metrics.getpeername())], input=b"page.views:1|c\n")
    for sent in (b"page.views:3|c|@0.5", b"queue:17|g\nload:320|ms\nload:12|ms", b"nonsense", b""):
        metrics.send(sent)
    until(lambda: "load: 320\npage.views: 7\nqueue: 17\n" in totals(asking), "the totals")
    assert asking.send(b"reset\n").line() == b"OK\n"
    assert totals(asking) == ""
    assert asking.send(b"help\nquit\n").everything() == b"totals, reset or quit, please\nGood-bye\n"
    ended_well(talk)


def test_statsd_does_not_reply_to_datagrams(statsd):
    _, metrics, asking = statsd
    metrics.send(b"totals")
    metrics.send(b"a:1|c")
    until(lambda: totals(asking), "a total")
    metrics.setblocking(False)
    with pytest.raises(BlockingIOError):
        metrics.recv(1000)


# ---- the guessing game ----

def play(port):
    """By telnet, halving what is left: the number, and how many guesses that took."""
    with subprocess.Popen(["telnet", "127.0.0.1", str(port)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as telnet:
        screen = Collector(os.dup(telnet.stdout.fileno()))
        low, high, guesses, answer = 1, 100, 0, ""
        while answer != "Yes!":
            guesses += 1
            screen.wait_for(lambda data, asked=guesses: data.count(b"Your guess? ") == asked)
            guess = (low + high) // 2
            telnet.stdin.write(b"%d\n" % guess)
            telnet.stdin.flush()
            data = screen.wait_for(
                lambda data, said=guesses: len(re.findall(rb"More\.|Less\.|Yes!", data)) == said)
            answer = re.findall(r"More\.|Less\.|Yes!", data.decode())[-1]
            low = guess + 1 if answer == "More." else low
            high = guess - 1 if answer == "Less." else high
        screen.wait_for(b"Connection closed by foreign host.")
        telnet.stdin.close()
        telnet.wait(PATIENCE)
        return guess, guesses, screen.everything().decode()


def test_guess(talk_file):
    talk = talk_file("guess.lua")
    number, guesses, screen = play(talk.port)
    assert f"You needed {guesses} guesses." in screen and "record" not in screen
    talk.told_about(f"found {number} with {guesses} guesses")
    _, _, screen = play(talk.port)
    assert f"The record is {guesses} guesses." in screen
    ended_well(talk)


def test_guess_what_is_no_number_and_going_away(talk_file):
    talk = talk_file("guess.lua", "--seed", "5")
    with Client(talk.port) as player, Client(talk.port) as other:
        for client in (player, other):
            assert client.line() == b"I think of a number from 1 to 100.\n"
        player.send(b"fifty\n0\n").half_close()
        assert player.everything() == b"Your guess? A number, please. Your guess? More. Your guess? "
        other.send(b"101\n")
        until(lambda: b"Less. " in other.socket.recv(1000, socket.MSG_PEEK), "an answer")
    ended_well(talk)


# ---- http ----

def curl(*words):
    return said_by(["curl", "-sS", *words])


def test_http_keeps_its_connection(talk_file):
    talk = talk_file("http.lua")
    at = f"http://127.0.0.1:{talk.port}"
    said = curl("-w", "%{num_connects} %{http_code}\n", f"{at}/", f"{at}/Ada", f"{at}/Grace")
    assert said == "Hello, world\n1 200\nHello, Ada\n0 200\nHello, Grace\n0 200\n"
    body = "x" * 100000
    assert said_by(["curl", "-sS", "--data", "@-", f"{at}/echo"], input=body.encode()) == body
    ended_well(talk)


def test_http_other_ways(talk_file):
    talk = talk_file("http.lua")
    at = f"http://127.0.0.1:{talk.port}"
    code = ("-o", "/dev/null", "-w", "%{http_code} %{size_download}")
    assert curl("--head", f"{at}/").startswith("HTTP/1.1 200 OK\n")
    assert curl("-X", "DELETE", *code, f"{at}/") == "405 12"
    assert curl("--http1.0", f"{at}/old") == "Hello, old\n"
    assert curl("-H", "Connection: close", f"{at}/last") == "Hello, last\n"
    assert curl("--data", "", *code, f"{at}/echo") == "200 0"
    with Client(talk.port) as client:
        assert client.send(b"hello\r\n\r\n").everything().startswith(b"HTTP/1.1 400 Bad Request\r\n")
    with Client(talk.port) as client:  # a pipeline, in pieces
        request = b"GET /a HTTP/1.1\r\n\r\nPOST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /b HTTP/1.0\r\n\r\n"
        heard = client.send(request[:30]).send(request[30:]).everything()
        assert re.findall(rb"\r\n\r\n(Hello, \w+\n|hi)", heard) == [b"Hello, a\n", b"hi", b"Hello, b\n"]
    ended_well(talk)


# ---- a server that fails ----

def test_faulty_in_turn(talk_file, tmp_path):
    talk = talk_file("faulty.lua")
    curl("--fail", "--retry", "5", "--retry-all-errors", "--retry-delay", "1", "-o", f"{tmp_path}/got",
         f"http://127.0.0.1:{talk.port}/in-turn")
    assert (tmp_path / "got").read_text() == "all is well\n"
    ended_well(talk)
    assert talk.shown().count(b"GET /in-turn HTTP/1.1") == 4


FAILURES = {"503": 22, "reset": 56, "cut": 18}  # curl's exit status


def test_faulty_without_retries(talk_file):
    """Each as itself, and once around."""
    talk = talk_file("faulty.lua")
    ends = [start(["curl", "-sS", "--fail", f"http://127.0.0.1:{talk.port}/in-turn"]).returncode
            for _ in range(5)]
    assert ends == [FAILURES["503"], FAILURES["reset"], FAILURES["cut"], 0, FAILURES["503"]]
    ended_well(talk)


def test_faulty_dice_repeat_with_a_seed(talk_file):
    def thrown(seed):
        talk = talk_file("faulty.lua", "--seed", seed)
        ends = [start(["curl", "-sS", f"http://127.0.0.1:{talk.port}/dice"]).returncode for _ in range(16)]
        ended_well(talk)
        return ends
    first = thrown("7")
    assert 0 in first and FAILURES["reset"] in first
    assert thrown("7") == first
    assert thrown("8") != first


def test_faulty_slowness(talk_file):
    talk = talk_file("faulty.lua")
    at = f"http://127.0.0.1:{talk.port}"
    for path in ("late", "crumbs"):
        assert curl(f"{at}/{path}") == "all is well\n"
    assert start(["curl", "-sS", "-m", "1", f"{at}/drip"]).returncode == 28  # timed out
    assert start(["curl", "-sS", "-m", "1", f"{at}/never"]).returncode == 28
    assert "in-turn dice" in curl(f"{at}/elsewhere", f"{at}/again")
    ended_well(talk)


# ---- smtp ----

MAIL = "Subject: dots\r\n\r\nFirst line\r\n.\r\n..two\r\nLast line\r\n"


def test_smtp_swaks(talk_file):
    talk = talk_file("smtp.lua")
    said = said_by(["swaks", "--server", f"127.0.0.1:{talk.port}", "--from", "me@example.org", "--to",
                    "you@example.org,her@example.org", "--body", "Who is there?\n.\nGood-bye"])
    assert "250 Taken" in said and "221 Good-bye" in said
    talk.told_about("mail from me@example.org to you@example.org her@example.org, ")
    ended_well(talk)
    mail = next(shown for shown in talk.shown() if b"Who is there?" in shown)
    assert rb"Who is there?\r\n..\r\nGood-bye" in mail


def test_smtp_swaks_pipelines(talk_file):
    talk = talk_file("smtp.lua")
    said = said_by(["swaks", "--server", f"127.0.0.1:{talk.port}", "--from", "me@example.org", "--to",
                    "you@example.org", "--pipeline"])
    assert "250 Taken" in said
    ended_well(talk)


def test_smtp_curl(talk_file, tmp_path):
    (tmp_path / "mail.txt").write_bytes(MAIL.encode())
    talk = talk_file("smtp.lua")
    curl(f"smtp://127.0.0.1:{talk.port}", "--mail-from", "me@example.org", "--mail-rcpt",
         "you@example.org", "-T", f"{tmp_path}/mail.txt")
    talk.told_about(f"mail from me@example.org to you@example.org, {len(MAIL) - 2} bytes")
    ended_well(talk)


def test_smtp_out_of_order(talk_file):
    talk = talk_file("smtp.lua")
    with Client(talk.port) as client:
        assert client.line().startswith(b"220 ")
        for said, code in ((b"DATA", b"503"), (b"RCPT TO:<a@b>", b"503"), (b"", b"503"),
                           (b"mail from:<>", b"250"), (b"rcpt to:<a@b>", b"250"), (b"RSET", b"250"),
                           (b"DATA", b"503"), (b"quit", b"221")):
            assert client.send(said + b"\r\n").line()[:3] == code, said
        assert client.ended_silently()
    ended_well(talk)


def test_smtp_a_thousand_at_once_are_small(goodtalk, tmp_path):
    """At most 2 KB of Lua's memory for each who has said EHLO: as a copy of the file tells, which counts."""
    source = (TALKS / "smtp.lua").read_text()
    says, tells = "peer:say(simple[verb])", "peer:say(simple[verb] or collectgarbage('count') .. '\\r\\n')"
    counting = source.replace("if simple[verb]", "if simple[verb] or verb == 'COUNT'").replace(says, tells)
    assert counting.count("COUNT") == 1 and counting.count("collectgarbage") == 1
    (tmp_path / "smtp.lua").write_text(counting)
    talk = goodtalk("-t", str(tmp_path / "smtp.lua"), "-s", "none", at=LOCAL)

    def count(client):
        return min(float(client.send(b"COUNT\r\n").line()) * 1024 for _ in range(200))

    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(talk.port))]
        assert clients[0].line()[:3] == b"220"
        alone = count(clients[0])
        clients += [stack.enter_context(Client(talk.port)) for _ in range(1000)]
        for client in clients[1:]:
            assert client.send(b"EHLO me\r\n").lines(4)[3] == b"250 PIPELINING\r\n"
        each = (count(clients[0]) - alone) / 1000
    print(f"{each:.0f} bytes each")
    assert 500 < each < 2048
    ended_well(talk)


# ---- redis ----

def test_redis_cli(talk_file):
    talk = talk_file("redis.lua")

    def cli(*words, **how):
        return said_by(["redis-cli", "-p", str(talk.port), *words], **how)
    assert cli("ping") == "PONG\n"
    assert cli("ping", "hello there") == "hello there\n"
    assert cli("set", "greeting", "hello") == "OK\n"
    assert cli("-x", "set", "binary", input=b"a\0\r\n$3\r\nb") == "OK\n"
    assert cli("get", "greeting") == "hello\n"
    assert cli("get", "binary") == "a\0\n$3\nb\n"
    assert [cli("incr", "n"), cli("incr", "n"), cli("decr", "n")] == ["1\n", "2\n", "1\n"]
    assert cli("incr", "greeting") == "ERR value is not an integer\n\n"
    assert [cli("del", "greeting"), cli("del", "greeting")] == ["1\n", "0\n"]
    assert cli("get", "greeting") == "\n"
    assert cli("flushall") == "ERR unknown command\n\n"
    ended_well(talk)


def test_redis_benchmark(talk_file):
    talk = talk_file("redis.lua")
    said = said_by(["redis-benchmark", "-p", str(talk.port), "-t", "ping,set,get,incr", "-n", "2000",
                    "-P", "16", "-q"])
    for test in ("PING_INLINE", "PING_MBULK", "SET", "GET", "INCR"):
        assert re.search(rf"{test}: [\d.]+ requests per second", said), said
    ended_well(talk)


def test_redis_that_is_none(talk_file):
    """What an expect says of a client that gets it wrong."""
    talk = talk_file("redis.lua")
    with Client(talk.port) as client:
        assert client.send(b"*1\r\nPING\r\n").everything() == b""
    talk.told_about("PING")
    assert talk.stop() in (0, 4)


# ---- as the files say ----

NAMES = sorted(path.name for path in TALKS.glob("*.lua"))


def test_there_are_ten_of_under_sixty_lines():
    assert len(NAMES) == 10
    sizes = {name: (TALKS / name).read_text().count("\n") for name in NAMES}
    assert {name: size for name, size in sizes.items() if size >= 60} == {}


def commands_of(name):
    """The commands in a file's opening comment: the server, and what to say to it."""
    comment = re.match(r"(--.*\n)+", (TALKS / name).read_text())[0]
    commands = [re.split(r"  +", line.removeprefix("--   "))[0]
                for line in comment.splitlines() if line.startswith("--   ")]
    assert commands[0].startswith(f"goodtalk -t {name}"), f"{name} does not say how it is started"
    return commands[0].split(" > ")[0], commands[1:]


@pytest.mark.parametrize("name", NAMES)
def test_is_right(name):
    checked = subprocess.run([GOODTALK, "check", str(TALKS / name)], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr.decode()


@pytest.mark.parametrize("name", NAMES)
def test_as_it_says(own_network, goodtalk, tmp_path, name):
    """What the file says to type works, port and all."""
    (tmp_path / "mail.txt").write_text("Subject: hello\n\nhello\n")
    command, says = commands_of(name)
    talk = goodtalk(*shlex.split(command)[1:], at=[], cwd=TALKS)
    assert says
    for said in says:
        ran = subprocess.run(said, shell=True, cwd=tmp_path, stdin=subprocess.DEVNULL, timeout=PATIENCE,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        # telnet has nobody here who plays; dice may fall either way.
        expected = {"telnet": (0, 1), "curl http://127.0.0.1:8080/dice": (0, 18, 56)}
        allowed = next((ends for words, ends in expected.items() if said.startswith(words)), (0,))
        assert ran.returncode in allowed, (said, ran.stdout)
    ended_well(talk)
