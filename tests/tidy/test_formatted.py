"""C is laid out as .clang-format says (make format does it)."""

from source import c_files, run


def test_every_file_is_formatted():
    files = [str(path) for path in c_files(suffixes=(".c", ".cc", ".h"))]
    assert files
    checked = run("clang-format", "--dry-run", "-Werror", *files)
    assert checked.returncode == 0, checked.stderr


def test_a_badly_formatted_file_is_seen():
    checked = run("clang-format", "--dry-run", "-Werror", "--assume-filename=src/x.c", input="int  x ;\n")
    assert checked.returncode != 0
