"""docs/TALKS.md says what happens: its examples run, as the README's do (test_readme.py says how).

Its files are right, but wrong.lua.
"""
import re
import subprocess

import pytest
from goodtalk_talk import GOODTALK, ROOT
from test_readme import agree, examples, files_of, run_block, take_apart

TUTORIAL = (ROOT / "docs" / "TALKS.md").read_text()


FILES = files_of(TUTORIAL)
EXAMPLES = examples(TUTORIAL)


@pytest.mark.parametrize("block", [block for _, block in EXAMPLES],
                         ids=[f"{number}-{title}" for number, (title, _) in enumerate(EXAMPLES)])
def test_example(own_network, tmp_path, block):
    expected = take_apart(block)[1]
    printed = run_block(block, tmp_path, FILES)
    assert agree(expected, printed), "\n".join(["printed:", *printed, "", "TALKS.md:", *expected])


@pytest.mark.parametrize("name", FILES)
def test_file_is_right(tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    checked = subprocess.run([GOODTALK, "check", str(tmp_path / name)], capture_output=True, check=False)
    assert checked.returncode == (2 if name == "wrong.lua" else 0), checked.stderr.decode()


@pytest.mark.parametrize("name", FILES)
def test_file_is_used(name):
    assert [block for _, block in EXAMPLES if name in block]


def test_every_block_is_a_file_or_an_example():
    kinds = re.findall(r"^```(\w*)$", TUTORIAL, re.MULTILINE)
    assert kinds.count("") == len(kinds) / 2
    assert kinds.count("lua") == len(FILES) and kinds.count("console") == len(EXAMPLES)


def test_it_starts_with_three_lines():
    first = next(iter(FILES.values()))
    assert first.count("\n") == 1 + 3


# ---- and it can fail ----

def test_an_example_whose_file_says_something_else_is_seen(own_network, tmp_path):
    block = "$ goodtalk -t hello.lua &\n$ echo hello | nc localhost 9999\nThe message was: hello\nHello to you, too\n"
    changed = {"hello.lua": FILES["hello.lua"].replace("Hello to you", "Good-bye")}
    printed = run_block(block, tmp_path, changed)
    assert printed == ["The message was: hello", "Good-bye, too"]
    assert not agree(take_apart(block)[1], printed)
