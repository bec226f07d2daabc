"""Running goodtalk show to its end, for the tests of it."""
import json
import os
import subprocess

from goodtalk_journal import Segment
from goodtalk_talk import GOODTALK, PATIENCE, SANITIZER_WORDS

BEGAN_US = 1_769_860_800_000_000  # 2026-01-31 12:00 UTC
SECOND_US = 1_000_000


def show(*arguments, status=0, said="", **how):
    """Run goodtalk show: its standard output. said: what its standard error must hold; "": nothing."""
    how.setdefault("stdin", subprocess.DEVNULL)
    environment = {**os.environ, "TZ": "UTC", **how.pop("env", {})}
    ended = subprocess.run([GOODTALK, "show", *map(str, arguments)], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=PATIENCE, env=environment, **how)
    told = ended.stderr.decode(errors="backslashreplace")
    assert not any(word in ended.stderr for word in SANITIZER_WORDS), told
    assert ended.returncode == status, f"status {ended.returncode}: {told}"
    assert said in told if said else told == "", told
    return ended.stdout


def shown(*arguments, **how):
    """The messages, from --json."""
    return [json.loads(line) for line in show("--json", *arguments, **how).splitlines()]


def texts(*arguments, **how):
    return [message["text"] for message in shown(*arguments, **how)]


def words(count, first=0):
    return [f"message {number}" for number in range(first, first + count)]


def fill(segment, count, listener="tcp:127.0.0.1:9999", apart_us=SECOND_US, first=0):
    """Messages in a segment, "message 0" and so on, each a while after the other; their offsets."""
    segment.listener(listener)
    return [segment.message(word.encode(), time_us=BEGAN_US + number * apart_us)
            for number, word in enumerate(words(count, first), start=first)]


def small_journal(directory, count=6):
    """One worker, two segments, all of it durable; (the offsets in the first, the segments)."""
    directory.mkdir(exist_ok=True)
    one = Segment()
    offsets = fill(one, count)
    one.mark()
    one.room()
    two = one.next()
    fill(two, 2, first=count)
    two.mark()
    two.room()
    for segment in (one, two):
        segment.save(directory)
    return offsets, [one, two]
