"""What is made of the results: medians, ratios, the better of several. Plain data in, numbers out.

Results are what the rounds brought: {server: {"rounds": [{measure: number}, ...]}} for each shape. A round that
failed is {"failed": why}, a server that is not here {"absent": why}. Neither is ever a number.
"""

import statistics

HIGHER_IS_BETTER = {"rate"}


def rounds(results, server):
    return results.get(server, {}).get("rounds", [])


def values(results, server, measure):
    return [each[measure] for each in rounds(results, server) if measure in each]


def median(results, server, measure):
    """The median over the rounds; None when fewer than half of them brought a figure, or none."""
    found = values(results, server, measure)
    if not found or 2 * len(found) < len(rounds(results, server)):
        return None
    return statistics.median(found)


def ratio(results, subject, reference, measure):
    """The median of the rounds' ratios: what drifts from round to round hits both. None where there is no
    round in which both have a figure, and the reference's is not zero."""
    if median(results, subject, measure) is None or median(results, reference, measure) is None:
        return None
    pairs = zip(rounds(results, subject), rounds(results, reference))
    ratios = [one[measure] / other[measure] for one, other in pairs if one.get(measure) is not None and other.get(measure)]
    return statistics.median(ratios) if ratios else None


def best(results, servers, measure):
    """The one of these with the best median; None where none has one."""
    known = [name for name in servers if median(results, name, measure) is not None]
    choose = max if measure in HIGHER_IS_BETTER else min
    return choose(known, key=lambda name: median(results, name, measure), default=None)


def spread(results, server, measure):
    """How far the rounds lie apart: (highest - lowest) / median; None without a median."""
    found, middle = values(results, server, measure), median(results, server, measure)
    return (max(found) - min(found)) / middle if middle else None


def trouble(results, server):
    """Why there is no figure, or not one of every round; empty when all is well."""
    entry = results.get(server, {})
    if "absent" in entry:
        return f"absent: {entry['absent']}"
    failed = [each["failed"] for each in entry.get("rounds", []) if "failed" in each]
    return f"failed {len(failed)} of {len(entry['rounds'])}: {failed[0]}" if failed else ""


def lost(results, servers, subject, measure, margin):
    """[(server, ratio)] of those who are better than the subject by more than the margin, the worst first."""
    found = []
    for name in servers:
        figure = ratio(results, subject, name, measure)
        if figure is None or name == subject:
            continue
        behind = figure < 1 - margin if measure in HIGHER_IS_BETTER else figure > 1 + margin
        if behind:
            found.append((name, figure))
    return sorted(found, key=lambda entry: entry[1], reverse=measure not in HIGHER_IS_BETTER)
