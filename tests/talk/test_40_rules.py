"""Rules: reply { ... } in a talk file, as people write them."""
import time

import pytest
from goodtalk_talk import Client, received, run, say

LINES = 'frame = "line"\n'


@pytest.fixture
def serve(goodtalk, tmp_path):
    """serve(RULES, OPTION...): goodtalk -k with these rules, messages being lines."""

    def start(rules, *options, head=LINES):
        path = tmp_path / "rules.lua"
        path.write_text(head + rules)
        return goodtalk("-k", "-s", "none", "-t", path, *options)

    return start


def replies(server, *messages):
    """What a client hears who says these, each as soon as the one before has its reply."""
    with Client(server.port) as client:
        return [client.send(f"{message}\n".encode()).line().decode().rstrip("\n") for message in messages]


# ---- which rule, and what it says ----


def test_the_first_that_matches_replies(serve):
    server = serve(r"""
        reply {
          { "^hello (\\w+)", "Hello, $1\n" },
          { "^hello", "Hello, whoever you are" },
          { "(?i)^BYE", "Good talking to you" },
        }""")
    assert replies(server, "hello ann", "hello", "bye now") == [
        "Hello, ann", "Hello, whoever you are", "Good talking to you"]


def test_what_is_filled_in(serve):
    server = serve(r"""reply { { "(?<who>\\w+)( \\w+)?", "${who}, of $peer at $listener: $0[$2] $id costs $$5, $time" } }""")
    with Client(server.port) as client:
        line = client.send(b"ann\n").line().decode()
        assert line.startswith(f"ann, of {client.name} at tcp:")
        assert f":{server.port}: ann[] 0-1 costs $5, 20" in line
        assert line.endswith("Z\n")


def test_functions_reply(serve):
    server = serve(r"""
        local sums = {}
        reply {
          { "^add (\\d+)(?: (\\d+))?$", function (message, one, other)
              return one + (other or 0) .. " for " .. message.peer
            end },
          { "^quiet$", function () end },
          function (message)
            return message.text:find "^%u+$" ~= nil and message.text:lower()  -- false: the next rule
          end,
          { "", "something else" },
        }""")
    with Client(server.port) as client:
        client.send(b"add 1 2\nadd 1\nquiet\nSHOUT\nmumble\n")
        assert client.lines(4) == [f"3 for {client.name}\n".encode(), f"1 for {client.name}\n".encode(),
                                   b"shout\n", b"something else\n"]


def test_a_message_without_a_rule_has_no_reply_and_is_told(serve):
    server = serve('reply { { "^a", "b" } }')
    assert replies(server, "a") == ["b"]
    with Client(server.port) as client:
        client.send(b"x\na\n")
        assert client.line() == b"b\n"
    assert "x" in server.told_about("no rule")


def test_messages_are_bytes_of_any_kind(serve):
    server = serve(r"""reply { { "^\\xff(.)\\x00", "[$1]" }, { "(?s).", "no" } }""", head='frame = "length:2be"\n')
    with Client(server.port) as client:
        assert received(client.send(b"\0\x03\xff\x80\0").socket, 5) == b"\0\x03[\x80]"


def test_datagrams_have_rules_too(goodtalk, tmp_path):
    path = tmp_path / "rules.lua"
    path.write_text('reply { { "^ping (\\\\d+)", "pong $1" } }')
    server = goodtalk("-k", "-s", "none", "-t", path, at="udp:127.0.0.1:0")
    address = server.addresses[0].removeprefix("udp:")
    asked = run("send", f"udp:{address}", "ping 7")
    assert asked.stdout == b"pong 7"  # nothing is added to a datagram


def test_only_the_first_match_bytes_are_seen(serve):
    server = serve('match_bytes = 10\nreply { { "x$", "end" }, { "x", "x" }, { "", "no" } }')
    assert replies(server, "aaaaaaaaax", "aaaaaaaaaxa", "aaaaaaaaaax") == ["end", "x", "no"]


# ---- how often ----


def test_replies_in_turn(serve):
    server = serve('reply { { "^a", replies = { "1", "2", function (message) return message.text end } } }')
    assert replies(server, "a", "a", "ax", "a", "a") == ["1", "2", "ax", "1", "2"]


def test_replies_once_each(serve):
    server = serve('reply { { "^a", replies = { "1", "2" }, once = true }, { "", "no more" } }')
    assert replies(server, "a", "a", "a", "a") == ["1", "2", "no more", "no more"]


def test_when(serve):
    server = serve("""
        local known = {}
        reply {
          { "^login (.*)", function (message, name) known[name] = true return "welcome" end },
          { "^(\\\\w+): ", "heard", when = function (message, name) return known[name] end },
          { "", "who?" },
        }""")
    assert replies(server, "ann: hi", "login ann", "ann: hi", "bob: hi") == ["who?", "welcome", "heard", "who?"]


@pytest.mark.parametrize("workers", [1, 4])
def test_times_is_exact_whatever_the_workers(serve, workers):
    server = serve('reply { { "a", "limited", times = 10 }, { "", "over" } }', "-j", workers)
    heard = [reply for _ in range(8) for reply in replies(server, *["a"] * 5)]
    assert (heard.count("limited"), heard.count("over")) == (10, 30)


def test_chance_repeats_with_a_seed(serve):
    def drawn(*options):
        server = serve('reply { { "a", "yes", chance = 0.5 }, { "", "no" } }', *options)
        heard = replies(server, *["a"] * 100)
        server.stop()
        return heard

    first = drawn("--seed", "7")
    assert 10 < first.count("yes") < 90
    assert drawn("--seed", "7") == first
    assert drawn("--seed", "8") != first
    assert drawn() != drawn()


# ---- faults ----


def test_close(serve):
    server = serve('reply { { "^bye", "Good talking to you", close = true }, { "", "go on" } }')
    assert say(server.port, b"x\nbye\nx\n") == b"go on\nGood talking to you\n"


def test_reset(serve):
    server = serve('reply { { "^die", "not sent", reset = true } }')
    with Client(server.port) as client:
        client.send(b"die\n")
        with pytest.raises(ConnectionResetError):
            client.everything()


def test_truncate(serve):
    server = serve('reply { { "", "0123456789", truncate = 4, close = true } }')
    assert say(server.port, b"x\n") == b"0123"


def test_hang(serve):
    server = serve('reply { { "^hang", "never", hang = true }, { "", "so" } }')
    with Client(server.port) as client:
        client.send(b"x\nhang\nx\n")
        assert client.line() == b"so\n"
        assert server.stop() == 0
        assert client.everything() == b""


def test_delay_keeps_the_order(serve):
    server = serve('reply { { "^slow", "slow", delay = "200ms" }, { "", "fast" } }')
    with Client(server.port) as client:
        begun = time.monotonic()
        client.send(b"slow\nfast\n")
        assert client.lines(2) == [b"slow\n", b"fast\n"]
        assert time.monotonic() - begun >= 0.19  # never earlier; how much later is for the machine to say


def test_drip_and_pieces_send_all_of_it(serve):
    server = serve('reply { { "d", ("x"):rep(50), drip = 500 }, { "p", ("y"):rep(50), pieces = 7 } }')
    assert replies(server, "d", "p") == ["x" * 50, "y" * 50]


# ---- what goes wrong ----


def test_an_error_in_a_function_closes_its_connection_only(serve):
    server = serve("""reply {
          { "^bad", function (message) return message.text.nothing.there end },
          { "", "fine" },
        }""")
    with Client(server.port) as other:
        assert other.send(b"x\n").line() == b"fine\n"
        assert say(server.port, b"bad\n") == b""
        assert other.send(b"x\n").line() == b"fine\n"
    told = server.told_about("attempt to index")
    assert "rules.lua:3" in told and "traceback" in told


def test_a_runaway_function_is_stopped(serve):
    server = serve("""reply { { "^run", function () while true do end end }, { "", "fine" } }""")
    assert say(server.port, b"run\n") == b""
    assert replies(server, "x") == ["fine"]


def test_an_evil_pattern_is_taken_not_to_match_and_told(serve):
    server = serve('reply { { "^(a+)+$", "evil" }, { "", "next" } }')
    assert replies(server, "a" * 40, "a" * 2000 + "!", "a" * 40 + "!") == ["evil", "next", "next"]
    assert "rule 1" in server.told_about("too long")


@pytest.mark.parametrize("rules, sentence", [
    ('reply { { "(a" } }', "rules.lua:2: rule 1: the pattern is wrong at its end: missing closing parenthesis"),
    ('reply {\n  { "a" },\n  { "b", "$1" } }',
     "rules.lua:2: rule 2: the reply has $1, but the pattern has 0 groups; $$ is a dollar"),
    ('reply { { "a", dealy = 1 } }', "rules.lua:2: rule 1: 'dealy': no such key; did you mean delay?"),
    ('reply { "hello" }', "rules.lua:2: rule 1: a table { pattern, reply } or a function expected, met 'hello'"),
    ('reply { { "a", chance = 2 } }', "rules.lua:2: rule 1: chance: a number from 0 to 1 expected, met 2"),
])
def test_what_is_wrong_is_told_at_the_start(tmp_path, rules, sentence):
    (tmp_path / "rules.lua").write_text(LINES + rules)
    for command in (["-t", "rules.lua", "0"], ["check", "rules.lua"]):
        ended = run(*command, cwd=tmp_path)
        assert ended.returncode == 2
        assert sentence in ended.stderr.decode()
