"""Whatever a setting is given on the command line, a talk file can say, and means the same."""
import ctypes
import os
import pathlib

import pytest
from goodtalk_talk import GOODTALK, is_sanitized
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

LIBRARY = pathlib.Path(os.environ.get("GOODTALK_BUILD") or pathlib.Path(GOODTALK).parent) / "libgoodtalk.so"
SETTINGS = st.sampled_from([
    "frame", "pause", "max-message", "count", "show", "idle-timeout", "max-connections", "max-rate", "socket-mode",
    "backlog", "log", "reply", "greeting", "reply-file", "sync", "workers", "engine", "spin", "seed"])
FLAGS = st.sampled_from(["keep", "echo", "silent", "close", "ipv4", "strict"])
VALUES = st.one_of(
    st.sampled_from(["line", "nul", "talk", "1s", "5min", "none", "64KiB", "0", "10/s", "0600", "auto", "always", "raw"]),
    st.integers(-5, 1 << 40).map(str), st.text("abz\\\"' \n\t~\x01ü", max_size=8))
SAID = st.lists(st.one_of(st.tuples(SETTINGS, VALUES), st.tuples(FLAGS, st.booleans())), max_size=6)


@pytest.fixture(scope="module")
def library():
    if not LIBRARY.exists():
        pytest.skip(f"{LIBRARY} is not there")
    if is_sanitized():
        pytest.skip("a sanitizer wants to be loaded before python")
    loaded = ctypes.CDLL(str(LIBRARY))
    loaded.gt_create.restype = ctypes.c_void_p
    loaded.gt_error.restype = ctypes.c_char_p
    loaded.gt_error.argtypes = [ctypes.c_void_p]
    loaded.gt_set.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    loaded.gt_given_at.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.POINTER(ctypes.c_char_p)] * 2
    loaded.gt_free.argtypes = [ctypes.POINTER(ctypes.c_void_p)]
    return loaded


class Server:
    def __init__(self, library):
        self.library, self.handle = library, ctypes.c_void_p(library.gt_create())

    def set(self, name, value):
        status = self.library.gt_set(self.handle, name.encode(), value.encode())
        return "" if status == 0 else self.library.gt_error(self.handle).decode()

    def given(self):
        name, value, given = ctypes.c_char_p(), ctypes.c_char_p(), []
        while self.library.gt_given_at(self.handle, len(given), ctypes.byref(name), ctypes.byref(value)):
            given.append((name.value.decode(), value.value.decode()))
        return given

    def free(self):
        self.library.gt_free(ctypes.byref(self.handle))


def in_lua(name, value):
    """As a talk file says it; text as bytes that Lua need not read anything into."""
    quoted = "".join(f"\\{byte:03}" for byte in value.encode()) if isinstance(value, str) else ""
    return f"{name.replace('-', '_')} = " + (f'"{quoted}"' if isinstance(value, str) else str(value).lower())


def on_the_command_line(name, value):
    if isinstance(value, bool):
        return "on" if value else "off"
    return value.replace("\\", "\\\\") if name in ("reply", "greeting") else value


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=SAID)
@example(said=[("reply", "a\\b\n"), ("echo", False)])
@example(said=[("max-message", "5x")])
def test_it_means_the_same(library, tmp_path, said):
    path = tmp_path / "talk.lua"
    path.write_text("\n".join(in_lua(*each) for each in said))
    wanted = [(name, on_the_command_line(name, value)) for name, value in said]
    by_file, by_name = Server(library), Server(library)
    try:
        refused_file = by_file.set("talk", str(path))
        refusals = [by_name.set(*each) for each in wanted]
        assert bool(refused_file) == any(refusals), (refused_file, refusals)
        if refused_file:
            # What the file is told of is the first one of a listener, or of the server, that is wrong.
            line = int(refused_file.removeprefix(f"{path}:").split(":")[0])
            name = said[line - 1][0]
            told = refused_file.split(": ", 1)[1].replace(name.replace("-", "_"), f"--{name}", 1)
            assert told == refusals[line - 1]
        else:
            assert by_file.given() == [("talk", str(path)), *wanted]
    finally:
        by_file.free()
        by_name.free()
