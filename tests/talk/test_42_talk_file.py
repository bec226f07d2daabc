"""-t FILE: settings, addresses and replies from a talk file; the command line outdoes it."""
import socket

import pytest
from goodtalk_file import TalkFile, refusal
from goodtalk_talk import REPLY, Client, run


@pytest.fixture
def file(tmp_path):
    """file(TEXT): a talk file."""
    return lambda text="": TalkFile(tmp_path / "talk.lua", text)


def ask(talk, text=b"hello\n"):
    with Client(talk.port) as client:
        return client.send(text).line()


def ask_datagram(address, text=b"hello"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(25)
        peer.connect(("127.0.0.1", int(address.rsplit(":", 1)[1])))
        peer.send(text)
        return peer.recv(1 << 16)


# ---- settings ----


def test_an_empty_file_changes_nothing(goodtalk, file):
    talk = goodtalk("-t", file())
    assert ask(talk) == REPLY
    assert talk.ended() == 0 and talk.shown() == [b"hello"]


def test_settings_by_their_names(goodtalk, file):
    talk = goodtalk("-t", file('keep = true; reply = "pong"; show = "none"; max_message = 2^4'))
    assert ask(talk) == b"pong\n"
    with Client(talk.port) as client:
        assert client.send(b"x" * 17 + b"\n").ended_silently()
    assert talk.stop() == 0
    assert talk.stdout.everything() == b""


def test_text_is_taken_as_lua_has_read_it(goodtalk, file):
    """A backslash that is left is one, a NUL too: nothing is unescaped a second time."""
    talk = goodtalk("-t", file(r'''reply = "a\\b\n\0c\xff"; frame = "eof" '''))
    with Client(talk.port) as client:
        assert client.send(b"x").half_close().everything() == b"a\\b\n\0c\xff\n"


def test_a_setting_reads_back_as_it_was_assigned(goodtalk, file):
    talk = goodtalk("-t", file('max_message = 2^10; pause = "1s"; echo = false\n'
                               'reply { { "", max_message .. pause .. tostring(echo) .. tostring(close) } }'))
    assert ask(talk) == b"1024.01sfalsenil\n"


def test_the_last_assignment_counts(goodtalk, file):
    talk = goodtalk("-t", file('reply = "one"; echo = true; reply = "two"'))
    assert ask(talk) == b"two\n"


@pytest.mark.parametrize("options", [["-t", "{}", "-r", "mine"], ["-r", "mine", "-t", "{}"]],
                         ids=["behind", "before"])
def test_the_command_line_wins_wherever_it_stands(goodtalk, file, options):
    text = file('reply = "the file\'s"; count = 5; max_message = "10B"')
    talk = goodtalk(*(str(text) if option == "{}" else option for option in options), "-n", 1,
                    "--max-message", "20B")
    assert ask(talk, b"0123456789abcde\n") == b"mine\n"
    assert talk.ended() == 0


def test_what_the_file_says_outdoes_the_programs_defaults(goodtalk, file):
    talk = goodtalk("-t", file('count = 2; show = "raw"'))
    with Client(talk.port) as client:
        client.send(b"one\ntwo\n").half_close()
        assert client.everything() == REPLY * 2
    assert talk.ended() == 0
    assert talk.stdout.everything() == b"one\ntwo\n"


def test_connections_are_counted_instead(goodtalk, file):
    talk = goodtalk("-t", file("connections = 1"))
    with Client(talk.port) as client:
        assert client.send(b"one\ntwo\n").lines(2) == [REPLY] * 2
    assert talk.ended() == 0


def test_an_interrupted_count_is_the_files(goodtalk, file):
    talk = goodtalk("-t", file("count = 3"))
    assert ask(talk) == REPLY
    assert talk.stop() == 1
    assert "interrupted after 1 of 3 messages" in talk.said()


def test_plain_globals_functions_and_locals_are_the_files_own(goodtalk, file):
    talk = goodtalk("-t", file('''
        users = { ann = "Ann", bob = "Bob" }
        salutation = "Dear "
        local count = "a local may have any name"
        function echo(message) return salutation .. users[message.text] .. "\\n" end
        reply { echo }'''))
    assert ask(talk, b"ann\n") == b"Dear Ann\n"


# ---- addresses ----


def test_the_file_lists_addresses(goodtalk, file, tmp_path):
    talk = goodtalk("-k", "-t", file(f'listen = {{ "127.0.0.1:0", "unix:{tmp_path}/gt" }}'), at=[])
    assert [address.split(":")[0] for address in talk.addresses] == ["tcp", "unix"]
    assert ask(talk) == REPLY
    assert talk.stop() == 0


def test_one_address_needs_no_table(goodtalk, file):
    talk = goodtalk("-t", file('listen = "127.0.0.1:0"'), at=[])
    assert talk.addresses == [f"tcp:127.0.0.1:{talk.port}"]
    assert ask(talk) == REPLY


def test_addresses_of_the_command_line_replace_them(goodtalk, file):
    talk = goodtalk("-k", "-t", file('listen = { "no such host:1" }'), at="127.0.0.1:0")
    assert talk.addresses == [f"tcp:127.0.0.1:{talk.port}"]


def test_an_address_may_have_settings_of_its_own(goodtalk, file):
    talk = goodtalk("-t", file('''
        keep = true
        frame = "line"
        listen = { "127.0.0.1:0", { "127.0.0.1:0", frame = "nul", reply = "zero" },
                   { "udp:127.0.0.1:0", echo = true } }'''), at=[])
    line, nul, datagrams = talk.addresses
    assert ask(talk) == REPLY
    with Client(int(nul.rsplit(":", 1)[1])) as client:
        assert client.send(b"a\0").half_close().everything() == b"zero\0"
    assert ask_datagram(datagrams, b"back") == b"back"
    assert talk.stop() == 0


def test_the_command_line_wins_over_those_too(goodtalk, file):
    """All but what it cannot mean: settings that only the address has."""
    talk = goodtalk("-k", "-t", file('listen = { { "127.0.0.1:0", frame = "nul", reply = "zero" } }'),
                    "-f", "line", at=[])
    with Client(talk.port) as client:
        assert client.send(b"a\0\n").half_close().everything() == b"zero\n"


def test_a_table_has_no_order(goodtalk, file):
    """Lua walks through a table in an order of its own in every state; what is said must not differ."""
    own = ", ".join(f'{name} = "{value}"' for name, value in [
        ("frame", "line"), ("reply", "own"), ("pause", "1s"), ("max_message", "9B"), ("idle_timeout", "1h"),
        ("message_timeout", "1h"), ("write_timeout", "1h"), ("max_waiting", "9"), ("backlog", "9")])
    talk = goodtalk("-j", 8, "-t", file(f'listen = {{ {{ "127.0.0.1:0", {own} }}, "127.0.0.1:0" }}\n'
                                        'reply { { "", "rule" } }'), at=[])
    assert ask(talk) == b"own\n"


def test_a_port_that_the_system_chose_is_told(goodtalk, file):
    talk = goodtalk("-k", "-t", file('listen = "127.0.0.1:0"'), at=[], ready=False)
    port = int(talk.told_about("listening on").rsplit(":", 1)[1])
    assert Client(port).send(b"hello\n").line() == REPLY


# ---- replies ----


def test_rules_reply(goodtalk, file):
    talk = goodtalk("-t", file('frame = "line"; count = 2\n'
                               'reply { { "^hello (\\\\w+)", "Hello, $1" }, { "", "Pardon?" } }'))
    with Client(talk.port) as client:
        assert client.send(b"hello you\nwhat\n").lines(2) == [b"Hello, you\n", b"Pardon?\n"]
    assert talk.ended() == 0


def test_a_conversation(goodtalk, file):
    talk = goodtalk("-t", file('talk(function (peer) peer:say("who?\\n"); peer:hear(); peer:say("ah\\n") end)'))
    with Client(talk.port) as client:
        assert client.line() == b"who?\n"
        assert client.send(b"me\n").everything() == b"ah\n"
    assert talk.ended() == 0


def test_every_worker_has_a_state_of_its_own(goodtalk, file):
    """What a worker counts in shared, another does not see; together they have seen everybody."""
    talk = goodtalk("-k", "-j", 3, "-s", "none", "-t", file('''
        shared.count = 0
        reply { function () shared.count = shared.count + 1; return shared.count .. "\\n" end }'''))
    numbers = [int(ask(talk)) for _ in range(90)]
    assert talk.stop() == 0
    sizes = sorted(number for number in numbers if numbers.count(number + 1) < numbers.count(number))
    assert sum(number * (numbers.count(number) - numbers.count(number + 1)) for number in set(sizes)) == 90


def test_a_listener_with_a_reply_of_its_own_needs_no_rules(goodtalk, file):
    talk = goodtalk("-t", file('''
        keep = true
        listen = { "127.0.0.1:0", { "udp:127.0.0.1:0", silent = false, reply = "own" } }
        reply { { "", "rule" } }'''), at=[])
    assert ask(talk) == b"rule\n"
    assert ask_datagram(talk.addresses[1]) == b"own\n"


# ---- what does not go together ----


@pytest.mark.parametrize("option", [["-r", "x"], ["--echo"], ["--silent"], ["--reply-file", "/dev/null"]],
                         ids=lambda option: option[0])
@pytest.mark.parametrize("text, what", [('\nreply { { "", "x" } }', "rules"),
                                        ("\ntalk(function () end)", "conversation")])
def test_a_reply_on_the_command_line_would_silence_the_file(file, option, text, what):
    refused = run(*option, "-t", str(file(text)), "127.0.0.1:0")
    assert refused.returncode == 2
    name = {"-r": "--reply"}.get(option[0], option[0])
    said = refused.stderr.decode()
    assert f"goodtalk: {name}: would silence the {what} of " in said and "(line 2)" in said


def test_datagrams_hold_no_conversation(file):
    refused = run("-t", str(file("talk(function () end)")), "udp:127.0.0.1:0")
    assert refused.returncode == 2
    assert b"has a conversation, which datagrams do not hold" in refused.stderr


def test_a_file_in_the_place_of_an_address_is_told_its_option(file):
    refused = run(str(file("").path.name))
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert refused.stderr.endswith(b"talk.lua: not an address; HOST:PORT, for example talk.lua:9999; "
                                   b"a talk file is given with -t\n")
    assert b"-t" not in run("talk.luna").stderr


def test_a_wrong_file_opens_nothing(file):
    refused = run("-t", str(file('listen = "127.0.0.1:0"\nframe = "lines"')))
    assert refused.returncode == 2 and refused.stdout == b""
    assert b"talk.lua:2: frame lines: not a framing; did you mean line?" in refused.stderr
    assert b"listening" not in refused.stderr


def test_a_file_that_behaves_by_chance_is_refused(file):
    """The same for every worker, or it is no setting: a clock or chance would decide."""
    text = 'max_message = math.random(1000, 1 << 20); reply { { "", "x" } }'
    refused = run("-j", "4", "-t", str(file(text)), "127.0.0.1:0")
    said = refused.stderr.decode()
    assert refused.returncode == 2, said
    assert "max-message is not the same each time the file is run" in said


def test_chance_is_the_same_again_with_a_seed(goodtalk, file):
    text = file('frame = "line"; count = 1; reply { function () return math.random(1 << 40) end }')
    first, second, other = (ask(goodtalk("--seed", seed, "-t", text)) for seed in (1, 1, 2))
    assert first == second != other


def test_bounds_of_the_command_line_hold_while_the_file_is_read(file):
    text = "for i = 1, 100000 do end"
    assert run("-w", "10ms", "-t", str(file(text)), "127.0.0.1:0").returncode == 3
    refused = run("--max-script-steps", "1000", "-t", str(file(text)), "127.0.0.1:0")
    assert refused.returncode == 2
    assert b"talk.lua:1:" in refused.stderr


def test_a_file_is_trusted_by_the_command_line_alone(goodtalk, file, tmp_path):
    reads = f'local f = io.open("{tmp_path}/secret"); reply = f:read("a")'
    (tmp_path / "secret").write_text("a secret")
    assert b"talk.lua:1:" in run("-t", str(file(reads)), "127.0.0.1:0").stderr
    assert ask(goodtalk("--trust", "-t", file(reads))) == b"a secret\n"
    assert "trust: is given on the command line" in refusal("trust = true", tmp_path)
