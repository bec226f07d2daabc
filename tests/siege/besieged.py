"""The server under siege: goodtalk, started with everything told as JSON, and what can be seen of it from outside.

Its story is what it tells on standard error: who connected, who ended and why, when. The pipe is large and read by a
thread, so that nothing is left out; where something was, `left_out` says so.
"""

import contextlib
import fcntl
import json
import os
import re
import signal
from pathlib import Path

from goodtalk_talk import Collector, Program

F_SETPIPE_SZ = 1031
STORY_PIPE_BYTES = 1 << 20


class Server(Program):
    """A kept server on a port of 127.0.0.1, and its story."""

    def __init__(self, program, *options, at=("127.0.0.1:0",), told=("-v",), quiet_output=True, stderr=None):
        output = os.open(os.devnull, os.O_WRONLY) if quiet_output else None
        read, write = os.pipe() if stderr is None else (None, stderr)
        if read is not None:
            fcntl.fcntl(write, F_SETPIPE_SZ, STORY_PIPE_BYTES)
        arguments = ["-k", "--log-format", "json", *told, *map(str, options), *at]
        super().__init__(arguments, program=program, stdout=output, stderr=write)
        for fd in [output, write if read is not None else None]:
            if fd is not None:
                os.close(fd)
        self.story = self.stderr = None if read is None else Collector(read)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clean_up()

    def events(self):
        """What was told so far."""
        data = bytes(self.story.data)
        return [json.loads(line) for line in data[:data.rfind(b"\n") + 1].splitlines()]

    def counters(self):
        """Its counters now."""
        before = len(self.story.data)
        self.signal(signal.SIGUSR1)
        data = self.story.wait_for(lambda data: re.search(rb'"event":"counters".*\n', data[before:]))
        line = re.search(rb'.*"event":"counters".*\n', data[before:])[0]
        return json.loads(line)["counters"]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident(self):
        """Bytes resident now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def alive(self):
        return self.process.poll() is None

    def leave(self):
        """Ask it to stop: its exit status."""
        self.signal(signal.SIGTERM)
        status = self.process.wait(40)
        if self.story:
            self.story.everything()
        return status

    def kill(self):
        """At once: for one that is broken on purpose."""
        with contextlib.suppress(ProcessLookupError):
            self.signal(signal.SIGKILL)
        self.process.wait()


def left_out(events):
    """How many lines are missing from a story."""
    notes = [re.search(r"(\d+) lines were left out", event.get("text", "")) for event in events]
    return sum(int(note[1]) for note in notes if note)
