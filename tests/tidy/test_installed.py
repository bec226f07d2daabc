"""What make install leaves can be used: the program, the manual pages, and the library, against which
all examples are built, shared and static, C and C++, and then talked to."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from source import BUILD, TOP, run

sys.path.insert(0, str(TOP / "tests" / "talk"))
import library_talk  # noqa: E402

C_COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
CPP_COMPILERS = [name for name in ("g++", "clang++") if shutil.which(name)]
CPP = ["-std=c++17", "-Wold-style-cast"]
STRICT = [*library_talk.STRICT, "-Wconversion", "-Wsign-conversion", "-O2"]
LINKS = ["shared", "archive", "static"]  # "static" is the whole program, libc too
EXAMPLES = sorted(path.name for path in (TOP / "examples").glob("*.c*"))
WAYS = [(compiler, name) for name in EXAMPLES
        for compiler in (CPP_COMPILERS or [None] if name.endswith(".cc") else C_COMPILERS)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("installed")
    done = run("meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir", str(root))
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def find(root, name):
    found = [path for path in root.rglob(name) if path.is_file()]
    assert found, f"{name} is not installed"
    return found[0]


@pytest.mark.parametrize(
    "name", ["goodtalk", "goodtalk.h", "libgoodtalk.so", "libgoodtalk.so.0", "libgoodtalk.a", "goodtalk.pc",
             "goodtalk.1", "goodtalk-bench.1", "goodtalk-send.1", "goodtalk-show.1",
             "goodtalk.3", "LICENSE", "README.md"],
)
def test_is_there(installed, name):
    find(installed, name)


def test_nothing_of_the_tests_is_installed(installed):
    names = {path.name for path in installed.rglob("*")}
    examples = {name.split(".")[0] for name in EXAMPLES}
    assert not [name for name in names if name.startswith("test_") or name in {"storm", *examples}]


def version():
    return re.search(r"version: '(.*?)'", (TOP / "meson.build").read_text())[1]


def test_the_program_says_its_version(installed):
    told = run(str(find(installed, "goodtalk")), "--version")
    assert told.returncode == 0 and version() in told.stdout


# ---- the library ----


def pkg_config(root, *arguments):
    """What pkg-config says, which knows of nothing but what was installed."""
    folder = find(root, "goodtalk.pc").parent
    environment = {**os.environ, "PKG_CONFIG_LIBDIR": str(folder), "PKG_CONFIG_SYSROOT_DIR": str(root)}
    environment.pop("PKG_CONFIG_PATH", None)
    return shlex.split(run("pkg-config", *arguments, "goodtalk", env=environment, check=True).stdout)


def flags(root, link):
    if link == "shared":
        found = pkg_config(root, "--cflags", "--libs")
        return [*found, f"-Wl,-rpath,{find(root, 'libgoodtalk.so').parent}"]
    found = pkg_config(root, "--static", "--cflags", "--libs")
    if link == "static":
        return [*found, "-static"]
    return ["-l:libgoodtalk.a" if flag == "-lgoodtalk" else flag for flag in found]


def compile_apart(compiler, source, link, installed, folder):
    """Compile a file somewhere else, with nothing but what was installed; the program, and the headers
    that went into it."""
    shutil.copy(source, folder)
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH")}
    language = CPP if source.suffix == ".cc" else []
    program = folder / source.stem
    built = subprocess.run(
        [compiler, *STRICT, *language, source.name, "-MD", "-MF", "headers", "-o", str(program),
         *flags(installed, link)], cwd=folder, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return program, (folder / "headers").read_text()


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("compiler, name", WAYS)
def test_an_example_is_built_and_talked_to(installed, tmp_path, compiler, name, link):
    if not compiler:
        pytest.skip("no C++ compiler here")
    program, headers = compile_apart(compiler, TOP / "examples" / name, link, installed, tmp_path)
    assert str(find(installed, "goodtalk.h")) in headers and str(TOP) not in headers
    needed = run("readelf", "-d", str(program), check=True).stdout
    assert ("libgoodtalk.so.0" in needed) == (link == "shared")
    assert ("libc.so" in needed) == (link != "static")
    if link == "shared":
        assert str(installed) in run("ldd", str(program), check=True).stdout
    library_talk.EXAMPLES[program.name](program)


def test_every_example_was_tried():
    assert {name for _, name in WAYS} == {f"{name}.c" for name in library_talk.EXAMPLES} ^ {
        "counter.c", "counter.cc"}


def test_the_library_knows_its_version(installed, tmp_path):
    assert pkg_config(installed, "--modversion") == [version()]
    source = tmp_path / "says.c"
    source.write_text("#include <goodtalk.h>\n#include <stdio.h>\nint main(void) { puts(gt_version()); }\n")
    (tmp_path / "apart").mkdir()
    program, _ = compile_apart(C_COMPILERS[0], source, "shared", installed, tmp_path / "apart")
    assert run(str(program), check=True).stdout == version() + "\n"


def test_an_example_against_the_source_tree_is_seen(installed, tmp_path):
    """The control: a header of the source tree shows among those that went in."""
    source = tmp_path / "says.c"
    source.write_text(f'#include "{TOP}/include/goodtalk.h"\nint main(void) {{ return !gt_version(); }}\n')
    (tmp_path / "apart").mkdir()
    _, headers = compile_apart(C_COMPILERS[0], source, "shared", installed, tmp_path / "apart")
    assert str(TOP) in headers
