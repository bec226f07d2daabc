"""The report is XML whatever patterns, messages, errors and names hold; what they hold can be read in it."""
import os
import pathlib
import re
import subprocess
import xml.etree.ElementTree as ElementTree

from goodtalk_talk import PATIENCE
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
