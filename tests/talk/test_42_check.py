"""goodtalk check FILE: right in one line, or wrong with file, line, what was met and what was expected."""
import os
import subprocess

import pytest
from goodtalk_file import TalkFile, refusal, right, run_refusal
from goodtalk_talk import GOODTALK, PATIENCE, is_sanitized, run, say

RIGHT = [
    ("", "settings, no address of its own"),
    ('frame = "line"', "settings, no address of its own"),
    ('listen = "9999"', "settings, 1 address"),
    ('listen = { 9999, { "udp:9999", frame = "chunk" } }', "settings, 2 addresses"),
    ('reply { { "a", "b" } }', "1 rule, no address of its own"),
    ('listen = "unix:/no/such/place"; reply { { "a", "b" }, function () end }', "2 rules, 1 address"),
    ("talk(function (peer) end)", "a conversation, no address of its own"),
    # from an editor of Windows; for a shell
    ('\ufeff-- talk\r\nreply {\r\n  { "a", "b" },\r\n}\r\n', "1 rule, no address of its own"),
    ("#!/usr/bin/goodtalk -t", "settings, no address of its own"),
]


@pytest.mark.parametrize("text, says", RIGHT, ids=[row[0] for row in RIGHT])
def test_right_is_one_line(tmp_path, text, says):
    assert right(text, tmp_path) == f"talk.lua: right: {says}\n"


def test_quiet_says_nothing(tmp_path):
    checked = run("check", "-q", str(TalkFile(tmp_path / "talk.lua")))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


WRONG = [
    # names
    ('\nmax_mesage = 5', 'talk.lua:2: max_mesage: no such setting; did you mean max_message?'),
    ('frme = "line"', 'talk.lua:1: frme: no such setting; did you mean frame?'),
    ('listn = { "9999" }', 'talk.lua:1: listn: no such setting; did you mean listen?'),
    ('idle_timeot = 3', 'talk.lua:1: idle_timeot: no such setting; did you mean idle_timeout?'),
    ('verbose = true', 'talk.lua:1: verbose: an option of the program, which stands on its command line'),
    ('tls_cert = "x"', 'talk.lua:1: tls_cert: not built yet in this version'),
    ('talk = "x"', 'talk.lua:1: talk: is called, not assigned: talk(function (peer) ... end)'),
    ('shared = 1', 'talk.lua:1: shared: is a table, there already'),
    ('function log() end', 'talk.lua:1: log: is a function already'),
    # types
    ('keep = "yes"', 'talk.lua:1: keep: true or false expected, met \'yes\''),
    ('keep = 1', 'talk.lua:1: keep: true or false expected, met 1'),
    ('frame = true', 'talk.lua:1: frame: a string or a number expected (FRAMING), met true'),
    ('frame = nil', 'talk.lua:1: frame: a string or a number expected (FRAMING), met nil; a string is in '
     'quotes'),
    ('frame = line', 'talk.lua:1: frame: a string or a number expected (FRAMING), met nil; a string is in quotes'),
    ('frame = {}', 'talk.lua:1: frame: a string or a number expected (FRAMING), met a table'),
    ('log = "a\\0b"', 'talk.lua:1: log: a string without NUL bytes expected'),
    ('reply = { { "a", "b" } }', 'talk.lua:1: reply: a string expected, met a table; rules are given by '
     'calling it: reply { ... }, without ='),
    ('function reply(message) end', 'talk.lua:1: reply: a string expected, met a function; rules are given'),
    # values
    ('max_message = "5x"', 'talk.lua:1: max_message 5x: not a size; for example 64KiB'),
    ('\n\npause = "soon"', 'talk.lua:3: pause soon: not a duration; for example 250ms'),
    ('count = 1.5', 'talk.lua:1: count 1.5: not a count; a number from 0 on'),
    ('count = -1', 'talk.lua:1: count -1: not a count; a number from 0 on'),
    ('frame = "lines"', 'talk.lua:1: frame lines: not a framing; did you mean line?'),
    ('show = "xml"', 'talk.lua:1: show xml: not a format; one of '),
    ('frame = "length:1"; reply = ("x"):rep(300)', '--reply: --frame length:1 cannot say a reply of 300 bytes'),
    # listen
    ('listen = {}', 'talk.lua:1: listen: at least one address expected, met an empty table'),
    ('listen = true', 'talk.lua:1: listen: an address or a table with an address expected, met true'),
    ('listen = { "9999", frame = "line" }', 'talk.lua:1: listen: addresses expected; settings of an address of '
     'its own stand in a table with it'),
    ('listen = { tcp = "9999" }', 'talk.lua:1: listen: addresses expected; settings of an address of its own'),
    ('listen = { { frame = "line" } }', 'talk.lua:1: listen: a table begins with an address'),
    ('listen = { { "9999", frme = "line" } }', 'talk.lua:1: frme: no such setting; did you mean frame?'),
    ('listen = { { "9999", colour = "red" } }', 'talk.lua:1: listen: colour: no such setting'),
    ('listen = { { "9999", max_memory = "1GiB" } }', 'talk.lua:1: listen: max_memory: belongs to the whole server'),
    ('listen = { { "9999", "9998" } }', 'talk.lua:1: listen: one address expected in a table that has settings'),
    ('\nlisten = { { "9999", frame = "lines" } }', 'talk.lua:2: frame lines: not a framing'),
    ('\nlisten = "localhost"', 'talk.lua:2: localhost: '),
    ('\nlisten = { "9999", "tls:9998" }', 'talk.lua:2: tls:9998: '),
    # rules and conversations
    ('reply {}', 'talk.lua:1: reply: at least one rule expected'),
    ('reply "x"', 'talk.lua:1: reply: one table of rules expected: reply { ... }; met \'x\''),
    ('reply { { "([a", "x" } }', 'talk.lua:1: rule 1: the pattern is wrong'),
    ('pcall(reply, { { "a", "b" }, { "([a", "x" } })', 'talk.lua: reply: its rules are wrong, and the error was caught'),
    ('reply { { "a", "b" } }\nreply { { "c", "d" } }', 'talk.lua:2: reply: is called once, and was in line 1'),
    ('talk(function () end)\nreply { { "c", "d" } }', 'talk.lua:2: reply: a file has rules or a conversation; talk '
     'was called in line 1'),
    ('talk {}', 'talk.lua:1: talk: one function expected: talk(function (peer) ... end); met a table'),
    ('reply { { "a", "b" } }\nreply = "x"', 'talk.lua:2: reply: would silence the rules of talk.lua (line 1)'),
    ('echo = true\ntalk(function () end)', 'talk.lua:1: echo: would silence the conversation of talk.lua (line 2)'),
    ('listen = "udp:9999"\ntalk(function () end)', 'udp:9999: talk.lua has a conversation, which datagrams do not hold'),
    # Lua
    ('frame = ', 'talk.lua:1: unexpected symbol near <eof>'),
    ('\n\nframe = "line', 'talk.lua:3: unfinished string'),
    ('\nmax-message = "64KiB"', "talk.lua:2: syntax error near '-'; settings have _ where options have -"),
    ('max_message = 64KiB', "talk.lua:1: malformed number near '64K'; what has a unit is a string, in quotes: "
     '"64KiB"'),
    ('\ufeff\r\nframe = "lines"', 'talk.lua:2: frame lines: not a framing'),
    ('#!/usr/bin/goodtalk\nframe = "lines"', 'talk.lua:2: frame lines: not a framing'),
    ('frame = "line"\n# no comment', "talk.lua:2: unexpected symbol near '#'"),
    ('x = nil + 1', 'talk.lua:1: attempt to perform arithmetic on a nil value'),
    ('error("my own")', 'talk.lua:1: my own'),
    ('error({})', 'table: '),
    ('repply { { "a", "b" } }', "talk.lua:1: attempt to call a nil value (global 'repply')"),
    ('while true do end', 'talk.lua:1: '),
    ('local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end', 'talk.lua:1: '),
    ('\x1bLua', 'talk.lua: attempt to load a binary chunk'),
    ('error("a\\nb\\27[31m")', 'talk.lua:1: a\\nb\\x1b[31m'),
]


@pytest.mark.parametrize("text, says", WRONG, ids=[row[0] for row in WRONG])
def test_wrong_says_where_and_what(tmp_path, text, says):
    assert says in refusal(text, tmp_path)


@pytest.mark.parametrize("text", ["frme = 1", 'frame = "lines"', "x = nil + 1", "reply {}"])
def test_a_start_says_the_same(tmp_path, text):
    assert run_refusal(text, tmp_path) == refusal(text, tmp_path)


@pytest.mark.parametrize("text", [
    'name = "mail.example"', "list = {}", "code = 250", "port = 25", "counter = 0", "n = 1", "state = true",
    "function pause() end", "local frme = 1", "frmes = {}", "greetings = { 'a' }", "_G.anything = 1",
])
def test_a_name_of_the_files_own_is_no_slip(tmp_path, text):
    right(text, tmp_path)


def test_settings_are_set_where_the_file_is_read(goodtalk, tmp_path):
    """Later an assignment is an error: who counts in "count" means a variable."""
    file = TalkFile(tmp_path / "talk.lua", 'frame = "line"\nreply { function () count = 5 end }')
    talk = goodtalk("-t", file, at="127.0.0.1:0")
    assert say(talk.port, b"hello\n") == b""
    talk.ended()
    assert "talk.lua:2: count: is a setting, set where the file is read and not later" in talk.said()


@pytest.mark.skipif(is_sanitized(), reason="LeakSanitizer does not work under strace")
def test_nothing_is_opened(tmp_path):
    """Not the addresses, not the log, not the journal, not what --ready names."""
    file = TalkFile(tmp_path / "talk.lua", f'''
        listen = {{ "127.0.0.1:0", "unix:{tmp_path}/socket" }}
        log = "{tmp_path}/log"; record = "{tmp_path}/journal"; ready = "{tmp_path}/ready"
        report = "{tmp_path}/report"''')
    trace = tmp_path / "trace"
    wrapper = ["strace", "-f", "-e", "trace=socket,bind,mkdir,openat", "-o", str(trace)]
    if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no strace here")
    checked = subprocess.run([*wrapper, GOODTALK, "check", str(file)], capture_output=True, timeout=PATIENCE, check=False)
    assert checked.returncode == 0, checked.stderr
    assert sorted(os.listdir(tmp_path)) == ["talk.lua", "trace"]
    calls = trace.read_text()
    assert "socket(" not in calls and "bind(" not in calls and "O_CREAT" not in calls


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "missing.lua", tmp_path):
        refused = run("check", str(path))
        assert refused.returncode == 2
        assert f"goodtalk: cannot read {path}: ".encode() in refused.stderr


def test_files_that_it_names_are_read_too(tmp_path):
    refused = run("check", str(TalkFile(tmp_path / "talk.lua", 'reply_file = "/no/such/file"')))
    assert refused.returncode == 1
    assert b"goodtalk: --reply-file: cannot read /no/such/file: " in refused.stderr


def test_a_file_is_not_too_large(tmp_path):
    file = TalkFile(tmp_path / "talk.lua", "-- " + "x" * (16 << 20))
    refused = run("check", str(file))
    assert refused.returncode == 2 and b"it is larger than 16 MiB" in refused.stderr


def test_a_bad_name_is_escaped(tmp_path):
    file = TalkFile(tmp_path / "a\x1b[31m.lua", "frme = 1")
    refused = run("check", str(file))
    assert b"\\x1b[31m.lua:1: frme" in refused.stderr and b"\x1b" not in refused.stderr


@pytest.mark.parametrize("arguments, says", [
    ([], b"no talk file to check"), (["a", "b"], b"one talk file at a time"), (["--keep", "a"], b"--keep: no such setting")])
def test_wrong_arguments(arguments, says):
    refused = run("check", *arguments)
    assert refused.returncode == 2 and says in refused.stderr


def test_a_file_to_be_trusted_is_read_as_trusted(tmp_path):
    file = TalkFile(tmp_path / "talk.lua", f'assert(io.open("{tmp_path}"))')
    assert "io.open is for trusted scripts (--trust)" in refusal(file.path.read_text(), tmp_path)
    checked = run("check", "--trust", str(file))
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_help():
    shown = run("check", "--help")
    assert shown.returncode == 0 and b"Usage: goodtalk check" in shown.stdout
