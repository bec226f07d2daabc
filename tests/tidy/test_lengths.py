"""Functions and files stay short; the bounds are a ratchet (limits.json) that only ever tightens."""

import json

import measure
import pytest
from source import functions, run

LIMITS = json.loads(measure.LIMITS.read_text())


def test_no_function_is_too_long():
    long = [entry for entry in measure.lengths() if entry[0] > LIMITS["longest_function"]]
    assert long == []


def test_most_functions_are_short():
    now = measure.measure()
    assert now["short_functions_percent"] >= LIMITS["short_functions_percent"]
    assert now["median_function"] <= LIMITS["median_function"]


def test_no_file_is_too_long():
    assert [entry for entry in measure.file_lengths() if entry[0] > LIMITS["longest_file"]] == []


def test_the_limits_are_within_the_project_s_word():
    assert LIMITS["longest_function"] <= 70
    assert LIMITS["longest_file"] <= 600


def loosened(older, newer):
    return [name for name in older if name not in newer or measure.worse(name, newer[name], older[name])]


def test_the_limits_are_the_tightest_there_ever_were():
    path = "tests/tidy/limits.json"
    commits = run("git", "log", "--format=%H", "--", path).stdout.split()
    for commit in commits:
        older = json.loads(run("git", "show", f"{commit}:{path}").stdout)
        assert loosened(older, LIMITS) == [], f"they were tighter in {commit}"


def test_loosening_is_seen():
    assert loosened({"longest_file": 500}, {"longest_file": 501}) == ["longest_file"]
    assert loosened({"short_functions_percent": 80}, {"short_functions_percent": 79})
    assert loosened({"longest_file": 500}, {}) == ["longest_file"]
    assert not loosened({"longest_file": 500}, {"longest_file": 499})


SAMPLE = """\
/* A story
{
}
*/
#include <stdio.h>

struct pair {
    int left;
};

static const char *const names[] = {
    "{", "}",
};

static int two_lines(int first, const char *text, /* why */
                     int second)
{
    return first + second + text['{'];
}

#define TWICE(x) ((x) + (x))
void long_one(void)
{
%s}
"""


def test_functions_are_found_and_measured():
    assert functions(SAMPLE % ("    puts(\"}\");\n" * 80)) == [("two_lines", 5), ("long_one", 83)]


@pytest.mark.parametrize("text", ["", "int x;\n", "struct a {\n    int b;\n};\n"])
def test_what_is_no_function_is_not_taken_for_one(text):
    assert functions(text) == []
