"""What a Prometheus server is asked about a run, and what its answers are for each budget."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from harness.budgets.model import CLIENT_SIDE, Budget, Gauge, Quantile, Utilization
from harness.errors import UnjudgedError, UsageError
from harness.observe.fetch import NoAnswer
from harness.observe.prometheus import Found, PrometheusServer, server_at
from harness.render.promql import Scope, events, scrapes, share_over, text, value
from harness.runs.answers import Answers, read_answers, write_answers
from harness.runs.folder import RunFolder
from harness.runs.model import Answer, Clock, Evidence

_STEP: Final = "1s"  # of sub-queries: not longer than any scrape interval


def named_server(options: argparse.Namespace) -> PrometheusServer | None:
    """The server that the command line names, once it has answered; None when it names none.

    Raises:
        UsageError: An option makes no sense.
        UnjudgedError: The server cannot be asked, and the load would be for nothing.
    """
    if options.prometheus is not None:
        server = server_at(
            options.prometheus,
            options.prometheus_headers,
            options.prometheus_authority,
            options.prometheus_certificate,
        )
        wanted = options.prometheus_match
        server = replace(server, matchers=tuple(f"{label}={text(one)}" for label, one in wanted))
        _require_answer(server)
        return server
    for name in ("match", "headers", "authority", "certificate"):
        if getattr(options, f"prometheus_{name}"):
            raise UsageError(
                f"--prometheus-{name} is about a Prometheus server", "name it with --prometheus"
            )
    return None


def consult(
    evidence: Evidence,
    budgets: Sequence[Budget],
    folder: RunFolder,
    server: PrometheusServer | None,
    *,
    store: bool,
) -> Evidence:
    """A run with what a server says of its budgets, or said when it was asked before.

    Args:
        evidence: The run.
        budgets: Those of its scenario.
        folder: Its folder.
        server: Whom to ask now; None reads what is stored, if anything is.
        store: Keep what is said now.
    """
    if server is None:
        return answered(evidence, budgets, read_answers(folder))
    answers = ask_all(server, budgets, evidence.manifest.clock)
    if store:
        write_answers(folder, answers)
    return answered(evidence, budgets, answers)


def ask_all(server: PrometheusServer, budgets: Iterable[Budget], clock: Clock) -> Answers:
    """Ask about each budget that is not measured by the load generator, at the window's end.

    Args:
        server: Whom to ask.
        budgets: Those of the run's scenario.
        clock: The run's. Without a window, nothing is asked.
    """
    answers: dict[str, Answer] = {}
    scope = _scope(clock, server.matchers)
    if scope is not None and clock.window_end is not None:
        for budget in _asked_about(budgets):
            try:
                answer = _ask(server, budget, scope, clock.window_end)
            except NoAnswer as error:
                answer = Answer(reason=f"{server.url} cannot be asked: {error}")
                answers |= {_key(one, scope): answer for one in _asked_about(budgets)}
                break
            answers[_key(budget, scope)] = answer
    return Answers(server=server.url, matchers=server.matchers, answers=answers)


def answered(evidence: Evidence, budgets: Iterable[Budget], answers: Answers | None) -> Evidence:
    """A run with what a server said of its budgets."""
    if answers is None or (scope := _scope(evidence.manifest.clock, answers.matchers)) is None:
        return evidence
    unknown = Answer(
        reason=f"{answers.server} was not asked this: the budget has changed;"
        " ask again with --prometheus URL"
    )
    found = {b.name: answers.answers.get(_key(b, scope), unknown) for b in _asked_about(budgets)}
    return replace(evidence, answers=found)


def _asked_about(budgets: Iterable[Budget]) -> list[Budget]:
    return [b for b in budgets if b.severity != "off" and not isinstance(b.indicator, CLIENT_SIDE)]


def _scope(clock: Clock, matchers: Sequence[str]) -> Scope | None:
    """The window of a run; None when it has none."""
    if clock.window_start is None or clock.window_end is None:
        return None
    milliseconds = round((clock.window_end - clock.window_start) * 1000)
    if milliseconds <= 0:
        return None
    whole, rest = divmod(milliseconds, 1000)
    return Scope(f"{milliseconds}ms" if rest else f"{whole}s", tuple(matchers), step=_STEP)


def _key(budget: Budget, scope: Scope) -> str:
    """What is asked; for a quantile, with the bound."""
    query = value(budget.indicator, scope, budget.direction)
    if isinstance(budget.indicator, Quantile):
        return f"{query} and {share_over(budget.indicator, budget.bound, scope)}"
    return query


def _ask(server: PrometheusServer, budget: Budget, scope: Scope, at: float) -> Answer:
    indicator = budget.indicator
    fewest = None
    for query in scrapes(indicator, scope):
        read = server.ask(query, at)
        if read.value is None:
            return Answer(reason=_absent(server, read, query))
        fewest = min(int(read.value), fewest or int(read.value))
    found = server.ask(value(indicator, scope, budget.direction), at)
    if found.value is None:
        rests_on_growth = not isinstance(indicator, Gauge | Utilization)
        few = "only one scrape lies in the window; scrape more often, or measure longer"
        why = few if fewest == 1 and rests_on_growth else found.reason
        return Answer(reason=f"{server.url}: {why}")
    counted = events(indicator, scope)
    samples = fewest or 1
    if counted is not None:
        samples = max(1, round(server.ask(counted, at).value or 0))
    over = None
    if isinstance(indicator, Quantile):
        over = server.ask(share_over(indicator, budget.bound, scope), at).value
    return Answer(value=found.value, samples=samples, share_over=over)


def _absent(server: PrometheusServer, found: Found, query: str) -> str:
    if found.reason != "the query gives nothing":
        return f"{server.url}: {found.reason}"
    return (
        f"{server.url} has no sample of it in the window, or none at its end ({query});"
        " is the service scraped, and does --prometheus-match name its labels?"
    )


def _require_answer(server: PrometheusServer) -> None:
    try:
        found = server.ask("vector(1)", time.time())
    except NoAnswer as error:
        raise UnjudgedError(
            f"{server.url} cannot be asked: {error}", "correct --prometheus and its options"
        ) from error
    if found.value is None:
        raise UnjudgedError(f"{server.url} cannot be asked: {found.reason}")
