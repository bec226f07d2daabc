"""The README's examples run, and print what it says they print.

A block fenced as ```console is an example:

    $ goodtalk &                                   a command; one that ends with & goes on beside the
    $ echo 'Who is there?' | nc localhost 9999     others, and the next waits until it listens
    The message was: Who is there?                 all that the commands print, in the order a terminal
    Good talking to you                            shows it; "..." stands for anything within a line

A line that begins with "> " continues the command before it. Each block runs as one bash script in an
directory of its own, with goodtalk on PATH, on a network of its own where port 9999 is free; so a block may
use nothing that another one left behind. A block fenced as ```lua is a talk file, whose first line is its
name: all of them are there. Servers still running at the end of a block are stopped.
A carriage return at a line's end is not compared. C blocks in the README are examples/hello.c, which is
there where a block uses it; cc and pkg-config know the library as if it were installed, and the next
command after "./hello &" waits until something listens on port 9999.
"""
import os
import re
import shlex
import shutil
import subprocess

import pytest
from goodtalk_talk import GOODTALK, PATIENCE, ROOT
from library_talk import BUILD, compiler

README = ROOT / "README.md"


def examples(text):
    """(title, block) of each example; the title is that of the section it stands in."""
    title, found = "", []
    for part in re.finditer(r"^(?:#+ (?P<title>[^\n]*)|```(?P<kind>\w*)\n(?P<block>.*?)^```)$", text,
                            re.MULTILINE | re.DOTALL):
        if part["title"]:
            title = part["title"]
        elif part["kind"] == "console":
            found.append((title, part["block"]))
    return found


def files_of(text):
    """The talk files of a text: their names, and what is in them."""
    blocks = re.findall(r"^```lua\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    named = [(re.match(r"-- (\w+\.lua)\n", block), block) for block in blocks]
    assert all(name for name, _ in named), [block for name, block in named if not name]
    return {name[1]: block for name, block in named}


def take_apart(block):
    """The commands of a block, and the lines that they print."""
    commands, printed = [], []
    for line in block.splitlines():
        if line.startswith("$ "):
            commands.append(line[2:])
        elif line.startswith("> ") and commands and not printed:
            commands[-1] += "\n" + line[2:]
        else:
            printed.append(line)
    return commands, printed


LISTENS = f"timeout {PATIENCE} sh -c 'until grep -q \":270F \" /proc/net/tcp6; do sleep 0.01; done'"


def script_of(commands):
    """The commands as one script that waits for each server it starts."""
    lines = ["mkfifo .ready", "exec 9<>.ready"]
    for command in commands:
        starts = "goodtalk" in command and "goodtalk send" not in command and command.endswith("&")
        waits = starts and "--ready" not in command
        lines += ["export README_READY=fd:9"] if waits else []
        lines += [command]
        lines += ["unset README_READY", f"read -r -t {PATIENCE} -u 9 _ || echo 'never ready'"] if waits else []
        lines += [LISTENS] if command.startswith("./") and command.endswith("&") else []
    return "\n".join(lines + ["kill $(jobs -p) 2>/dev/null", "wait", ""])


def offer_library(programs, scratch):
    """cc, pkg-config and hello.c, as they are for somebody who has installed the library."""
    shutil.copy(ROOT / "examples" / "hello.c", scratch)
    (programs / "cc").write_text(f'#!/bin/sh\nexec {shlex.join(compiler())} "$@"\n')
    (programs / "cc").chmod(0o755)
    (programs / "goodtalk.pc").write_text(
        f"Name: goodtalk\nDescription: as built\nVersion: 0\nCflags: -I{ROOT}/include\n"
        f"Libs: -L{BUILD} -lgoodtalk -Wl,-rpath,{BUILD}\n")


def run_block(block, directory, files=None):
    """Run a block, with these files beside it (their names, and what is in them): what it printed, line
    by line."""
    commands, _ = take_apart(block)
    programs, scratch = directory / "bin", directory / "scratch"
    programs.mkdir()
    scratch.mkdir()
    for name, content in (files or {}).items():
        (scratch / name).write_text(content)
    goodtalk = programs / "goodtalk"
    goodtalk.write_text(f'#!/bin/sh\nexec {shlex.quote(GOODTALK)} '
                        '${README_READY:+--ready "$README_READY"} "$@"\n')
    goodtalk.chmod(0o755)
    if "hello.c" in block:
        offer_library(programs, scratch)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8",
                   "PKG_CONFIG_PATH": str(programs)}
    ran = subprocess.run(["bash", "-c", script_of(commands)], cwd=scratch, env=environment,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         timeout=2 * PATIENCE, check=False)
    return [line.rstrip("\r") for line in ran.stdout.decode().splitlines()]


def agree(expected, printed):
    """Whether what was printed is what was expected, where "..." is anything within a line."""
    patterns = [re.escape(line).replace(r"\.\.\.", ".*") for line in expected]
    return len(patterns) == len(printed) and all(map(re.fullmatch, patterns, printed))


EXAMPLES = examples(README.read_text())
FILES = files_of(README.read_text())


@pytest.mark.parametrize("block", [block for _, block in EXAMPLES],
                         ids=[f"{number}-{title}" for number, (title, _) in enumerate(EXAMPLES)])
def test_example(own_network, tmp_path, block):
    expected = take_apart(block)[1]
    printed = run_block(block, tmp_path, FILES)
    assert agree(expected, printed), "\n".join(["printed:", *printed, "", "README:", *expected])


def test_there_are_ten_examples():
    numbered = [title for title, _ in EXAMPLES if re.match(r"\d+\. ", title)]
    assert [int(title.split(".")[0]) for title in numbered] == list(range(1, 11))


def test_c_blocks_are_the_example_program():
    blocks = re.findall(r"^```c\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    program = (ROOT / "examples" / "hello.c").read_text()
    assert blocks and [block for block in blocks if block not in program] == []


# ---- and it can fail ----

def test_a_block_is_taken_apart():
    text = "# One\n```sh\n$ no example\n```\n## Two\n```console\n$ a |\n> b &\n$ c\nsaid ...\n```\n"
    assert examples(text) == [("Two", "$ a |\n> b &\n$ c\nsaid ...\n")]
    assert take_apart(examples(text)[0][1]) == (["a |\nb &", "c"], ["said ..."])


@pytest.mark.parametrize("printed", [[], ["port 1 "], ["port 1 is", "free"], ["a port 1 is"], ["port 1 was"]])
def test_other_words_do_not_agree(printed):
    assert agree(["port ... is"], ["port 9999 is"])
    assert not agree(["port ... is"], printed)


def test_an_example_that_prints_something_else_is_seen(own_network, tmp_path):
    block = "$ goodtalk -r pong &\n$ echo ping | nc localhost 9999\nThe message was: ping\npong\n"
    commands, expected = take_apart(block)
    printed = run_block(block.replace("-r pong", "-r pung"), tmp_path)
    assert len(commands) == 2 and printed == ["The message was: ping", "pung"]
    assert not agree(expected, printed)
