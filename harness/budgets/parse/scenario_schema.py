"""The schema of the sections about the service under load and its scenarios."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from harness.budgets.parse.types import (
    NAME,
    Duration,
    Fall,
    Label,
    Metric,
    PositiveRate,
    PositiveWait,
    RateText,
    Scalar,
    ScrapeInterval,
    Seconds,
    Section,
    Seed,
    ShareText,
    StageTime,
    Text,
    Texts,
    Users,
    UsersOrNone,
    Wait,
    WarmUp,
    Workers,
)


class StageSpec(Section):
    """A part of a workload, with exactly one of rate, ramp_to, users and ramp_to_users."""

    rate: RateText | None = Field(
        None, description='A constant arrival rate, e.g. "50/s"; 0 is a pause (open model)'
    )
    ramp_to: RateText | None = Field(
        None,
        description="The arrival rate changes linearly to this one, from the rate of the stage "
        "before or from 0",
    )
    users: UsersOrNone | None = Field(None, description="A constant number of users (closed model)")
    ramp_to_users: UsersOrNone | None = Field(
        None,
        description="Users start or stop one by one up to this number, from the number of the "
        "stage before or from 0",
    )
    hold: StageTime = Field(alias="for", description='How long, e.g. "20s"')


class WorkloadSpec(Section):
    """The load, with exactly one of rate, users, stages and shape."""

    rate: PositiveRate | None = Field(None, description='Arrivals, e.g. "50/s" (open model)')
    users: Users | None = Field(None, description="Users that wait for answers (closed model)")
    stages: list[StageSpec] | None = Field(
        None, min_length=1, description="Rates (open model) or users (closed model) in order"
    )
    shape: Text | None = Field(
        None,
        description="A LoadTestShape class of the locustfile, which sets the number of users "
        "(closed model)",
    )
    arrivals: Literal["poisson", "even"] | None = Field(
        None, description="Open model: random gaps as in real traffic (poisson, default), or even"
    )
    seed: Seed = Field(1, description="Two runs with one seed get the same arrival times")
    max_users: Users | None = Field(
        None, description="Open model: largest number of requests in flight (default 100)"
    )
    when_exhausted: Literal["queue", "grow", "drop"] | None = Field(
        None,
        description="Open model, when no user is idle: queue lets the arrival wait (default), grow "
        "also starts one more user up to max_users, drop counts it and sends nothing",
    )
    min_users: Users | None = Field(
        None, description="Users at the start with `when_exhausted: grow` (default 10)"
    )
    spawn_rate: PositiveRate | None = Field(
        None,
        description="With users: how many start per second (default: all of them in the first "
        "half of the warm-up)",
    )


class LoadSpec(Section):
    """One of several loads of a scenario, with exactly one of rate, users and workload."""

    locustfile: Text = Field(description="The Locust file, relative to this file")
    rate: PositiveRate | None = Field(None, description='Arrivals, e.g. "50/s" (open model)')
    users: Users | None = Field(None, description="Users that wait for answers (closed model)")
    workload: WorkloadSpec | None = Field(
        None, description="Any other load than one rate or one number of users"
    )
    start: Seconds = Field(
        0.0, description="Time from the start of the scenario to the start of this load, default 0"
    )
    tags: Texts | None = Field(None, description="Only Locust tasks with one of these tags")
    exclude_tags: Texts | None = Field(None, description="No Locust tasks with one of these tags")


class CapacitySpec(Section):
    """The search for the highest rate at which every budget holds, by `harness capacity`."""

    least: PositiveRate | None = Field(
        None, alias="min", description='The capacity that the service must have, e.g. "100/s"'
    )
    start: PositiveRate | None = Field(
        None, alias="from", description="The first rate to try, default the rate of the scenario"
    )
    most: PositiveRate | None = Field(
        None, alias="to", description="The highest rate to try, default none"
    )
    seconds: Duration | None = Field(
        None, alias="for", description='Longest duration of the search, default "10m"'
    )
    max_regression: Fall | None = Field(
        None,
        description="How far the capacity may be below that of another version, "
        'e.g. "10%", for `harness compare --capacity`',
    )


class ScenarioSpec(Section):
    """A locustfile with a workload, or several loads at once."""

    # `scenarios` reports a missing one with advice; for editors one of them is required.
    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["locustfile"]}, {"required": ["loads"]}]}
    )

    locustfile: Text | None = Field(
        None, description="The Locust file, relative to this file; required without loads"
    )
    rate: PositiveRate | None = Field(None, description='Arrivals, e.g. "50/s" (open model)')
    users: Users | None = Field(None, description="Users that wait for answers (closed model)")
    workload: WorkloadSpec | None = Field(
        None, description="Any other load than one rate or one number of users"
    )
    loads: dict[str, LoadSpec] | None = Field(
        None,
        min_length=1,
        description="Several loads at once, by name, instead of all keys above",
        json_schema_extra={"propertyNames": {"pattern": NAME}, "minProperties": 1},
    )
    warm_up: WarmUp = Field(
        5.0,
        description='Load that is not judged, default "5s"; auto: until the latency has settled',
    )
    duration: Duration | None = Field(
        None, description="Load that is judged; with stages: their sum without the warm-up"
    )
    stop: Literal["decided"] | None = Field(
        None, description="decided: the run ends once every budget has its verdict, even early"
    )
    max_duration: Duration | None = Field(
        None,
        description="Longest duration of a run that goes on while a budget is undecided, default "
        "three times the duration; the duration itself: the run never goes on",
    )
    tags: Texts | None = Field(None, description="Only Locust tasks with one of these tags")
    exclude_tags: Texts | None = Field(None, description="No Locust tasks with one of these tags")
    drain: Wait = Field(30.0, description='Longest wait for the last answers, default "30s"')
    workers: Workers = Field(
        1,
        description="Locust processes for each load, default 1; auto: the number of CPUs that the"
        " harness may use, minus one if it starts the service; several loads share them",
    )
    trace_ratio: ShareText = Field(
        0.05,
        description='Share of the requests whose traceparent asks for a trace, default "5%"',
    )
    locustfile_exit_code: Literal["fail", "ignore"] = Field(
        "fail",
        description="fail (default): the run fails if the locustfile sets an exit code, in"
        " `environment.process_exit_code` or by sys.exit; ignore: it does not",
    )
    capacity: CapacitySpec | None = Field(
        None, description="How `harness capacity` searches, and the capacity that is required"
    )


class RequestsSpec(Section):
    """The metric of the service's requests, and its labels."""

    metric: Metric = Field(description="A histogram or summary of their times, or their counter")
    route: Label | None = Field(None, description="Label of the route")
    method: Label | None = Field(None, description="Label of the method")
    status: Label | None = Field(None, description="Label of the status code")


class TargetSpec(Section):
    """The service under load. {port}, {port2} to {port9} stand for free ports."""

    url: Text = Field(description="Base URL, e.g. http://127.0.0.1:{port}")
    command: Text | None = Field(
        None, description="Starts the service; without it, a service that already runs is tested"
    )
    setup: Text | None = Field(None, description="Run once per checkout by `harness compare`")
    ready: Text | None = Field(
        None,
        description="Path or URL that answers 2xx once the service that `command` starts is ready",
    )
    metrics: Texts | None = Field(
        None, description="Path or URL of the Prometheus metrics, or a list: one per replica"
    )
    dialect: Texts | None = Field(
        None,
        description="Library of the metrics, or a list of them, if `harness lint --url` recognises"
        " another one",
    )
    requests: RequestsSpec | None = Field(
        None, description="Metric of the requests, if no dialect has it"
    )
    exporters: Texts | None = Field(
        None, description="URL of metrics of another process, such as a database's exporter"
    )
    ca_file: Text | None = Field(
        None,
        description="PEM file of the CAs that verify https of the service, in place of the"
        " machine's; relative to this file",
    )
    scrape_interval: ScrapeInterval | None = Field(
        None,
        description='Time between scrapes; default "1s", longer if a scrape takes over 20 ms or'
        ' the load takes over two hours, at most "10s"',
    )
    environment: dict[str, Scalar] = Field(
        default={}, description="Added to the command's environment"
    )
    ready_timeout: PositiveWait = Field(
        30.0, description='Longest wait until the service is ready, default "30s"'
    )
    stop_timeout: PositiveWait = Field(
        10.0, description='Longest wait until the service stops by itself, default "10s"'
    )
