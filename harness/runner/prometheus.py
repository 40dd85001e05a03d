"""Queries a Prometheus server about a run, or reads its stored answers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from harness import names
from harness.budgets.model import Budget, ClientIndicator, PerRequest
from harness.errors import UsageError
from harness.observe.prometheus import Prometheus
from harness.promql.queries import window_queries
from harness.runs.folder import RunFolder
from harness.runs.model import Clock, Evidence, ServerAnswer
from harness.runs.prometheus_answers import Answers, QueryAnswer, read_answers, write_answers

# Seconds after the end of the window until the server has stored the last scrape within it.
SETTLING = 2.0
_NO_TIMES = "; the query has a value without a time: leave out scalar()"
_NOT_ASKED = "no stored answer about this indicator; query the server with --prometheus URL"


def with_server_answers(
    evidence: Evidence,
    budgets: Sequence[Budget],
    folder: RunFolder,
    server: Prometheus | None,
    *,
    store: bool,
) -> Evidence:
    """The evidence with the answers of a Prometheus server about each budget.

    Args:
        evidence: Of the run.
        budgets: The budgets that are judged.
        folder: The run folder, which may have stored answers.
        server: The server that is queried; None takes the stored answers, if there are any.
        store: Whether new answers are stored in the folder.

    Returns:
        The evidence; with a notice where the answers could not be stored.

    Raises:
        RunFolderError: The stored answers are damaged.
    """
    if server is None:
        return with_answers(evidence, budgets, read_answers(folder))
    answers = query_server(server, budgets, evidence.manifest.clock)
    if store:
        try:
            write_answers(folder, answers)
        except UsageError as error:
            notices = (*evidence.manifest.notices, error.message)
            manifest = evidence.manifest.model_copy(update={"notices": notices})
            evidence = replace(evidence, manifest=manifest)
    return with_answers(evidence, budgets, answers)


def query_server(server: Prometheus, budgets: Iterable[Budget], clock: Clock) -> Answers:
    """Query a server about every budget that the load generator does not measure.

    After the first query that does not reach the server, no further one is sent.

    Args:
        server: The server that is queried.
        budgets: The budgets of the scenario.
        clock: Of the run; without a window there are no queries.
    """
    asked: dict[str, QueryAnswer] = {}
    if clock.window_start is not None and clock.window_end is not None:
        # The machine's clock may have been set back since then.
        time.sleep(min(SETTLING, max(0.0, clock.window_end + SETTLING - time.time())))
        unreached: QueryAnswer | None = None
        for query in _queries(budgets, clock, server.matchers):
            asked[query] = unreached or server.ask(query, clock.window_end)
            unreached = None if asked[query].reached else asked[query]
    return Answers(server=server.url, matchers=dict(server.matchers), asked=asked)


def with_answers(
    evidence: Evidence, budgets: Iterable[Budget], answers: Answers | None
) -> Evidence:
    """The evidence with the answers about each budget; without answers, the evidence itself."""
    if answers is None:
        return evidence
    clock = evidence.manifest.clock
    found = {budget.name: _answer_about(budget, answers, clock) for budget in _of_server(budgets)}
    return replace(evidence, answers=found)


def _answer_about(budget: Budget, answers: Answers, clock: Clock) -> ServerAnswer:
    queries = _queries_about(budget, clock, answers.matchers)
    replies = {what: answers.asked.get(query) for what, query in queries.items()}
    problem = next((reply.problem for reply in replies.values() if reply and reply.problem), "")
    value, newest = replies.get(names.ASKED_VALUE), replies.get(names.ASKED_NEWEST)
    if newest and newest.reached and newest.problem and value and not value.problem:
        problem += _NO_TIMES
    if None in replies.values():
        problem = _NOT_ASKED
    found = {
        what: tuple((series.labels, series.value) for series in reply.found)
        for what, reply in replies.items()
        if reply
    }
    return ServerAnswer(answers.server, found, problem)


def _queries(budgets: Iterable[Budget], clock: Clock, matchers: Mapping[str, str]) -> list[str]:
    """The queries about all budgets, each of them once."""
    return list(
        dict.fromkeys(
            query
            for budget in _of_server(budgets)
            for query in _queries_about(budget, clock, matchers).values()
        )
    )


def _of_server(budgets: Iterable[Budget]) -> list[Budget]:
    unasked = ClientIndicator | PerRequest  # what the load generator measures or counts
    return [budget for budget in budgets if not isinstance(budget.indicator, unasked)]


def _queries_about(budget: Budget, clock: Clock, matchers: Mapping[str, str]) -> dict[str, str]:
    if clock.window_start is None or clock.window_end is None:
        return {}
    start, seconds = clock.window_start, clock.window_end - clock.window_start
    return window_queries(budget.indicator, start, seconds, matchers, budget.direction)
