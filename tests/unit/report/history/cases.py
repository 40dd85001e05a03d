"""Stored runs as `harness run` leaves them, for their history and for exports."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.judge.model import Judgement, Verdict
from harness.report.run.results import results_json
from harness.runs.model import Evidence, Manifest
from harness.runs.results import PastRun, Results
from tests.unit.report.cases import (
    BREACHED,
    CASES,
    ERRORS,
    HITS,
    MANIFEST,
    P95,
    SATURATED,
    WARNED,
    judged,
)

DAY = 86_400.0


def stored(judgement: Judgement, evidence: Evidence, code: int = 0) -> Results:
    return Results.model_validate_json(results_json(judgement, evidence, exit_code=code))


def past(day: int, *verdicts: Verdict, scenario: str = "smoke", distrust: bool = False) -> PastRun:
    """A run of some day; a distrusted one had a guard that took away all verdicts."""
    if distrust:
        why = f"{SATURATED.name}: {SATURATED.reason}"
        verdicts = tuple(
            replace(v, outcome="inconclusive", reason=why, guard=SATURATED.name) for v in verdicts
        )
    outcomes = {verdict.outcome for verdict in verdicts}
    worst = next(o for o in ("fail", "inconclusive", "warn", "pass") if o in outcomes)
    clock = MANIFEST.clock.model_copy(update={"started": 1_782_907_200.0 + day * DAY})
    manifest = MANIFEST.model_copy(
        update={
            "clock": clock,
            "scenario": {**MANIFEST.scenario, "name": scenario},
            "git": {"commit": f"{day:02}2a9c01d5", "dirty": day % 7 == 0},
        }
    )
    guards = (SATURATED,) if distrust else ()
    results = stored(judged(worst, *verdicts, guards=guards), Evidence(manifest, {}, ()))
    return PastRun(Path(f"runs/202607{day + 1:02}T120000Z-{scenario}"), results)


def at(value: float | None, of: Verdict = P95) -> Verdict:
    return replace(of, value=value)


def _month() -> list[PastRun]:
    """A service that slows down day by day until it breaches, with a budget added later."""
    runs = []
    for day in range(24):
        latency = at(0.1 + 0.004 * day)
        hits = at(0.93 - 0.002 * (day % 5), HITS)
        added = (ERRORS,) if day >= 20 else ()
        runs.append(past(day, latency, hits, *added, distrust=day == 12))
    return [*runs, past(24, replace(BREACHED, value=0.21), at(0.8, HITS), ERRORS, WARNED)]


def _awkward() -> list[PastRun]:
    judgement, evidence, code = CASES["awkward"]
    results = stored(judgement, Evidence(evidence.manifest, {}, ()), code)
    return [PastRun(Path("runs/größe-世界-👩‍🚀\x1b[31m"), results)] * 2


def _many() -> list[PastRun]:
    verdicts = [replace(at(0.001 * n), name=f"latency-of-endpoint-{n:03}") for n in range(200)]
    return [past(0, *verdicts), past(1, *verdicts)]


def _changed() -> list[PastRun]:
    """A service that became slower twice, and faster once in another way."""
    levels = [(0.1, 0.9)] * 12 + [(0.13, 0.9)] * 8 + [(0.16, 0.97)] * 8
    return [past(day, at(time), at(hits, HITS)) for day, (time, hits) in enumerate(levels)]


HISTORIES: dict[str, tuple[Sequence[PastRun], Sequence[str]]] = {
    "month": ([*_month(), past(3, P95, scenario="soak")], ["runs/x was not judged"] * 7),
    "changed": (_changed(), []),
    "one": ([past(0, at(None), HITS)], []),
    "many": (_many(), []),
    "awkward": (_awkward(), ["\x1b[31mx\n" * 3]),
}


def write_run(folder: Path, judgement: Judgement, evidence: Evidence, code: int = 0) -> Path:
    """A run folder as far as histories and exports read it."""
    folder.mkdir(parents=True)
    manifest: Manifest = evidence.manifest
    (folder / "run.json").write_text(manifest.model_dump_json(by_alias=True))
    text = results_json(judgement, evidence, exit_code=code)
    (folder / "results.json").write_text(text, encoding="utf-8")
    return folder
