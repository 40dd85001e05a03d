"""The causes of the regressions of a comparison, from its folder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from harness import names
from harness.budgets.model import Plan
from harness.budgets.presets import in_run, roles_of_run
from harness.diagnose.compare.comparison import (
    ComparisonDiagnosis,
    diagnose_comparison,
    needs_windows,
    recorded_pair,
)
from harness.diagnose.compare.differences import RecordedPair
from harness.experiments.pair import ROLES
from harness.judge.compare.model import Comparison
from harness.runs.folder import RunFolder, read_evidence, read_manifest
from harness.runs.json_file import read_json
from harness.runs.model import Evidence, Manifest
from harness.runs.recording.recording import read_recording
from harness.runs.records.changes import read_changes

_HINT = "compare the versions again with --diagnose always"


@dataclass(frozen=True, slots=True)
class ExplainedComparison:
    """The causes of the regressions, and what they rest on."""

    diagnosis: ComparisonDiagnosis
    pair: RecordedPair


class _Budget(BaseModel):
    model_config = ConfigDict(extra="ignore")
    name: str
    decision: str


class _Setting(BaseModel):
    model_config = ConfigDict(extra="ignore")
    service: str
    scenario: str
    baseline: str
    candidate: str


class StoredComparison(BaseModel):
    """What compare.json says of the versions and the budgets."""

    model_config = ConfigDict(extra="ignore")
    comparison: _Setting
    budgets: Annotated[list[_Budget], Field(default_factory=list)]

    @property
    def regressed(self) -> list[str]:
        """Names of the budgets that got worse."""
        return [one.name for one in self.budgets if one.decision == "fail"]


def read_comparison(folder: Path) -> StoredComparison:
    """Read the compare.json of a comparison.

    Raises:
        RunFolderError: It is damaged.
    """
    return read_json(folder / names.COMPARE_FILE, StoredComparison, "compare the versions again")


def regressed(comparison: Comparison) -> list[str]:
    """Names of the budgets that got worse."""
    return [one.name for one in comparison.changes if one.decision == "fail"]


def explained_comparison(
    folder: Path, regressed: Collection[str], read_plan: Callable[[RunFolder, str], Plan]
) -> ExplainedComparison | None:
    """Explain the budgets that got worse; None when both versions were not recorded.

    Args:
        folder: Of the comparison.
        regressed: The names of those budgets.
        read_plan: Reads the budgets of a run folder, by the name of its scenario.

    Raises:
        RunFolderError: A file of the recording is damaged.
    """
    place = folder / names.DIAGNOSIS_FOLDER
    baseline, candidate = (read_recording(place / role) for role in ROLES)
    if baseline is None or candidate is None:
        return None
    manifests = [read_manifest(RunFolder(place / role)) for role in ROLES]
    of_candidate = manifests[-1]
    plan = read_plan(RunFolder(place / ROLES[-1]), of_candidate.scenario_name)
    every = in_run(plan.budgets_of(of_candidate.scenario_name), of_candidate.roles)
    budgets = [one for one in every if one.name in regressed]
    roles = roles_of_run(of_candidate.roles)
    needed = any(needs_windows(one, roles) for one in budgets)
    windows = tuple(_windows(folder, role) if needed else [] for role in ROLES)
    code = read_changes(place / names.CHANGES_FILE)
    pair = recorded_pair(baseline, candidate, code, (windows[0], windows[1]))
    return ExplainedComparison(
        diagnose_comparison(budgets, pair, roles, list(_notes(manifests))), pair
    )


def _windows(folder: Path, role: str) -> list[Evidence]:
    """The evidence of a version in all timed pairs."""
    return [read_evidence(RunFolder(pair / role)) for pair in sorted(folder.glob("pair-*"))]


def _notes(manifests: Iterable[Manifest]) -> Iterable[str]:
    """What is missing of a version, each note once."""
    notes: dict[str, list[str]] = {}
    for role, manifest in zip(ROLES, manifests, strict=True):
        for notice in manifest.notices:
            notes.setdefault(notice, []).append(role)
    for notice, roles in notes.items():
        yield f"{' and '.join(roles)}: {notice}"
