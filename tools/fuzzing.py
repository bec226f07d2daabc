"""The fuzz harnesses: their corpora, and runs of all of them, one on each CPU.

A corpus is kept as text, tests/fuzz/corpus/NAME.txt: an input a line, what is not printable as \\xHH,
the shortest first. It is written anew, from all that runs have found and as few of it as cover the same:

    tools/fuzzing.py collect build-fuzz
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
FUZZ = TOP / "tests" / "fuzz"

# Sanitizers map their shadow at fixed addresses; kernels that scatter mappings widely get in the way.
STEADY = ["setarch", "-R"]

LONGEST = 300  # bytes of an input that is kept
LONGEST_TRIED = 1000


def harnesses():
    return sorted(path.stem for path in FUZZ.glob("fuzz_*.c"))


# ---- corpora as text ----


def line_of(data):
    """An input as a line."""
    plain = [chr(byte) if 0x20 < byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in data]
    return "".join(plain)


def data_of(line):
    """A line as an input."""
    text = re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match.group(1), 16)), line)
    return text.encode("latin-1")


def corpus_file(harness):
    return FUZZ / "corpus" / f"{harness.removeprefix('fuzz_')}.txt"


def kept_inputs(harness):
    path = corpus_file(harness)
    return [data_of(line) for line in path.read_text().splitlines()] if path.exists() else []


def expand(harness, directory):
    """The kept inputs as files, which libFuzzer reads."""
    directory.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(kept_inputs(harness)):
        (directory / f"kept-{number:03}").write_bytes(data)
    return directory


# ---- running ----


@dataclass
class Ran:
    harness: str
    status: int
    executions: int
    said: str
    artifacts: list

    def complaint(self, program):
        """What went wrong, and how to see it again."""
        again = [f"again: {' '.join(STEADY)} {program} {artifact}" for artifact in self.artifacts]
        return "\n".join([self.said, f"{self.harness} failed (status {self.status})", *again])


def program_of(directory, harness):
    return directory / "tests" / "fuzz" / harness


def run_harness(directory, harness, *options, corpus=None, under=STEADY):
    """Run one: options are libFuzzer's. directory: of the build. What it finds is left there."""
    corpus = corpus or expand(harness, directory / "corpus" / harness)
    command = [*under, str(program_of(directory, harness)), "-timeout=20", "-verbosity=0", "-print_final_stats=1"]
    command += [f"-artifact_prefix={directory}/{harness}-", *options, str(corpus)]
    ran = subprocess.run(command, cwd=TOP, stdin=subprocess.DEVNULL, capture_output=True)
    said = ran.stderr.decode(errors="replace")
    counted = re.search(r"number_of_executed_units: (\d+)", said)
    artifacts = re.findall(r"Test unit written to (\S+)", said)
    return Ran(harness, ran.returncode, int(counted.group(1)) if counted else 0, said, artifacts)


def run_all(directory, options_of, wanted=None):
    """Run all of them, as many at a time as there are CPUs, those that are slow first; options_of(harness)
    gives each its options. Says what each did; returns what became of them."""

    def one(harness):
        ran = run_harness(directory, harness, f"-max_len={LONGEST_TRIED}", *options_of(harness))
        print(f"{harness:24} {ran.executions:>10,} executions", flush=True)
        if ran.status != 0:
            print(ran.complaint(program_of(directory, harness)), flush=True)
        return ran

    ordered = sorted(wanted or harnesses(), key=lambda harness: harness != "fuzz_server")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, ordered))


# ---- keeping ----


def collect(directory, harness):
    """Write the corpus of a harness anew: few inputs that cover what all that is known covers."""
    known = expand(harness, directory / "corpus" / harness)
    few = directory / "few" / harness
    few.mkdir(parents=True, exist_ok=True)
    for old in few.iterdir():
        old.unlink()
    merge = ["-set_cover_merge=1", "-use_counters=0", f"-max_len={LONGEST}", str(few)]
    run_harness(directory, harness, *merge, corpus=known)
    inputs = sorted((path.read_bytes() for path in few.iterdir()), key=lambda data: (len(data), data))
    corpus_file(harness).write_text("".join(line_of(data) + "\n" for data in inputs if data))
    return len(inputs)


def main():
    if len(sys.argv) < 3 or sys.argv[1] != "collect":
        sys.exit("usage: tools/fuzzing.py collect BUILD [HARNESS]...")
    for harness in sys.argv[3:] or harnesses():
        print(f"{harness}: {collect(Path(sys.argv[2]).resolve(), harness)} inputs kept", flush=True)


if __name__ == "__main__":
    main()
