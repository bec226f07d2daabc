"""What make install leaves can be used: the program, the library shared and static, the manual page."""

import os
import shlex

import pytest
from source import BUILD, TOP, run


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
             "goodtalk.1", "LICENSE", "README.md"],
)
def test_is_there(installed, name):
    find(installed, name)


def test_nothing_of_the_tests_is_installed(installed):
    names = {path.name for path in installed.rglob("*")}
    assert not [name for name in names if name.startswith("test_") or name in ("storm", "hello")]


def test_the_program_says_its_version(installed):
    told = run(str(find(installed, "goodtalk")), "--version")
    assert told.returncode == 0 and "0.1.0" in told.stdout


def pkg_config(root, *arguments):
    folder = find(root, "goodtalk.pc").parent
    environment = {**os.environ, "PKG_CONFIG_PATH": str(folder), "PKG_CONFIG_SYSROOT_DIR": str(root)}
    return shlex.split(run("pkg-config", *arguments, "goodtalk", env=environment, check=True).stdout)


@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
def test_the_example_builds_against_it(installed, tmp_path, static):
    program = tmp_path / "hello"
    flags = pkg_config(installed, "--cflags", "--libs", *(["--static"] if static else []))
    if static:
        flags = [":libgoodtalk.a".join(flag.rsplit("goodtalk", 1)) if flag == "-lgoodtalk" else flag
                 for flag in flags]
    built = run("gcc", str(TOP / "examples" / "hello.c"), "-o", str(program), *flags)
    assert built.returncode == 0, built.stderr
    needed = run("readelf", "-d", str(program), check=True).stdout
    assert ("libgoodtalk.so.0" in needed) is not static
