"""The machine: its CPUs, its processes as /proc tells of them, free ports, and what is said of it."""

import os
import platform
import resource
import socket
from pathlib import Path

TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cpus():
    """(the server's, the load's): two CPUs where there are two, else the same one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[1 % len(allowed)]


def pinned_to(cpu):
    """What a child does before its exec, to stay on this CPU; on any when it is None."""
    return None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})


def raise_descriptor_limit():
    """As many descriptors as are allowed, for us and for whom we start; how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port():
    """A TCP port of 127.0.0.1 that nobody has; somebody else may take it before we do, which then is told."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _stat(pid):
    """The fields of /proc/PID/stat from the third on (the second, the name, may hold anything)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _children(pid):
    """Of each of its threads; none when it has ended, which it may at any moment."""
    try:
        lists = [listed.read_text().split() for listed in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for children in lists for child in children]


def family(pid):
    """The process and its descendants that are alive."""
    found = [pid]
    for parent in found:
        found += _children(parent)
    return found


def cpu_seconds(pid):
    """What the process has used so far: all its threads, its children, and those that have ended."""
    total = 0
    for member in family(pid):
        try:
            total += sum(int(ticks) for ticks in _stat(member)[11:15])  # utime stime cutime cstime
        except OSError:
            continue
    return total * TICK_SECONDS


def resident_bytes(pid):
    return sum(int(Path(f"/proc/{member}/statm").read_text().split()[1]) * PAGE_BYTES for member in family(pid))


def wakeups(pid):
    """How often its threads went to sleep of their own accord, so far."""
    total = 0
    for member in family(pid):
        for status in Path(f"/proc/{member}/task").glob("*/status"):
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            total += int(fields["voluntary_ctxt_switches"])
    return total


def _field(path, name):
    for line in Path(path).read_text().splitlines():
        if line.split(":")[0].strip() == name:
            return line.split(":", 1)[1].strip()
    return "unknown"


def _system():
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "Linux"


def describe():
    """What a reader must know of the machine; no names of hosts."""
    memory_kib = int(_field("/proc/meminfo", "MemTotal").split()[0])
    kind = "virtual machine" if "hypervisor" in _field("/proc/cpuinfo", "flags").split() else "machine"
    return {
        "kind": kind,
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_kib / (1 << 20)),
        "kernel": platform.release().split("-")[0],
        "system": _system(),
    }
