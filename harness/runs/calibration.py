"""`.harness/calibration.json`: what `harness calibrate` found, for compare, lint and run.

It lies beside budgets.yaml and holds for the machine that it was measured on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from harness import names
from harness.errors import UsageError
from harness.runs.folder import probe_file, replace_text
from harness.runs.json_file import read_json

AGAIN = "calibrate again, or delete the file: harness calibrate"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BudgetNoise(_Part):
    """Of one budget; the figures are as in `harness.judge.compare.noise.Noise`."""

    log_ratios: tuple[float, ...]
    deviation: float | None = Field(ge=0)
    deviation_upper: float | None = Field(ge=0)
    smallest: float | None = Field(ge=0)
    log_values: tuple[float, ...]
    start_deviation: float | None = Field(ge=0)
    start_deviation_upper: float | None = Field(ge=0)


class PairLoad(_Part):
    """The load of each pair; the noise is that of this load only."""

    rate: float = Field(gt=0)
    warm_up: float = Field(ge=0)
    slices: int = Field(ge=1)
    simultaneous: bool = False

    def __str__(self) -> str:
        how = ", both at once" if self.simultaneous else ""
        return f"{self.rate:g}/s, {self.warm_up:g} s of warm-up, {self.slices} slices{how}"


class Calibrated(_Part):
    """Of one scenario.

    Attributes:
        host: The machine, as run.json has it.
        at: Moment of the calibration, ISO 8601, UTC.
        pair_seconds: Of load that a pair takes.
        run_seconds: Window of a run.
    """

    host: dict[str, str | int | float]
    at: str
    load: PairLoad
    pair_seconds: float = Field(gt=0)
    run_seconds: float = Field(gt=0)
    budgets: dict[str, BudgetNoise]

    @property
    def deviations(self) -> dict[str, float]:
        """Standard deviation of a pair's log ratio, of the budgets where it is known."""
        found = {name: noise.deviation for name, noise in self.budgets.items()}
        return {name: value for name, value in found.items() if value is not None}


class _File(_Part):
    schema_version: Literal[1] = Field(default=1, alias="schema")
    scenarios: dict[str, Calibrated]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is known of this machine.

    Attributes:
        scenarios: Those that were calibrated here, by name.
        notices: Why the others do not count, a sentence each.
    """

    scenarios: Mapping[str, Calibrated]
    notices: Mapping[str, str]

    @classmethod
    def load(cls, budgets: Path, host: Mapping[str, object]) -> Calibration:
        """Read the calibration beside a budgets.yaml; without a file nothing is known.

        Args:
            budgets: The path of budgets.yaml.
            host: This machine, as run.json has it.

        Raises:
            UsageError: The file is damaged or of another version.
        """
        found = _read(path_of(budgets))
        notices = {
            name: f"the calibration of scenario {name} is of another machine"
            f" ({_difference(one.host, host)}) and does not count: harness calibrate {name}"
            for name, one in found.items()
            if one.host != host
        }
        return cls({n: one for n, one in found.items() if n not in notices}, notices)

    def noises_of(self, scenario: str) -> dict[str, float]:
        """Standard deviation of ln value from start to start, of the budgets where it is known."""
        known = self.scenarios.get(scenario)
        found = {n: one.start_deviation for n, one in known.budgets.items()} if known else {}
        return {name: value for name, value in found.items() if value is not None}

    def identical_pairs(self, scenario: str) -> dict[str, tuple[float, ...]]:
        """Log ratios of the pairs of a version with itself, by the name of the budget."""
        known = self.scenarios.get(scenario)
        return {n: one.log_ratios for n, one in known.budgets.items()} if known else {}

    def under(self, scenario: str, load: PairLoad) -> Calibration:
        """The same without a scenario that was calibrated under another load than this."""
        known = self.scenarios.get(scenario)
        if known is None or known.load == load:
            return self
        notice = (
            f"scenario {scenario} was calibrated under another load ({known.load}, now {load}),"
            " which does not count; calibrate with the same options"
        )
        others = {name: one for name, one in self.scenarios.items() if name != scenario}
        return replace(self, scenarios=others, notices={**self.notices, scenario: notice})


def path_of(budgets: Path) -> Path:
    """Where the calibration of a budgets.yaml lies."""
    return budgets.parent / names.CALIBRATION_FILE


def require_storable(budgets: Path) -> None:
    """Check before the load that a calibration can be stored; leaves no file behind.

    Raises:
        UsageError: It cannot.
    """
    path = path_of(budgets)
    try:
        if path.parent.exists():
            probe_file(path)
        else:
            path.parent.mkdir()
            path.parent.rmdir()
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}",
            "a calibration is stored beside budgets.yaml: make that folder writable",
        ) from error


def store(budgets: Path, scenario: str, found: Calibrated) -> Path:
    """Store the calibration of a scenario beside budgets.yaml; it replaces the earlier one.

    Raises:
        UsageError: It cannot be written, or what there is is damaged.
    """
    path = path_of(budgets)
    whole = _File(scenarios={**_read(path), scenario: found})
    try:
        path.parent.mkdir(exist_ok=True)
        # It is the machine's, not the project's: no commit and no candidate should have it.
        replace_text(path.parent / ".gitignore", "*\n")
        replace_text(path, whole.model_dump_json(by_alias=True, indent=2) + "\n")
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
    return path


def _read(path: Path) -> dict[str, Calibrated]:
    if not path.exists():
        return {}
    return read_json(path, _File, AGAIN, UsageError).scenarios


def _difference(there: Mapping[str, object], here: Mapping[str, object]) -> str:
    """Such as "cpus 8, here 2"."""
    keys = [key for key in here if there.get(key) != here[key]]
    return "; ".join(f"{key} {there.get(key, 'unknown')}, here {here[key]}" for key in keys)
