"""How much of what parses the kept corpora reach: lines and branches, from clang's own counting.

What is counted are the kept inputs alone, no new ones: the same figures every time. A line or branch that
only an allocation that fails would reach counts as one that is missed.
"""

import json
import os
import shutil
import subprocess

from fuzzing import TOP, expand, harnesses, program_of

# Where bytes or words from outside are read.
PARSERS = [
    "base/address.c",
    "base/escape.c",
    "base/json.c",
    "base/nearest.c",
    "base/peer.c",
    "base/units.c",
    "codec/chunk.c",
    "codec/counted.c",
    "codec/decimal.c",
    "codec/delimiter.c",
    "codec/eof.c",
    "codec/fixed.c",
    "codec/frame.c",
    "codec/length.c",
    "codec/line.c",
    "codec/packet.c",
    "codec/table.c",
    "codec/talk.c",
    "codec/varint.c",
    "guard/handed.c",
    "record/journal_frame.c",
    "record/journal_reader.c",
    "record/message.c",
    "record/show.c",
    "serve/intake.c",
    "serve/settings.c",
    "serve/settings_value.c",
    "tool/bench_options.c",
    "tool/bench_replies.c",
    "tool/client_target.c",
    "tool/client_wrapped.c",
    "tool/command_line.c",
    "tool/grammar.c",
    "tool/nc.c",
    "tool/notify.c",
    "tool/options.c",
    "tool/refusal.c",
    "tool/send_input.c",
    "tool/send_options.c",
    "tool/show_json.c",
    "tool/show_log_line.c",
    "tool/show_peer.c",
    "tool/show_time.c",
]

LEAST_LINES = 95.0  # per cent of all of them together
LEAST_BRANCHES = 90.0


def replay(directory, harness):
    """Run the kept inputs through a harness that counts; the file with the counts."""
    counts = directory / "counts" / f"{harness}.profraw"
    counts.parent.mkdir(exist_ok=True)
    shutil.rmtree(directory / "kept" / harness, ignore_errors=True)
    corpus = expand(harness, directory / "kept" / harness)
    command = [str(program_of(directory, harness)), "-runs=0", str(corpus)]
    subprocess.run(command, env={"LLVM_PROFILE_FILE": str(counts)}, capture_output=True, check=True)
    return counts


def count(directory):
    """What clang counted, by file below src/."""
    merged = directory / "counts" / "all.profdata"
    counts = [str(replay(directory, harness)) for harness in harnesses()]
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", str(merged), *counts], check=True)
    programs = [str(program_of(directory, harness)) for harness in harnesses()]
    objects = [word for program in programs[1:] for word in ("-object", program)]
    export = ["llvm-cov", "export", "-summary-only", f"-instr-profile={merged}", programs[0], *objects]
    exported = subprocess.run(export, capture_output=True, check=True, text=True).stdout
    source = str(TOP / "src") + "/"
    files = json.loads(exported)["data"][0]["files"]
    found = {}
    for entry in files:
        name = os.path.normpath(str(directory / entry["filename"]))
        if name.startswith(source):
            found[name.removeprefix(source)] = entry["summary"]
    return found


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def row(name, lines, branches):
    shown = [f"{percent(*pair):6.1f} % of {pair[1]:5}" for pair in (lines, branches)]
    return f"{name:26} lines {shown[0]}   branches {shown[1]}"


def tell(directory):
    """Print them all, and the sum: whether it is enough."""
    found = count(directory)
    sums = {"lines": [0, 0], "branches": [0, 0]}
    for name in PARSERS:
        pairs = {}
        for kind, total in sums.items():
            summary = found[name][kind]
            pairs[kind] = (summary["covered"], summary["count"])
            total[0] += summary["covered"]
            total[1] += summary["count"]
        print(row(name, pairs["lines"], pairs["branches"]))
    print(row("all of them", sums["lines"], sums["branches"]))
    return percent(*sums["lines"]) >= LEAST_LINES and percent(*sums["branches"]) >= LEAST_BRANCHES
