"""Talk files that expect something, and what became of it. Their names are short, for Lua cuts long ones."""
import json
import pathlib
import xml.etree.ElementTree as ElementTree

from goodtalk_talk import Client

MAIL = r'''
frame = "line"
talk(function (peer)
  peer:say "220 mail.example\n"
  peer:expect "^(HELO|EHLO) "
  peer:say "250 hello\n"
  peer:expect("^QUIT$")
end)
'''


def write(text, name="mail.lua"):
    """A talk file in the working directory: its name."""
    pathlib.Path(name).write_text(text)
    return name


def tell(port, *lines):
    """Say these lines, and wait for the end: what came."""
    with Client(port) as client:
        client.send(b"".join(line.encode() + b"\n" for line in lines)).half_close()
        return client.everything()


def lines_of(program):
    """What it said on stderr, without its name in front and without where it listens."""
    lines = program.said().splitlines()
    assert all(line.startswith("goodtalk: ") for line in lines), lines
    return [line.removeprefix("goodtalk: ") for line in lines if "listening on" not in line]


def events_of(program, *kinds):
    """The events of these kinds, of a program with --log-format json."""
    events = [json.loads(line) for line in program.said().splitlines()]
    return [event for event in events if event["event"] in kinds]


def cases_of(path):
    """The report: {name: (verdict, message)}; verdict is "ok" or the element's tag."""
    [suite] = ElementTree.parse(path).getroot()
    return {case.get("name"): next(((child.tag, child.get("message")) for child in case), ("ok", None))
            for case in suite}
