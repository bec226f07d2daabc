"""The charts of docs/PERFORMANCE.md: SVG, the same bytes for the same results, readable on light and on dark."""

import matplotlib

matplotlib.use("svg")
import figures  # noqa: E402
from aims import figures_text  # noqa: E402
from matplotlib import pyplot  # noqa: E402
from shapes import BY_NAME, FLOORS  # noqa: E402

INK = "#7d8590"  # has contrast with white and with black
OURS, FLOOR, PEER = "#d9480f", "#2f9e44", "#4c8dd6"
LINES = {"floor epoll": "#2f9e44", "floor io_uring": "#74b816", "libuv": "#4c8dd6", "libev": "#15aabf",
         "libevent": "#7950f2", "redis": "#e64980", "memcached": "#a9845c", "node": "#868e96", "asyncio": "#adb5bd"}

matplotlib.rcParams.update({
    "svg.hashsalt": "goodtalk", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 11, "legend.frameon": False,
})


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def colour(name):
    return OURS if name.startswith("goodtalk") else FLOOR if name in FLOORS else PEER


def draw_rates(axes, shapes, depth):
    """The lines of one depth: a server's rate by its connections."""
    counts = [count for count in (64, 1000, 10000) if f"tcp-{count}x{depth}" in shapes]
    for name in ["goodtalk", *LINES]:
        rates = [figures.median(shapes[f"tcp-{count}x{depth}"], name, "rate") for count in counts]
        if not any(rates):
            continue
        ours = name == "goodtalk"
        axes.plot(counts, [rate and rate / 1e3 for rate in rates], label=name, marker="o", markersize=4,
                  color=OURS if ours else LINES[name], linewidth=3 if ours else 1.5, zorder=3 if ours else 2,
                  linestyle="--" if name in FLOORS else "-")
    axes.set_xscale("log")
    axes.set_xticks(counts, [f"{count:,}" for count in counts], minor=False)
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("connections")
    axes.set_title(f"depth {depth}")


def rate_chart(shapes, path):
    figure, panels = pyplot.subplots(1, 2, figsize=(9, 4))
    for axes, depth in zip(panels, (1, 16)):
        draw_rates(axes, shapes, depth)
    panels[0].set_ylabel("thousand messages a second")
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="center left", bbox_to_anchor=(1.0, 0.5))
    save(figure, path)


def draw_bars(axes, shape, results, measure, until=None):
    """A bar for each server of the shape that has a figure, the best on top; `until` adds a whisker to a
    second measure."""
    known = [name for name in BY_NAME[shape].servers if figures.median(results, name, measure) is not None]
    known.sort(key=lambda name: figures.median(results, name, measure),
               reverse=measure not in figures.HIGHER_IS_BETTER)
    medians = [figures.median(results, name, measure) for name in known]
    axes.barh(known, medians, color=[colour(name) for name in known], height=0.65)
    ends = medians
    if until:
        ends = [figures.median(results, name, until) for name in known]
        axes.hlines(known, medians, ends, color=INK, linewidth=1)
        axes.plot(ends, known, "|", color=INK)
    for name, middle, end in zip(known, medians, ends):
        text = figures_text(measure, middle) + (f", {figures_text(until, end)}" if until else "")
        axes.annotate(text, (max(middle, end), name), xytext=(4, 0), textcoords="offset points", va="center",
                      fontsize=8)
    axes.set_xlim(0, (1.5 if until else 1.2) * max([*medians, *ends], default=1))


def bar_chart(shapes, panels, path, height=3.6):
    """One panel for each (shape, measure, second measure, title) that was measured."""
    panels = [panel for panel in panels if panel[0] in shapes]
    if not panels:
        return
    figure, all_axes = pyplot.subplots(1, len(panels), figsize=(4.6 * len(panels), height), squeeze=False)
    for axes, (shape, measure, until, title) in zip(all_axes[0], panels):
        draw_bars(axes, shape, shapes[shape], measure, until)
        axes.set_title(title)
    save(figure, path)


def draw_all(shapes, folder):
    """All charts of what was measured, from {shape: results}; the files' names."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    if any(f"tcp-{count}x1" in shapes for count in (64, 1000, 10000)):
        rate_chart(shapes, folder / "rate.svg")
    bar_chart(shapes, [("tcp-1x1", "p50_us", "p99_us", "one connection: p50, to p99, in µs"),
                       ("tcp-64x1", "p50_us", "p99_us", "64 connections: p50, to p99, in µs")], folder / "latency.svg")
    bar_chart(shapes, [("tcp-64x1", "cpu_us", None, "64 connections, depth 1: µs"),
                       ("tcp-64x16", "cpu_us", None, "64 connections, depth 16: µs")], folder / "cpu.svg")
    bar_chart(shapes, [("idle-10000", "bytes_per_connection", None, "bytes for each idle connection")],
              folder / "memory.svg")
    return sorted(path.name for path in folder.glob("*.svg"))
