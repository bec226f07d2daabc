"""Every source file is built, and every file that is named for building is there."""

import re

from source import c_files, read

LISTS = {"src": "src/meson.build", "tests/unit": "tests/unit/meson.build",
         "tests/memory": "tests/memory/meson.build", "tests/storm": "tests/storm/meson.build",
         "tests/fuzz": "tests/fuzz/meson.build", "tests/torture": "tests/torture/meson.build",
         "examples": "examples/meson.build", "bench": "bench/meson.build"}


def names_in(text):
    """What stands in quotes, without the suffix: sources may be listed with or without it."""
    return {word.removesuffix(".c") for word in re.findall(r"'([\w./-]+)'", text)}


def unlisted(names, text):
    listed = names_in(text)
    return [name for name in names
            if not {name, name.removeprefix("test_")} & listed]


def sources(folder):
    return [str(path.relative_to(folder).with_suffix("")) for path in c_files(folder, suffixes=(".c",))]


def test_every_source_is_listed():
    for folder, build_file in LISTS.items():
        assert unlisted(sources(folder), read(build_file)) == [], build_file


def test_a_forgotten_source_is_seen():
    assert unlisted(["base/bytes", "test_pool"], "files('base/bytes.c')\n'timers'") == ["test_pool"]
    assert unlisted(["base/bytes", "test_pool"], "files('base/bytes.c')\n'pool'") == []


def test_every_source_has_somebody_who_includes_its_header():
    """A header that nobody includes is a file that nobody needs."""
    included = set()
    for path in c_files():
        included |= set(re.findall(r'^#include\s+"([^"]+)"', read(path), re.MULTILINE))
    headers = [path for path in c_files("src", "include", suffixes=(".h",))]
    assert [str(path) for path in headers if str(path).split("/", 1)[1] not in included] == []
