"""results.json read back: the outcome of a stored run, for its history and for other tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness import names
from harness.errors import EXIT_USAGE, RunFolderError
from harness.runs.digests import changes
from harness.runs.folder import RunFolder, files_below, open_folder, read_manifest
from harness.runs.json_file import has_content, read_json
from harness.runs.model import Clock, Status
from harness.units import Unit


class _Stored(BaseModel):
    """A part of results.json; of its keys only those that are needed."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class StoredBudget(_Stored):
    """A budget's verdict, as `harness.judge.model.Verdict` has it."""

    name: str
    outcome: Literal["pass", "warn", "fail", "inconclusive"]
    value: float | None
    lower: float | None
    upper: float | None
    bound: float | None
    direction: Literal["max", "min"]
    unit: Unit
    severity: Literal["error", "warn", "off"]
    source: str
    reason: str
    guard: str | None = None  # None in a file of an older version, empty without a guard
    bucket: tuple[float, float] | None = None
    share_over: float | None = None
    share_lower: float | None = None
    share_upper: float | None = None
    share_allowed: float | None = None
    whole: str = ""


class StoredCost(_Stored):
    """What one request cost, as `harness.judge.costs.Cost` has it."""

    name: str
    value: float | None
    unit: Unit


class StoredGuard(_Stored):
    """A guard, as `harness.judge.model.Guard` has it."""

    name: str
    outcome: Literal["ok", "tripped"]


class StoredRun(_Stored):
    """The manifest of the run."""

    status: Status
    service: str
    scenario: dict[str, Any]
    clock: Clock
    git: dict[str, Any]
    host: dict[str, Any]


class Results(_Stored):
    """The outcome of a run."""

    schema_version: Literal[1] = Field(alias="schema")
    outcome: Literal["pass", "warn", "fail", "inconclusive"]
    exit_code: int
    run: StoredRun
    guards: tuple[StoredGuard, ...]
    budgets: tuple[StoredBudget, ...]
    costs: tuple[StoredCost, ...] = ()

    @property
    def scenario(self) -> str:
        """Name of the scenario."""
        return str(self.run.scenario.get("name", ""))

    @property
    def started(self) -> float:
        """When the load began, seconds since the epoch."""
        return self.run.clock.started or self.run.clock.created

    @property
    def commit(self) -> str:
        """Commit of the service; empty outside git."""
        return str(self.run.git.get("commit") or "")

    def cost(self, name: str) -> float | None:
        """What one request cost, by the name of the cost; None if it was not measured."""
        return next((cost.value for cost in self.costs if cost.name == name), None)

    def trusted(self, budget: StoredBudget) -> float | None:
        """A budget's value; None if a guard makes the budget inconclusive.

        Of the quantile of a histogram it is the share of the observations over the bound, if that
        is known: the value itself is known to its bucket only.
        """
        if budget.guard or (budget.guard is None and self._guarded_by_reason(budget)):
            return None
        if budget.share_allowed is not None:
            return budget.share_over
        return budget.value if budget.bucket is None else None

    def _guarded_by_reason(self, budget: StoredBudget) -> bool:
        """Whether the reason begins with the name of a tripped guard, for files without `guard`."""
        tripped = tuple(f"{one.name}: " for one in self.guards if one.outcome == "tripped")
        return budget.outcome == "inconclusive" and budget.reason.startswith(tripped)


@dataclass(frozen=True, slots=True)
class PastRun:
    """A stored run that was judged."""

    folder: Path
    results: Results

    @property
    def changed(self) -> tuple[str, ...]:
        """A sentence on each file of the folder that is not what it was when the run ended."""
        return changed_files(self.folder)


def read_past(path: Path) -> PastRun:
    """Read the outcome of a run, by its folder or by a copy of its results.json.

    Raises:
        RunFolderError: As for `read_results`, and when there is neither.
    """
    if path.is_dir():
        return PastRun(path, read_results(open_folder(path)))
    if not path.is_file():
        raise RunFolderError(
            f"{path} does not exist", f"name a run folder, or a {names.RESULTS_FILE}"
        )
    return PastRun(path, _results(path, path))


def changed_files(folder: Path) -> tuple[str, ...]:
    """A sentence on each file of a run folder that is not what it was when the run ended.

    It is empty for a copy of results.json without its folder, and for a run without digests.
    """
    if not (folder / names.MANIFEST_FILE).is_file():
        return ()
    files = read_manifest(RunFolder(folder)).files
    return () if files is None else tuple(changes(folder, files).values())


def read_results(folder: RunFolder) -> Results:
    """Read the outcome of a run.

    Raises:
        RunFolderError: It was not judged, or results.json is damaged or of another version.
    """
    return _results(folder.file(names.RESULTS_FILE), folder.path)


def _results(path: Path, run: Path) -> Results:
    if not has_content(path):
        raise RunFolderError(
            f"{run} was not judged: it has no {names.RESULTS_FILE}",
            f"judge it: harness check {run} --json {path}",
        )
    return read_json(path, Results, f"judge the run again: harness check {run} --json {path}")


def read_history(path: Path) -> tuple[list[PastRun], list[str]]:
    """Read the outcomes of the runs in a folder.

    Args:
        path: The folder that holds run folders. Runs of comparisons and self-tests, which lie
            deeper, are no history of the service.

    Returns:
        The runs, the oldest first, and why each of the others is left out.

    Raises:
        RunFolderError: There is no run at all.
    """
    if not path.is_dir():
        raise RunFolderError(f"{path} is not a folder", "name the folder that holds run folders")
    if (path / names.MANIFEST_FILE).exists():
        raise RunFolderError(f"{path} is a run itself", f"name the folder above it: {path.parent}")
    found: list[PastRun] = []
    left_out: list[str] = []
    for manifest in files_below(path, names.MANIFEST_FILE):
        folder = open_folder(manifest.parent)
        try:
            past = PastRun(folder.path, read_results(folder))
            if past.results.exit_code == EXIT_USAGE:
                text = f"{folder.path}: the run was refused before the load, so nothing was judged"
                left_out.append(text)
            elif past.results.outcome in {"pass", "warn"} and (changed := past.changed):
                text = f"{folder.path}: {'; '.join(changed)}, so it does not count as a pass"
                left_out.append(text)
            else:
                found.append(past)
        except RunFolderError as error:
            left_out.append(error.message)
    if not found and not left_out:
        raise RunFolderError(f"{path} holds no runs", "harness run stores one in runs/ each time")
    return sorted(found, key=lambda run: run.results.started), left_out
