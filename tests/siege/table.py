"""What a siege came to: rows of a table, and whether an invariant is broken.

A figure that depends on the machine (a time, a ratio of times) is reached or not, and that is all; an invariant holds
or the siege has failed.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    name: str
    aim: str
    figure: str
    reached: bool
    invariant: bool

    @property
    def broken(self):
        return self.invariant and not self.reached


def holds(name, aim, figure, reached):
    """A row that must be reached."""
    return Row(name, aim, str(figure), bool(reached), True)


def measures(name, aim, figure, reached):
    """A row of which it is said whether it was reached."""
    return Row(name, aim, str(figure), bool(reached), False)


def words(row):
    return "reached" if row.reached else "BROKEN" if row.invariant else "not reached"


def text(rows):
    """The table, in columns."""
    lines = [("row", "aim", "figure", "")] + [(row.name, row.aim, row.figure, words(row)) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0])).rstrip()
                     for line in lines)


def milliseconds(value):
    return f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"


def mebibytes(value):
    return f"{value / (1 << 20):.1f} MiB"
