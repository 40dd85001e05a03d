"""Which metric of the service plays each role, noted in the manifest of the run."""

from __future__ import annotations

from harness.budgets.dialects.recognise import recognise_target, with_process_tree
from harness.budgets.lint.metrics import Family
from harness.budgets.model import Target
from harness.names import ROLES
from harness.observe.metric_families import families_of
from harness.observe.scraper import Scraper
from harness.runner.manifest import RunState


def recognise_roles(state: RunState, scraper: Scraper, target: Target) -> dict[str, Family]:
    """Note what plays each role, by all scrapes so far.

    Many libraries expose a metric only after the first request, so this is repeated. A run without
    a successful scrape keeps the names that the dialects of the target assume.

    Returns:
        The metrics of the service, by name.
    """
    families = families_of(scraper.samples)
    if families:
        found = recognise_target(families, target)
        found = with_process_tree(found) if scraper.reads_process else found
        state.update_target({ROLES: found.as_json()})
    return families
