"""What the tidy tests look at: the project's files, and C read just closely enough."""

import os
import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("GOODTALK_BUILD", TOP / "build-test"))

# The floors from the ground up: a folder includes only folders that stand before it ...
FLOORS = ["base", "codec", "engine", "guard", "record", "reply", "serve", "tool"]
# ... and these do not know each other either.
APART = [{"codec", "engine", "guard"}, {"record", "reply"}]

# Where the headers of libraries are that are not where a compiler looks anyway.
_FOUND = subprocess.run(["pkg-config", "--cflags", "lua5.4"], capture_output=True, text=True).stdout
LIBRARY_FLAGS = _FOUND.replace("-I", "-isystem").split()

# What every compiler run of the tidy tests is told.
FLAGS = [*"-std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wundef -Iinclude -Isrc".split(), *LIBRARY_FLAGS]


def project_files():
    """Every file that is, or is about to be, tracked; relative to the top."""
    command = ["git", "-c", f"safe.directory={TOP}", "ls-files", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True)
        names = listed.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive: no git, but no dirt either
        names = [str(path.relative_to(TOP)) for path in TOP.rglob("*")]
        names = [name for name in names if not re.match(r"build|\.git/", name)]
    return sorted(Path(name) for name in names if (TOP / name).is_file())


def c_files(*folders, suffixes=(".c", ".h")):
    """The C files below these folders (all when none is named); relative to the top."""
    wanted = folders or ("include", "src", "tests", "bench", "examples")
    return [
        path for path in project_files() if path.suffix in suffixes and str(path).startswith(wanted)
    ]


def read(path):
    return (TOP / path).read_text(encoding="utf-8", errors="replace")


def without_comments(text):
    """C with its comments and the inside of its strings blanked; lines stay where they are."""

    def blank(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + " " * (len(token) - 2) + token[-1]

    pattern = r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
    return re.sub(pattern, blank, text, flags=re.DOTALL)


def functions(text):
    """(name, lines) of every function in a C text laid out as .clang-format does: its body between a
    "{" and a "}" in the first column, its length from the first line of the signature to the end."""
    lines = without_comments(text).split("\n")
    found = []
    start = 0  # where what may be a signature begins
    opened = None
    for number, line in enumerate(lines):
        if opened is None and line.rstrip() == "{":
            opened = start
        elif opened is not None and line.startswith("}"):
            signature = " ".join(lines[opened:number]).split("{")[0]
            name = re.search(r"(\w+)\s*\(", signature)
            if name:
                found.append((name.group(1), number - opened + 1))
            opened = None
            start = number + 1
        elif opened is None and (not line.strip() or line.startswith(("#", "}")) or line.endswith(";")):
            start = number + 1
    return found


def run(*command, **options):
    """Run a command in the top directory; what it said stands in the result."""
    return subprocess.run(command, cwd=TOP, capture_output=True, text=True, **options)
