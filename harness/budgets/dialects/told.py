"""What budgets.yaml tells of the metrics of a service, without a look at the service."""

from __future__ import annotations

from dataclasses import replace

from harness.budgets.dialects.model import MetricRole, Recognition, RoleGroup
from harness.budgets.dialects.recognise import DEFAULT, assumed
from harness.budgets.dialects.requests import OWN, RequestNames, requests_of
from harness.budgets.model import Target


def told_roles(target: Target) -> Recognition:
    """The roles in a service by the dialects and the requests that a plan names, without a look."""
    return assumed(target.dialects or DEFAULT, requests_of(target))


def request_names(found: Recognition) -> RequestNames | None:
    """The `target.requests` that tells the metric of the requests where its dialect does not.

    Returns:
        None where the dialect names the same metric and labels, and where `target.requests` cannot
        tell them.
    """
    metric = found[MetricRole.SERVER_LATENCY] or found[MetricRole.REQUESTS]
    dialects = [name for name in found.dialects if name != OWN]
    if metric is None or not changed_roles(_request_roles(found), assumed(dialects)):
        return None
    names = RequestNames(metric.metric, **metric.labels)
    told = assumed(dialects, names)
    return None if changed_roles(_request_roles(found), told) else names


def _request_roles(found: Recognition) -> Recognition:
    """The metrics of the requests that are answered."""
    return Recognition(
        {
            role: one
            for role, one in found.played.items()
            if role.group is RoleGroup.HTTP and role is not MetricRole.IN_FLIGHT
        }
    )


def changed_roles(found: Recognition, told: Recognition) -> tuple[MetricRole, ...]:
    """The roles that another metric plays than the one that is told, or one with other labels."""
    return tuple(
        role
        for role, one in found.played.items()
        if (other := told[role]) is None or replace(one, dialect="") != replace(other, dialect="")
    )
