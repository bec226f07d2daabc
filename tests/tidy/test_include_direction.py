"""A folder includes only folders that sort before it, and knows nothing of those beside it."""

import re

import pytest
from source import APART, FLOORS, c_files, read

# The main job reaches the rest only through the public header, and plain data. The other commands may
# use the floors beneath serve once they are there.
MAIN_JOB_MAY = {"base", "tool"}
OTHER_COMMANDS = {"send", "bench", "client", "show", "check"}  # client: what send and bench share


def is_other_command(path):
    """Whether this is a file of such a command: send.c, send_input.h."""
    return re.split(r"[._]", path.name)[0] in OTHER_COMMANDS


def includes(text):
    return re.findall(r'^\s*#\s*include\s+["<]([^">]+)[">]', text, re.MULTILINE)


def complaints(path, text):
    """What is wrong with the includes of src/FOLDER/FILE."""
    folder = path.parts[1]
    wrong = []
    for included in includes(text):
        other = included.split("/")[0] if "/" in included else None
        if other not in FLOORS:
            continue
        if FLOORS.index(other) > FLOORS.index(folder):
            wrong.append(f"{path} includes {included}: upwards")
        elif other != folder and any({other, folder} <= bar for bar in APART):
            wrong.append(f"{path} includes {included}: these two do not know each other")
        elif folder == "tool" and not is_other_command(path) and other not in MAIN_JOB_MAY:
            wrong.append(f"{path} includes {included}: the main job uses goodtalk.h")
    return wrong


def test_every_folder_is_a_floor():
    assert {path.parts[1] for path in c_files("src")} <= set(FLOORS)


def test_the_floors_are_in_alphabetical_order():
    assert FLOORS == sorted(FLOORS)


def test_includes_go_down():
    assert [line for path in c_files("src") for line in complaints(path, read(path))] == []


def test_project_headers_are_included_by_folder():
    """ "base/list.h", so that the test above sees where every include leads."""
    for path in c_files("src"):
        for included in re.findall(r'^#include\s+"([^"]+)"', read(path), re.MULTILINE):
            assert "/" in included or included == "goodtalk.h", f"{path} includes {included}"
            assert not included.startswith("."), f"{path} includes {included}"


def test_the_public_header_needs_no_other():
    for included in includes(read("include/goodtalk.h")):
        assert included in ("stddef.h", "stdint.h", "sys/socket.h")


@pytest.mark.parametrize(
    "path, included",
    [
        ("src/base/bytes.c", "codec/frame.h"),
        ("src/engine/epoll.c", "codec/frame.h"),
        ("src/guard/ready.c", "engine/engine.h"),
        ("src/reply/text.c", "record/record.h"),
        ("src/record/show.c", "serve/settings.h"),
        ("src/tool/main.c", "serve/settings.h"),
        ("src/serve/server.c", "tool/options.h"),
    ],
)
def test_a_wrong_include_is_seen(path, included):
    from pathlib import Path

    assert complaints(Path(path), f'/* Story. */\n#include <stdio.h>\n#include "{included}"\n')


def test_a_right_include_is_not_complained_about():
    from pathlib import Path

    assert not complaints(Path("src/serve/server.c"), '#include "base/list.h"\n#include "codec/frame.h"\n')
    assert not complaints(Path("src/tool/main.c"), '#include "goodtalk.h"\n#include "base/escape.h"\n')
    assert not complaints(Path("src/tool/send_input.c"), '#include "engine/engine.h"\n')
    assert not complaints(Path("src/tool/client_target.c"), '#include "codec/frame.h"\n')
