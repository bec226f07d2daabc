"""Every header compiles alone, and the public one also as C++."""

import shutil

import pytest
from source import FLAGS, c_files, run

HEADERS = [str(path) for path in c_files("include", "src", suffixes=(".h",))]
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]
CPP_COMPILERS = [name for name in ("g++", "clang++") if shutil.which(name)]


def compile_alone(compiler, text, language="c", flags=FLAGS):
    return run(compiler, *flags, "-fsyntax-only", "-x", language, "-", input=text)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("header", HEADERS)
def test_alone(compiler, header):
    # Twice, so that the include guard is tried as well; the typedef keeps the unit from being empty.
    include = header.split("/", 1)[1]
    text = f'#include "{include}"\n#include "{include}"\ntypedef int nothing;\n'
    compiled = compile_alone(compiler, text)
    assert compiled.returncode == 0, compiled.stderr


def test_some_compiler_and_some_header_were_tried():
    assert COMPILERS and HEADERS


def test_a_header_that_needs_another_is_seen():
    compiled = compile_alone("gcc", "static inline size_t size(void) { return 0; }\n")
    assert compiled.returncode != 0


CPP_FLAGS = "-std=c++11 -Wall -Wextra -Wpedantic -Werror -Iinclude".split()


@pytest.mark.parametrize("compiler", CPP_COMPILERS or [pytest.param(None, marks=pytest.mark.skip("no C++ compiler"))])
def test_the_public_header_is_cpp_too(compiler):
    text = '#include "goodtalk.h"\nint main() { gt_server *s = gt_create(); gt_free(&s); return 0; }\n'
    compiled = compile_alone(compiler, text, "c++", CPP_FLAGS)
    assert compiled.returncode == 0, compiled.stderr
    broken = compile_alone(compiler, text + "int class;\n", "c++", CPP_FLAGS)
    assert broken.returncode != 0
