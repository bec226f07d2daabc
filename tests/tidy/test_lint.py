"""clang-tidy finds nothing (.clang-tidy says what it looks for)."""

import pytest
from source import LIBRARY_FLAGS, TOP, c_files, run

FLAGS = "-std=c11 -D_GNU_SOURCE -DGOODTALK_VERSION=\"0\" -Iinclude -Isrc -Ibench".split() + LIBRARY_FLAGS
FILES = [str(path) for path in c_files("src", "bench", "examples", suffixes=(".c",))]


def lint(path):
    return run("clang-tidy", "--quiet", path, "--", *FLAGS)


def lacks_a_library(path):
    """The headers of those whom goodtalk is measured against are there only after `make bench`."""
    preprocessed = run("clang", "-E", *FLAGS, "-o", "/dev/null", path)
    return path.startswith("bench/") and "file not found" in preprocessed.stderr


@pytest.mark.parametrize("path", FILES)
def test_clean(path):
    if lacks_a_library(path):
        pytest.skip("its library is not installed; make bench does that")
    linted = lint(path)
    assert linted.returncode == 0, linted.stdout


def test_something_was_linted():
    assert FILES


def test_a_bug_is_seen(tmp_path):
    sample = tmp_path / "sample.c"
    sample.write_text("int first(int *p);\nint first(int *p) { p = 0; return *p; }\n")
    configured = run("clang-tidy", "--quiet", f"--config-file={TOP / '.clang-tidy'}", str(sample), "--", *FLAGS)
    assert configured.returncode != 0
    assert "null pointer" in configured.stdout
