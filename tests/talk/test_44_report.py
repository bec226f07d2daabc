"""The report is XML whatever patterns, messages, errors and names hold; what they hold can be read in it."""
import os
import pathlib
import re
import signal
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from goodtalk_outcome import MAIL, cases_of, lines_of, tell, write
from goodtalk_talk import PATIENCE, Client, run
from hypothesis import HealthCheck, given, settings, strategies as st

WRITER = pathlib.Path(os.environ["GOODTALK_BUILD"]) / "tests" / "junit_writer"
FORBIDDEN = ["\0", "\x08", "\x1b", "\x7f", "\x85", "\u200e", "\u2028", "\ufffe", "\uffff", "\U0001fffe"]
MATTERS = ["&", "<", ">", '"', "'", "]]>", "<![CDATA[", "&amp;", "&#0;", "\\", "\\x1b", "\r", "\r\n", "\n", "\t",
           " ", *FORBIDDEN]

text_of = st.lists(st.sampled_from([piece.encode() for piece in MATTERS]) | st.binary(max_size=4)
                   | st.text(max_size=5).map(lambda text: text.encode(errors="replace")), max_size=8).map(b"".join)
names = text_of.filter(lambda text: text and b"\0" not in text)
errors = text_of.filter(lambda text: text.strip(b"\n \t") and b"\0" not in text)
quick = settings(max_examples=60, deadline=None, database=None, derandomize=True,
                 suppress_health_check=list(HealthCheck))


def report(*lines):
    """A report about [WORD, TEXT...] lines, as bytes."""
    said = "".join(" ".join([word, *(text.hex() for text in texts)]) + "\n" for word, *texts in lines)
    return subprocess.run([WRITER], input=said.encode(), capture_output=True, check=True, timeout=PATIENCE).stdout


def suite_of(document):
    """The suite in it, once the numbers are found to be true and to be the same in both places."""
    suites = ElementTree.fromstring(document)
    assert suites.tag == "testsuites"
    [suite] = suites
    cases = list(suite)
    assert {case.tag for case in cases} == {"testcase"}
    counted = {"tests": len(cases), **{kind + "s": len(suite.findall(f"testcase/{kind}"))
                                       for kind in ("failure", "error")},
               "skipped": len(suite.findall("testcase/skipped"))}
    for element in (suites, suite):
        assert counted == {key: int(element.get(key)) for key in counted}
    return suite


def shown(text):
    """Read back what escape_text has written: the bytes."""
    letters = {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\"}
    pieces = re.split(r"\\(x[0-9a-f]{2}|.)", text)
    for i in range(1, len(pieces), 2):
        mark = pieces[i]
        pieces[i] = letters[mark] if mark in letters else bytes([int(mark[1:], 16)])
    return b"".join(piece if isinstance(piece, bytes) else piece.encode() for piece in pieces)


def xmllint_accepts(document):
    done = subprocess.run(["xmllint", "--noout", "-"], input=document, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr.decode()


@quick
@given(file=names, expected=text_of, heard=text_of, pattern=text_of, error=errors)
def test_any_text_is_well_formed_and_can_be_read_back(file, expected, heard, pattern, error):
    document = report(["file", file], ["good"], ["expect", expected, heard], ["script", error],
                      ["strict", heard], ["rule", pattern], ["error", error])
    suite = suite_of(document)
    cases = {case.get("name"): case for case in suite}
    run, good, failed, script, rule, strict = suite
    assert (run.get("name"), strict.get("name")) == ("run", "every message matches a rule")
    assert len(list(good)) == 0
    lines = dict(line.split(": ", 1) for line in failed[0].text.splitlines() if ": " in line)
    assert shown(lines.get("expected", "")) == expected
    assert shown(lines["heard"].removeprefix("   ") if heard else "") == heard
    assert shown(rule.get("name").removeprefix("rule 1: ")) == pattern
    assert script[0].get("type") == "script" and strict[0].get("type") == "strict"
    assert shown(re.fullmatch(r'no rule matches "(.*)" \(message 0-1\)', strict[0].text.strip("\n"))[1]) == heard
    assert len(cases) == 6


@quick
@given(text_of, text_of, names)
def test_xmllint_agrees(expected, heard, file):
    xmllint_accepts(report(["file", file], ["expect", expected, heard], ["strict", heard], ["rule", expected]))


def test_what_xml_forbids_is_shown_as_in_a_terminal():
    text = "".join(FORBIDDEN).encode()
    suite = suite_of(report(["file", b"\xef\xbf\xbe.lua"], ["expect", text, text]))
    assert suite.get("name") == "\\xef\\xbf\\xbe.lua"
    assert "\\x00\\x08\\x1b\\x7f\\xc2\\x85" in suite[1][0].get("message")
    assert "\\xef\\xbf\\xbe\\xef\\xbf\\xbf" in suite[1][0].get("message")


def test_the_class_is_the_file_without_folder_and_ending():
    for file, name in [("talks/mail.lua", "mail"), ("/a.b/c.d.lua", "c_d"), ("mail", "mail"), (".lua", "_lua")]:
        assert suite_of(report(["file", file.encode()]))[0].get("classname") == name


# ---- the program's ----


@pytest.fixture
def in_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("in_its_folder")
class TestReport:
    def test_has_a_case_for_each_conversation(self, goodtalk):
        talk = goodtalk("-n", "3", "-t", write(MAIL), "--report", "report.xml")
        for word in ("QUIT", "NOOP <&\x1b", "QUIT"):
            assert not os.path.exists("report.xml")
            tell(talk.port, "EHLO me", word)
        assert talk.ended() == 4
        cases = cases_of("report.xml")
        assert [cases[name] for name in ("run", "conversation 1", "conversation 3")] == [("ok", None)] * 3
        assert cases["conversation 2"] == (
            "failure", 'mail.lua:7: expected "^QUIT$", heard "NOOP <&\\x1b" (message 0-4)')
        assert len(cases) == 4
        xmllint_accepts(pathlib.Path("report.xml").read_bytes())

    def test_has_a_case_for_each_required_rule_and_for_strictness(self, goodtalk):
        rules = write('frame = "line"; strict = true; report = "report.xml"\n'
                      'reply { { "^a", "A", required = 1 }, { "^b", "B", required = 2 }, { "^c", "C" } }')
        talk = goodtalk("-n", "3", "-t", rules)
        tell(talk.port, "a", "b", "d")
        assert talk.ended() == 4
        assert cases_of("report.xml") == {
            "run": ("ok", None), "rule 1: ^a": ("ok", None),
            "rule 2: ^b": ("failure", 'rule 2, "^b": required 2 times, matched 1'),
            "every message matches a rule": ("failure", "1 message that no rule matches")}

    def test_tells_a_script_that_failed_with_its_traceback(self, goodtalk):
        talk = goodtalk("-t", write("talk(function (peer) peer:hear() error 'wrong' end)"), "--report", "report.xml")
        tell(talk.port, "hello")
        assert talk.ended() == 4
        [suite] = ElementTree.parse("report.xml").getroot()
        [error] = suite.iter("error")
        assert error.text.startswith("\nmail.lua:1: wrong\n  stack traceback:\n  ")
        assert suite.get("errors") == "1" and suite.get("failures") == "0"

    def test_is_written_where_all_is_well(self, goodtalk):
        talk = goodtalk("-t", write(MAIL), "--report", "report.xml")
        tell(talk.port, "EHLO me", "QUIT")
        assert talk.ended() == 0
        assert cases_of("report.xml") == {"run": ("ok", None), "conversation 1": ("ok", None)}

    def test_is_written_when_time_is_up(self, goodtalk):
        talk = goodtalk("-w", "100ms", "-t", write(MAIL), "--report", "report.xml")
        with Client(talk.port) as client:
            client.send(b"EHLO me\n").lines(2)
            assert talk.ended() == 3
        assert cases_of("report.xml") == {"run": ("error", "not done within 100 ms: 0 of 1 connection had ended"),
                                          "unfinished conversations": ("skipped", "1 cut short by the end of the run")}

    def test_is_written_when_interrupted(self, goodtalk):
        talk = goodtalk("-n", "2", "-t", write(MAIL), "--report", "report.xml")
        with Client(talk.port) as client:
            client.send(b"EHLO me\n").lines(2)
            talk.signal(signal.SIGTERM)
            assert talk.ended() == 1
        assert cases_of("report.xml") == {"run": ("error", "stopped before its count was reached"),
                                          "unfinished conversations": ("skipped", "1 cut short by the end of the run")}

    def test_is_written_by_a_kept_server_that_is_stopped(self, goodtalk):
        talk = goodtalk("-k", "-t", write(MAIL), "--report", "report.xml")
        tell(talk.port, "EHLO me", "NOOP")
        assert talk.stop() == 0
        assert cases_of("report.xml")["conversation 1"][0] == "failure"

    def test_replaces_an_older_one_as_a_whole(self, goodtalk):
        pathlib.Path("report.xml").write_text("older")
        talk = goodtalk("-t", write(MAIL), "--report", "report.xml")
        assert pathlib.Path("report.xml").read_text() == "older"
        tell(talk.port, "EHLO me", "QUIT")
        talk.ended()
        assert cases_of("report.xml")["run"] == ("ok", None)
        assert sorted(os.listdir()) == ["mail.lua", "report.xml"]

    @pytest.mark.parametrize("place, reason", [
        ("no/such/folder.xml", "cannot write the report no/such/folder.xml: No such file or directory (ENOENT"),
        (".", "cannot write the report .: there is a directory in its place"),
        ("pipe", "cannot write the report pipe: there is a pipe or a device in its place")])
    def test_that_cannot_be_written_is_found_at_the_start(self, place, reason):
        os.mkfifo("pipe")
        done = run("-t", write(MAIL), "--report", place, "--ready", "ready", "0")
        assert done.returncode == 1
        assert done.stderr.decode().splitlines()[-1].startswith(f"goodtalk: {reason}")
        assert sorted(os.listdir()) == ["mail.lua", "pipe"]

    def test_that_can_no_longer_be_written_is_an_error(self, goodtalk):
        os.mkdir("folder")
        talk = goodtalk("-t", write(MAIL), "--report", "folder/report.xml")
        os.rmdir("folder")
        tell(talk.port, "EHLO me", "QUIT")
        assert talk.ended() == 1
        assert "cannot write the report folder/report.xml: No such file or directory" in lines_of(talk)[-1]

    def test_needs_a_talk_file(self):
        done = run("--report", "report.xml", "0")
        assert done.returncode == 2
        assert b"--report: what talks came to; there is no talk file: -t FILE" in done.stderr
