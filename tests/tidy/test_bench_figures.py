"""What `make bench` makes of its results: medians, ratios, verdicts and tables, from results made up here.
Nothing is measured."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from source import TOP, run

sys.path.insert(0, str(TOP / "bench" / "measure"))
import aims  # noqa: E402
import figures  # noqa: E402
import machine  # noqa: E402
import report  # noqa: E402
import rounds  # noqa: E402
import servers  # noqa: E402
import shapes  # noqa: E402


def rates(*values):
    return {"rounds": [{"failed": "reset 1"} if value is None else {"rate": value} for value in values]}


def test_a_median_is_the_middle():
    results = {"one": rates(5, 1, 3), "two": rates(1, 2, 3, 10)}
    assert figures.median(results, "one", "rate") == 3
    assert figures.median(results, "two", "rate") == 2.5
    assert figures.spread(results, "one", "rate") == pytest.approx(4 / 3)


def test_who_failed_more_often_than_not_has_no_figure():
    results = {"half": rates(1, None, 3, None), "most": rates(1, None, None), "gone": {"rounds": [], "absent": "no"}}
    assert figures.median(results, "half", "rate") == 2
    assert figures.median(results, "most", "rate") is None
    assert figures.median(results, "gone", "rate") is None
    assert figures.median(results, "unheard of", "rate") is None


def test_a_ratio_is_taken_within_the_rounds():
    """The machine gets four times slower on the way: the ratio of the medians would be another one."""
    results = {"one": rates(400, 200, 100), "two": rates(200, 100, 50)}
    assert figures.ratio(results, "one", "two", "rate") == 2
    drifting = {"one": rates(400, 100, 90), "two": rates(200, 100, 10)}
    assert figures.ratio(drifting, "one", "two", "rate") == 2


def test_a_ratio_leaves_out_rounds_that_failed():
    results = {"one": rates(None, 30, 40), "two": rates(10, 10, None), "zero": rates(0, 0, 0)}
    assert figures.ratio(results, "one", "two", "rate") == 3
    assert figures.ratio(results, "one", "zero", "rate") is None
    assert figures.ratio(results, "one", "nobody", "rate") is None


def test_better_is_higher_for_rates_and_lower_for_the_rest():
    results = {"one": {"rounds": [{"rate": 10, "cpu_us": 7}]}, "two": {"rounds": [{"rate": 20, "cpu_us": 8}]}}
    assert figures.best(results, ("one", "two", "three"), "rate") == "two"
    assert figures.best(results, ("one", "two", "three"), "cpu_us") == "one"
    assert figures.best(results, ("three",), "rate") is None


def test_whom_one_loses_against():
    results = {"us": rates(100), "fast": rates(200), "faster": rates(400), "alike": rates(101), "slow": rates(50)}
    assert figures.lost(results, results, "us", "rate", 0.02) == [("faster", 0.25), ("fast", 0.5)]
    assert figures.lost(results, results, "us", "rate", 0.6) == [("faster", 0.25)]
    late = {name: {"rounds": [{"p99_us": each["rounds"][0]["rate"]}]} for name, each in results.items()}
    assert figures.lost(late, late, "us", "p99_us", 0.02) == [("slow", 2)]


def test_trouble_is_told():
    results = {"well": rates(1), "once": rates(1, None), "gone": {"rounds": [], "absent": "no such option"}}
    assert figures.trouble(results, "well") == ""
    assert figures.trouble(results, "once") == "failed 1 of 2: reset 1"
    assert figures.trouble(results, "gone") == "absent: no such option"


# ---- the load ----

LOADED = {"rate": 1000.0, "messages": 500, "failed": 0, "failures": {"reset": 0}, "cpu_seconds": 0.5}


def test_a_load_with_failures_is_no_rate():
    assert rounds.told(json.dumps(LOADED), "", 0) == LOADED
    for wrong in ({"failed": 3, "failures": {"reset": 3, "refused": 0}}, {"messages": 0}):
        with pytest.raises(rounds.Failed):
            rounds.told(json.dumps({**LOADED, **wrong}), "", 0)
    with pytest.raises(rounds.Failed, match="cannot connect"):
        rounds.told("", "goodtalk: cannot connect\n", 1)
    with pytest.raises(rounds.Failed):
        rounds.told(json.dumps(LOADED), "", 1)


def test_a_server_s_own_load_is_told_what_goodtalk_s_is(tmp_path):
    plan, shape, address = rounds.Plan(tmp_path, 1, 0.5), shapes.BY_NAME["durable-32x1"], "tcp:127.0.0.1:7"
    peer = servers.SERVERS["rsyslog, RELP and sync"]
    (tmp_path / "bench").mkdir()
    with pytest.raises(servers.Absent, match="relp-load"):
        rounds.load_command(plan, shape, peer, address)
    (tmp_path / "bench" / "relp-load").touch()
    program, *own = rounds.load_command(plan, shape, peer, address)
    assert program == str(tmp_path / "bench" / "relp-load")
    assert own == ["-c", "32", "-p", "1", "-d", "500ms", "--warmup", "300ms", "-b", "256", address]
    assert {*own} < {*rounds.load_command(plan, shape, servers.SERVERS["goodtalk -d"], address)}


def test_rsyslog_keeps_to_its_folder_and_syncs_before_it_replies(tmp_path):
    command = servers.rsyslog(servers.Setting(tmp_path, tmp_path, port=7))
    assert [word for word in command if word.startswith("/")] == [str(tmp_path / "rsyslog.conf"), str(tmp_path / "pid")]
    configuration = (tmp_path / "rsyslog.conf").read_text()
    assert re.findall(r'"(/.*?)"', configuration) == [str(tmp_path), str(tmp_path / "log")]
    action = re.search(r"action\((.*?)\)", configuration, re.DOTALL)[1]
    assert {'sync="on"', 'flushOnTXEnd="on"', 'queue.type="Direct"'} <= set(action.split())
    assert configuration.count('queue.type="Direct"') == 2 and '"%rawmsg%\\n"' in configuration


def test_the_cpu_is_that_of_the_end_of_the_run():
    """Two seconds of connecting at full speed, then one second at half."""
    samples = [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (2.5, 2.25), (3.0, 2.5)]
    assert rounds.cpu_share(samples, 1.0) == 0.5
    assert rounds.cpu_share([(1.0, 1.0)], 1.0) == 0.0


def test_a_process_is_read_with_its_family():
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    try:
        assert {child.pid, os.getpid()} <= set(machine.family(os.getpid()))
        assert machine.resident_bytes(os.getpid()) > 1 << 20
        assert machine.cpu_seconds(os.getpid()) > 0
        assert machine.wakeups(os.getpid()) > 0
    finally:
        child.communicate()


# ---- the aims ----


def stream(goodtalk, floor, libuv, redis):
    return {"goodtalk": rates(goodtalk), "floor epoll": rates(floor), "floor io_uring": rates(floor / 2),
            "libuv": rates(libuv), "redis": rates(redis)}


def verdict(shape, results, against, **how):
    found = [aim for aim in aims.AIMS if aim.shape == shape and aim.against == against
             and all(getattr(aim, name) == value for name, value in how.items())]
    assert len(found) == 1
    return aims.judge(found[0], results)


def test_a_ratio_is_held_against_its_bound():
    results = stream(goodtalk=90, floor=100, libuv=80, redis=70)
    assert verdict("tcp-64x1", results, aims.BETTER_FLOOR).word == "not reached"
    assert verdict("tcp-64x1", results, "libuv").word == "reached"
    assert verdict("tcp-64x1", results, "redis").word == "not reached"
    assert verdict("tcp-64x1", results, "node").word == "not measured"
    assert verdict("tcp-64x1", results, aims.BETTER_FLOOR).figure == pytest.approx(0.9)


def test_the_better_floor_is_the_floor():
    slow_epoll = {**stream(90, 50, 80, 70), "floor io_uring": rates(120)}
    judged = verdict("tcp-64x1", slow_epoll, aims.BETTER_FLOOR)
    assert judged.reference == "floor io_uring" and judged.figure == pytest.approx(0.75)


def test_enough_of_the_floor_is_enough():
    """Nobody can be 1.12 times a libuv that is at the floor itself; but only peers are excused."""
    results = stream(goodtalk=96, floor=100, libuv=99, redis=95)
    assert verdict("tcp-64x1", results, "libuv").word == "reached"
    assert verdict("tcp-64x1", stream(94, 100, 99, 95), "libuv").word == "not reached"
    large = {"goodtalk": rates(80), "goodtalk epoll": rates(80), "floor epoll": rates(100)}
    against_a_floor = verdict("large-1024-64x1", large, "floor epoll", bound=0.85)
    assert against_a_floor.word == "not reached" and against_a_floor.of_the_floor is None


def test_the_better_engine_is_taken_where_either_will_do():
    results = {"goodtalk": rates(50), "goodtalk epoll": rates(60), "goodtalk uring": rates(96), "floor epoll": rates(100)}
    assert verdict("large-1024-64x1", results, "floor epoll", bound=0.95).word == "reached"
    assert verdict("large-1024-64x1", results, "floor epoll", bound=0.85).word == "not reached"


def test_what_is_durable_is_twice_rsyslog_in_the_better_engine():
    results = {"goodtalk -d": rates(90), "goodtalk epoll -d": rates(19), "goodtalk uring -d": rates(20),
               "rsyslog, RELP and sync": rates(10)}
    for connections in (1, 32, 128, 1000):
        judged = verdict(f"durable-{connections}x1", results, "rsyslog, RELP and sync")
        assert (judged.word, judged.subject, judged.figure) == ("reached", "goodtalk uring -d", 2)
    results["rsyslog, RELP and sync"] = rates(10.1)
    assert verdict("durable-32x1", results, "rsyslog, RELP and sync").word == "not reached"


def test_at_most_and_figures_of_their_own():
    idle = {"goodtalk": {"rounds": [{"bytes_per_connection": 271, "idle_cpu_ms": 0.0}]}}
    assert verdict("idle-10000", idle, "", measure="bytes_per_connection").word == "not reached"
    assert verdict("idle-10000", idle, "", measure="idle_cpu_ms").word == "reached"
    idle["goodtalk"]["rounds"][0]["bytes_per_connection"] = 270
    assert verdict("idle-10000", idle, "", measure="bytes_per_connection").word == "reached"


def test_every_aim_is_about_something_that_is_measured():
    for aim in aims.AIMS:
        shape = shapes.BY_NAME[aim.shape]
        assert set(aim.subjects) <= set(shape.servers), aim
        assert aim.against in (*shape.servers, "", aims.BETTER_FLOOR, aims.BEST_PEER), aim
        columns = report.COLUMNS[shape.kind]
        assert aim.measure in columns and shape.measure in columns


def test_every_server_is_known_and_used():
    named = {name for shape in shapes.SHAPES for name in shape.servers}
    assert named == set(servers.SERVERS)
    assert len(shapes.BY_NAME) == len(shapes.SHAPES)


# ---- what is told ----


def raw(**results):
    return {"machine": machine.describe(), "settings": {"rounds": 5, "seconds": 1.0}, "minutes": 20.4,
            "shapes": {name: {"title": "", "servers": servers} for name, servers in results.items()}}


def test_a_table_has_a_row_for_each_and_no_empty_column():
    results = {**stream(2.2e6, 1.5e6, 8e4, 7e4), "goodtalk uring": {"rounds": [], "absent": "no such option"}}
    table = report.rows(shapes.BY_NAME["tcp-64x1"], results)
    assert table[0] == ["server", "messages/s", "goodtalk : it", "rounds", "remarks"]
    assert ["goodtalk", "2.20M/s", "1.00", "±0%", ""] in table
    assert ["goodtalk uring", "", "", "", "absent: no such option"] in table
    assert ["libuv", "80.0k/s", "27.50", "±0%", ""] in table
    lines = report.plain(table).splitlines()
    assert len(lines) == len(table) and lines[0].startswith("server")


def test_a_bar_in_a_remark_does_not_break_a_table():
    assert report.markdown([["server", "rate"], ["a|b", "1"]]).splitlines() == [
        "| server | rate |", "| --- | --: |", "| a\\|b | 1 |"]


def test_the_page_tells_wins_losses_and_what_is_missing():
    text = report.page(raw(**{"tcp-64x1": stream(goodtalk=90, floor=100, libuv=120, redis=20)}), "1.2.3")
    assert "goodtalk 1.2.3" in text and "about 20 minutes" in text
    assert "**not reached**" in text and "| reached |" in text and "**not measured**" in text
    assert "| TCP, 64 connections, depth 1 | messages/s | libuv | 0.75 |" in text
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_who_loses_nowhere_says_so():
    text = report.page(raw(**{"tcp-64x1": stream(goodtalk=100, floor=100, libuv=90, redis=20)}), "1.2.3")
    assert "\n\nNone.\n\n" in text


def test_the_runner_tells_how_it_is_used():
    asked = run(sys.executable, str(TOP / "bench" / "run"), "--help")
    if "No module named 'matplotlib'" in asked.stderr:
        pytest.skip("matplotlib is not installed; make bench does that")
    assert "ROUNDS" in asked.stdout and asked.returncode == 0


def test_the_floors_reply_as_goodtalk_does():
    assert Path(TOP / "bench" / "talk.c").read_text().count(rounds.REPLY.decode().strip()) == 1
