"""The dashboard of load tests: requested and sent load, answers, health of the generator."""

from __future__ import annotations

from collections.abc import Iterable

from harness import names
from harness.budgets.model import Budget, ErrorRatio, Latency, Plan, Throughput
from harness.names import MEANINGS
from harness.promql.answers import answer_times
from harness.promql.expression import number, text
from harness.render.grafana.panels import (
    RATE,
    Dashboard,
    GrafanaPanel,
    GrafanaRow,
    Query,
    Variable,
    chosen,
)
from harness.render.words import Links

# Not "service": links carry variables along, and the other dashboards have the job in that one.
_TESTED = "tested"
_RUN = f'{names.RUN_SERVICE}="${_TESTED}", {names.RUN_SCENARIO}=~"$scenario"'
_SENT = f'{_RUN}, {names.RUN_REQUEST}=~"$request"'
_GOOD = f'{_SENT}, {names.RUN_OUTCOME}="{names.OK}"'
_BAD = f'{_SENT}, {names.RUN_OUTCOME}="{names.ERROR}"'
_SAME = f"{names.JOB}, {names.INSTANCE}, {names.RUN_SERVICE}, {names.RUN_SCENARIO}"
_JUDGED = "from=${__data.fields.start.numeric}&to=${__data.fields.end.numeric}"
_REQUEST = f"{{{{{names.RUN_REQUEST}}}}}"


def load_board(plan: Plan, links: Links) -> Dashboard:
    """The dashboard of a service's load tests."""
    budgets = plan.judged
    metric = names.RUN_REQUESTS
    of_service = f'{metric}{{{names.RUN_SERVICE}="${_TESTED}"}}'
    variables = (
        Variable(
            _TESTED,
            "Service",
            f"label_values({metric}, {names.RUN_SERVICE})",
            links.service,
        ),
        Variable("scenario", "Scenario", f"label_values({of_service}, {names.RUN_SCENARIO})"),
        Variable("request", "Request", f"label_values({of_service}, {names.RUN_REQUEST})"),
    )
    return Dashboard(
        "load-test",
        f"{links.service}: load test",
        "Runs of harness, live (--serve-metrics) or imported later. Dashed lines are budgets.",
        variables,
        (
            GrafanaRow("Load", tuple(_load(budgets))),
            GrafanaRow("Answers", tuple(_answers(budgets, links))),
            GrafanaRow("Can the load generator be trusted?", tuple(_health())),
            GrafanaRow("Runs in this time range", (_runs(links),)),
        ),
    )


def _rate(metric: str, matchers: str = _RUN) -> str:
    return f"sum(rate({metric}{{{matchers}}}[{RATE}]))"


def _quantile(quantile: float, metric: str, matchers: str, *by: str) -> str:
    kept = ", ".join(("le", *by))
    return (
        f"histogram_quantile({number(quantile)}, "
        f"sum by ({kept}) (rate({metric}_bucket{{{matchers}}}[{RATE}])))"
    )


def _load(budgets: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    yield GrafanaPanel(
        "Iterations and requests per second",
        "reqps",
        "Iterations that the schedule requested and that started, and requests that were sent and "
        "that succeeded, per second. An iteration can send several requests. Requested and started "
        "iterations must agree.",
        (
            Query(_rate(names.GENERATOR_ASKED), "iterations requested"),
            Query(_rate(names.GENERATOR_STARTED_ITERATIONS), "iterations started"),
            Query(_rate(names.GENERATOR_STARTED), "requests sent"),
            Query(_rate(names.RUN_REQUESTS, _GOOD), "requests succeeded"),
        ),
        width=12,
        budgets=chosen(budgets, lambda i: i == Throughput()),
    )
    yield GrafanaPanel(
        "Requests in flight and users",
        "short",
        "Requests without an answer yet, iterations that wait for a user, and users.",
        (
            Query(f"sum({names.GENERATOR_IN_FLIGHT}{{{_RUN}}})", "in flight"),
            Query(f"sum({names.GENERATOR_BACKLOG}{{{_RUN}}})", "waiting for a user"),
            Query(f"sum({names.GENERATOR_USERS}{{{_RUN}}})", "users"),
        ),
        width=12,
    )


def _answers(budgets: tuple[Budget, ...], links: Links) -> Iterable[GrafanaPanel]:
    yield from _times(budgets, links)
    yield from _counts(chosen(budgets, lambda i: i == ErrorRatio()))


def _times(budgets: tuple[Budget, ...], links: Links) -> Iterable[GrafanaPanel]:
    def drawn(indicator: object) -> bool:
        quantiles = (0.5, 0.95, 0.99)
        return (
            isinstance(indicator, Latency)
            and indicator.request is None
            and indicator.quantile in quantiles
        )

    times = chosen(budgets, drawn)
    latency, service_time = names.RUN_LATENCY, names.RUN_SERVICE_TIME
    yield GrafanaPanel(
        "Latency",
        "s",
        "From the intended start of a request to its end; successful requests.",
        tuple(Query(_quantile(q, latency, _GOOD), f"p{q * 100:.0f}") for q in (0.5, 0.95, 0.99)),
        budgets=times,
    )
    own = answer_times(Latency(quantile=0.95, outcome="all"), links.roles)
    duration = f"{own.metric}_bucket{{job={text(links.job)}}}" if own else ""
    p95 = f"histogram_quantile(0.95, sum by (le) (rate({duration}[{RATE}])))"
    if own and own.scale != 1:
        p95 += f" * {own.scale:g}"
    yield GrafanaPanel(
        "p95: client and server",
        "s",
        "Latency starts at the intended start, service time at the sending, and the service's own "
        "duration at the arrival. The differences are queueing and the network.",
        (
            Query(_quantile(0.95, latency, _GOOD), "latency"),
            Query(_quantile(0.95, service_time, _GOOD), "service time"),
            *((Query(p95, "service's own duration"),) if own else ()),
        ),
        budgets=tuple(b for b in times if getattr(b.indicator, "quantile", 0) == 0.95),
    )
    yield GrafanaPanel(
        "p95 latency by request",
        "s",
        "From the intended start to the end; successful requests.",
        (Query(_quantile(0.95, latency, _GOOD, names.RUN_REQUEST), _REQUEST),),
    )


def _counts(failures: tuple[Budget, ...]) -> Iterable[GrafanaPanel]:
    every = _rate(names.RUN_REQUESTS, _SENT)
    yield GrafanaPanel(
        "Error ratio",
        "percentunit",
        "Failed requests divided by all requests, as the client counts them.",
        (Query(f"({_rate(names.RUN_REQUESTS, _BAD)} or 0 * {every}) / {every}", "errors"),),
        budgets=failures,
    )
    yield GrafanaPanel(
        "Failed requests per second",
        "reqps",
        "Per second, by request. Empty as long as none fails.",
        (
            Query(
                f"sum by ({names.RUN_REQUEST}) (rate({names.RUN_REQUESTS}{{{_BAD}}}[{RATE}]))",
                _REQUEST,
            ),
        ),
    )
    yield GrafanaPanel(
        "Requests per second",
        "reqps",
        "Requests that ended, per second, by request.",
        (
            Query(
                f"sum by ({names.RUN_REQUEST}) (rate({names.RUN_REQUESTS}{{{_SENT}}}[{RATE}]))",
                _REQUEST,
            ),
        ),
        stacked=True,
    )


def _health() -> Iterable[GrafanaPanel]:
    yield GrafanaPanel(
        "CPU of the generator",
        "percentunit",
        f"{MEANINGS[names.GENERATOR_CPU]}. Near 1 the generator limits the load: use more workers.",
        (
            Query(f"max({names.GENERATOR_CPU}{{{_RUN}}})", "busiest generator"),
            Query(f"max({names.GENERATOR_STEAL}{{{_RUN}}})", "steal"),
        ),
    )
    yield GrafanaPanel(
        "Lateness of the generator",
        "s",
        "p99 of the delay of iteration starts, the schedule, the event loop's timers, its sockets.",
        tuple(
            Query(_quantile(0.99, metric, _RUN), legend)
            for metric, legend in (
                (names.RUN_START_LAG, "start"),
                (names.RUN_SCHEDULER_LAG, "schedule"),
                (names.RUN_LOOP_LAG, "loop"),
                (names.RUN_CANARY, "sockets"),
            )
        ),
    )
    yield GrafanaPanel(
        "Late and dropped iterations, lost requests",
        "short",
        "Iterations that started late or were dropped, and requests without an outcome, per "
        "second. Verdicts that they could change become inconclusive.",
        (
            Query(_rate(names.GENERATOR_LATE), "late/s"),
            Query(_rate(names.GENERATOR_DROPPED), "dropped/s"),
            Query(_rate(names.GENERATOR_LOST), "lost/s"),
        ),
    )
    yield GrafanaPanel(
        "Age of the oldest request",
        "s",
        f"{MEANINGS[names.GENERATOR_OLDEST]}. A rising line means that the service hangs.",
        (Query(f"max({names.GENERATOR_OLDEST}{{{_RUN}}})", "oldest"),),
    )
    yield GrafanaPanel(
        "Memory of the generator",
        "bytes",
        MEANINGS[names.GENERATOR_MEMORY] + ".",
        (Query(f"max({names.GENERATOR_MEMORY}{{{_RUN}}})", "largest generator"),),
    )


def _runs(links: Links) -> GrafanaPanel:
    def of_run(metric: str, *also: str, step: str = "15s") -> str:
        series = f"{metric}{{{_RUN}}}"
        named = (
            f"{series} * on ({_SAME}) group_left ({names.RUN_FOLDER}) {names.RUN_INFO}{{{_RUN}}}"
        )
        kept = ", ".join((names.RUN_SCENARIO, names.RUN_FOLDER, *also))
        return f"max by ({kept}) (max_over_time(({named})[$__range:{step}]))"

    return GrafanaPanel(
        "Runs",
        "short",
        "The runs of this time range. A row links to its window.",
        (
            Query(f"1000 * {of_run(names.RUN_WINDOW_START)}", "start"),
            Query(f"1000 * {of_run(names.RUN_WINDOW_END)}", "end"),
            # The verdict is scraped once, before the run is gone.
            Query(f"{of_run(names.RUN_VERDICT, names.RUN_OUTCOME, step='1s')} == 1", "verdict"),
        ),
        kind="table",
        width=24,
        unit_of=(("start", "dateTimeAsIso"), ("end", "dateTimeAsIso")),
        hidden=("verdict",),
        link=(
            names.RUN_FOLDER,
            "Window of the run",
            f"/d/{links.uid('load-test')}?var-{_TESTED}=${{{_TESTED}}}&{_JUDGED}",
        ),
    )
