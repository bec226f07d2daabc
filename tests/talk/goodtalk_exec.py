"""What the tests of commands need: a command that tells what it was given, and who still runs."""
import os
import pathlib
import re

from goodtalk_talk import ROOT, until

BUILD = pathlib.Path(os.environ.get("GOODTALK_BUILD", ROOT / "build"))
WITNESS = str(BUILD / "tests" / "exec_witness")
SPAWN_SHIM = str(BUILD / "tests" / "libspawn_shim.so")
NAMES = {"PATH", "LANG", "GOODTALK_ID", "PROTO"}  # and the names of UCSPI
OF_SH = {"PWD", "OLDPWD", "SHLVL", "_"}  # which a shell adds for itself
UCSPI = re.compile(r"(TCP|TCP6|UDP|UDP6)(REMOTE|LOCAL)(IP|PORT)$|UNIX(LOCALPATH|REMOTE(PID|UID|GID))$")


class Witnessed:
    """What the witness told."""

    def __init__(self, told):
        self.told = told.decode()
        self.arguments = re.findall("^argument (.*)$", self.told, re.M)
        pairs = re.findall("^environment ([^=]+)=(.*)$", self.told, re.M)
        self.environment = {name: value for name, value in pairs if name not in OF_SH}
        self.descriptors = sorted(map(int, re.findall("^fd (.*)$", self.told, re.M)))
        self.signals = dict(re.findall(r"^(Sig...):\s+(.*)$", self.told, re.M))
        self.input = re.search("^input (.*)$", self.told, re.M)[1]
        self.blocking = "\nblocking 1\n" in self.told
        self.leads = "\nleads 1\n" in self.told


def heard(data):
    """What the witness says of this input: its size and FNV-1a."""
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return f"{len(data)} {value:016x}"


def processes(word):
    """Who runs with this word among its arguments, servers apart."""
    found = []
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            arguments = (directory / "cmdline").read_bytes().split(b"\0")
            if word.encode() in arguments and b"goodtalk" not in os.path.basename(arguments[0]):
                found.append(int(directory.name))
        except OSError:  # it has just ended
            continue
    return found


def zombies(parent):
    """The dead children of a process that nobody has reaped."""
    found = []
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (directory / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[0] == "Z" and int(fields[1]) == parent:
            found.append(int(directory.name))
    return found


def none_left(word):
    until(lambda: not processes(word), f"the end of everything with {word}")


def some_run(word, count=1):
    until(lambda: len(processes(word)) >= count, f"{count} with {word}")


class Marks:
    """Numbers for sleep that nobody else sleeps for: by them the processes of a test are known."""

    def __init__(self):
        self.next = 10_000_000 + os.getpid() * 10

    def __call__(self):
        self.next += 1
        return str(self.next)
