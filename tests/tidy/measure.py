#!/usr/bin/python3
"""measure.py [--tighten]: the numbers that limits.json bounds, as they are now; or bring the bounds closer.

The bounds are a ratchet: they are tightened now and then, and never loosened (a test reads the history).
"""

import json
import re
import statistics
import sys

from source import BUILD, TOP, c_files, functions, read, run

LIMITS = TOP / "tests" / "tidy" / "limits.json"
HIGHER_IS_BETTER = {"short_functions_percent"}
SHORT = 20  # lines


def lengths():
    """(lines, function, path) of every function of the product."""
    paths = c_files("include", "src")
    return [(lines, name, path) for path in paths for name, lines in functions(read(path))]


def file_lengths():
    """(lines, path) of every C and Python file, tests too."""
    from source import project_files

    paths = [path for path in project_files() if path.suffix in (".c", ".h", ".py")]
    return [(read(path).count("\n"), path) for path in paths]


def calls(listings):
    """From what nm says of each object file: which file calls functions of which others."""
    defined = {}
    wanted = {}
    for name, listing in listings.items():
        for kind, symbol in re.findall(r"^(?:[0-9a-f]+)?\s*([TWU]) (\w+)$", listing, re.MULTILINE):
            if kind == "U":
                wanted.setdefault(name, set()).add(symbol)
            else:
                defined[symbol] = name
    return {
        name: {defined[symbol] for symbol in wanted.get(name, ()) if symbol in defined} - {name}
        for name in listings
    }


def reachable(graph, start):
    seen = set()
    waiting = list(graph.get(start, ()))
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(graph.get(name, ()))
    return seen


def largest_circle(graph):
    """The names of the largest circle of a graph; those of one file alone when there is none."""
    reach = {name: reachable(graph, name) for name in graph}
    circles = [
        sorted(other for other in graph if name == other or (other in reach[name] and name in reach[other]))
        for name in graph
    ]
    return max(circles, key=len, default=[])


def object_listings():
    objects = [path for folder in BUILD.glob("*.p") for path in folder.glob("*.o")]
    objects += [path for folder in BUILD.glob("src/*.p") for path in folder.glob("*.o")]
    return {path.name: run("nm", str(path), check=True).stdout for path in objects}


def measure():
    sizes = [lines for lines, _, _ in lengths()]
    return {
        "longest_function": max(sizes),
        "longest_file": max(file_lengths())[0],
        "short_functions_percent": int(100 * sum(size <= SHORT for size in sizes) / len(sizes)),
        "median_function": int(statistics.median(sizes)),
        "largest_call_circle": len(largest_circle(calls(object_listings()))),
    }


def worse(name, one, other):
    """Whether one is a worse value of this number than the other."""
    return one < other if name in HIGHER_IS_BETTER else one > other


def main():
    limits = json.loads(LIMITS.read_text())
    now = measure()
    for name, limit in limits.items():
        print(f"{name:26} {now[name]:6}   limit {limit}")
    if "--tighten" in sys.argv:
        kept = {name: min(now[name], limit, key=lambda n: (worse(name, n, limit), n != now[name]))
                for name, limit in limits.items()}
        LIMITS.write_text(json.dumps(kept, indent=4) + "\n")


if __name__ == "__main__":
    main()
