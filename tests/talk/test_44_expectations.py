"""A run with an end, whose talks went otherwise than their file expects, ends with status 4, and tells why."""
import os
import signal

import pytest
from goodtalk_outcome import MAIL, events_of, lines_of, tell, write
from goodtalk_talk import Client, run
from test_17_counters import ask


@pytest.fixture(autouse=True)
def in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# Each of the four reasons alone, and none of them; all are told "hello".
GREETING = 'frame = "line"\n'
FAILING = {
    "expect": 'talk(function (peer) peer:expect "^bye" end)',
    "required": 'reply { { "^bye", "Bye", required = 1 }, { "", "So" } }',
    "strict": 'strict = true; reply { { "^bye", "Bye" } }',
    "script": "reply { function (message) return message.text.none.at_all end }",
    "script of a conversation": 'talk(function (peer) peer:hear() error("wrong") end)',
}
FINE = {
    "expect": 'talk(function (peer) peer:expect "^hello" end)',
    "required": 'reply { { "^hello", "Bye", required = 1 } }',
    "strict": 'strict = true; reply { { "^hello", "Bye" } }',
    "script": "reply { function (message) return message.text:upper() end }",
    "not strict": 'reply { { "^bye", "Bye" } }',
    "heard, not expected": "talk(function (peer) peer:hear() end)",
    "an error that was caught": 'talk(function (peer) pcall(error, "wrong") peer:hear() end)',
}


# ---- the status ----


@pytest.mark.parametrize("reason", FAILING)
def test_each_reason_alone_gives_4(goodtalk, reason):
    talk = goodtalk("-t", write(GREETING + FAILING[reason]), "-n", "1")
    tell(talk.port, "hello")
    assert talk.ended() == 4
    assert lines_of(talk)[-1].startswith("talk: ")


@pytest.mark.parametrize("reason", FINE)
def test_none_of_them_gives_0(goodtalk, reason):
    talk = goodtalk("-t", write(GREETING + FINE[reason]), "-n", "1")
    tell(talk.port, "hello")
    assert talk.ended() == 0


def test_one_of_many_is_enough(goodtalk):
    talk = goodtalk("-t", write(MAIL), "-n", "12", "-j", "2")
    for number in range(12):
        tell(talk.port, "EHLO me", "NOOP" if number == 5 else "QUIT")
    assert talk.ended() == 4
    assert lines_of(talk)[-1] == "talk: 12 conversations, 11 as expected, 1 not"


def test_a_kept_server_that_is_stopped_tells_and_gives_0(goodtalk):
    talk = goodtalk("-k", "-t", write(MAIL))
    tell(talk.port, "EHLO me", "NOOP")
    talk.told_about("heard")
    assert talk.stop() == 0
    assert lines_of(talk)[-1] == "talk: 1 conversation, 1 not"


def test_a_kept_server_with_a_timeout_has_an_end(goodtalk):
    for word, status in [("NOOP", 4), ("QUIT", 0)]:
        talk = goodtalk("-k", "-w", "60s", "-t", write(MAIL))
        tell(talk.port, "EHLO me", word)
        assert talk.stop() == status


# ---- which of several ----


def test_4_goes_before_3(goodtalk):
    talk = goodtalk("-n", "3", "-w", "500ms", "-t", write(MAIL))
    tell(talk.port, "EHLO me", "NOOP")
    assert talk.ended() == 4
    assert lines_of(talk)[-1] == "talk: 1 conversation, 1 not; not done within 500 ms: 1 of 3 connections had ended"


def test_3_where_nothing_else_went_wrong(goodtalk):
    talk = goodtalk("-n", "3", "-w", "500ms", "-t", write(MAIL))
    tell(talk.port, "EHLO me", "QUIT")
    with Client(talk.port) as silent:
        assert silent.send(b"EHLO me\n").lines(2)[1] == b"250 hello\n"
        assert talk.ended() == 3
    assert lines_of(talk)[1:] == ["talk: 2 conversations, 1 as expected, 1 cut short",
                                  "not done within 500 ms: 1 of 3 connections had ended"]


def test_1_goes_before_4(goodtalk):
    with open("/dev/full", "wb") as full:
        talk = goodtalk("-n", "1", "-t", write(GREETING + FAILING["required"]), stdout=full.fileno())
        tell(talk.port, "hello")
        assert talk.ended() == 1
    assert any("No space left" in line for line in lines_of(talk))


def test_an_interrupted_count_is_not_judged(goodtalk):
    talk = goodtalk("-n", "3", "-t", write(MAIL))
    tell(talk.port, "EHLO me", "NOOP")
    talk.told_about("heard")
    talk.signal(signal.SIGTERM)
    assert talk.ended() == 1
    assert lines_of(talk)[-1] == "interrupted after 2 of 3 messages"


def test_a_one_shot_that_is_interrupted_before_its_message_ends_by_the_signal(goodtalk):
    talk = goodtalk("-t", write(GREETING + FAILING["required"]))
    talk.signal(signal.SIGTERM)
    assert talk.ended() == -signal.SIGTERM


# ---- what is told ----


def test_expected_and_heard_stand_side_by_side(goodtalk):
    mail = write(MAIL)
    talk = goodtalk("-t", mail)
    with Client(talk.port) as client:
        client.send(b"HALLO\x1b[2J \xff\xe2\x80\xae\n").everything()
        name = client.name
    assert talk.ended() == 4
    assert lines_of(talk) == [
        f'{name}: {mail}:5: expected "^(HELO|EHLO) ", heard "HALLO\\x1b[2J \\xff\\xe2\\x80\\xae" (message 0-1)',
        "talk: 1 conversation, 1 not"]


def test_what_came_instead_of_a_message_is_told(goodtalk):
    mail = write(MAIL.replace('("^QUIT$")', '("^QUIT$", { timeout = "50ms" })'))
    talk = goodtalk("-n", "2", "-t", mail)
    tell(talk.port, "EHLO me")
    with Client(talk.port) as silent:
        silent.send(b"EHLO me\n").everything()
    assert talk.ended() == 4
    assert [line.split(": ", 1)[1] for line in lines_of(talk)[:2]] == [
        f'{mail}:7: expected "^QUIT$", heard end of the stream',
        f'{mail}:7: expected "^QUIT$", heard timeout']


def test_the_line_is_told_whatever_the_name_and_the_way_of_calling(goodtalk):
    for call in ['peer:expect "^bye"', 'pcall(peer.expect, peer, "^bye")',
                 'load([[local peer = ... peer:expect "^bye"]], "=my\\27[2J talk.lua")(peer)']:
        named = write(GREETING + f"talk(function (peer)\n{call}\nend)", "my talk.lua")
        talk = goodtalk("-t", named)
        tell(talk.port, "hello")
        assert talk.ended() == 4
        place = "my\\x1b[2J talk.lua:1" if "load" in call else "my talk.lua:3"
        assert lines_of(talk)[0].split(": ", 1)[1] == f'{place}: expected "^bye", heard "hello" (message 0-1)'


def test_as_json_both_are_members(goodtalk):
    talk = goodtalk("-t", write(MAIL), "--log-format", "json")
    tell(talk.port, "HALLO \x1b")
    assert talk.ended() == 4
    [unmet] = events_of(talk, "unmet")
    assert (unmet["level"], unmet["reason"]) == ("error", "expect")
    assert (unmet["expected"], unmet["heard"]) == ("^(HELO|EHLO) ", "HALLO \\x1b")
    assert unmet["peer"].startswith("127.0.0.1:") and unmet["listener"] == talk.addresses[0]
    assert [event["text"] for event in events_of(talk, "failed")] == ["talk: 1 conversation, 1 not"]


def test_a_script_that_fails_tells_where_on_one_line(goodtalk):
    mail = write(GREETING + 'local function deep() error("over\\n\\27[2J") end\n'
                 "talk(function (peer) peer:hear() deep() end)")
    talk = goodtalk("-t", mail)
    tell(talk.port, "hello")
    assert talk.ended() == 4
    [failed, summary] = lines_of(talk)
    assert f"{mail}:2: over | \\x1b[2J | stack traceback:" in failed
    assert f"{mail}:3: in " in failed
    assert summary == "talk: 1 conversation, 1 not; 1 error in a script"


def test_quiet_is_quiet_where_all_is_well(goodtalk):
    for word, said in [("QUIT", 0), ("NOOP", 2)]:
        talk = goodtalk("-q", "-t", write(MAIL), "-n", "1")
        tell(talk.port, "EHLO me", word)
        talk.ended()
        assert len(lines_of(talk)) == said


def test_a_message_without_a_rule_is_told_either_way(goodtalk):
    rules = write(GREETING + 'reply { { "^bye", "Bye" } }')
    for options, status in [((), 0), (("--strict",), 4)]:
        talk = goodtalk("-t", rules, *options)
        assert tell(talk.port, "hello") == b""
        assert talk.ended() == status
        assert lines_of(talk)[0].endswith('no rule matches "hello" (message 0-1)')
        assert lines_of(talk)[1] == "talk: 1 message that no rule matches"


def test_nothing_expected_nothing_told(goodtalk):
    for text in ['reply { { "^hello", "Bye" } }', 'talk(function (peer) peer:hear() peer:say "Bye\\n" end)']:
        talk = goodtalk("-t", write(GREETING + text))
        assert tell(talk.port, "hello") == b"Bye\n"
        assert talk.ended() == 0
        assert lines_of(talk) == []


def test_counters(goodtalk):
    talk = goodtalk("-k", "-t", write(MAIL), "--log-format", "json", "-q")
    tell(talk.port, "EHLO me", "QUIT")
    tell(talk.port, "EHLO me", "NOOP")
    counters = ask(talk)
    wanted = ("conversations", "expects-failed", "scripts-failed", "unmatched")
    assert [counters.get(name, 0) for name in wanted] == [2, 1, 0, 0]


# ---- rules that count ----


def test_times_and_required_are_shared_by_all_workers(goodtalk):
    rules = write(GREETING + 'reply { { "^hello", "First", times = 10, required = 10 }, { "", "Later" } }')
    talk = goodtalk("-j", "4", "-n", "40", "-t", rules)
    replies = [tell(talk.port, "hello", "hello") for _ in range(20)]
    assert b"".join(replies).count(b"First\n") == 10
    assert b"".join(replies).count(b"Later\n") == 30
    assert talk.ended() == 0


def test_a_rule_that_matched_too_seldom_is_told_with_its_number(goodtalk):
    rules = write(GREETING + 'reply { { "^a", "A" }, { "^b\\\\n?", "B", required = 3 }, { "", "C" } }')
    talk = goodtalk("-n", "3", "-t", rules)
    tell(talk.port, "a", "b", "c")
    assert talk.ended() == 4
    assert lines_of(talk) == ['rule 2, "^b\\\\n?": required 3 times, matched 1',
                              "talk: 0 of 1 required rule matched often enough"]


@pytest.mark.parametrize("before, after, status", [("b", "a", 0), ("a", "b", 4)])
def test_a_file_that_is_read_again_is_the_one_that_requires(goodtalk, before, after, status):
    rules = write(GREETING + f'reply {{ {{ "^{before}", "A", required = 1, times = 1 }}, {{ "", "B" }} }}')
    talk = goodtalk("-n", "2", "-t", rules)
    assert tell(talk.port, before) == b"A\n"
    write(GREETING + f'reply {{ {{ "^{after}", "A", required = 1, times = 1 }}, {{ "", "B" }} }}')
    talk.signal(signal.SIGHUP)
    talk.told_about("read again")
    assert tell(talk.port, "a") == (b"B\n" if status else b"A\n")
    assert talk.ended() == status


def test_what_a_file_required_before_it_was_read_again_is_forgotten(goodtalk):
    talk = goodtalk("-n", "1", "-t", write(GREETING + 'reply { { "^never", "A", required = 1 } }'))
    write(GREETING + 'reply { { "^a", "A", required = 1 } }')
    talk.signal(signal.SIGHUP)
    talk.told_about("read again")
    assert tell(talk.port, "a") == b"A\n"
    assert talk.ended() == 0


def test_a_file_that_is_refused_requires_nothing(goodtalk):
    rules = write(GREETING + 'reply { { "^a", "A", required = 1 } }')
    talk = goodtalk("-n", "1", "-t", rules)
    write(GREETING + 'reply { { "^b", "B", required = 1 } }; frame = "so"')
    talk.signal(signal.SIGHUP)
    assert "frame" in talk.told_about("stays as it was")
    tell(talk.port, "a")
    assert talk.ended() == 0


# ---- log ----


def test_log_writes_as_print_does_but_escaped_and_to_stderr(goodtalk):
    text = GREETING + r'''
talk(function (peer)
  local named = setmetatable({}, { __tostring = function () return "named" end })
  log("a\27[2J\n", 1, 2.5, nil, true, named)
  log()
end)
'''
    mail = write(text)
    talk = goodtalk("-t", mail, "--frame", "line")
    tell(talk.port)
    assert talk.ended() == 0
    assert lines_of(talk)[:2] == [f"{mail}:5: a\\x1b[2J\\n\t1\t2.5\tnil\ttrue\tnamed", f"{mail}:6: "]
    assert talk.stdout.everything() == b""


def test_log_does_not_flood(goodtalk):
    talk = goodtalk("-t", write(GREETING + "talk(function () for i = 1, 500 do log(i) end end)"))
    tell(talk.port)
    talk.ended()
    lines = lines_of(talk)
    assert len([line for line in lines if line.endswith(":2: 1")]) == 1
    assert len(lines) < 100
    assert any("lines were left out" in line for line in lines)


def test_a_failing_tostring_fails_the_script(goodtalk):
    talk = goodtalk("-t", write(GREETING + "talk(function (peer) peer:hear()\n"
                                "log(setmetatable({}, { __tostring = function () error 'no' end })) end)"))
    tell(talk.port, "hello")
    assert talk.ended() == 4
    assert "mail.lua:3: no" in lines_of(talk)[0]


def test_log_is_an_event_as_json(goodtalk):
    talk = goodtalk("-t", write(GREETING + 'talk(function () log("a", "b") end)'), "--log-format", "json")
    tell(talk.port)
    talk.ended()
    [note] = [event for event in events_of(talk, "note") if event.get("reason") == "log"]
    assert note["level"] == "notice" and note["text"].endswith("mail.lua:2: a\tb")


def test_check_neither_logs_nor_expects():
    done = run("check", write('log("read")\n' + GREETING + FAILING["required"]))
    assert done.returncode == 0, done.stderr
    assert b"mail.lua:1: read" not in done.stderr
    assert os.listdir() == ["mail.lua"]
