"""What was measured, told: tables for the terminal, and docs/PERFORMANCE.md. All of it is made from the raw
results, so that it can be made again from a file of them."""

from aims import BEST_PEER, BETTER_FLOOR, figures_text, judge_all
from figures import lost, median, ratio, spread, trouble
from shapes import BY_NAME, SHAPES, peers

HEADINGS = {
    "rate": "messages/s", "p50_us": "p50", "p99_us": "p99", "cpu_us": "server CPU", "load_cpu_us": "load CPU",
    "bytes_per_connection": "resident memory each", "idle_cpu_ms": "CPU while idle", "wakeups": "wake-ups",
    "reply_us": "exec to reply",
}
COLUMNS = {"load": ("rate", "p50_us", "p99_us", "cpu_us", "load_cpu_us"),
           "idle": ("bytes_per_connection", "idle_cpu_ms", "wakeups"), "one-shot": ("reply_us",)}


def subject_of(shape):
    """goodtalk as it is without options, or what stands for it in this shape."""
    return "goodtalk" if "goodtalk" in shape.servers else next(
        name for name in shape.servers if name.startswith("goodtalk"))


def cells(shape, results, server):
    """The row of one server: its name, its figures, goodtalk's ratio to it, and the rounds' spread."""
    measures = COLUMNS[shape.kind]
    medians = [median(results, server, measure) for measure in measures]
    row = [server, *("" if value is None else figures_text(measure, value)
                     for measure, value in zip(measures, medians))]
    compared = ratio(results, subject_of(shape), server, shape.measure)
    apart = spread(results, server, shape.measure)
    row += ["" if compared is None else f"{compared:.2f}", "" if apart is None else f"±{50 * apart:.0f}%"]
    return [*row, trouble(results, server)]


def rows(shape, results):
    """The table of a shape, its heading first; a column that nobody has anything in is left out."""
    heading = ["server", *(HEADINGS[measure] for measure in COLUMNS[shape.kind]),
               f"{subject_of(shape)} : it", "rounds", "remarks"]
    table = [heading, *(cells(shape, results, server) for server in shape.servers if server in results)]
    used = [column for column in range(len(heading)) if any(row[column] for row in table[1:])]
    return [[row[column] for column in used] for row in table]


def plain(table):
    """A table for the terminal."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = []
    for row in table:
        padded = [cell.ljust(width) if column == 0 else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def markdown(table, left=("server", "remarks", "shape", "measure", "against", "whom", "")):
    """A table for a page: numbers to the right, words to the left."""
    heading, *body = [[cell.replace("|", "\\|") for cell in row] for row in table]
    rule = ["---" if cell in left else "--:" for cell in heading]
    return "\n".join("| " + " | ".join(row) + " |" for row in [heading, rule, *body]).replace(
        "| not reached |", "| **not reached** |").replace("| not measured |", "| **not measured** |")


def verdict_rows(shapes):
    table = [["shape", "measure", "whom", "against", "aim", "measured", "of the floor", ""]]
    for verdict in judge_all(shapes):
        aim = verdict.aim
        figure = ""
        if verdict.figure is not None:
            figure = f"{verdict.figure:.2f}" if aim.against else figures_text(aim.measure, verdict.figure)
        against = verdict.reference
        if aim.against in (BETTER_FLOOR, BEST_PEER) and against:
            against = f"{aim.against}, {against}" if against != aim.against else against
        floor = "" if verdict.of_the_floor is None else f"{verdict.of_the_floor:.2f}"
        table.append([BY_NAME[aim.shape].title, HEADINGS[aim.measure], verdict.subject, against, aim.bound_text,
                      figure, floor, verdict.word])
    return table


def lost_rows(shapes):
    """Every server but the floors that does better than goodtalk does without options, the worst first; the
    99th of a hundred is less steady than the rest, and counts from a tenth on."""
    table = [["shape", "measure", "against", "goodtalk : it"]]
    found = []
    for shape in SHAPES:
        margins = {"p99_us": 0.1} if shape.kind == "load" else {}
        for measure, margin in {**margins, shape.measure: 0.02}.items():
            for server, figure in lost(shapes.get(shape.name, {}), peers(shape), subject_of(shape), measure, margin):
                severity = figure if measure == "rate" else 1 / figure if figure else 0
                found.append((severity, [shape.title, HEADINGS[measure], server, f"{figure:.2f}"]))
    return [*table, *(row for _, row in sorted(found, key=lambda entry: entry[0]))]


def machine_text(machine):
    cpus = "one CPU" if machine["cpus"] == 1 else f"{machine['cpus']} CPUs"
    return (f"A {machine['kind']} with {cpus} ({machine['cpu']}) and {machine['memory_gib']} GiB of memory, "
            f"{machine['system']}, Linux {machine['kernel']}.")


PAGE = """\
# How fast it is

Made by `make bench`, not by hand: goodtalk {version} beside its peers and beside *floors*, the least server in C that does the
job with one system interface ([`bench/floor`](../bench/floor)). What a server loses against the floor is its own doing;
what the floor takes is the kernel's.

* **The machine:** {machine}
* **The runs:** {how} Every server is started afresh for each, in rounds (A B C, A B C, ...). A figure is the median of its
  rounds; a ratio is the median of the rounds' ratios, since what drifts hits both. *Rounds* is half the distance between
  the highest and the lowest. Trust ratios to a few percent, and absolute figures less.
* **The CPUs:** the server is kept to one and the load to another, except where a title says that they share. *Server CPU* is what
  the server's process used, threads and children too, for one message. Where *load CPU* is the greater, it was the load
  that limited the rate, and the server's CPU tells more.
* **The messages:** a line of 32 bytes, unless the title says otherwise, and a reply of 20. redis is told `PING` and memcached
  `get`, padded to 32 bytes, with the shorter replies that these have. Where messages are on disk before their reply, redis is told
  `SET`, and rsyslog hears syslog over RELP from a load of its own ([`bench/relp_load.c`](../bench/relp_load.c)), its queues direct and its file synced; two
  messages are in flight on each connection then, the least that librelp does. nginx replies and closes without having read. socat, ncat and
  tcpserver start the same small program in C for each connection. Depth 16 is a pipeline: sixteen messages in flight on each connection.
* **What failed:** a run in which a single message went wrong gives no figure; it is told under *remarks*.
* **Again:** `make bench`, on Debian 12 or later, installs the peers and takes about {minutes}. `QUICK=1 make bench` is for a
  look. In the environment, `ROUNDS`, `SECONDS_EACH`, `ONLY` and `SERVERS` (regular expressions on the names of shapes and of servers)
  make it shorter; such runs leave this page alone. Raw results: `build-bench/results.json`.

![Messages a second by connections](performance/rate.svg)

## What was aimed at

Each line is a ratio of goodtalk to another server in the same run, or a figure of its own. A ratio to a peer's rate counts as
reached too where goodtalk has 0.95 of the better floor: there is nothing left to be won. {reached}

{verdicts}

## Where goodtalk loses

Peers that did better than goodtalk without options, by more than 2% in what a shape is about, or by more than 10% in its
p99; the worst first. What goodtalk lacks to the floors stands in the tables below.

{lost}

## Latency

The bar is the median; the line goes on to the 99th of a hundred.

![Latency](performance/latency.svg)

## CPU for a message

![CPU for a message](performance/cpu.svg)

## Memory for an idle connection

Resident memory of the process, from the second hundred of connections on; each has said something before. The kernel's own part,
some 5 KiB for each, is the same for everybody and not in it.

![Memory for an idle connection](performance/memory.svg)

## Everything

{tables}
"""


def reached_text(shapes):
    words = [verdict.word for verdict in judge_all(shapes)]
    text = f"Reached: {words.count('reached')} of {len(words)}"
    missing = words.count("not measured")
    return text + (f"; {missing} not measured." if missing else ".")


def page(results, version):
    """docs/PERFORMANCE.md, from the raw results."""
    shapes = {name: entry["servers"] for name, entry in results["shapes"].items()}
    tables = [f"### {shape.title}\n\n{markdown(rows(shape, shapes[shape.name]))}" for shape in SHAPES
              if shape.name in shapes]
    losses = lost_rows(shapes)
    settings = results["settings"]
    count = settings["rounds"]
    how = f"{count} round{'s'[:count > 1]}; each load {settings['seconds']:g} s after a warm-up, made by `goodtalk bench`."
    minutes = max(1, round(results["minutes"]))
    return PAGE.format(
        version=version, machine=machine_text(results["machine"]), how=how, minutes=f"{minutes} minute{'s'[:minutes > 1]}",
        reached=reached_text(shapes), verdicts=markdown(verdict_rows(shapes)),
        lost=markdown(losses) if len(losses) > 1 else "None.", tables="\n\n".join(tables))
