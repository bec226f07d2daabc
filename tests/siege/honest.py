"""Honest clients: `goodtalk bench` at a rate of its own, whose latencies count from when each message was due."""

import json
import subprocess

CLIENTS, RATE = 20, 1000  # twenty clients, fifty messages a second each


class Honest:
    """A load under way; `result()` waits for its end."""

    def __init__(self, program, address, seconds, clients=CLIENTS, rate=RATE, frame="line", options=()):
        self.expected = rate * seconds
        command = [program, "bench", "--json", "-c", clients, "--rate", rate, "-d", f"{seconds}s", "-f", frame,
                   *options, address]
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.seconds = seconds

    def result(self):
        """(p50, p99 and worst in milliseconds, replied, unanswered, what was told)."""
        try:
            said, told = self.process.communicate(timeout=self.seconds + 60)
            figures = json.loads(said)
        except (ValueError, subprocess.TimeoutExpired):
            self.process.kill()
            return {"p50": 0, "p99": 0, "max": 0, "replied": 0, "unanswered": self.expected, "told": "no result"}
        latency = figures["latency_us"]
        unanswered = figures["failed"] + figures.get("unsent", 0)
        return {**{name: latency[name] / 1000 for name in ("p50", "p99", "max")}, "replied": figures["messages"],
                "unanswered": unanswered, "told": told.strip()}


def quiet(program, address, seconds, **how):
    """The same load with nobody beside it."""
    return Honest(program, address, seconds, **how).result()
