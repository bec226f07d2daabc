"""Bugs put in on purpose, one at a time, into a copy of the source: the harnesses must find each.

A plant is a replacement in one file, and the harness that is to find it. Where its text is no longer in the
file the plant has to be written anew, which is a failure too. The copy is built once without a bug (which
must be found nowhere), then again with each; what is rebuilt is one file and one program.
"""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass

from fuzzing import TOP, expand, harnesses, run_harness

SECONDS = 60  # within which a bug is found


@dataclass
class Plant:
    what: str
    path: str
    old: str
    new: str
    harness: str


PLANTS = [
    Plant(
        "a filter takes a letter that may be there not at all for one that must",
        "src/reply/pattern_filter.c",
        "text.data[0] == '?' || text.data[0] == '*'",
        "text.data[0] == '*'",
        "fuzz_rules",
    ),
    Plant(
        "a group's number is read past the pattern's groups",
        "src/reply/template.c",
        "if (!pattern || number > groups)",
        "if (!pattern)",
        "fuzz_template",
    ),
    Plant(
        "a byte is read past the end of the input",
        "src/codec/counted.c",
        "input.size - around < count.body",
        "input.size - around + 1 < count.body",
        "fuzz_varint",
    ),
    Plant(
        "a length overflows as it is added up",
        "src/codec/counted.c",
        """    if (count.body > framing->max_message)
        return FRAME_TOO_LONG;
    size_t around = count.head + count.tail;
    if (input.size < around || input.size - around < count.body)
""",
        """    (void)framing;
    size_t around = count.head + count.tail;
    if (input.size < around + count.body)
""",
        "fuzz_length",
    ),
    Plant(
        "a delimiter that is cut in two is not found",
        "src/codec/delimiter.c",
        "size_t again = delimiter.size - 1;",
        "size_t again = 0;",
        "fuzz_delim",
    ),
    Plant(
        "a control (CSI) is shown as it is",
        "src/base/escape.c",
        "code < 0xa0)",
        "code < 0x9b)",
        "fuzz_show",
    ),
    Plant(
        "an option's value is repeated unescaped",
        "src/tool/command_line.c",
        "escape_string(shown, sizeof shown, slice_of_text(value));",
        'snprintf(shown, sizeof shown, "%s", value);',
        "fuzz_send",
    ),
    Plant(
        "one socket more is handed in than there is room for",
        "src/guard/handed.c",
        "if (*count == most)",
        "if (*count > most)",
        "fuzz_handed",
    ),
    Plant(
        "a reset leaves the memory of half a message",
        "src/serve/ending.c",
        """    connection->reason = (uint8_t)reason;
    connection_drop_input(connection);
""",
        """    connection->reason = (uint8_t)reason;
""",
        "fuzz_server",
    ),
    Plant(
        "what waited is taken again, and replied to twice",
        "src/serve/intake.c",
        "        bytes_consume(&connection->input, used);\n",
        "        if (used < connection->input.size)\n            bytes_consume(&connection->input, used);\n",
        "fuzz_server",
    ),
    Plant(
        "a set of a Lua pattern leaves out where a range begins",
        "src/reply/lua_pattern.c",
        "if (each[0] <= byte && byte <= each[2])",
        "if (each[0] < byte && byte <= each[2])",
        "fuzz_lua_pattern",
    ),
    Plant(
        "a script's instructions are not counted",
        "src/reply/script_bounds.c",
        "script_charge(lua, counted + slowness(script, counted));",
        "(void)counted, (void)slowness;",
        "fuzz_script",
    ),
    Plant(
        "a close frees the message that the application is reading",
        "src/serve/ending.c",
        """    connection->reason = (uint8_t)reason;
}
""",
        """    connection->reason = (uint8_t)reason;
    connection_drop_input(connection);
}
""",
        "fuzz_server",
    ),
]


def copy_source(directory):
    """A copy of what is built: fresh, but with unchanged files as old as they were, so that a build goes on."""
    copy = directory / "planted" / "source"
    for name in ("include", "src", "tests/fuzz"):
        shutil.copytree(TOP / name, copy / name, dirs_exist_ok=True)
    for name in ("meson.build", "meson_options.txt"):
        shutil.copy2(TOP / name, copy / name)
    return copy


def build(copy, harness=None):
    """Make the copy's build directory, or make it anew: whether that went well."""
    built = copy.parent / "build"
    if not (built / "build.ninja").exists():
        options = ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dfuzz=true"]
        environment = {**os.environ, "CC": "clang", "CXX": "clang++"}
        subprocess.run(["meson", "setup", built, copy, *options], env=environment, check=True, stdout=subprocess.DEVNULL)
    targets = [f"tests/fuzz/{name}" for name in ([harness] if harness else harnesses())]
    ran = subprocess.run(["ninja", "-C", built, *targets], capture_output=True, text=True)
    if ran.returncode != 0:
        print(ran.stdout)
    return built if ran.returncode == 0 else None


def replaced(text, plant):
    if text.count(plant.old) != 1:
        raise ValueError(f"{plant.path} has no longer exactly one: {plant.old}")
    return text.replace(plant.old, plant.new)


def hunt(built, harness):
    """Run the harness until it finds something: (whether it did, seconds)."""
    began = time.monotonic()
    corpus = built / "hunted" / harness
    shutil.rmtree(corpus, ignore_errors=True)
    ran = run_harness(built, harness, f"-max_total_time={SECONDS}", corpus=expand(harness, corpus))
    return ran.status != 0, time.monotonic() - began


def try_plant(copy, plant):
    """Put it in, see it found, take it out: whether all of that went well."""
    path = copy / plant.path
    clean = path.read_text()
    path.write_text(replaced(clean, plant))
    try:
        built = build(copy, plant.harness)
        found, seconds = hunt(built, plant.harness) if built else (False, 0)
    finally:
        path.write_text(clean)
    verdict = f"found by {plant.harness} after {seconds:.1f} s" if found else "NOT FOUND"
    print(f"{plant.what}: {verdict}", flush=True)
    return found


def try_all(directory):
    """How many were found and how many were not."""
    copy = copy_source(directory)
    found = [try_plant(copy, plant) for plant in PLANTS]
    return found.count(True), found.count(False)
