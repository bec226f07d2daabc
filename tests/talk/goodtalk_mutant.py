"""The program, or a unit test, with a protection switched off: one source file, changed in a copy, takes the place of
its original."""
import os
import pathlib
import shlex
import subprocess

from goodtalk_talk import ROOT

BUILD = pathlib.Path(os.environ.get("GOODTALK_BUILD", ROOT / "build"))
LUA = subprocess.run(["pkg-config", "--cflags", "lua5.4"], capture_output=True, text=True).stdout.split()
INCLUDES = [f"-I{ROOT}/src", f"-I{ROOT}/include", *LUA]
DEFINED = ["-std=c11", "-O1", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-DGOODTALK_URING"]


def link_command(target):
    listed = subprocess.run(["ninja", "-C", str(BUILD), "-t", "commands", target], check=True,
                            capture_output=True, text=True).stdout
    return shlex.split(listed.splitlines()[-1])


def changed_source(source, changes):
    text = (ROOT / "src" / source).read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{source} has changed: {old!r}"
        text = text.replace(old, new)
    return text


def make_mutant(folder, source, *changes, target="goodtalk"):
    """Make it in a folder, of a file of src and (old text, new text)...: the program, or another of the build."""
    changed, made, program = folder / "changed.c", folder / "changed.o", folder / "goodtalk-mutant"
    changed.write_text(changed_source(source, changes))
    subprocess.run(["cc", *DEFINED, *INCLUDES, "-c", str(changed), "-o", str(made)], check=True)
    command = link_command(target)
    output = command.index("-o")
    command[output + 1] = str(program)
    command.insert(output + 2, str(made))  # before the archive that has the original
    subprocess.run(command, cwd=BUILD, check=True)
    return str(program)
