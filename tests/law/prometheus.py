"""The law over answers of a Prometheus server: none makes a run green that is not green by itself.

"By itself" is by what the harness scraped.

An answer is cut, empty, stale, doubled, lacks series, or has other values.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Final

from harness import names
from harness.budgets.model import Budget, ClientIndicator, Quantile
from harness.judge.judge import judge
from harness.judge.measure.measure import measure_budgets
from harness.runs.model import Evidence, ServerAnswer
from tests.law.case import Case
from tests.law.cases import cases
from tests.law.damage import EVERY as DAMAGES
from tests.law.law import GREEN, Violation
from tests.unit.judge.evidence import END, SECONDS, START

SCRAPES: Final = 20.0
Answer = dict[str, list[tuple[dict[str, str], float]]]
Change = Callable[[Random, Budget, Answer], None]


def asked_cases() -> list[Case]:
    """The cases that a Prometheus server can be asked about, and that the own scrapes decide.

    Where a server's answer is the only evidence, nothing contradicts another value of it.
    """
    return [
        case
        for case in cases()
        if not isinstance(case.budget.indicator, ClientIndicator) and not case.run.answers
    ]


def violations(count: int, seed: int) -> Iterator[Violation]:
    """The runs that became green by an answer, with what was wrong with it.

    Args:
        count: How many answers are given.
        seed: Gives the same ones again.
    """
    chance = Random(seed)
    every = asked_cases()
    for _ in range(count):
        case = chance.choice(every)
        run, found = case.run, true_answer(case)
        # Where the harness itself knows less, nothing contradicts a wrong value of a server.
        also_own = chance.random() < 0.3
        changes = chance.sample(LESS if also_own else EVERY, chance.choice([1, 1, 2, 3]))
        for change in changes:
            change(chance, case.budget, found)
        done = [change.__name__ for change in changes]
        if also_own:
            damage = chance.choice(DAMAGES)
            run = damage(chance, run)
            done.append(damage.__name__)
        if judge((case.budget,), with_answer(run, case.budget, found)).outcome in GREEN:
            yield Violation(case.name, tuple(done))


def with_answer(run: Evidence, of: Budget, found: Answer) -> Evidence:
    """A run about whose budget a server answered."""
    return replace(run, answers={of.name: ServerAnswer("http://prometheus", found)})


def true_answer(case: Case) -> Answer:
    """What a server answers that scrapes twice a second and sees what the harness sees."""
    (measured,) = measure_budgets((case.budget,), case.run)
    found: Answer = {
        names.ASKED_VALUE: [({}, measured.measurement.value or 0.0)],
        names.ASKED_SCRAPES: [({}, SCRAPES)],
        names.ASKED_RESETS: [({}, 0.0)],
        names.ASKED_EVENTS: [({}, 20.0)],
    }
    if isinstance(case.budget.indicator, Quantile):
        rates, layout = _buckets(case)
        del found[names.ASKED_VALUE], found[names.ASKED_EVENTS]
        found |= {names.ASKED_BUCKETS: rates, names.ASKED_LAYOUT: layout}
    for number in (0, 1):
        about = {
            names.ASKED_FIRST: START + 0.1,
            names.ASKED_LAST: END - 0.1,
            names.ASKED_FEWEST: SCRAPES,
            names.ASKED_MOST: SCRAPES,
            names.ASKED_AGE: 0.5,
            names.ASKED_PRESENT: float(names.ASKED_STEPS),
        }
        found |= {f"{what} {number}": [({}, value)] for what, value in about.items()}
    return found


def _buckets(case: Case) -> tuple[list[tuple[dict[str, str], float]], ...]:
    """Observations per second of each bucket, and how many series there are of it."""
    rates: dict[str, float] = defaultdict(float)
    count: dict[str, float] = defaultdict(float)
    for one in case.run.series:
        if one.name.endswith("_bucket"):
            rates[one.labels["le"]] += (one.values[-1] - one.values[0]) / SECONDS
            count[one.labels["le"]] += 1
    return tuple([({"le": le}, n) for le, n in found.items()] for found in (rates, count))


def part_missing(chance: Random, _: Budget, found: Answer) -> None:
    """One of the queries has no answer."""
    found.pop(chance.choice(list(found)), None)


def part_empty(chance: Random, _: Budget, found: Answer) -> None:
    """One of the queries, or each, found no series."""
    for what in chance.choice([[chance.choice(list(found))], list(found)]):
        found[what] = []


def value_other(chance: Random, of: Budget, found: Answer) -> None:
    """The value is another one: none, half of it, twice, one that keeps the bound, no number."""
    others = (0.0, of.bound * 0.99, of.bound * 0.5, of.bound * 1.01, 1.0)
    for what in (names.ASKED_VALUE, names.ASKED_BUCKETS):
        if found.get(what):
            at = chance.randrange(len(found[what]))
            labels, value = found[what][at]
            other = chance.choice((*others, value / 2, value * 2, -value, math.nan, math.inf))
            found[what][at] = labels, other


def series_missing(chance: Random, _: Budget, found: Answer) -> None:
    """Half of what the service exposed was not scraped: the value is the half."""
    share = chance.choice([0.1, 0.5, 0.9])
    for what in (names.ASKED_VALUE, names.ASKED_EVENTS):
        if found.get(what):
            found[what] = [(labels, value * share) for labels, value in found[what]]


def bucket_missing(chance: Random, _: Budget, found: Answer) -> None:
    """A bucket is missing."""
    if found.get(names.ASKED_BUCKETS):
        found[names.ASKED_BUCKETS].pop(chance.randrange(len(found[names.ASKED_BUCKETS])))


def doubled(chance: Random, _: Budget, found: Answer) -> None:
    """An answer has a series twice, the second time with another value."""
    what = chance.choice(list(found))
    found[what] = found[what] + [
        ({**labels, "again": "1"}, value * chance.choice([0.0, 1.0, 2.0]))
        for labels, value in found[what]
    ]


def stale(chance: Random, _: Budget, found: Answer) -> None:
    """The server stopped scraping within the window, or began late."""
    begin, end = sorted(START + chance.random() * SECONDS for _ in range(2))
    share = (end - begin) / SECONDS
    for number in (0, 1):
        found[f"{names.ASKED_FIRST} {number}"] = [({}, begin)]
        found[f"{names.ASKED_LAST} {number}"] = [({}, end)]
        found[f"{names.ASKED_PRESENT} {number}"] = [({}, round(share * names.ASKED_STEPS))]
        found[f"{names.ASKED_AGE} {number}"] = [({}, END - end)]
    found[names.ASKED_SCRAPES] = [({}, round(share * SCRAPES))]


def few_scrapes(chance: Random, _: Budget, found: Answer) -> None:
    """The server scraped seldom, or one of the series."""
    few = float(chance.choice([0, 1, 2, 5]))
    for number in (0, 1):
        for what in chance.choice([(names.ASKED_FEWEST,), (names.ASKED_FEWEST, names.ASKED_MOST)]):
            found[f"{what} {number}"] = [({}, few)]
    found[names.ASKED_SCRAPES] = [({}, few)]


LESS: Final[tuple[Change, ...]] = (part_missing, part_empty, stale, few_scrapes)
EVERY: Final[tuple[Change, ...]] = (*LESS, value_other, series_missing, bucket_missing, doubled)
