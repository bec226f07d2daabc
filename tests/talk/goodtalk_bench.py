"""Running goodtalk bench to its end, for the tests of it."""
import json
import re
import subprocess

from goodtalk_talk import GOODTALK, PATIENCE, SANITIZER_WORDS

LETTERS = b"abcdefghijklmnopqrstuvwxyz"


def run_bench(*arguments, status=0, **how):
    """Run goodtalk bench: its standard output, and what it told on standard error."""
    ended = subprocess.run([GOODTALK, "bench", *map(str, arguments)], stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=PATIENCE, **how)
    told = ended.stderr.decode(errors="backslashreplace")
    assert not any(word in ended.stderr for word in SANITIZER_WORDS), told
    assert ended.returncode == status, f"status {ended.returncode}: {told}"
    assert told == "" if status == 0 else re.fullmatch(r"goodtalk: .+\n", told), told
    return ended.stdout.decode(), told


def bench(*arguments, status=0, **how):
    """The result of goodtalk bench --json; where it is to fail, what it told is in it too."""
    said, told = run_bench("--json", *arguments, status=status, **how)
    assert said.endswith("}\n") and said.count("\n") == 1, said
    result = json.loads(said)
    assert sum(result["failures"].values()) == result["failed"]
    assert sum(count for _, count in result["histogram"]) == result["messages"] + result["late"]
    return {**result, "told": told}


def failed(result):
    """Its failures that there were: name -> how many."""
    return {name: count for name, count in result["failures"].items() if count}


def slower_than(result, milliseconds):
    """How many messages took longer."""
    return sum(count for upper_us, count in result["histogram"] if upper_us > milliseconds * 1000)
