"""The verdict of the locustfile's own gate: the exit code that it set."""

from __future__ import annotations

from harness.judge.measure.series import LOAD_GENERATOR
from harness.judge.model import Verdict
from harness.runs.model import Manifest
from harness.units import Unit

NAME = "locustfile-exit-code"


def locustfile_verdict(manifest: Manifest) -> Verdict | None:
    """The verdict on the exit code that the locustfile set.

    Returns:
        A failure if the code is not 0. None if the locustfile set no other code, or if the scenario
        ignores it: a locustfile cannot make the outcome of its run better.
    """
    code = manifest.locustfile_exit_code
    if not code or manifest.scenario.get("locustfile_exit_code") == "ignore":
        return None
    return Verdict(
        name=NAME,
        description="exit code of the locustfile",
        outcome="fail",
        severity="error",
        value=float(code),
        lower=None,
        upper=None,
        bound=0.0,
        direction="max",
        unit=Unit.COUNT,
        margin=None,
        samples=1,
        source=LOAD_GENERATOR,
        reason=f"the locustfile set exit code {code}",
        advice="look at its listeners of `quitting` and `test_stop`, and at its calls of sys.exit;"
        " `locustfile_exit_code: ignore` in the scenario ignores it",
    )
