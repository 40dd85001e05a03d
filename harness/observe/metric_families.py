"""The metric families that a running service exposes, for `harness lint --url`."""

from __future__ import annotations

import ssl
from collections.abc import Iterable

from harness.budgets.lint.plan import Family
from harness.budgets.model import Target
from harness.errors import TargetError
from harness.names import ADDED_LABELS, DECLARED, DECLARED_METRIC
from harness.observe.command import absolute, running_metrics
from harness.observe.exposition import ACCEPT, read_exposition
from harness.observe.fetch import NoAnswer, fetch, tls_of
from harness.runs.openmetrics import Sample, exported

TIMEOUT = 5.0  # seconds


def fetch_families(url: str, target: Target | None) -> dict[str, Family]:
    """Scrape a service's metrics endpoints once.

    Args:
        url: The service's base URL.
        target: The target with the paths of the endpoints; the default is `/metrics`.

    Raises:
        TargetError: An endpoint does not answer, or its response has no valid metrics.
        UsageError: The target's `ca_file` cannot be used.
    """
    tls = tls_of(target.ca_file if target else None)
    listed = running_metrics(target, url) if target is not None else ()
    paths = listed or (absolute(url, "/metrics"),)
    return families_of(sample for path in paths for sample in _scrape(path, tls))


def families_of(samples: Iterable[Sample]) -> dict[str, Family]:
    """The metric families of scraped samples, by name."""
    by_family: dict[str, list[Sample]] = {}
    for sample in samples:
        by_family.setdefault(sample.family, []).append(sample)
    childless = by_family.pop(DECLARED, ())
    found = {name: _family(of_family) for name, of_family in by_family.items()}
    for sample in childless:  # declared, without a series yet
        found.setdefault(sample.labels[DECLARED_METRIC], Family("counter"))
    return found


def _scrape(url: str, tls: ssl.SSLContext | None) -> list[Sample]:
    hint = "name the path of its metrics in `target.metrics`, or leave out --url if it has none"
    try:
        answer = fetch(url, TIMEOUT, ACCEPT, tls=tls)
    except NoAnswer as error:
        unreachable = "start the service, or correct --url and `target.metrics`"
        raise TargetError(f"{url}: {error}", unreachable) from error
    if not 200 <= answer.status < 300:
        raise TargetError(f"{url} answered {answer.status}", hint)
    try:
        return read_exposition(answer)
    except ValueError as error:
        raise TargetError(f"{url} has no valid metrics: {error}", hint) from error


def _family(samples: list[Sample]) -> Family:
    labels = [_labels(sample) for sample in samples]
    edges = {edge for sample in samples for edge in _edge(sample)}
    return Family(
        samples[0].kind,
        tuple(dict(pairs) for pairs in dict.fromkeys(tuple(sorted(one.items())) for one in labels)),
        tuple(sorted(edges)),
    )


def _labels(sample: Sample) -> dict[str, str]:
    """The labels as a run names them, without the edge of a bucket and the rank of a quantile."""
    hidden = {"le"} if sample.name.endswith("_bucket") else set[str]()
    hidden |= {"quantile"} if sample.kind == "summary" else set()
    labels = exported(sample.labels, ADDED_LABELS)
    return {name: value for name, value in labels.items() if name not in hidden}


def _edge(sample: Sample) -> list[float]:
    """The edge of a bucket; none for another sample, or where `le` is not a number."""
    try:
        return [float(sample.labels["le"])] if sample.name.endswith("_bucket") else []
    except (KeyError, ValueError):
        return []
