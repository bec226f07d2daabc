"""The library shows the world what goodtalk.h declares, and nothing else; the header stands alone, and
its manual page says the same."""

import re
import shutil

import pytest
from source import BUILD, TOP, read, run

HEADER = read("include/goodtalk.h")
DECLARED = set(re.findall(r"^GT_PUBLIC [^(]*?\*?(gt_\w+)\(", HEADER, re.MULTILINE))
VERSION = "GOODTALK_0"  # of the binary interface, as src/goodtalk.map says


def visible(listing):
    """The global symbols that nm shows as defined, with their versions: {"gt_run@@GOODTALK_0"}."""
    return set(re.findall(r"^[0-9a-f]+ [A-TV-Z] ([\w@]+)", listing, re.MULTILINE))


def test_the_header_declares_something():
    assert {"gt_create", "gt_error", "gt_setting_at", "gt_version", "gt_connection_data"} <= DECLARED


def test_every_function_of_the_header_is_public():
    """A declaration without GT_PUBLIC would be seen by nobody."""
    text = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)
    assert set(re.findall(r"\b(gt_\w+)\(", text)) - set(re.findall(r"typedef \w+ (gt_\w+)\(", text)) == DECLARED


def test_the_shared_library_exports_what_is_declared():
    listing = run("nm", "-D", str(BUILD / "libgoodtalk.so"), check=True).stdout
    assert visible(listing) == {f"{name}@@{VERSION}" for name in DECLARED} | {VERSION}


def test_the_archive_shows_what_is_declared():
    assert visible(run("nm", str(BUILD / "libgoodtalk.a"), check=True).stdout) == DECLARED


def test_the_library_carries_its_version():
    dynamic = run("readelf", "-d", str(BUILD / "libgoodtalk.so"), check=True).stdout
    assert "[libgoodtalk.so.0]" in dynamic
    assert "GOODTALK_" + re.search(r"\[libgoodtalk\.so\.(\d+)\]", dynamic)[1] == VERSION


@pytest.mark.parametrize("program, others", [("goodtalk", []), ("libgoodtalk.so", ["liblua5.4.so.0"])])
def test_only_libc_is_needed(program, others):
    """Loading libraries is most of what starting costs. Debian's static Lua does not go into a shared library."""
    dynamic = run("readelf", "-d", str(BUILD / program), check=True).stdout
    assert re.findall(r"NEEDED.*\[(.*)\]", dynamic) == [*others, "libc.so.6"]


def test_a_stray_symbol_is_seen():
    listing = ("0000000000001000 T gt_create@@GOODTALK_0\n0000000000001010 T pool_take\n     U malloc\n"
               "0000000000001020 t local\n0000000000000000 A GOODTALK_0\n")
    assert visible(listing) == {"gt_create@@GOODTALK_0", "pool_take", "GOODTALK_0"}


# ---- the header alone ----

STANDARDS = [("c", "c11"), ("c", "c17"), ("c++", "c++11"), ("c++", "c++20")]
COMPILERS = {"c": ["gcc", "clang"], "c++": ["g++", "clang++"]}
PROGRAM = ('#include "goodtalk.h"\n#include "goodtalk.h"\n'
           "int main(void) { gt_server *s = gt_create(); gt_free(&s); return GT_DONE; }\n")


def compile_strictly(compiler, language, standard, text):
    return run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Iinclude",
               "-fsyntax-only", "-x", language, "-", input=text)


@pytest.mark.parametrize("which", [0, 1], ids=["gcc", "clang"])
@pytest.mark.parametrize("language, standard", STANDARDS)
def test_the_header_alone(language, standard, which):
    compiler = COMPILERS[language][which]
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler} here")
    compiled = compile_strictly(compiler, language, standard, PROGRAM)
    assert compiled.returncode == 0, compiled.stderr
    broken = PROGRAM + "static int unused(void);\n"
    assert compile_strictly(compiler, language, standard, broken).returncode != 0


# ---- the manual page ----


def prototypes(text):
    """Every function declared, and every type of a callback, on one line each."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    found = re.findall(r"^(?:GT_PUBLIC|typedef) ([^;{}]*?\(.*?\));", text, re.MULTILINE | re.DOTALL)
    return {" ".join(each.split()) for each in found}


def names(text):
    """What a program may use: functions, types, constants."""
    return set(re.findall(r"\b(?:gt|GT)_\w+", text)) - {"GT_PUBLIC"}


def members(text):
    """(struct, member) of every struct that is laid open."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return {(struct, member) for struct, body in re.findall(r"struct (gt_\w+) \{(.*?)\}", text, re.DOTALL)
            for member in re.findall(r"(\w+);", body)}


def manual():
    """goodtalk(3) as plain text, wide enough not to break what belongs together."""
    page = run("mandoc", "-T", "utf8", "-O", "width=400", str(TOP / "man" / "goodtalk.3"), check=True)
    text = re.sub(r".\x08", "", page.stdout)
    return text.translate({0x2010: "-", 0x2011: "-", 0x2212: "-", 0xA0: " "})


def complaints(header, page):
    """What a manual page does not tell, or tells wrongly, of a header."""
    told = {" ".join(line.split()).removeprefix("typedef ").removesuffix(";") for line in page.splitlines()}
    wrong = [f"{each} is not told" for each in sorted(prototypes(header) - told)]
    wrong += [f"{name} is not told" for name in sorted(names(header) - names(page))]
    wrong += [f"{name} is not in the header" for name in sorted(names(page) - names(header))]
    wrong += [f"{struct}.{member} is not told" for struct, member in sorted(members(header))
              if not re.search(rf"\b{member}\b", page)]
    return wrong


def test_the_manual_page_tells_the_header():
    assert complaints(HEADER, manual()) == []


def test_the_manual_page_is_well_formed():
    checked = run("mandoc", "-T", "lint", "-W", "warning", str(TOP / "man" / "goodtalk.3"))
    assert checked.returncode == 0, checked.stdout


SAMPLE = """GT_PUBLIC int gt_set(gt_server *server, /* why */
                     const char *name);
typedef void gt_told_fn(void *context);
struct gt_event {
    size_t size; /* of it */
};
"""
TOLD = "  int gt_set(gt_server *server, const char *name);\n  typedef void gt_told_fn(void *context);\n  gt_event size\n"


def test_a_right_page_is_not_complained_about():
    assert complaints(SAMPLE, TOLD) == []


@pytest.mark.parametrize("was, instead", [
    ("const char *name", "char *name"), ("gt_told_fn", "gt_tell_fn"), ("size", "length"), ("gt_set(", "gt_let("),
    ("gt_event", "event"), ("gt_event", "gt_event GT_EVENT")])
def test_a_wrong_page_is_seen(was, instead):
    assert complaints(SAMPLE, TOLD.replace(was, instead)) != []
