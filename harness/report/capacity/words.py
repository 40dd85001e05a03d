"""The words that all reports of a capacity share."""

from __future__ import annotations

from typing import assert_never

from harness.judge.capacity.judge import interval_text
from harness.judge.capacity.model import (
    Capacity,
    CapacitySetting,
    CapacityStep,
    GaveWay,
    UsageReading,
)
from harness.judge.capacity.search import StepResult
from harness.judge.capacity.step import figure
from harness.judge.capacity.usage import CPU, LABELS
from harness.judge.model import Outcome
from harness.report.parts.words import NO_DATA, clean, moment, value_text
from harness.units import Unit, counted, format_quantity

GAVE_WAY = "What gave way, the first one first"
UNJUDGED = "Steps without a result"
SHORT_OF = "What the service was short of, at the knee"
NOTHING_SHORT = (
    "nothing that was measured (CPU, connections, event loop, memory) was used up; look for locks,"
    " or for a dependency that is slow, with harness run --rate RATE --diagnose always"
)
NOT_MEASURED = "not known: the service exposes no metrics, and the harness has not started it"
RULE = (
    "The result of a rate is the one on which two of at most three steps agree. The interval is "
    "from the highest rate at which every budget held to the lowest rate that broke a budget."
)


def title(setting: CapacitySetting) -> str:
    """The title, such as "sample-app, scenario smoke: capacity"."""
    return clean(f"{setting.service}, scenario {setting.scenario}: capacity", 300)


def outcome_of(result: StepResult) -> Outcome:
    """The colour of a step: the outcome that its result resembles."""
    match result:
        case "holds":
            return "pass"
        case "breaks":
            return "fail"
        case "undecided" | "disturbed":
            return "inconclusive"
        case "generator":
            return "warn"
        case _:
            assert_never(result)


def result_text(result: StepResult) -> str:
    """The result of a step in a table."""
    match result:
        case "holds" | "breaks" | "undecided" | "disturbed":
            return result
        case "generator":
            return "generator limit"
        case _:
            assert_never(result)


def cause_text(step: CapacityStep) -> str:
    """What decided the result of a step, in a few words: budgets, or the name of a guard."""
    match step.result:
        case "holds":
            return ""
        case "breaks":
            failed = [one.name for one in step.verdicts if one.outcome == "fail"]
            return clean(", ".join(failed) or step.reason, 80)
        case "undecided" | "disturbed" | "generator":
            if step.guard:
                return step.guard
            if step.result == "disturbed":
                return "no data"
            return "too few samples" if "too few" in step.reason else "near the bound"
        case _:
            assert_never(step.result)


def step_line(number: int, step: CapacityStep) -> str:
    """A finished step, such as "step 3: 200/s breaks: api-latency-p95 412 ms (max 200 ms)"."""
    what = f"step {number}: {rate_text(step.rate)} {result_text(step.result)}"
    if step.result == "holds":
        return f"{what}, p95 {value_text(step.p95, Unit.SECONDS)}"
    return f"{what}: {clean(step.reason, 300)}"


def rate_text(rate: float | None) -> str:
    """A rate, such as "131/s"."""
    return value_text(rate, Unit.PER_SECOND)


def capacity_text(capacity: Capacity) -> str:
    """The interval, such as "between 120/s and 126/s"."""
    return interval_text(capacity.lower, capacity.upper)


def width_text(capacity: Capacity) -> str:
    """The width of the interval, such as "5%"; a dash when it has no end."""
    if capacity.lower is None or capacity.upper is None:
        return NO_DATA
    return format_quantity(capacity.upper / capacity.lower - 1, Unit.RATIO)


def unjudged_texts(capacity: Capacity) -> list[str]:
    """Why steps have no result, one text for each guard, the last step of it."""
    found = {
        cause_text(step): f"{rate_text(step.rate)}: {step.reason}"
        for step in capacity.steps
        if step.result in {"undecided", "disturbed", "generator"}
    }
    return list(found.values())


def gave_way_text(one: GaveWay) -> str:
    """A budget that broke, such as "api-latency-p95 412 ms (max 200 ms) at 131/s"."""
    return f"{figure(one.verdict)} at {rate_text(one.rate)}"


def gave_way_texts(capacity: Capacity) -> list[str]:
    """What gave way: the service itself, if it ended, and the budgets that broke."""
    return [*_collapses(capacity)[:1], *map(gave_way_text, capacity.gave_way)]


def _collapses(capacity: Capacity) -> list[str]:
    """Steps under whose load the service ended, the lowest rate first."""
    ended = sorted(
        (step.rate, step.reason)
        for step in capacity.steps
        if step.result == "breaks" and all(one.outcome != "fail" for one in step.verdicts)
    )
    return [f"{reason} at {rate_text(rate)}" for rate, reason in ended]


def short_of_texts(capacity: Capacity) -> list[str]:
    """What the service was short of at the knee; empty when no step broke a budget."""
    if capacity.short_of:
        return list(capacity.short_of)
    if capacity.upper is None or not capacity.gave_way:
        return []
    measured = any(step.usage for step in capacity.steps)
    return [NOTHING_SHORT if measured else NOT_MEASURED]


def cpu_text(step: CapacityStep) -> str:
    """The cores that the service used, such as "0.97 of 2"."""
    for one in step.usage:
        if one.name == CPU:
            used = format_quantity(one.value, Unit.COUNT)
            return used if one.limit is None else f"{used} of {one.limit:g}"
    return NO_DATA


def usage_text(one: UsageReading) -> str:
    """A reading with its meaning, such as "cores that the service used: 0.97"."""
    return f"{LABELS[one.name]}: {format_quantity(one.value, one.unit)}"


def search_texts(capacity: Capacity) -> list[str]:
    """One line for each of several searches, such as "search 2: between 120/s and 126/s"."""
    if len(capacity.searches) == 1:
        return []
    return [
        f"search {number}: {interval_text(search.bracket.lower, search.bracket.upper)}"
        f" ({counted(len(search.steps), 'step')}, {search.end})"
        for number, search in enumerate(capacity.searches, 1)
    ]


def cost(capacity: Capacity, setting: CapacitySetting) -> str:
    """Steps and time, such as "14 steps, 5.2 min"."""
    steps = len(capacity.steps)
    count = "1 step" if steps == 1 else f"{steps} steps"
    return f"{count}, {format_quantity(setting.seconds, Unit.SECONDS)}"


def facts(setting: CapacitySetting) -> list[tuple[str, str]]:
    """Facts of the search: label and text."""
    return [
        ("Started", moment(setting.started)),
        ("Duration", format_quantity(setting.seconds, Unit.SECONDS)),
        *setting.facts.items(),
        ("Commit", setting.commit or NO_DATA),
        ("Host", ", ".join(f"{key} {value}" for key, value in setting.host.items())),
        ("Harness", setting.harness_version),
    ]
