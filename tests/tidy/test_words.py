"""Nothing is left for later, and no path of anybody's machine stands in a file."""

import re

import pytest
from source import project_files, read

# Put together from pieces, so that this file does not catch itself.
LATER = "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"])
MACHINE = "|".join(["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/"])


def caught(text):
    lines = [line for line in text.splitlines() if re.search(rf"\b({LATER})\b", line)]
    return lines + [line for line in text.splitlines() if re.search(rf"(^|[^\w.])({MACHINE})", line)]


def test_nothing_is_left_for_later():
    found = [f"{path}: {line}" for path in project_files() for line in caught(read(path))]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["/* TO" + "DO: more */", "# FIX" + "ME", "XX" + "X", "see /wo" + "rk/x", '"/ro' + 'ot/.profile"', "/ho" + "me/me"],
)
def test_it_is_caught(line):
    assert caught("first\n" + line + "\n")


@pytest.mark.parametrize("line", ["mkstemp(\"/tmp/gtXX" + "XXXX\")", "src/wo" + "rk/", "methodology"])
def test_innocent_lines_are_not(line):
    assert not caught(line)


def test_text_files_end_with_a_newline_and_have_no_trailing_space():
    wrong = []
    for path in project_files():
        text = read(path)
        if path.suffix in (".c", ".h", ".py", ".md", ".build", ".1", ".json") and text:
            if not text.endswith("\n") or re.search(r"[ \t]+$", text, re.MULTILINE) or "\r" in text:
                wrong.append(str(path))
    assert wrong == []
