"""The limits of the values in budgets.yaml and of the options that replace them.

They are wider than any sensible use. Their purpose is that a slip of the keyboard is an error with
its line, not a load that never ends or a machine that has no memory left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.units import Unit, parse


@dataclass(frozen=True, slots=True)
class Limits:
    """The smallest and the largest value of a quantity, as people write them."""

    unit: Unit
    least: str
    most: str

    def problem(self, value: float) -> str:
        """What is wrong with a value in base units: "must be at most 30d"; empty if nothing is."""
        if value > parse(self.most, self.unit):
            return f"must be at most {self.most}"
        if value < parse(self.least, self.unit):
            return f"must be at least {self.least}"
        return ""


TIME: Final = Limits(Unit.SECONDS, "0s", "30d")
DURATION: Final = Limits(Unit.SECONDS, "1s", "30d")
TRIAL: Final = Limits(Unit.SECONDS, "2s", "10m")
STAGE: Final = Limits(Unit.SECONDS, "100ms", "30d")
DIAGNOSIS: Final = Limits(Unit.SECONDS, "5s", "10m")
TRACES_SIZE: Final = Limits(Unit.BYTES, "1MiB", "1GiB")
WAIT: Final = Limits(Unit.SECONDS, "0s", "1h")
SCRAPE_INTERVAL: Final = Limits(Unit.SECONDS, "100ms", "1h")
OBJECTIVE_WINDOW: Final = Limits(Unit.SECONDS, "7d", "90d")
RATE: Final = Limits(Unit.PER_SECOND, "1/h", "1000000/s")
RATE_OR_PAUSE: Final = Limits(Unit.PER_SECOND, "0/s", "1000000/s")
SHARE: Final = Limits(Unit.RATIO, "0%", "100%")
QUANTILE: Final = Limits(Unit.RATIO, "0.1%", "100%")
WITHIN: Final = Limits(Unit.RATIO, "1%", "1000%")  # rates that are tried have three digits
REGRESSION: Final = Limits(Unit.RATIO, "0.01%", "1000%")
FALL: Final = Limits(
    Unit.RATIO, "0.01%", "99%"
)  # of a capacity, which falls by less than all of it

MOST_USERS: Final = 100_000
MOST_WORKERS: Final = 256
MOST_SAMPLES: Final = 1_000_000_000
MOST_SEED: Final = 999_999_999_999_999
MOST_BOUND: Final = 1e15  # in base units: 30 million years, a petabyte
LEAST_BOUND: Final = 1e-12  # of a bound that is not 0
LONGEST_WAIVER: Final = 366  # days, from the day on which the file is read
