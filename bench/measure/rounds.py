"""Measuring: a shape in interleaved rounds, A B C A B C ..., each server started afresh for each.

A load is `goodtalk bench`, on the other CPU, or a program of bench/ for a server that speaks what it does not. The
server's CPU is read ten times a second while it runs, and what the last part of the run used, over the rate, is
the CPU of a message: the connecting and warming up at the beginning is left out. Idle connections are ours: each
says a line and hears its reply, and then nothing. A one-shot is timed by a program of its own (bench/one_shot.c).
"""

import json
import shutil
import socket
import statistics
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import machine
from servers import SERVERS, Absent, Running, Setting

REPLY = b"Good talking to you\n"
SAMPLE_SECONDS = 0.1
WARMUP_SECONDS = 0.3
ONE_SHOTS = 20  # in a round


@dataclass(frozen=True)
class Plan:
    programs: Path  # the build directory
    rounds: int
    seconds: float  # of each load


class Failed(Exception):
    """A run that brought no figure: why."""


def milliseconds(seconds):
    return f"{round(seconds * 1000)}ms"


def load_command(plan, shape, server, address):
    """Absent is raised where the server's own load could not be built."""
    how = ["-c", str(shape.connections), "-p", str(shape.depth), "-d", milliseconds(plan.seconds), "--warmup",
           milliseconds(WARMUP_SECONDS)]
    if server.load:
        program = plan.programs / "bench" / server.load
        if not program.exists():
            raise Absent(f"{server.load}: not built, for want of its library")
        return [str(program), *how, "-b", str(shape.size), address]
    words = [str(plan.programs / "goodtalk"), "bench", "--json", *how, "-f", "line"]
    words += ["--short"] if shape.short else []
    if server.message:
        return [*words, "--expect-bytes", str(server.reply_bytes), address, server.message]
    return [*words, "-b", str(shape.size), address]


def told(output, errors, status):
    """The figures of a load, from the one line of JSON it wrote."""
    try:
        figures = json.loads(output)
    except ValueError:
        raise Failed((errors.strip().splitlines() or [f"the load ended with status {status}"])[-1]) from None
    if figures["failed"] or not figures["messages"]:
        kinds = ", ".join(f"{name} {count}" for name, count in figures["failures"].items() if count)
        raise Failed(f"{figures['failed']} failures ({kinds or 'no message came through'})")
    if status != 0:
        raise Failed((errors.strip().splitlines() or [f"the load ended with status {status}"])[-1])
    return figures


def cpu_share(samples, seconds):
    """The part of a CPU used in the last so many seconds, from (time, CPU seconds) samples."""
    ends, used = samples[-1]
    begins, before = min(samples, key=lambda sample: abs(ends - seconds - sample[0]))
    return (used - before) / (ends - begins) if ends > begins else 0.0


def run_load(plan, shape, running, cpu):
    command = load_command(plan, shape, running.server, running.address)
    load = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            preexec_fn=machine.pinned_to(cpu))
    samples = [(time.monotonic(), machine.cpu_seconds(running.pid))]
    until = time.monotonic() + 60 + 3 * plan.seconds
    while True:
        try:
            output, errors = load.communicate(timeout=SAMPLE_SECONDS)
            break
        except subprocess.TimeoutExpired:
            samples.append((time.monotonic(), machine.cpu_seconds(running.pid)))
            if time.monotonic() > until:
                load.kill()
                load.communicate()
                raise Failed("the load does not end") from None
    figures = told(output, errors, load.returncode)
    latency, share = figures["latency_us"], cpu_share(samples, 0.9 * plan.seconds)
    told_of_cpu = {"cpu_us": 1e6 * share / figures["rate"]} if share else {}  # too short a run tells nothing
    return {"rate": figures["rate"], "p50_us": latency["p50"], "p99_us": latency["p99"], **told_of_cpu,
            "load_cpu_us": 1e6 * figures["cpu_seconds"] / figures["messages"]}


def open_idle(running, count):
    """So many connections that have said a line and heard the reply."""
    host, port = running.address.removeprefix("tcp:").rsplit(":", 1)
    message = (running.server.message or "x" * 31).encode() + b"\n"
    connections = []
    for _ in range(count):
        connection = socket.create_connection((host, int(port)), timeout=20)
        connections.append(connection)
        connection.sendall(message)
    for connection in connections:
        if not connection.recv(len(REPLY)):
            raise Failed("a connection was closed")
    return connections


def talk(connection, running, count):
    """So many more lines, and their replies."""
    message = (running.server.message or "x" * 31).encode() + b"\n"
    connection.sendall(message * count)
    left = count * running.server.reply_bytes
    while left > 0:
        received = connection.recv(65536)
        if not received:
            raise Failed("a connection was closed")
        left -= len(received)


def run_idle(plan, shape, running, _cpu):
    """Memory is counted from the second hundred on: what is made ready for the first connections, or fills up with
    the messages there have been (buffers, queues), is not an idle connection's."""
    connections = open_idle(running, 100)
    try:
        for connection in connections:
            talk(connection, running, 300)
            for _ in range(100):
                talk(connection, running, 1)
        before = machine.resident_bytes(running.pid)
        connections += open_idle(running, shape.connections - 100)
        time.sleep(1.5)  # what a server does after the last reply is not idling
        after = machine.resident_bytes(running.pid)
        used, woken = machine.cpu_seconds(running.pid), machine.wakeups(running.pid)
        time.sleep(plan.seconds)
        return {"bytes_per_connection": (after - before) / (shape.connections - 100),
                "idle_cpu_ms": 1000 * (machine.cpu_seconds(running.pid) - used),
                "wakeups": machine.wakeups(running.pid) - woken}
    finally:
        for connection in connections:  # reset, so that the ports are free at once
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()


def run_one_shot(plan, setting, server, cpus):
    (setting.folder / "reply").write_bytes(REPLY)
    command = [str(plan.programs / "bench" / "one-shot"), str(cpus[0]), str(ONE_SHOTS), str(setting.folder / "reply"),
               *server.command(setting)]
    if not shutil.which(command[4]):
        raise Absent(f"{command[4]}: not installed")
    timed = subprocess.run(command, capture_output=True, text=True, preexec_fn=machine.pinned_to(cpus[1]), timeout=120)
    if timed.returncode != 0:
        raise Failed((timed.stderr.strip().splitlines() or ["no reply"])[0])
    return {"reply_us": statistics.median(float(line) for line in timed.stdout.split())}


RUNS = {"load": run_load, "idle": run_idle}


def run_once(plan, shape, name, cpus):
    """One server, once: its figures."""
    server = SERVERS[name]
    server_cpu, load_cpu = (None, None) if shape.shares_cpus else cpus
    with tempfile.TemporaryDirectory(prefix="goodtalk-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # some servers give up being root
        setting = Setting(plan.programs, Path(folder), shape.transport, shape.size, shape.short,
                          machine.free_port())
        if server.one_shot:
            return run_one_shot(plan, setting, server, cpus)
        with Running(server, setting, server_cpu) as running:
            return RUNS[shape.kind](plan, shape, running, load_cpu)


def measure(plan, shape, say):
    """All rounds of a shape: the results of its servers. `say` is told how it goes, a line at a time."""
    results = {name: {"rounds": []} for name in shape.servers}
    cpus = machine.cpus()
    for number in range(plan.rounds):
        for name in shape.servers:
            if "absent" in results[name]:
                continue
            try:
                figures = run_once(plan, shape, name, cpus)
            except Absent as reason:
                results[name]["absent"] = str(reason)
                say(f"  {name}: absent: {reason}")
                continue
            except (Failed, OSError) as reason:
                figures = {"failed": str(reason)}
                say(f"  {name}, round {number + 1}: failed: {reason}")
            results[name]["rounds"].append(figures)
    return results
