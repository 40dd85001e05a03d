"""The report of a calibration for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from harness.judge.compare.model import Rules
from harness.judge.compare.noise import Noise, Spread, typical_pairs
from harness.judge.compare.sequential import pairs_needed
from harness.report.parts.console import NAME
from harness.report.parts.terminal import Column, render, table
from harness.report.parts.words import NO_DATA, clean
from harness.units import Unit, format_quantity

_SMALL = 0.05  # a regression that is worth finding
_MOST_FIRST = 3


def calibrate_report(
    title: str, noises: Sequence[Noise], pair_seconds: float, *, width: int, color: bool
) -> str:
    """The noise of each budget and its minimum detectable regression.

    Args:
        title: The title.
        noises: The noise of each budget, in the order of the file.
        pair_seconds: Duration of the load of a pair.
        width: Cells of the terminal.
        color: Colours and line drawing for a terminal.
    """
    columns = [
        Column("budget", [clean(n.name, NAME) for n in noises]),
        Column("pair noise", [_spread(n.pairs) for n in noises], right=True, gives_way=1),
        Column("min. detectable", [_share(n.smallest) for n in noises], right=True),
        Column("tolerated", [_share(n.tolerance) for n in noises], right=True),
        Column("pairs", [_pairs(n) for n in noises], right=True, gives_way=3),
        Column("load", [_load(n, pair_seconds) for n in noises], right=True, gives_way=2),
        Column("run-to-run noise", [_spread(n.starts) for n in noises], right=True, gives_way=4),
    ]
    parts: list[RenderableType] = [
        Text(title, "bold"),
        "",
        table(columns, name=0, width=width, color=color),
        "",
    ]
    parts += [Text(line) for line in (*_first(noises, pair_seconds), *_remarks(noises))]
    return render(parts, width=width, color=color)


def _first(noises: Sequence[Noise], pair_seconds: float) -> list[str]:
    """The budgets that judge a small regression with the least load; at most three."""
    rules = Rules()
    alpha = rules.alpha / max(1, sum(noise.tolerance is not None for noise in noises))
    known = [
        (noise.pairs.deviation, clean(noise.name, NAME))
        for noise in noises
        if noise.pairs.deviation is not None and (noise.smallest or 0.0) <= _SMALL
    ]
    found = []
    for deviation, name in sorted(known)[:_MOST_FIRST]:
        most = pairs_needed(deviation, _SMALL, alpha=alpha)
        pairs = typical_pairs(deviation, _SMALL, most, alpha=alpha, beta=rules.beta)
        load = format_quantity(pairs * pair_seconds, Unit.SECONDS)
        found.append(f"{name} ({pairs} pairs, {load})")
    if not found:
        return []
    small = format_quantity(_SMALL, Unit.RATIO)
    return [f"A regression of {small} takes the least load to judge by {', '.join(found)}."]


def _remarks(noises: Sequence[Noise]) -> list[str]:
    lines = [
        f"{clean(n.name, NAME)}: max_regression {_share(n.tolerance)} is below the minimum"
        " detectable regression; raise it, budget work instead of time, or use more --slices"
        for n in noises
        if n.tolerance and n.most is None and n.smallest is not None
    ]
    for noise in noises:
        for spread, what in ((noise.pairs, "pairs"), (noise.starts, "runs")):
            # A budget without max_regression is not compared.
            if spread.left_out and spread.deviation is None and noise.tolerance:
                lines.append(f"{clean(noise.name, NAME)}: {what} left out: {spread.left_out[0]}")
    return lines


def _spread(spread: Spread) -> str:
    """Such as "3.2% (< 5.1%)": the deviation, and its upper bound."""
    if spread.deviation is None:
        return NO_DATA
    return f"{_share(spread.deviation)} (< {_share(spread.upper)})"


def _pairs(noise: Noise) -> str:
    """Such as "5, at most 16"."""
    return NO_DATA if noise.most is None else f"{noise.typical}, at most {noise.most}"


def _load(noise: Noise, pair_seconds: float) -> str:
    """Such as "1.25 min"."""
    if noise.typical is None:
        return NO_DATA
    return format_quantity(noise.typical * pair_seconds, Unit.SECONDS)


def _share(value: float | None) -> str:
    return NO_DATA if value is None else format_quantity(float(f"{value:.2g}"), Unit.RATIO)
