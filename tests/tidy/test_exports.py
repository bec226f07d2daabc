"""The library shows the world what goodtalk.h declares, and nothing else."""

import re

import pytest
from source import BUILD, read, run

DECLARED = set(re.findall(r"^GT_PUBLIC [^(]*?\*?(gt_\w+)\(", read("include/goodtalk.h"), re.MULTILINE))


def visible(listing):
    """The global symbols that nm shows as defined."""
    return set(re.findall(r"^[0-9a-f]+ [A-TV-Z] (\w+)", listing, re.MULTILINE))


def test_the_header_declares_something():
    assert {"gt_create", "gt_error", "gt_setting_at", "gt_version"} <= DECLARED


def test_the_shared_library_exports_what_is_declared():
    assert visible(run("nm", "-D", str(BUILD / "libgoodtalk.so"), check=True).stdout) == DECLARED


def test_the_archive_shows_what_is_declared():
    assert visible(run("nm", str(BUILD / "libgoodtalk.a"), check=True).stdout) == DECLARED


def test_the_library_carries_its_version():
    dynamic = run("readelf", "-d", str(BUILD / "libgoodtalk.so"), check=True).stdout
    assert "[libgoodtalk.so.0]" in dynamic


@pytest.mark.parametrize("program", ["goodtalk", "libgoodtalk.so"])
def test_only_libc_is_needed(program):
    """Loading libraries is most of what starting costs."""
    dynamic = run("readelf", "-d", str(BUILD / program), check=True).stdout
    assert re.findall(r"NEEDED.*\[(.*)\]", dynamic) == ["libc.so.6"]


def test_a_stray_symbol_is_seen():
    listing = "0000000000001000 T gt_create\n0000000000001010 T pool_take\n     U malloc\n0000000000001020 t local\n"
    assert visible(listing) == {"gt_create", "pool_take"}
