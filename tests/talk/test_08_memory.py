"""The memory of the worst case: told, made to fit, and refused where it was asked for and cannot fit."""
import re

import pytest
from goodtalk_talk import REPLY, Client, is_sanitized, run

UNITS = {"bytes": 1, "byte": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
DATA = 40_000_000  # bytes that the process may have

limited = pytest.mark.skipif(is_sanitized(), reason="a sanitizer takes more than any limit")


def sizes(line):
    """The sizes in a line, in bytes."""
    return [float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+) (bytes?|[KMGT]iB)", line)]


def with_data(limit):
    return ["prlimit", f"--data={limit}", "--"]


def test_the_sum_is_told_with_its_parts(goodtalk):
    talk = goodtalk("-k", "-v", "-m", 1000, "--max-memory", "64MiB", "--max-rate", "5/s",
                    "--send-buffer", "64KiB", "--receive-buffer", "32KiB", at="127.0.0.1:0")
    line = talk.told_about("memory, at most")
    whole, messages, places, workers, sources, scripts, of_system = sizes(line)
    assert messages == 64 << 20 and scripts == 0
    assert abs(whole - (messages + places + workers + sources)) < 1 << 20
    assert 1000 * 1000 < places < 1000 * 3000
    assert abs(of_system - 1000 * 2 * (96 << 10)) < 1 << 20
    assert talk.stop() == 0


def test_scripts_are_counted_for_each_worker(goodtalk, tmp_path):
    (tmp_path / "talk.lua").write_text('max_script_memory = "5MiB"\nreply { { "", "yes" } }\n')
    talk = goodtalk("-k", "-v", "-t", tmp_path / "talk.lua", "-j", 3, at="127.0.0.1:0")
    whole, *parts, scripts, _ = sizes(talk.told_about("memory, at most"))
    assert scripts == 15 << 20
    assert abs(whole - sum(parts) - scripts) < 1 << 20
    assert talk.stop() == 0


def test_scripts_that_do_not_fit_are_refused(tmp_path):
    (tmp_path / "talk.lua").write_text('reply { { "", "yes" } }\n')
    refused = run("-k", "--max-script-memory", "7000TiB", "-t", tmp_path / "talk.lua", "127.0.0.1:0")
    assert refused.returncode == 1
    assert b"goodtalk: --max-script-memory 7000 TiB: for 1 worker that is 7000 TiB" in refused.stderr


def test_more_memory_than_there_is_is_refused():
    refused = run("-k", "--max-memory", "8000TiB", "127.0.0.1:0")
    assert refused.returncode == 1
    said = refused.stderr.decode()
    assert "goodtalk: --max-memory 8000 TiB: does not fit" in said and "that this process may have" in said


@limited
def test_a_default_is_made_to_fit(goodtalk):
    talk = goodtalk("-k", "-v", "--engine", "epoll", wrapper=with_data(DATA))
    whole, messages = sizes(talk.told_about("memory, at most"))[:2]
    assert whole <= DATA and 1 << 20 <= messages <= DATA / 2
    with Client(talk.port) as client:
        assert client.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0


@limited
def test_the_default_of_scripts_is_made_to_fit(goodtalk, tmp_path):
    (tmp_path / "talk.lua").write_text('reply { { "", "yes" } }\n')
    talk = goodtalk("-k", "-v", "-t", tmp_path / "talk.lua", "--engine", "epoll", wrapper=with_data(DATA))
    whole, *_, scripts, _ = sizes(talk.told_about("memory, at most"))
    assert whole <= DATA and 1 << 20 <= scripts <= DATA / 4
    with Client(talk.port) as client:
        assert client.send(b"hello\n").line() == b"yes\n"
    assert talk.stop() == 0


@limited
@pytest.mark.parametrize("asked, would", [
    (["--max-memory", "{}"], r"--max-memory 38 MiB: .*ulimit -d\); ([\d.]+ MiB) would"),
    (["--max-memory", "8MiB", "-m", "{}"], r"--max-connections 19000: .*ulimit -d\); (\d+) would"),
])
def test_what_was_asked_for_and_cannot_fit_is_refused_and_what_would_is_taken(goodtalk, asked, would):
    too_much = "19000" if "-m" in asked else "38MiB"
    options = ["-k", "--engine", "epoll", *asked, "-m", "10000"][:-2 if "-m" in asked else None]
    talk = goodtalk(*(option.format(too_much) for option in options), wrapper=with_data(DATA), ready=False)
    assert talk.ended() == 1
    fits = re.search(would, talk.said())[1].replace(" ", "")
    fits = f"{int(float(fits[:-3]))}MiB" if fits.endswith("MiB") else fits
    talk = goodtalk(*(option.format(fits) for option in options), wrapper=with_data(DATA))
    with Client(talk.port) as client:
        assert client.send(b"hello\n").line() == REPLY
    assert talk.stop() == 0


@limited
def test_more_workers_than_fit_are_refused(goodtalk):
    talk = goodtalk("-k", "--engine", "epoll", "-j", "1000", wrapper=with_data(DATA), ready=False)
    assert talk.ended() == 1
    fits = int(re.search(r"--workers 1000: .*ulimit -d\); (\d+) would", talk.said())[1])
    talk = goodtalk("-k", "--engine", "epoll", "-j", 2, "-m", 100, wrapper=with_data(DATA))
    assert 2 <= fits < 1000
    assert talk.stop() == 0
