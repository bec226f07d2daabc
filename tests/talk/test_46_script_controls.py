"""Each bound of scripts, switched off in a copy of a source file: the script that it stops is then not stopped."""
import resource
import subprocess

import pytest
from goodtalk_mutant import BUILD, make_mutant

TARGET = "tests/unit/test_script_runaway"
BOUNDS, CATCH, TABLE = "reply/script_bounds.c", "reply/script_catch.c", "reply/script_table.c"
MATCHER, LIBRARIES = "reply/lua_pattern.c", "reply/script_libraries.c"

UNCOUNTED = [(BOUNDS, "script_charge(lua, counted + slowness(script, counted));", "(void)counted;")]
CAUGHT = [(BOUNDS, "    if (script->crossed != BOUND_NONE)\n        raise_crossed(script, lua);\n}", "}"),
          (BOUNDS, "script->crossed ? 1 : script->interval", "script->interval")]
HANDLED = [(CATCH, "    if (script_is_spent(lua))\n        return 1;\n", "")]
CLOSED = [(BOUNDS, "return word_of(lua) & 1;", "return word_of(lua) & 2;")]
NESTED = [(CATCH, "script->closing == CLOSING_MOST", "script->closing == 1000")]
ALLOCATED = [(BOUNDS, "    if (growth > script->call_bytes) {", "    if (growth > SIZE_MAX / 2) {")]
RESERVED = [(BOUNDS, "    if (size > script->call_bytes) {", "    if (size > SIZE_MAX / 2) {")]
MATCHED = [(MATCHER, "        match->steps -= steps;\n", "")]
MOVED = [(TABLE, "    charge_range(lua, first, last);\n    bool apart", "    bool apart")]
FINALIZED = [(LIBRARIES, "lua_rawget(lua, 2) != LUA_TNIL", "lua_rawget(lua, 2) == LUA_TTHREAD")]
LOOKED = [(LIBRARIES, "    script_look(lua);\n", "")]
CREATED = [(CATCH, "    script_charge(lua, SCRIPT_COROUTINE_STEPS);\n", ""),
           (CATCH, "    script_watch_new(script_of(lua), coroutine);\n", "")]


def limited():
    """A second of the processor's time: more than any of them takes to be stopped."""
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def stopped(program, name):
    ran = subprocess.run([program, name], capture_output=True, preexec_fn=limited, timeout=60)
    return ran.returncode == 0


@pytest.mark.parametrize("name, changes", [
    ("loop", UNCOUNTED),
    ("pcall-loop", CAUGHT),
    ("coroutine-loop", UNCOUNTED),
    ("coroutines-made", CREATED),
    ("xpcall-handler", HANDLED),
    ("a_killed_coroutine_is_not_closed", CLOSED),
    ("coroutines_that_close_each_other_do_not_use_up_the_stack", NESTED),
    ("rep-memory", RESERVED),
    ("concat-memory", ALLOCATED),
    ("recursion", ALLOCATED),
    ("hoard", ALLOCATED + RESERVED),
    ("find-backtracking", MATCHED),
    ("move-len", MOVED),
    ("gc", FINALIZED),
    ("what_is_called_without_an_instruction_is_stopped", LOOKED),
])
def test_it_takes_the_bound_to_stop_it(name, changes, tmp_path):
    source = changes[0][0]
    program = make_mutant(tmp_path, source, *[(old, new) for _, old, new in changes], target=TARGET)
    assert stopped(BUILD / TARGET, name)
    assert not stopped(program, name)
